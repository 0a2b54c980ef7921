/** On-demand assets and the tasks that work on them. */

import { type Context, Hono } from 'hono';
import { optionalString, orNotFound, readJsonObject, requiredString } from './errors.ts';
import { type Asset, assets, shortId, type Task, tasks } from './store.ts';
import { ownerOf } from './streams.ts';

export const assetRoutes = new Hono()
  .post('/api/asset/request-upload', async (c) => {
    const name = requiredString(await readJsonObject(c), 'name');
    const asset = newAsset(c, name, { type: 'directUpload' });
    const task = newTask('upload', { outputAssetId: asset.id });
    // Absolute, on the host that was called: browsers send the file here, not through the edge.
    const { origin } = new URL(c.req.url);
    return c.json({
      url: `${origin}/upload/${asset.id}`,
      tusEndpoint: `${origin}/api/asset/upload/tus?asset=${asset.id}`,
      asset,
      task,
    });
  })
  .post('/api/asset/url', importFromUrl)
  .post('/api/asset/upload/url', importFromUrl)
  .get('/api/asset/:id', (c) => {
    const asset = assetOf(c.req.param('id'));
    const entityTag = entityTagOf(asset);
    if (matches(c.req.header('If-None-Match'), entityTag)) {
      return c.body(null, 304, { ETag: entityTag });
    }
    return c.json(asset, 200, { ETag: entityTag, 'Cache-Control': 'private, no-cache' });
  })
  .patch('/api/asset/:id', async (c) => {
    const asset = assetOf(c.req.param('id'));
    const name = optionalString(await readJsonObject(c), 'name', asset.name);
    const changed = assets.put({ ...asset, name, revision: asset.revision + 1 });
    return c.json(changed, 200, { ETag: entityTagOf(changed) });
  })
  .post('/api/asset/:id/export', (c) => {
    const asset = assetOf(c.req.param('id'));
    return c.json({ task: completed(newTask('export', { inputAssetId: asset.id })) }, 201);
  })
  .post('/api/asset/:id/transcode', (c) => {
    const input = assetOf(c.req.param('id'));
    const { size = 0, hash } = input;
    const asset = receiveFile(newAsset(c, `${input.name}, transcoded`, input.source), {
      size,
      ...(hash === undefined ? {} : { hash }),
    });
    const inAndOut = { inputAssetId: input.id, outputAssetId: asset.id };
    const task = completed(newTask('transcode-file', inAndOut));
    return c.json({ asset, task }, 201);
  })
  .get('/api/task/:id', (c) => c.json(orNotFound(tasks.get(c.req.param('id')), 'task')));

/** Marks the asset as ready and the upload it was waiting for as completed. Returns the asset. */
export function receiveFile(asset: Asset, file: Pick<Asset, 'size' | 'hash'>): Asset {
  const upload = tasks.all().find((task) => task.outputAssetId === asset.id);
  if (upload !== undefined) completed(upload);
  return assets.put({
    ...asset,
    ...file,
    status: { phase: 'ready', updatedAt: Date.now() },
    revision: asset.revision + 1,
  });
}

/** Imports without fetching anything: the asset is ready at once. */
async function importFromUrl(c: Context): Promise<Response> {
  const body = await readJsonObject(c);
  const url = requiredString(body, 'url');
  const asset = newAsset(c, optionalString(body, 'name', url), { type: 'url', url });
  const task = newTask('upload', { outputAssetId: asset.id });
  const ready = receiveFile(asset, { size: 0 });
  const location = `/api/asset/${asset.id}`;
  return c.json({ asset: ready, task: tasks.get(task.id) }, 201, { Location: location });
}

function newAsset(c: Context, name: string, source: Asset['source']): Asset {
  const now = Date.now();
  return assets.put({
    id: crypto.randomUUID(),
    userId: ownerOf(c),
    name,
    createdAt: now,
    playbackId: shortId(),
    source,
    status: { phase: 'waiting', updatedAt: now },
    revision: 1,
  });
}

function newTask(type: Task['type'], assetIds: Pick<Task, 'inputAssetId' | 'outputAssetId'>): Task {
  const now = Date.now();
  return tasks.put({
    id: crypto.randomUUID(),
    type,
    createdAt: now,
    ...assetIds,
    status: { phase: 'pending', progress: 0, updatedAt: now },
  });
}

function completed(task: Task): Task {
  return tasks.put({
    ...task,
    status: { phase: 'completed', progress: 1, updatedAt: Date.now() },
  });
}

function assetOf(id: string): Asset {
  return orNotFound(assets.get(id), 'asset');
}

function entityTagOf(asset: Asset): string {
  return `"${asset.id}.${asset.revision}"`;
}

/** Compares weakly, as https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2 asks. */
function matches(ifNoneMatch: string | undefined, entityTag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const candidates = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return candidates.includes('*') || candidates.includes(entityTag);
}
