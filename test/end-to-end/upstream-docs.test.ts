/**
 * The Node code in docs/upstream.md, taken out of the document and run as the upstream's: behind the
 * production bundle it lets in what the edge sent, and nothing else.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { importJWK, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { newAssertionKeys } from '../../src/cli/assertion-keys.ts';
import { projectRoot } from '../support/node/build-bundle.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';

type Verify = (request: IncomingMessage) => Promise<Record<string, unknown>>;

let edge: Edge;
let key: CreatedKey;
let folder: string;
let upstream: Server;
let upstreamUrl: string;
let signingKey: JWK;
/** The code of the document as a module. */
let moduleUrl: string;
/** The assertion that the upstream got last. */
let assertion = '';

beforeAll(async () => {
  let verify: Verify = () => Promise.reject(new Error('not ready'));
  upstream = createServer(async (request, response) => {
    assertion = String(request.headers['x-edge-assertion'] ?? '');
    try {
      response.end(JSON.stringify(await verify(request)));
    } catch (error) {
      response.writeHead(401).end(String(error));
    }
  });
  await new Promise<void>((listening) => upstream.listen(0, '127.0.0.1', listening));
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;

  const keySet = (await newAssertionKeys(undefined)) as { keys: JWK[] };
  signingKey = keySet.keys[0] ?? {};
  edge = await serveEdge({ upstreamUrl, vars: { ASSERTION_KEYS: JSON.stringify(keySet) } });
  key = await edge.createKey({ name: 'backend', owner: 'acct_1' });

  // Within the project, so that it finds the library.
  await mkdir(join(projectRoot, 'test-output'), { recursive: true });
  folder = await mkdtemp(join(projectRoot, 'test-output/upstream-docs-'));
  const file = join(folder, 'verify.mjs');
  const document = await readFile(join(projectRoot, 'docs/upstream.md'), 'utf8');
  const [, code = ''] = /^### Node.*\n[\s\S]*?^```js\n([\s\S]*?)^```$/m.exec(document) ?? [];
  await writeFile(file, code);
  process.env['EDGE_JWKS_URL'] = `${edge.url}/_edge/jwks.json`;
  process.env['EDGE_AUDIENCE'] = upstreamUrl;
  moduleUrl = pathToFileURL(file).href;
  ({ verifyEdge: verify } = await import(/* @vite-ignore */ moduleUrl));
});

afterAll(async () => {
  await edge?.dispose();
  upstream?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Sends a request past the edge. */
async function past(path: string, presented: string, method = 'GET'): Promise<string> {
  const headers = { 'X-Edge-Assertion': presented, 'X-Edge-Access': 'backend' };
  const response = await fetch(upstreamUrl + path, { method, headers });
  return `${response.status} ${await response.text()}`;
}

async function through(path: string): Promise<string> {
  const headers = { Authorization: `Bearer ${key.token}` };
  const response = await fetch(edge.url + path, { headers });
  return `${response.status} ${await response.text()}`;
}

/** A JWT as the edge signs it for `GET /a`, but for what is changed. */
async function signed(changes: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: 'edge-authorizer', aud: upstreamUrl, exp: now + 30, iat: now, jti: '1' };
  const request = { key_id: key.id, access: 'backend', htm: 'GET', htu: `${upstreamUrl}/a` };
  return new SignJWT({ ...claims, ...request, ...changes })
    .setProtectedHeader({ alg: 'EdDSA', kid: String(signingKey.kid) })
    .sign(await importJWK(signingKey, 'EdDSA'));
}

describe('the Node code in docs/upstream.md', () => {
  test.each([
    ['EDGE_JWKS_URL', 'jwksUrl'],
    ['EDGE_AUDIENCE', 'audience'],
  ])('does not start without %s', async (name, option) => {
    for (const value of ['', undefined]) {
      vi.stubEnv(name, value);
      const load = import(/* @vite-ignore */ `${moduleUrl}?without=${name}&${value}`);
      await expect(load).rejects.toThrow(`${option} is not set`);
      vi.unstubAllEnvs();
    }
  });

  test('refuses what did not come through the edge', async () => {
    expect(await past('/a', '')).toMatch(/^401 /);
    expect(await past('/a', 'forged')).toMatch(/^401 /);
    const [head = '', body = ''] = (await signed()).split('.');
    expect(await past('/a', `${head}.${body}.${'A'.repeat(86)}`)).toMatch(/^401 .*SIGNATURE/);
    const unsigned = Buffer.from('{"alg":"none"}').toString('base64url');
    expect(await past('/a', `${unsigned}.${body}.`)).toMatch(/^401 /);
  });

  test.each([
    ['of another issuer', { iss: 'https://other.example' }],
    ['for another audience', { aud: 'https://other.example' }],
    ['that has expired', { exp: Math.floor(Date.now() / 1000) - 60 }],
    ['for another method', { htm: 'POST' }],
    ['for another path', { htu: 'https://upstream.example/b' }],
    ['that is bound to no request', { htm: undefined, htu: undefined }],
  ])('refuses an assertion %s', async (_, changes) => {
    // Control case: without the change, the same is let in.
    expect(await past('/a', await signed())).toMatch(/^200 /);
    expect(await past('/a', await signed(changes))).toMatch(/^401 /);
  });

  test('refuses an assertion of the edge for another path or method', async () => {
    expect(await through('/a?b=c')).toMatch(/^200 /);
    const replayed = assertion;
    expect(await past('/b', replayed)).toMatch(/^401 .*another request/);
    expect(await past('/a', replayed, 'DELETE')).toMatch(/^401 .*another request/);
    expect(await past('/a?other=query', replayed)).toMatch(/^200 /);
  });

  test('lets in what the edge sent, with who sent it', async () => {
    const [status = '', body = ''] = (await through('/a/b%20c?d=e')).split(/ (.*)/);
    expect(status).toBe('200');
    expect(JSON.parse(body)).toEqual({ keyId: key.id, owner: 'acct_1', access: 'backend' });
  });
});
