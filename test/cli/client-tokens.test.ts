/** Client tokens on the command line: the opt-in, minting, and signing everyone out. */

import { describe, expect, test } from 'vitest';
import vectors from '../../docs/client-token-vectors.json' with { type: 'json' };
import { readClaims } from '../../src/core/client-token/claims.ts';
import { readClientToken } from '../../src/core/client-token/client-token.ts';
import { keyDocument, runAgainst } from '../support/node/run-against.ts';
import { runCli } from '../support/node/run-cli.ts';
import { type Answerer, answerJson } from '../support/node/stand-in-edge.ts';

const key = {
  ...keyDocument,
  name: 'Our backend',
  access: { clientTokens: { allowedOrigins: ['https://app.example'], rules: null } },
};
const answerKey: Answerer = (response) => answerJson(response, 200, { ...key, token: 'ea_sk_x' });
const [{ apiKey }] = vectors.vectors as unknown as [{ apiKey: string }];

describe('client-tokens mint', () => {
  test.each([
    ['without an API key', '', [], 2, /standard input is empty/],
    ['with a CORS key', 'ea_pk_abc', [], 5, /not a backend key/],
    ['for longer than an hour', apiKey, ['--ttl', '2h'], 5, /from 1 to 3600/],
  ])('refuses to mint %s', async (_, stdin, args, exitCode, why) => {
    const result = await runCli(['client-tokens', 'mint', ...args], { stdin });
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toMatch(why);
    expect(result.stdout).toBe('');
    if (stdin !== '') expect(result.stderr).not.toContain(stdin);
  });

  test('mints offline from the API key on standard input', async () => {
    const args = ['client-tokens', 'mint', '--sub', 'visitor-1', '--ttl', '5m'];
    const narrow = ['--origin', 'https://app.example', '--allow', 'GET /api/asset/:id'];
    const { stdout, exitCode } = await runCli([...args, ...narrow], { stdin: `${apiKey}\n` });
    expect(exitCode).toBe(0);
    const form = readClientToken(stdout.trim());
    const claims = readClaims(form?.payload ?? '');
    expect(claims).toMatchObject({
      sub: 'visitor-1',
      origins: ['https://app.example'],
      rules: [{ methods: ['get'], resources: ['/api/asset/:id'] }],
    });
    expect((claims?.exp ?? 0) - (claims?.iat ?? 0)).toBe(300);
  });

  test('mints by the API with the API key of the environment', async () => {
    const { stdout, asked } = await runAgainst(
      (response) => answerJson(response, 201, { token: 'ea_ct_x', expiresAt: key.createdAt }),
      ['client-tokens', 'mint', '--by-api', '--sub', 'visitor-1'],
    );
    expect(stdout).toBe('ea_ct_x\n');
    expect(asked).toMatchObject([{ method: 'POST', path: '/_edge/v1/client-tokens' }]);
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ sub: 'visitor-1' });
  });
});

describe('keys', () => {
  const rules = [{ methods: ['get', 'post'], resources: ['/api/asset/:id'] }];
  test.each([
    ['the restricted routes', {}, /they may call +the restricted routes\n/],
    ['its rules for them', { rules }, /they may call +GET, POST \/api\/asset\/:id\n/],
    ['a rule set', { ruleSet: 'acme@1' }, /they may call +the rule set acme@1\n/],
  ])('show says that client tokens may call %s, and how long they live', async (_, more, text) => {
    const clientTokens = { ...key.access.clientTokens, maxTtlSeconds: 300, ...more };
    const { stdout } = await runAgainst(
      (response) => answerJson(response, 200, { ...key, access: { clientTokens } }),
      ['keys', 'show', key.id],
    );
    expect(stdout).toMatch(text);
    expect(stdout).toMatch(/client tokens +https:\/\/app\.example\n/);
    expect(stdout).toMatch(/they live for +at most 300 s\n/);
  });

  test('create lets a backend key mint', async () => {
    const args = ['keys', 'create', '--name', 'x', '--client-tokens', 'https://app.example'];
    const limits = ['--client-allow', 'GET /api/asset/:id', '--client-max-ttl', '5m'];
    const { asked } = await runAgainst(answerKey, [...args, ...limits]);
    expect(JSON.parse(asked[0]?.body ?? '').access).toEqual({
      clientTokens: {
        allowedOrigins: ['https://app.example'],
        rules: [{ methods: ['get'], resources: ['/api/asset/:id'] }],
        maxTtlSeconds: 300,
      },
    });
  });

  test.each([
    [['--client-max-ttl', '5m'], { maxTtlSeconds: 300 }],
    [['--client-origin-optional'], { originOptional: true }],
    [['--client-tokens', 'https://b.example'], { allowedOrigins: ['https://b.example'] }],
    [['--no-client-tokens'], null],
  ])('edit %j changes that alone', async (args, clientTokens) => {
    const { asked } = await runAgainst(answerKey, ['keys', 'edit', 'key_1', ...args]);
    expect(JSON.parse(asked[1]?.body ?? '')).toEqual({ access: { clientTokens } });
  });

  test('create limits no client tokens of a key that gives none', async () => {
    const args = ['keys', 'create', '--name', 'x', '--client-max-ttl', '5m'];
    const { exitCode, stderr, asked } = await runAgainst(answerKey, args);
    expect([exitCode, asked]).toEqual([2, []]);
    expect(stderr).toMatch(/--client-tokens <origin>/);
  });

  test('sign-out-everyone voids the tokens from before this moment', async () => {
    const before = Date.now();
    const { asked } = await runAgainst(answerKey, ['keys', 'sign-out-everyone', 'key_1']);
    const { clientTokensValidFrom } = JSON.parse(asked[0]?.body ?? '');
    expect(asked[0]?.method).toBe('PATCH');
    expect(Date.parse(clientTokensValidFrom)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(clientTokensValidFrom)).toBeLessThanOrEqual(Date.now());
  });
});
