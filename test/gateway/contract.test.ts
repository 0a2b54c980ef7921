/** The gateway's contract in the Workers test pool, with real D1 and KV and a double of the upstream. */

import { exports } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { describeHeaders } from '../contract/headers.ts';
import { describeAnyOrigin, describePreflights } from '../contract/preflights.ts';
import { describeRefusals } from '../contract/refusals.ts';
import { deploy, EDGE_URL } from '../support/workers.ts';

describeRefusals(deploy);
describePreflights(deploy);
describeAnyOrigin(deploy);
describeHeaders(deploy, 'https');

// The tables call the Worker's entry themselves, to choose its variables; this is the runtime's way.
describe('the Worker as the runtime calls it', () => {
  test('is healthy', async () => {
    const response = await exports.default.fetch(`${EDGE_URL}/_edge/health`);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])(
    'does not take %s for its health',
    async (method) => {
      const response = await exports.default.fetch(`${EDGE_URL}/_edge/health`, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect(await response.json()).toMatchObject({ code: 'method_not_allowed' });
      expect(response.headers.has('access-control-allow-origin')).toBe(false);
    },
  );

  test('asks for a key', async () => {
    const response = await exports.default.fetch(`${EDGE_URL}/api/stream/abc`);
    expect(response.status).toBe(401);
    expect(response.headers.get('x-edge-reason')).toBe('missing_credentials');
  });
});
