/** Every example in `examples/` that puts an edge in front of something, built and run as it is. */

import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';
import { bundleFolder, projectRoot } from '../support/node/build-bundle.ts';
import { type ExampleUpstream, serveExampleUpstream } from '../support/node/example-upstream.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { serveExample } from '../support/node/serve-example.ts';

const PAGE = 'https://page.example';

/** Wrangler takes seconds for a build, and far more on a machine that has other things to do. */
const BUILD_TIMEOUT_MS = 240_000;

function aPageKey(edge: Edge, owner = 'acct_1'): Promise<CreatedKey> {
  return edge.createKey({ name: 'page', owner, access: { cors: { allowedOrigins: [PAGE] } } });
}

function fromPage({ token }: CreatedKey): Record<string, string> {
  return { Authorization: `Bearer ${token}`, Origin: PAGE };
}

describe('examples/livepeer-studio', () => {
  const configPath = join(projectRoot, 'examples/livepeer-studio/wrangler.toml');
  // It is configuration only, so that its bundle is the one that is built already.
  const worker = { configPath, folder: bundleFolder() };
  let api: ExampleUpstream;
  let edge: Edge;
  beforeAll(async () => {
    api = await serveExampleUpstream();
    edge = await serveEdge({ worker, upstreamUrl: api.url });
    return () => Promise.all([edge.dispose(), api.dispose()]);
  }, BUILD_TIMEOUT_MS);

  test('is the Worker of this repository, with another configuration', async () => {
    const read = (path: string) => readConfig({ config: path });
    const [ours, theirs] = [read(join(projectRoot, 'wrangler.toml')), read(configPath)];
    for (const name of ['main', 'compatibility_date', 'minify'] as const) {
      expect(theirs[name], name).toBe(ours[name]);
    }
    expect(theirs.vars['UPSTREAM_URL']).toBe('https://livepeer.studio');
  });

  test('refuses without asking Studio', async () => {
    const edge = await serveEdge({ worker });
    onTestFinished(() => edge.dispose());
    expect((await fetch(`${edge.url}/_edge/health`)).status).toBe(200);
    const refused = [
      await fetch(`${edge.url}/api/asset/a1`),
      await fetch(`${edge.url}/api/stream`),
      await fetch(`${edge.url}/api/playback/a1`, { method: 'DELETE' }),
      await fetch(`${edge.url}/api/asset/upload/tus`),
      await fetch(`${edge.url}/api/asset/upload/tus/a/b`, { method: 'PATCH', body: 'x' }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    const key = await aPageKey(edge);
    const path = { method: 'GET', path: '/api/asset/a1', keyId: key.id };
    const { json } = await edge.manage('POST', '/explain', path);
    expect(json).toMatchObject({ allowed: true });
  });

  test('takes uploads and serves players without a key, and the rest with one', async () => {
    const key = await aPageKey(edge);

    const requested = await fetch(`${edge.url}/api/asset/request-upload`, {
      method: 'POST',
      headers: { ...fromPage(key), 'Content-Type': 'application/json' },
      body: '{"name": "a film"}',
    });
    expect(requested.status).toBe(200);
    const { tusEndpoint, asset } = await requested.json();
    // The address is Studio's own; the same path is there behind the edge.
    const { pathname, search } = new URL(tusEndpoint);
    const tus = { Origin: PAGE, 'Tus-Resumable': '1.0.0' };
    const created = await fetch(edge.url + pathname + search, {
      method: 'POST',
      headers: { ...tus, 'Upload-Length': '5' },
    });
    expect(created.status).toBe(201);
    expect(created.headers.get('access-control-allow-origin')).toBe(PAGE);
    const at = new URL(created.headers.get('location') ?? '', edge.url).pathname;
    // A folder of the bucket and a name, in one segment.
    expect(at).toMatch(/\/tus\/[\w-]+%2F[\w-]+$/);
    const sent = await fetch(edge.url + at, {
      method: 'PATCH',
      headers: {
        ...tus,
        'Upload-Offset': '0',
        'Content-Type': 'application/offset+octet-stream',
      },
      body: 'hello',
    });
    expect([sent.status, sent.headers.get('upload-offset')]).toEqual([204, '5']);
    const asked = await fetch(edge.url + at, { method: 'HEAD', headers: tus });
    expect([asked.status, asked.headers.get('upload-offset')]).toEqual([200, '5']);

    const read = await fetch(`${edge.url}/api/asset/${asset.id}`, { headers: fromPage(key) });
    expect(await read.json()).toMatchObject({ name: 'a film', size: 5 });

    // The example API has no playback; that it was asked is all there is to see.
    expect((await fetch(`${edge.url}/api/playback/p1`)).status).toBe(404);
    const seen = await api.seenRequests();
    expect(seen.map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toContain(
      'GET /api/playback/p1',
    );
  });
});

describe('examples/service-binding', () => {
  let edge: Edge;
  beforeAll(async () => {
    const services = { 'guarded-api': 'service-binding/api' };
    edge = await serveExample('service-binding/edge', { services });
    return () => edge.dispose();
  }, BUILD_TIMEOUT_MS);

  test('is the only way to the API, with a key', async () => {
    const key = await aPageKey(edge);
    expect((await fetch(`${edge.url}/api/task/1`)).status).toBe(401);
    const elsewhere = { ...fromPage(key), Origin: 'https://other.example' };
    expect((await fetch(`${edge.url}/api/task/1`, { headers: elsewhere })).status).toBe(403);
    const forged = { ...fromPage(key), 'X-Edge-Owner': 'acct_2' };
    const response = await fetch(`${edge.url}/api/task/1?x=1`, { headers: forged });
    expect(await response.json()).toEqual({ id: '1', owner: 'acct_1' });
    expect(response.headers.get('access-control-allow-origin')).toBe(PAGE);
  });
});

describe('examples/hono-app', () => {
  let edge: Edge;
  beforeAll(async () => {
    edge = await serveExample('hono-app');
    return () => edge.dispose();
  }, BUILD_TIMEOUT_MS);

  test('lets pages do what RESTRICTED_ROUTES lists, each account its own', async () => {
    const [one, two] = [await aPageKey(edge), await aPageKey(edge, 'acct_2')];
    const backend = await edge.createKey({ name: 'backend', owner: 'acct_1' });
    const notes = `${edge.url}/notes`;
    expect((await fetch(notes, { method: 'POST', body: 'stranger' })).status).toBe(401);
    expect((await fetch(notes, { headers: fromPage(one) })).status).toBe(403);

    const made = await fetch(notes, { method: 'POST', body: 'a note', headers: fromPage(one) });
    expect(made.status).toBe(201);
    expect(made.headers.get('access-control-expose-headers')).toContain('Location');
    const { id } = await made.json();
    const read = await fetch(`${notes}/${id}`, { headers: fromPage(one) });
    expect(await read.text()).toBe('a note');
    expect((await fetch(`${notes}/${id}`, { headers: fromPage(two) })).status).toBe(404);

    const asBackend = { Authorization: `Bearer ${backend.token}` };
    expect(await (await fetch(notes, { headers: asBackend })).json()).toEqual([id]);
    expect(await (await fetch(`${edge.url}/about`)).text()).toContain('notes');
  });
});
