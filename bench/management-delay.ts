/**
 * How long the largest requests to management hold up a gateway request in the same isolate: a probe
 * asks the gateway all the time, and its slowest answer beside each request is what counts.
 *
 * On a busy machine, this shows the machine. So the same request is also sent alone, several times, and
 * the processor time of the whole process is counted, simulators of D1 and KV included. No piece of work
 * can be longer than that.
 *
 *     node bench/management-delay.ts [pattern of the names of requests]
 */

import { request } from 'node:http';
import { text } from 'node:stream/consumers';

import prepareRun from '../test/support/node/prepare-run.ts';
import { type Edge, serveEdge } from '../test/support/node/serve-edge.ts';
import { reply } from '../test/support/node/upstream-answers.ts';
import { startUpstream } from '../test/support/node/upstream-server.ts';
import { type Load, largestRequests } from './largest-requests.ts';
import { cpuSecondsOf, workerdProcesses } from './processes.ts';

const ROUNDS = 3;
const ROUNDS_ALONE = 10;
const ORIGIN = 'https://a.example';

/** A request as it is sent. */
interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | null;
}

const many = <Item>(count: number, item: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => item(index));
/** Single-segment paths: the most that fit into the bound on segments. */
const paths = (count: number, prefix: string) =>
  many(count / 100, (rule) => ({
    methods: ['get', 'post', 'put', 'patch', 'delete'],
    resources: many(100, (index) => `/${prefix}${rule * 100 + index}`),
  }));

const removeBundle = await prepareRun();
const upstream = await startUpstream(reply({ body: 'ok' }));
const edge = await serveEdge({ upstreamUrl: upstream.url, isolates: 1 });
const key = await edge.createKey({ name: 'probe' });
const [workerd = 0] = await workerdProcesses();

const requests = await allRequests(edge);
for (const [name, sent] of Object.entries(requests)) {
  if (!new RegExp(process.argv[2] ?? '').test(name)) continue;
  const results: string[] = [];
  for (let round = 0; round < ROUNDS; round++) results.push(await measure(sent));
  const alone = await processorMs(sent);
  console.log(
    `${name}, ${sent.body?.length ?? 0} chars: ${alone.toFixed(0)} ms of processor time\n  ${results.join('\n  ')}`,
  );
}
await Promise.all([edge.dispose(), upstream.dispose()]);
await removeBundle();

/** Sends a request as it is: `fetch` would add what browsers say of pages, which the page refuses. */
function send({ method, path, headers, body }: Sent) {
  return new Promise<{ status: number; cookie: string; text: string }>((resolve, reject) => {
    const outgoing = request(edge.url + path, { method, headers }, (incoming) => {
      const [cookie = ''] = (incoming.headers['set-cookie']?.[0] ?? '').split(';', 1);
      const { statusCode: status = 0 } = incoming;
      text(incoming).then((answer) => resolve({ status, cookie, text: answer }), reject);
    });
    outgoing.on('error', reject).end(body);
  });
}

async function measure(sent: Sent): Promise<string> {
  let isOver = false;
  const probing = probe(() => isOver);
  const startMs = performance.now();
  const { status, text: answer } = await send(sent);
  const tookMs = performance.now() - startMs;
  isOver = true;
  const took = await probing;
  const longest = took.at(-1)?.toFixed(0);
  const median = took[took.length >> 1]?.toFixed(1);
  return `${status} in ${tookMs.toFixed(0)} ms (${answer.length} chars), probe max ${longest}, median ${median} of ${took.length}`;
}

/** Returns the processor time of workerd for one such request, the mean of several. */
async function processorMs(sent: Sent): Promise<number> {
  const before = await cpuSecondsOf(workerd);
  for (let round = 0; round < ROUNDS_ALONE; round++) await send(sent);
  return (((await cpuSecondsOf(workerd)) - before) * 1000) / ROUNDS_ALONE;
}

async function probe(isOver: () => boolean): Promise<readonly number[]> {
  const took: number[] = [];
  while (!isOver()) {
    const startMs = performance.now();
    const response = await fetch(`${edge.url}/api/x`, {
      headers: { Authorization: `Bearer ${key.token}` },
    });
    await response.text();
    took.push(performance.now() - startMs);
  }
  return took.sort((left, right) => left - right);
}

/** The requests of the API, and those of holders and of the page. */
async function allRequests(of: Edge): Promise<Record<string, Sent>> {
  const operator = { Authorization: `Bearer ${of.adminToken}` };
  const all = Object.entries(largestRequests).map(([name, load]): [string, Sent] => [
    name,
    asJson(load, operator),
  ]);
  return {
    none: { method: 'GET', path: '/_edge/health/live', headers: {}, body: null },
    ...Object.fromEntries(all),
    ...(await ofHolders(of)),
    ...(await ofThePage(of)),
  };
}

function asJson([method, path, body]: Load, headers: Record<string, string>): Sent {
  return {
    method,
    path: `/_edge/v1${path.replace('{id}', key.id)}`,
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: method === 'GET' ? null : JSON.stringify(body),
  };
}

async function ofHolders(of: Edge): Promise<Record<string, Sent>> {
  const operator = { Authorization: `Bearer ${of.adminToken}` };
  const clientTokens = { allowedOrigins: [ORIGIN], rules: paths(500, 'a') };
  const { token } = await of.createKey({ name: 'minting', access: { clientTokens } });
  const holder = { Authorization: `Bearer ${token}` };
  const mint = (body: object) => asJson(['POST', '/client-tokens', body], holder);
  const explain = (body: object) =>
    asJson(['POST', '/explain', { method: 'GET', keyId: key.id, ...body }], operator);
  return {
    'mint: 500 paths within': mint({ rules: paths(500, 'a') }),
    'mint: 500 paths beyond': mint({ rules: paths(500, 'b') }),
    'mint: 60 kB of unknown fields': mint(Object.fromEntries(many(5_000, (at) => [`x${at}`, 0]))),
    'mint: 60 kB of origins': mint({ origins: many(3_000, (at) => `https://${at}.example`) }),
    'mint: 60 kB of meta': mint({ meta: Object.fromEntries(many(4_000, (at) => [`x${at}`, 'a'])) }),
    'self: 500 paths': { method: 'GET', path: '/_edge/v1/self', headers: holder, body: null },
    'explain: 8 kB of path': explain({ path: `/${'%2e/'.repeat(2_000)}` }),
    'explain: 60 kB of origin': explain({ path: '/', origin: `https://${'a.'.repeat(29_000)}a` }),
    'explain: 60 kB of unknown fields': explain(
      Object.fromEntries(many(5_000, (at) => [`x${at}`, 0])),
    ),
    'list: 12 kB of unknown parameters': {
      method: 'GET',
      path: `/_edge/v1/keys?${many(1_500, (at) => `x${at}=1`).join('&')}`,
      headers: operator,
      body: null,
    },
  };
}

async function ofThePage(of: Edge): Promise<Record<string, Sent>> {
  for (let at = 0; at < 30; at++) {
    const allowedOrigins = many(500, (index) => `https://*.a${index}.customers${at}.example.com`);
    await of.createKey({ name: `large ${at}`, access: { cors: { allowedOrigins } } });
  }
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const { cookie } = await send({
    method: 'POST',
    path: '/_edge/sign-in',
    headers: { ...form, 'Sec-Fetch-Site': 'same-origin' },
    body: new URLSearchParams({ token: of.adminToken }).toString(),
  });
  const headers = { Cookie: cookie, 'Sec-Fetch-Site': 'same-origin', ...form };
  const get = (path: string): Sent => ({
    method: 'GET',
    path,
    headers: { Cookie: cookie },
    body: null,
  });
  const { text: page } = await send(get('/_edge/keys/new'));
  const [, formToken = ''] = /name="form_token" value="([^"]+)"/.exec(page) ?? [];
  const create = (fields: Record<string, string>): Sent => ({
    method: 'POST',
    path: '/_edge/keys',
    headers,
    body: new URLSearchParams({
      form_token: formToken,
      name: 'a',
      cors: 'on',
      ...fields,
    }).toString(),
  });
  return {
    'page: list of 30 keys with 500 origins': get('/_edge/'),
    'page: a key with 500 origins': get(
      await of
        .manage('GET', '/keys?limit=1')
        .then(({ json }) => `/_edge/keys/${(json as { keys: [{ id: string }] }).keys[0].id}`),
    ),
    'page: create with 12,000 bad origins': create({
      origins: many(12_000, (at) => `nonsense ${at}`).join('\n'),
    }),
    'page: create with 200 kB in one origin': create({ origins: 'x'.repeat(200_000) }),
    'page: create with 20,000 fields': create(
      Object.fromEntries(many(20_000, (at) => [`x${at}`, ''])),
    ),
  };
}
