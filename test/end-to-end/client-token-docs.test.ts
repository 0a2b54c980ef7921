/**
 * The vectors and the code of docs/client-tokens.md, and the size of the minting library. The Python and
 * Go code runs if the machine has the language; its output for the vectors is committed in any case.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientTokenVectors } from '../../scripts/client-token-vectors.ts';
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import { readClaims } from '../../src/core/client-token/claims.ts';
import { readClientToken } from '../../src/core/client-token/client-token.ts';
import { projectRoot } from '../support/node/build-bundle.ts';
import { bundleForPage } from '../support/node/bundle-source.ts';
import type { Vector } from '../support/node/client-token-vectors.ts';

const committed = readFileSync(join(projectRoot, 'docs/client-token-vectors.json'), 'utf8');
const { vectors } = JSON.parse(committed) as { vectors: readonly Vector[] };
const document = readFileSync(join(projectRoot, 'docs/client-tokens.md'), 'utf8');

const codeOf = (language: string) =>
  new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(document)?.[1] ?? '';

/** Returns whether a command succeeds, which shows that a language and its packages are installed. */
function works(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'client-token-docs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the vectors', () => {
  test('are those that the library makes', async () => {
    expect(await clientTokenVectors()).toBe(committed);
  });

  test.each(vectors)('are read and verified: $claims', async ({ token, publicKey }) => {
    const form = readClientToken(token);
    expect(form && readClaims(form.payload)).not.toBeNull();
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: publicKey };
    const key = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', false, ['verify']);
    const signed = new TextEncoder().encode(form?.signed);
    const signature = form?.signature ?? new Uint8Array();
    expect(await crypto.subtle.verify('Ed25519', key, signature, signed)).toBe(true);
  });
});

describe('the code in the document', () => {
  const hasPython = works('python3', '-c', 'import cryptography');
  test(`makes the same tokens in Python${hasPython ? '' : ' (not on this machine)'}`, () => {
    const code = codeOf('python');
    expect(code).toContain('def mint_client_token');
    if (!hasPython) return;
    const call =
      'for v in json.load(open(__import__("sys").argv[1]))["vectors"]:\n' +
      '    print(mint_client_token(v["apiKey"], v["ttlSeconds"], v["iat"], **v["claims"]))\n';
    writeFileSync(join(folder, 'mint.py'), `${code}\n${call}`);
    const vectorsFile = join(projectRoot, 'docs/client-token-vectors.json');
    const output = execFileSync('python3', [join(folder, 'mint.py'), vectorsFile], {
      encoding: 'utf8',
    });
    expect(output.trim().split('\n')).toEqual(vectors.map(({ token }) => token));
  });

  const hasGo = works('go', 'version');
  test(`makes the same tokens in Go${hasGo ? '' : ' (not on this machine)'}`, () => {
    const code = codeOf('go');
    expect(code).toContain('func Mint(');
    if (!hasGo) return;
    writeFileSync(join(folder, 'mint.go'), code.replace('package clienttoken', 'package main'));
    writeFileSync(join(folder, 'main.go'), goMain);
    const env = { ...process.env, GOCACHE: join(folder, 'cache'), GO111MODULE: 'off' };
    const files = ['run', join(folder, 'main.go'), join(folder, 'mint.go')];
    const output = execFileSync('go', files, { encoding: 'utf8', input: committed, env });
    expect(output.trim().split('\n')).toEqual(vectors.map(({ token }) => token));
  });
});

describe('the minting library', () => {
  test('is at most 3 KiB, compressed, without any dependency', async () => {
    const bundle = await bundleForPage('src/client-tokens/client-tokens.ts', 'clientTokens');
    // Not minified; a bundler of the caller's makes it smaller.
    expect(gzipSync(bundle).length).toBeLessThanOrEqual(3 * 1024);
    expect(bundle).not.toMatch(/\brequire\(|\bimport\(/);
  });

  test.each([
    ['a CORS key', 'ea_pk_0123456789ABCDEFGHIJKLMNOPQRSTTcssqCjt0U3Szq'],
    ['an imported token', '8c5e2d37-7a2a-4f7b-9d1e-3f2f3b1a4c55'],
    ['a client token', 'ea_ct_eyJhbGciOiJFZDI1NTE5In0.e30.c2ln'],
    ['nothing', ''],
  ])('refuses %s without quoting it', async (_, apiKey) => {
    const error = await mintClientToken(apiKey).then(
      () => null,
      (cause: unknown) => String(cause),
    );
    expect(error).toMatch(
      /^TypeError: Cannot mint a client token: the API key is not a backend key/,
    );
    if (apiKey !== '') expect(error).not.toContain(apiKey);
  });

  test.each([[0], [-1], [3601], [1.5], [Number.NaN]])('refuses %d seconds', async (ttlSeconds) => {
    const minting = mintClientToken(vectors[0]?.apiKey ?? '', { ttlSeconds });
    await expect(minting).rejects.toThrow(/ttlSeconds/);
  });

  test('refuses a token of more than 2,048 characters', async () => {
    const rules = [{ methods: ['get'], resources: [`/${'a'.repeat(2000)}`] }];
    const minting = mintClientToken(vectors[0]?.apiKey ?? '', { rules });
    await expect(minting).rejects.toThrow(/2048/);
  });

  test('refuses a browser, unless that is forced', async () => {
    const described = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    const browser = { configurable: true, value: { userAgent: 'Mozilla/5.0 (X11) Firefox/140.0' } };
    Object.defineProperty(globalThis, 'navigator', browser);
    try {
      const { apiKey = '' } = vectors[0] ?? {};
      await expect(mintClientToken(apiKey)).rejects.toThrow(/in a browser/);
      const forced = await mintClientToken(apiKey, { dangerouslyAllowBrowser: true });
      expect(readClientToken(forced)).not.toBeNull();
    } finally {
      if (described) Object.defineProperty(globalThis, 'navigator', described);
    }
  });
});

const goMain = `package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

func main() {
	var file struct {
		Vectors []struct {
			APIKey     string \`json:"apiKey"\`
			IssuedAt   int64  \`json:"iat"\`
			TTLSeconds int64  \`json:"ttlSeconds"\`
			Claims     Claims \`json:"claims"\`
		} \`json:"vectors"\`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&file); err != nil {
		panic(err)
	}
	for _, vector := range file.Vectors {
		vector.Claims.IssuedAt = vector.IssuedAt
		token, err := Mint(vector.APIKey, time.Duration(vector.TTLSeconds)*time.Second, vector.Claims)
		if err != nil {
			panic(err)
		}
		fmt.Println(token)
	}
}
`;
