/**
 * Real clients in a real Chromium: the `livepeer` SDK, ky, axios and tus-js-client, configured as
 * `docs/clients.md` says, call the production bundle in front of the example API. What they make of
 * our answers is theirs to decide, so only they can show that our headers and errors are of use.
 */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { Request } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';
import type * as AxiosExample from '../../examples/clients/axios.ts';
import type * as KyExample from '../../examples/clients/ky.ts';
import type * as LivepeerExample from '../../examples/clients/livepeer.ts';
import type { Refusal } from '../../examples/clients/refusal.ts';
import type * as TusExample from '../../examples/clients/tus.ts';
import { projectRoot } from '../support/node/build-bundle.ts';
import { bundleForPage } from '../support/node/bundle-source.ts';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import { type ExampleUpstream, serveExampleUpstream } from '../support/node/example-upstream.ts';
import { type OpenPage, openPage, type Pages, servePages } from '../support/node/pages.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { reply } from '../support/node/upstream-answers.ts';
import { startUpstream } from '../support/node/upstream-server.ts';

/** The names of the examples' scripts in a page. */
declare const livepeerExample: typeof LivepeerExample;
declare const kyExample: typeof KyExample;
declare const axiosExample: typeof AxiosExample;
declare const tusExample: typeof TusExample;

const scripts = ['livepeer', 'ky', 'axios', 'tus'] as const;
const callers = ['livepeer', 'ky', 'axios'] as const;
type Caller = (typeof callers)[number];

let browser: TestBrowser;
let pages: Pages;
let example: ExampleUpstream;
let edge: Edge;
/** Lists the origin `app`. */
let restricted: CreatedKey;
/** Lists the origin `app`, and may call everything. */
let full: CreatedKey;
/** Lists the origin `admin` alone. */
let ofAdmin: CreatedKey;
let backend: CreatedKey;
/** On the origin `app`, with every script. */
let opened: OpenPage;
/** The same on an origin that no key lists. */
let stranger: OpenPage;

beforeAll(async () => {
  const bundles = await Promise.all(
    scripts.map(async (name) => [
      `/${name}.js`,
      await bundleForPage(`examples/clients/${name}.ts`, `${name}Example`),
    ]),
  );
  [browser, pages, example] = await Promise.all([
    launchChromium(),
    servePages(Object.fromEntries(bundles)),
    serveExampleUpstream(),
  ]);
  edge = await serveEdge({
    upstreamUrl: example.url,
    vars: { PUBLIC_ROUTES: JSON.stringify(await documentedPublicRoutes()) },
  });
  const { app, admin } = pages.origins;
  restricted = await edge.createKey(aCorsKey([app]));
  full = await edge.createKey(aCorsKey([app], { fullAccess: true }));
  ofAdmin = await edge.createKey(aCorsKey([admin]));
  backend = await edge.createKey({ name: 'backend' });
  opened = await openWithScripts(app);
  stranger = await openWithScripts(pages.origins.address);
});
afterAll(() => Promise.all([browser.close(), pages.dispose(), edge.dispose(), example.dispose()]));

beforeEach(() => {
  opened.consoleErrors.length = 0;
});

describe('the browser', () => {
  test.each(callers)(
    'keeps an answer without CORS headers from %s: control case',
    async (caller) => {
      const asked = requestsOf(opened, example.url);
      const told = await call(caller, opened, example.url, restricted, '/api/task/none');
      expect(told).toEqual({ ...nothing, error: networkErrors[caller] });
      expect(asked.length).toBeGreaterThan(0);
      // Without the browser's rules, the same URL can be read.
      expect((await fetch(`${example.url}/api/task/none`)).status).toBe(404);
    },
  );
});

/** The error of each client for a refusal that it can read, and for one that the browser hides. */
const httpErrors = { livepeer: 'SDKError', ky: 'HTTPError', axios: 'AxiosError' };
const networkErrors = { livepeer: 'ConnectionError', ky: 'NetworkError', axios: 'AxiosError' };
/** The inspector hears of a preflight a little later than the script of its end. */
const soon = { timeout: 10_000 };
const nothing: Told = { error: null, refusal: null, link: null, totalCount: null };

describe.each(callers)('%s', (caller) => {
  test.each<[name: string, key: () => CreatedKey, path: Path, refusal: Partial<Refusal>]>([
    [
      'a key that does not exist',
      () => ({ id: '', token: 'no-such-key' }),
      '/api/task/none',
      { status: 401, code: 'invalid_key' },
    ],
    ["a backend's key", () => backend, '/api/task/none', { status: 403, code: 'cors_not_enabled' }],
    [
      'a key of another origin',
      () => ofAdmin,
      '/api/task/none',
      { status: 403, code: 'origin_not_allowed' },
    ],
    [
      'an endpoint that a restricted key may not call',
      () => restricted,
      '/api/stream',
      { status: 403, code: 'route_not_allowed' },
    ],
  ])('reads that %s is refused, and asks only once', async (_name, key, path, refusal) => {
    const seenBefore = await example.seenRequests();
    const asked = requestsOf(opened, edge.url);
    const told = await call(caller, opened, edge.url, key(), path);
    expect(told).toMatchObject({ error: httpErrors[caller], refusal });
    expect(told.refusal?.message).toMatch(/^\S.{20,}/);
    expect(told.refusal?.retryAfterSeconds).toBeNull();
    expect(asked.map((request) => request.method())).toEqual(['GET']);
    expect(await example.seenRequests()).toEqual(seenBefore);
  });

  test('learns no more than of a broken network where no key lists the origin', async () => {
    stranger.consoleErrors.length = 0;
    const asked = requestsOf(stranger, edge.url);
    const told = await call(caller, stranger, edge.url, restricted, '/api/task/none');
    expect(told).toEqual({ ...nothing, error: networkErrors[caller] });
    expect(stranger.consoleErrors.join('\n')).toContain('blocked by CORS policy');
    // ky tries again what looks like a broken network.
    expect(asked).toHaveLength(caller === 'ky' ? 3 : 1);
  });

  test('reads an error of the API itself, which carries no code of ours', async () => {
    const told = await call(caller, opened, edge.url, restricted, '/api/task/none');
    expect(told).toEqual({
      ...nothing,
      error: httpErrors[caller],
      refusal: { status: 404, code: null, message: 'task not found', retryAfterSeconds: null },
    });
  });

  test('reads Link and X-Total-Count of a list', async () => {
    const told = await call(caller, opened, edge.url, full, '/api/stream');
    expect(told).toMatchObject({ error: null, link: '</api/stream?cursor=next>; rel="next"' });
    expect(told.totalCount).toMatch(/^\d+$/);
  });

  test('creates a stream, and asks for leave to send no header but these two', async () => {
    // A page of its own: the other has been told already.
    const fresh = await openWithScripts(pages.origins.app);
    const asked = await preflightsOf(fresh);
    const { stream, location } = await createStream(caller, fresh, `from ${caller}`);
    expect(stream.name).toBe(`from ${caller}`);
    expect(location).toBe(`/api/stream/${stream.id}`);
    const kept = await fetch(`${example.url}/api/stream/${stream.id}`);
    expect(await kept.json()).toMatchObject({ name: `from ${caller}` });
    await expect.poll(() => asked, soon).toEqual(['POST authorization,content-type']);
    await fresh.close();
  });
});

describe('waiting', () => {
  test('is done by ky and livepeer if a key is used too often, and axios reports the refusal', async () => {
    const limited = await serveEdge({
      upstreamUrl: example.url,
      limitersPerTenSeconds: { KEY_LIMITER: 1 },
      vars: { KEY_LIMIT: '1/10' },
    });
    try {
      const [livepeer, ky, axios] = await Promise.all(
        callers.map(async (caller) => {
          const access = { cors: { allowedOrigins: [pages.origins.app], fullAccess: true } };
          const key = await limited.createKey({ name: caller, access });
          // One call in ten seconds is free. More than one may be when a window ends between two.
          for (let count = 0; count < 4; count++) {
            const startedMs = Date.now();
            const told = await call(caller, opened, limited.url, key, '/api/stream');
            const tookMs = Date.now() - startedMs;
            if (told.refusal !== null || tookMs > 9_000) return { told, tookMs };
          }
          return null;
        }),
      );
      expect(axios?.told).toMatchObject({
        error: 'AxiosError',
        refusal: { status: 429, code: 'rate_limited', retryAfterSeconds: 10 },
      });
      for (const waited of [livepeer, ky]) {
        expect(waited?.told).toMatchObject({ error: null, refusal: null });
        expect(waited?.tookMs).toBeGreaterThanOrEqual(9_900);
      }
    } finally {
      await limited.dispose();
    }
  });

  test('carries ky and livepeer over a time when keys cannot be looked up', async () => {
    // The key is made in one isolate and called in another, which knows nothing yet.
    const ailing = await serveEdge({ upstreamUrl: example.url, isolates: 2 });
    const url = `http://127.0.0.1:${ailing.ports[1]}`;
    try {
      const key = await ailing.createKey(aCorsKey([pages.origins.app], { fullAccess: true }));
      const kv = await ailing.kv();
      for (const { name } of (await kv.list()).keys) await kv.delete(name);
      const db = await ailing.db();
      await db.prepare('ALTER TABLE changes RENAME TO changes_gone').run();
      const asked = requestsOf(opened, url);
      const startedMs = Date.now();
      const calls = callers.map(async (caller) => ({
        told: await call(caller, opened, url, key, '/api/stream'),
        tookMs: Date.now() - startedMs,
      }));
      await wait(2_000);
      await db.prepare('ALTER TABLE changes_gone RENAME TO changes').run();

      const [livepeer, ky, axios] = await Promise.all(calls);
      expect(axios?.told).toMatchObject({
        error: 'AxiosError',
        refusal: { status: 503, code: 'unavailable', retryAfterSeconds: 5 },
      });
      for (const waited of [livepeer, ky]) {
        expect(waited?.told).toMatchObject({ error: null, refusal: null });
        expect(waited?.tookMs).toBeGreaterThanOrEqual(4_900);
      }
      // Each of the two is let through once, and asks again only after a 503. On a slow machine, one
      // returns while another's failure is still remembered, and has to wait a second time.
      const responses = await Promise.all(asked.map((request) => request.response()));
      const refusals = responses.filter((response) => response?.status() === 503);
      expect(responses.filter((response) => response?.status() === 200)).toHaveLength(2);
      expect(refusals.length).toBeGreaterThanOrEqual(3);
      expect(asked).toHaveLength(refusals.length + 2);
    } finally {
      await ailing.dispose();
    }
  });
});

describe('livepeer', () => {
  test.each([
    ['stream.addMultistreamTarget()', 'POST', '/create-multistream-target'],
    ['stream.getClips()', 'GET', '/clips'],
    ['metrics.getPublicViewership()', 'GET', '/api/data/views/query/total/'],
  ] as const)('is refused %s, which restricted keys may not call', async (_name, method, part) => {
    const asked = requestsOf(opened, edge.url);
    const refusals = await opened.frame.evaluate(
      async ([edge, key, part]) => {
        const livepeer = livepeerExample.livepeerAt(edge, key);
        const target = { profile: 'source', spec: { name: 'n', url: 'rtmp://a.example/b' } };
        const call = () => {
          if (part === '/clips') return livepeer.stream.getClips('s1');
          if (part === '/create-multistream-target') {
            return livepeer.stream.addMultistreamTarget('s1', target);
          }
          return livepeer.metrics.getPublicViewership('p1');
        };
        return call().then(() => null, livepeerExample.refusalOf);
      },
      [edge.url, restricted.token, part] as const,
    );
    expect(refusals).toMatchObject({ status: 403, code: 'route_not_allowed' });
    expect(asked.map((request) => request.method())).toEqual([method]);
    expect(asked[0]?.url()).toContain(part);
  });

  test('may ask for public views with a key whose rules say so, and for nothing else', async () => {
    const { token } = await edge.createKey({
      name: 'views',
      access: {
        cors: { allowedOrigins: [pages.origins.app] },
        rules: [{ methods: ['get'], resources: ['/api/data/views/query/total/:id'] }],
      },
    });
    const [views, task] = await opened.frame.evaluate(
      async ([edge, key]) => {
        const livepeer = livepeerExample.livepeerAt(edge, key);
        const calls = [livepeer.metrics.getPublicViewership('p1'), livepeer.task.get('t1')];
        return Promise.all(calls.map((call) => call.then(() => null, livepeerExample.refusalOf)));
      },
      [edge.url, token] as const,
    );
    // The example API has no such endpoint, and so it is the API that says so.
    expect(views).toMatchObject({ status: 404, code: null });
    expect(task).toMatchObject({ status: 403, code: 'route_not_allowed' });
  });

  test('does with a restricted key what such keys are for', async () => {
    const done = await opened.frame.evaluate(
      async ([edge, key]) => {
        const livepeer = livepeerExample.livepeerAt(edge, key);
        const { stream } = await livepeer.stream.create({ name: 'live' });
        const id = stream?.id ?? '';
        const renamed = await livepeer.stream.update(id, { record: true });
        const { stream: read } = await livepeer.stream.get(id);
        const { data: sessions } = await livepeer.session.getRecorded(id);
        const sessionId = sessions?.[0]?.id ?? '';
        const { session } = await livepeer.session.get(sessionId);
        const { multistreamTarget } = await livepeer.multistream.create({
          name: 'elsewhere',
          url: 'rtmp://a.example/b',
        });
        const targetId = multistreamTarget?.id ?? '';
        await livepeer.multistream.update(targetId, { url: 'rtmp://a.example/c', disabled: true });
        const { multistreamTarget: target } = await livepeer.multistream.get(targetId);
        const imported = await livepeer.asset.createViaUrl({
          name: 'film',
          url: 'https://a.example/f',
        });
        const assetId = imported.twoHundredAndOneApplicationJsonData?.asset.id ?? '';
        const taskId = imported.twoHundredAndOneApplicationJsonData?.task.id ?? '';
        const { asset: changed } = await livepeer.asset.update(assetId, { name: 'renamed' });
        const { asset } = await livepeer.asset.get(assetId);
        const { task } = await livepeer.task.get(taskId);
        return {
          isSame: read?.id === id && session?.parentId === id,
          updated: renamed.statusCode,
          isDisabled: target?.disabled,
          names: [changed?.name, asset?.name],
          task: [task?.type, task?.status?.phase],
        };
      },
      [edge.url, restricted.token] as const,
    );
    expect(done).toEqual({
      isSame: true,
      updated: 204,
      isDisabled: true,
      names: ['renamed', 'renamed'],
      task: ['upload', 'completed'],
    });
  });
});

describe('tus-js-client', () => {
  const kibibyte = 1024;
  const sizeBytes = 300 * kibibyte + 7;
  const chunkSize = 64 * kibibyte;

  test('reads that its endpoint takes a key after all, and gives up at once', async () => {
    const asked = requestsOf(opened, edge.url);
    const file = { sizeBytes, chunkSize };
    const told = await upload(opened, `${example.url}/api/asset/upload/other`, file);
    expect(told).toMatchObject({
      error: 'tus: unexpected response while creating upload',
      refusal: { status: 401, code: 'missing_credentials', retryAfterSeconds: null },
    });
    expect(told.refusal?.message).toContain('Authorization');
    expect(asked.map((request) => request.method())).toEqual(['POST']);
  });

  test('reads that a key it sends may not create uploads elsewhere', async () => {
    const headers = { Authorization: `Bearer ${restricted.token}` };
    const file = { sizeBytes, chunkSize, headers };
    const told = await upload(opened, `${example.url}/api/asset/upload/other`, file);
    expect(told).toMatchObject({ refusal: { status: 403, code: 'route_not_allowed' } });
  });

  test('cannot follow a Location to a host that grants the page nothing', async () => {
    const bare = await startUpstream();
    bare.answer = reply({ status: 201, headers: [['Location', `${bare.url}/uploads/1`]] });
    const routes = [{ methods: ['POST'], path: '/uploads' }];
    const before = await serveEdge({
      upstreamUrl: bare.url,
      vars: { PUBLIC_ROUTES: JSON.stringify({ routes }) },
    });
    try {
      const file = { sizeBytes, chunkSize, edgeUrl: before.url, retryDelays: [] };
      const told = await upload(opened, `${bare.url}/uploads`, file);
      expect(told).toMatchObject({
        error: 'tus: failed to upload chunk at offset 0',
        refusal: null,
      });
      expect(opened.consoleErrors.join('\n')).toContain('blocked by CORS policy');
      // The creation came by the edge; what the browser tried next did not.
      expect(bare.requests.map(({ method }) => method)).toEqual(['POST', 'OPTIONS']);
    } finally {
      await before.dispose();
      await bare.dispose();
    }
  });

  test('is led past the edge by a Location on the host of the API', async () => {
    const { tusEndpoint } = await requestUpload();
    const atEdge = requestsOf(opened, edge.url);
    const atUpstream = requestsOf(opened, example.url);
    const told = await upload(opened, `${tusEndpoint}&location=own`, { sizeBytes, chunkSize });
    expect(told.error).toBeNull();
    expect(told.url).toMatch(new RegExp(`^${example.url}/api/asset/upload/tus/`));
    expect(atEdge.map((request) => request.method())).toEqual(['POST']);
    expect(atUpstream.map((request) => request.method())).toEqual(Array(5).fill('PATCH'));
  });

  test.each(['relative', 'forwarded'])(
    'uploads in chunks by the edge where the Location is %s, and asks for these headers',
    async (location) => {
      const { tusEndpoint, assetId, taskId } = await requestUpload();
      const fresh = await openWithScripts(pages.origins.app);
      const preflights = await preflightsOf(fresh);
      const asked = requestsOf(fresh, edge.url);
      const past = requestsOf(fresh, example.url);
      const file = { sizeBytes, chunkSize };
      const told = await upload(fresh, `${tusEndpoint}&location=${location}`, file);
      expect(told.error).toBeNull();
      expect(told.url).toMatch(
        new RegExp(`^${edge.url}/api/asset/upload/tus/uploads%2F[0-9a-f-]{36}$`),
      );
      expect(asked.map((request) => request.method())).toEqual(['POST', ...Array(5).fill('PATCH')]);
      expect(past).toEqual([]);
      await expect
        .poll(() => preflights, soon)
        .toEqual([
          'POST tus-resumable,upload-length,upload-metadata',
          'PATCH content-type,tus-resumable,upload-offset',
        ]);
      await fresh.close();
      await expectReceived(assetId, taskId);
    },
  );

  test('resumes at the same place after the page was left half-way', async () => {
    const { tusEndpoint, assetId, taskId } = await requestUpload();
    const stopAtBytes = 2 * chunkSize;
    const first = await upload(opened, tusEndpoint, { sizeBytes, chunkSize, stopAtBytes });
    expect(first).toMatchObject({ error: 'stopped' });
    expect(await statusOf(taskId)).toBe('pending');

    await opened.page.reload();
    await addScripts(opened);
    const asked = requestsOf(opened, edge.url);
    const second = await upload(opened, tusEndpoint, { sizeBytes, chunkSize });
    expect(second).toMatchObject({ error: null, url: first.url });
    expect(asked.map((request) => [request.method(), request.headers()['upload-offset']])).toEqual([
      ['HEAD', undefined],
      ['PATCH', `${stopAtBytes}`],
      ['PATCH', `${3 * chunkSize}`],
      ['PATCH', `${4 * chunkSize}`],
    ]);
    expect(asked.map((request) => request.url())).toEqual(Array(4).fill(first.url));
    await expectReceived(assetId, taskId);
  });

  test('resumes in the middle of a chunk that broke off', async () => {
    const { tusEndpoint, assetId, taskId } = await requestUpload();
    const session = await opened.context.newCDPSession(opened.page);
    await session.send('Network.enable');
    const throttle = (uploadThroughput: number) =>
      session.send('Network.emulateNetworkConditions', {
        offline: false,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput,
      });
    await throttle(200 * kibibyte);
    const whole = { sizeBytes, chunkSize: sizeBytes };
    const stopAtBytes = 100 * kibibyte;
    const first = await upload(opened, tusEndpoint, { ...whole, stopAtBytes });
    expect(first).toMatchObject({ error: 'stopped' });
    await throttle(-1);

    const asked = requestsOf(opened, edge.url);
    const second = await upload(opened, tusEndpoint, whole);
    expect(second).toMatchObject({ error: null, url: first.url });
    const last = asked.at(-1);
    expect([asked[0]?.method(), last?.method()]).toEqual(['HEAD', 'PATCH']);
    const offset = Number(last?.headers()['upload-offset']);
    expect(offset).toBeGreaterThan(0);
    expect(offset).toBeLessThan(sizeBytes);
    await expectReceived(assetId, taskId);
  });

  async function requestUpload() {
    const { data } = await opened.frame.evaluate(
      async ([edge, key]) => {
        const livepeer = livepeerExample.livepeerAt(edge, key);
        const { data } = await livepeer.asset.create({ name: 'film.mp4' });
        return { data };
      },
      [edge.url, restricted.token] as const,
    );
    if (!data) throw new Error('Cannot upload: the SDK handed nothing back');
    return { tusEndpoint: data.tusEndpoint, assetId: data.asset.id, taskId: data.task.id };
  }

  /** Asks for the task's state by the SDK, in the page. */
  const statusOf = (taskId: string) =>
    opened.frame.evaluate(
      async ([edge, key, taskId]) => {
        const { task } = await livepeerExample.livepeerAt(edge, key).task.get(taskId);
        return task?.status?.phase;
      },
      [edge.url, restricted.token, taskId] as const,
    );

  /** Checks that every byte arrived, once and in order. */
  async function expectReceived(assetId: string, taskId: string): Promise<void> {
    const asset = await opened.frame.evaluate(
      async ([edge, key, assetId]) => {
        const { asset } = await livepeerExample.livepeerAt(edge, key).asset.get(assetId);
        return { size: asset?.size, hash: asset?.hash, phase: asset?.status?.phase };
      },
      [edge.url, restricted.token, assetId] as const,
    );
    const hash = crc32(Uint8Array.from({ length: sizeBytes }, (_, index) => index % 251));
    expect(asset).toEqual({
      size: sizeBytes,
      hash: [{ algorithm: 'crc32', hash: hash.toString(16).padStart(8, '0') }],
      phase: 'ready',
    });
    expect(await statusOf(taskId)).toBe('completed');
  }
});

test('docs/clients.md shows the examples as they are', async () => {
  const folder = join(projectRoot, 'examples/clients');
  const names = (await readdir(folder)).sort();
  const sources = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  const shown = blocksOf(await readDocument(), 'ts');
  for (const block of shown) {
    expect(sources.filter((source) => source.includes(block))).toHaveLength(1);
  }
  expect(shown).toHaveLength(scripts.length);
});

type Path = '/api/stream' | `/api/task/${string}`;

/** The result of a client for an answer. */
type Told = {
  /** The name of what it threw; `null` when it threw nothing. */
  error: string | null;
  refusal: Refusal | null;
  link: string | null;
  totalCount: string | null;
};

/** Has the client ask for the path, in the page. */
function call(
  caller: Caller,
  { frame }: OpenPage,
  edgeUrl: string,
  { token }: CreatedKey,
  path: Path,
): Promise<Told> {
  const given = [edgeUrl, token, path] as const;
  switch (caller) {
    case 'livepeer':
      return frame.evaluate(async ([edge, key, path]) => {
        const livepeer = livepeerExample.livepeerAt(edge, key);
        try {
          const { rawResponse } =
            path === '/api/stream'
              ? await livepeer.stream.getAll()
              : await livepeer.task.get(path.replace('/api/task/', ''));
          const { headers } = rawResponse;
          const totalCount = headers.get('X-Total-Count');
          return { error: null, refusal: null, link: headers.get('Link'), totalCount };
        } catch (error) {
          const { name } = error instanceof Error ? error : { name: String(error) };
          const refusal = livepeerExample.refusalOf(error);
          return { error: name, refusal, link: null, totalCount: null };
        }
      }, given);
    case 'ky':
      return frame.evaluate(async ([edge, key, path]) => {
        try {
          const { headers } = await kyExample.kyAt(edge, key).get(path);
          const totalCount = headers.get('X-Total-Count');
          return { error: null, refusal: null, link: headers.get('Link'), totalCount };
        } catch (error) {
          const { name } = error instanceof Error ? error : { name: String(error) };
          return { error: name, refusal: kyExample.refusalOf(error), link: null, totalCount: null };
        }
      }, given);
    case 'axios':
      return frame.evaluate(async ([edge, key, path]) => {
        try {
          const { headers } = await axiosExample.axiosAt(edge, key).get(path);
          const [link, totalCount] = [headers['link'] ?? null, headers['x-total-count'] ?? null];
          return { error: null, refusal: null, link, totalCount };
        } catch (error) {
          const { name } = error instanceof Error ? error : { name: String(error) };
          const refusal = axiosExample.refusalOf(error);
          return { error: name, refusal, link: null, totalCount: null };
        }
      }, given);
  }
}

/** Has the client create a stream with the restricted key, in the page. */
function createStream(
  caller: Caller,
  { frame }: OpenPage,
  name: string,
): Promise<{ stream: { id?: string; name?: string }; location: string | null }> {
  const given = [edge.url, restricted.token, name] as const;
  switch (caller) {
    case 'livepeer':
      return frame.evaluate(async ([edge, key, name]) => {
        const { stream = {}, rawResponse } = await livepeerExample
          .livepeerAt(edge, key)
          .stream.create({ name });
        return { stream, location: rawResponse.headers.get('Location') };
      }, given);
    case 'ky':
      return frame.evaluate(async ([edge, key, name]) => {
        const response = await kyExample
          .kyAt(edge, key)
          .post<{ id: string; name: string }>('/api/stream', { json: { name } });
        return { stream: await response.json(), location: response.headers.get('Location') };
      }, given);
    case 'axios':
      return frame.evaluate(async ([edge, key, name]) => {
        const { data, headers } = await axiosExample
          .axiosAt(edge, key)
          .post('/api/stream', { name });
        return { stream: data, location: headers['location'] ?? null };
      }, given);
  }
}

/** `error`: what its message begins with, `stopped` for an upload that was aborted. */
type Uploaded = { error: string | null; refusal: Refusal | null; url: string | null };

/** Has tus-js-client upload a file, in the page. `stopAtBytes`: aborts when so much was sent. */
function upload(
  { frame }: OpenPage,
  tusEndpoint: string,
  options: {
    sizeBytes: number;
    chunkSize: number;
    stopAtBytes?: number;
    headers?: Record<string, string>;
    retryDelays?: number[];
    edgeUrl?: string;
  },
): Promise<Uploaded> {
  return frame.evaluate(
    ([edge, tusEndpoint, { sizeBytes, stopAtBytes = Infinity, edgeUrl, ...options }]) =>
      new Promise<Uploaded>((resolve, reject) => {
        const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => index % 251);
        const type = { type: 'video/mp4', lastModified: 0 };
        const file = new File([bytes], 'film.mp4', type);
        const stop = () => {
          started.then((upload) => {
            upload.abort();
            resolve({ error: 'stopped', refusal: null, url: upload.url });
          }, reject);
        };
        const started = tusExample.uploadThrough(edgeUrl ?? edge, tusEndpoint, file, {
          ...options,
          onChunkComplete(_bytes, acceptedBytes) {
            if (acceptedBytes >= stopAtBytes) stop();
          },
          onProgress(sentBytes) {
            // Within a chunk, not at its end, which is reported above when it was accepted.
            if (sentBytes >= stopAtBytes && sentBytes % options.chunkSize !== 0) stop();
          },
          onSuccess: () => {
            started.then(({ url }) => resolve({ error: null, refusal: null, url }), reject);
          },
          onError(error) {
            const [what = ''] = error.message.split(',');
            resolve({ error: what, refusal: tusExample.refusalOf(error), url: null });
          },
        });
        started.then((upload) => upload.start()).catch(reject);
      }),
    [edge.url, tusEndpoint, options] as const,
  );
}

async function openWithScripts(origin: string): Promise<OpenPage> {
  const page = await openPage(browser, `${origin}/`);
  await addScripts(page);
  return page;
}

async function addScripts({ page }: OpenPage): Promise<void> {
  for (const name of scripts) await page.addScriptTag({ url: `/${name}.js` });
}

/** The requests of the page to the server from here on, without preflights. */
function requestsOf({ page }: OpenPage, url: string): Request[] {
  const requests: Request[] = [];
  page.on('request', (request) => {
    if (request.url().startsWith(`${url}/`)) requests.push(request);
  });
  return requests;
}

/** Collects the preflights of the page from here on: the method, and the header names. */
async function preflightsOf({ page, context }: OpenPage): Promise<string[]> {
  const preflights: string[] = [];
  const session = await context.newCDPSession(page);
  session.on('Network.requestWillBeSent', ({ request, initiator }) => {
    if (initiator.type !== 'preflight') return;
    const { headers } = request;
    preflights.push(
      `${headers['Access-Control-Request-Method']} ${headers['Access-Control-Request-Headers']}`,
    );
  });
  await session.send('Network.enable');
  return preflights;
}

function aCorsKey(allowedOrigins: string[], { fullAccess = false } = {}): Record<string, unknown> {
  return { name: 'of a page', access: { cors: { allowedOrigins, fullAccess } } };
}

function readDocument(): Promise<string> {
  return readFile(join(projectRoot, 'docs/clients.md'), 'utf8');
}

/** The code blocks of the language in a Markdown document. */
function blocksOf(document: string, language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms');
  return [...document.matchAll(pattern)].map(([, block = '']) => block);
}

/** `PUBLIC_ROUTES` as the document has it, read by wrangler as it would read wrangler.toml. */
async function documentedPublicRoutes(): Promise<unknown> {
  const [block] = blocksOf(await readDocument(), 'toml');
  if (block === undefined) throw new Error('Cannot find a block of TOML in docs/clients.md');
  const folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-clients-'));
  try {
    const config = join(folder, 'wrangler.toml');
    await writeFile(config, block);
    return readConfig({ config }).vars['PUBLIC_ROUTES'];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
