/**
 * The production bundle on bare workerd as the conformance tables see it: raw bytes over a socket on
 * one side, a real server that records what arrives on the other.
 */

import { afterAll } from 'vitest';
import {
  type Behaviour,
  cookiesOf,
  type Deploy,
  type Deployment,
  type Prepare,
  type Received,
  type Row,
  toHeaderMap,
} from '../contract/deployment.ts';
import { keepConnections } from '../support/node/kept-connections.ts';
import { type Edge, serveEdges } from '../support/node/serve-edge.ts';
import { hang, reply, reset } from '../support/node/upstream-answers.ts';
import {
  startUpstream,
  type Upstream,
  type Answer as UpstreamAnswer,
} from '../support/node/upstream-server.ts';

type Options = NonNullable<Parameters<Deploy>[0]>;

/** An edge, and the upstream that it alone has. */
type Served = { edge: Edge; upstream: Upstream };

/**
 * Serves all deployments that a file prepares in one process, each on storage of its own. The process starts
 * with the first that a test sets up, and ends with the file.
 */
export function inOneProcess(): Prepare {
  const prepared: Options[] = [];
  let served: Promise<Served[]> | null = null;
  afterAll(async () => {
    const ended = (await served)?.map(({ edge, upstream }) => [edge.dispose(), upstream.dispose()]);
    await Promise.all(ended?.flat() ?? []);
  });
  return (options = {}) => {
    const index = prepared.push(options) - 1;
    return async () => {
      served ??= serveAll(prepared);
      return toDeployment((await served)[index]!);
    };
  };
}

async function serveAll(prepared: readonly Options[]): Promise<Served[]> {
  const start = () => startUpstream(toAnswer({ kind: 'reply' }));
  const upstreams = await Promise.all(prepared.map(start));
  const deployments = prepared.map(({ vars = {}, upstreamPath = '' }, index) => {
    const upstreamUrl = upstreams[index]!.url + upstreamPath;
    return [`deployment-${index}`, { upstreamUrl, vars: { ...vars } }] as const;
  });
  const edges = await serveEdges(Object.fromEntries(deployments));
  return upstreams.map((upstream, index) => ({ edge: edges[`deployment-${index}`]!, upstream }));
}

function toDeployment({ edge, upstream }: Served): Deployment {
  // The process has one log. Tests run in order, so what is there belongs to deployments that are done.
  edge.logs.length = 0;
  const received: Received[] = [];
  let behaviour: Behaviour = { kind: 'reply' };
  const connections = keepConnections();

  const deployment: Deployment = {
    async call({ method, target, host = 'edge.test', headers = [], body }) {
      const response = await connections.request(edge.port, {
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
    // The file ends all of its deployments together.
    dispose: async () => connections.close(),
  };
  return deployment;
}

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
