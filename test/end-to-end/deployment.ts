/**
 * The production bundle on bare workerd as the conformance tables see it: raw bytes over a socket on
 * one side, a real server that records what arrives on the other.
 */

import {
  type Behaviour,
  cookiesOf,
  type Deploy,
  type Deployment,
  type Received,
  type Row,
  toHeaderMap,
} from '../contract/deployment.ts';
import { request } from '../support/node/raw-http.ts';
import { serveEdge } from '../support/node/serve-edge.ts';
import { hang, reply, reset } from '../support/node/upstream-answers.ts';
import { startUpstream, type Answer as UpstreamAnswer } from '../support/node/upstream-server.ts';

/** Serves the bundle on storage of its own. */
export const deploy: Deploy = async ({ vars = {}, upstreamPath = '' } = {}) => {
  const upstream = await startUpstream(toAnswer({ kind: 'reply' }));
  const edge = await serveEdge({ upstreamUrl: upstream.url + upstreamPath, vars: { ...vars } });
  const received: Received[] = [];
  let behaviour: Behaviour = { kind: 'reply' };

  const deployment: Deployment = {
    async call({ method, target, host = 'edge.test', headers = [], body }) {
      const response = await request(edge.port, {
        ...(method === undefined ? {} : { method }),
        ...(target === undefined ? {} : { target }),
        headers: [
          ['Host', host],
          ...headers.map(([name, value]): [string, string] => [name, value]),
        ],
        ...(body === undefined ? {} : { body }),
      });
      for (const arrived of upstream.requests.slice(received.length)) {
        received.push({
          method: arrived.method,
          target: arrived.target,
          headers: toHeaderMap(arrived.headers),
          body: (await arrived.body()).bytes.toString('latin1'),
        });
      }
      return {
        status: response.status,
        headers: toHeaderMap(response.headers),
        cookies: cookiesOf(response.headers),
        body: response.body.toString('utf8'),
      };
    },
    received,
    get behaviour() {
      return behaviour;
    },
    set behaviour(next) {
      behaviour = next;
      upstream.answer = toAnswer(next);
    },
    logs: edge.logs,
    adminToken: edge.adminToken,
    createKey: (document) => edge.createKey({ ...document }),
    async query(statement, ...values) {
      const db = await edge.db();
      const { results } = await db
        .prepare(statement)
        .bind(...values)
        .all<Row>();
      return results;
    },
    async copies() {
      const kv = await edge.kv();
      const { keys } = await kv.list();
      const entries = keys.map(async ({ name }) => [name, (await kv.get(name)) ?? '']);
      return Object.fromEntries(await Promise.all(entries));
    },
    async forgetCopies() {
      const kv = await edge.kv();
      const { keys } = await kv.list();
      await Promise.all(keys.map(({ name }) => kv.delete(name)));
    },
    async dispose() {
      await edge.dispose();
      await upstream.dispose();
    },
  };
  return deployment;
};

function toAnswer(behaviour: Behaviour): UpstreamAnswer {
  switch (behaviour.kind) {
    case 'reply': {
      const { status = 200, headers = [], body = '' } = behaviour;
      const answer = reply({
        status,
        headers: headers.map(([name, value]) => [name, value]),
        body,
      });
      // A server that answers first throws the rest of the request away.
      return async (request, response) => {
        await request.body();
        await answer(request, response);
      };
    }
    case 'unreachable':
      return reset;
    case 'hang':
      return hang;
  }
}
