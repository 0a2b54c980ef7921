/**
 * Whatever header arrives, no upstream is asked for another path than the one that was authorised.
 *
 * The upstreams are gunicorn with default settings, where it is installed, and a recording of it: to them,
 * a header named `SCRIPT_NAME` cuts the path short.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import {
  type PythonServer,
  startPythonServers,
  type WsgiRequest,
} from './differential/gunicorn.ts';

const servers: PythonServer[] = await startPythonServers();
afterAll(() => Promise.all(servers.map((server) => server.close())));

type HeaderLine = [name: string, value: string];

/** Spellings of names that tell a server the mount point or the path. */
const names = ['SCRIPT_NAME', 'PATH_INFO', 'REQUEST_URI', 'X_SCRIPT_NAME'].flatMap((name) => [
  name,
  name.toLowerCase(),
  name.replace('_', '-'),
  name.replaceAll('_', '-'),
]);

describe.each(servers)('$name', ({ port }) => {
  async function ask(ofPort: number, target: string, headers: HeaderLine[]) {
    const response = await request(ofPort, { target, headers });
    const said = response.status === 200 ? JSON.parse(response.body.toString()) : response.status;
    return { said: said as WsgiRequest | number, response };
  }

  test.each([
    [[['SCRIPT_NAME', '/api/task']], { SCRIPT_NAME: '/api/task', PATH_INFO: '/export-all' }],
    [[['script_name', '/task']], { SCRIPT_NAME: '/task', PATH_INFO: '/export-all' }],
    [[['Script-Name', '/api/task']], { SCRIPT_NAME: '', PATH_INFO: '/api/task/export-all' }],
    [[['PATH_INFO', '/x']], { SCRIPT_NAME: '', PATH_INFO: '/api/task/export-all' }],
    [[['SCRIPT_NAME', '/other']], 500],
  ] as [HeaderLine[], WsgiRequest | number][])('asked directly with %j', async (headers, said) => {
    expect((await ask(port, '/api/task/export-all', headers)).said).toEqual(said);
  });

  describe('behind the edge', () => {
    let edge: Edge;
    let restricted: CreatedKey;
    let backend: CreatedKey;
    beforeAll(async () => {
      const vars = {
        PUBLIC_ROUTES: JSON.stringify({ routes: [{ methods: ['GET'], path: '/media/*' }] }),
      };
      edge = await serveEdge({ upstreamUrl: `http://127.0.0.1:${port}`, vars });
      const access = { cors: { allowedOrigins: ['https://app.example'] } };
      restricted = await edge.createKey({ name: 'restricted', access });
      backend = await edge.createKey({ name: 'backend' });
    });
    afterAll(() => edge.dispose());

    test.each(names)(
      'is asked for the path that was authorised, whatever %s says',
      async (name) => {
        const cases = [
          ['/api/task/export-all', '/api/task', restricted],
          ['/api/task/export-all', '/api/task', backend],
          ['/media/admin/users', '/media', null],
        ] as const;
        for (const [target, mount, key] of cases) {
          const headers: HeaderLine[] = [[name, mount]];
          if (key !== null) headers.push(['Authorization', `Bearer ${key.token}`]);
          const { said, response } = await ask(edge.port, target, headers);
          expect(said).toEqual({ SCRIPT_NAME: '', PATH_INFO: target });
          expect(response.header('x-edge-dropped-headers')).toBe(name.toLowerCase());
        }
      },
    );
  });
});
