/**
 * Where files go: a plain PUT, and tus 1.0 (https://tus.io/protocols/resumable-upload) with its
 * creation extension. Only byte counts are kept.
 *
 * No key is asked for: whoever was given the URL may send to it, which holds because the asset's id
 * cannot be guessed. A real upstream signs such URLs and lets them expire. As browsers come here
 * directly and with no key, every origin is granted.
 */

import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { receiveFile } from './assets.ts';
import { countBytes } from './echo.ts';
import { orNotFound } from './errors.ts';
import { assets } from './store.ts';

const TUS_VERSION = '1.0.0';

interface TusUpload {
  assetId: string | null;
  lengthBytes: number;
  offsetBytes: number;
}

const UPLOADS_KEPT = 1000;

const tusUploads = new Map<string, TusUpload>();

const grantEveryOrigin: MiddlewareHandler = async (c, next) => {
  await next();
  c.header('Access-Control-Allow-Origin', '*');
  c.header(
    'Access-Control-Expose-Headers',
    'Location, Tus-Resumable, Upload-Offset, Upload-Length',
  );
};

const speakTus: MiddlewareHandler = async (c, next) => {
  await next();
  c.header('Tus-Resumable', TUS_VERSION);
  c.header('Cache-Control', 'no-store');
};

export const uploadRoutes = new Hono()
  .use('/upload/*', grantEveryOrigin)
  .options('/upload/:assetId', (c) => preflight(c, 'PUT'))
  .put('/upload/:assetId', async (c) => {
    const asset = orNotFound(assets.get(c.req.param('assetId')), 'asset');
    return c.json(receiveFile(asset, await countBytes(c.req.raw.body)));
  })

  .use('/tus/*', grantEveryOrigin, speakTus)
  .options('/tus/*', (c) => {
    c.header('Tus-Version', TUS_VERSION);
    c.header('Tus-Extension', 'creation');
    return preflight(c, 'POST, HEAD, PATCH');
  })
  .post('/tus', (c) => {
    const lengthBytes = byteCount(c, 'Upload-Length');
    const assetId = c.req.query('asset') ?? null;
    if (assetId !== null) orNotFound(assets.get(assetId), 'asset');
    const id = crypto.randomUUID();
    keepUpload(id, { assetId, lengthBytes, offsetBytes: 0 });
    // Relative, so that it holds through the edge and without it.
    return c.body(null, 201, { Location: `/tus/${id}` });
  })
  // Hono answers a HEAD with the GET's headers.
  .get('/tus/:id', (c) => {
    const upload = orNotFound(tusUploads.get(c.req.param('id')), 'upload');
    return c.body(null, 200, {
      'Upload-Offset': String(upload.offsetBytes),
      'Upload-Length': String(upload.lengthBytes),
    });
  })
  .patch('/tus/:id', async (c) => {
    const upload = orNotFound(tusUploads.get(c.req.param('id')), 'upload');
    if (c.req.header('Content-Type') !== 'application/offset+octet-stream') {
      throw new HTTPException(415, { message: 'wanted application/offset+octet-stream' });
    }
    if (byteCount(c, 'Upload-Offset') !== upload.offsetBytes) {
      throw new HTTPException(409, { message: `the upload is at ${upload.offsetBytes} bytes` });
    }
    upload.offsetBytes += await countBytes(c.req.raw.body);
    if (upload.offsetBytes >= upload.lengthBytes) finish(upload);
    return c.body(null, 204, { 'Upload-Offset': String(upload.offsetBytes) });
  });

function preflight(c: Context, methods: string): Response {
  return c.body(null, 204, {
    'Access-Control-Allow-Methods': methods,
    'Access-Control-Allow-Headers':
      'Content-Type, Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset',
  });
}

function keepUpload(id: string, upload: TusUpload): void {
  tusUploads.set(id, upload);
  if (tusUploads.size > UPLOADS_KEPT) {
    for (const oldest of tusUploads.keys()) {
      tusUploads.delete(oldest);
      break;
    }
  }
}

function finish(upload: TusUpload): void {
  const asset = upload.assetId === null ? undefined : assets.get(upload.assetId);
  if (asset !== undefined) receiveFile(asset, upload.offsetBytes);
}

/** Reads a header that counts bytes. Throws a 400 when it is absent or not a plain number. */
function byteCount(c: Context, name: string): number {
  const value = c.req.header(name) ?? '';
  if (!/^\d{1,15}$/.test(value)) {
    throw new HTTPException(400, { message: `${name} must be a number of bytes` });
  }
  return Number(value);
}
