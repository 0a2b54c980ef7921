/** The Worker as the runtime calls it. The tables of the contract run on the wire, and here at night. */

import { exports } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { EDGE_URL } from '../support/workers.ts';

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
