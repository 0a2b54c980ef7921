/**
 * Receives files: a plain PUT, and tus 1.0 (https://tus.io/protocols/resumable-upload) with its
 * creation extension. Only how many bytes came and their checksum are kept.
 *
 * No key is asked for: a client that has the URL may send to it, because the asset's id cannot be
 * guessed. A real upstream signs such URLs and lets them expire. As browsers come here
 * directly and with no key, every origin is granted.
 */

import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { receiveFile } from './assets.ts';
import { crc32 } from './crc32.ts';
import { orNotFound } from './errors.ts';
import { type Asset, assets } from './store.ts';

const TUS_VERSION = '1.0.0';
const TUS_PATH = '/api/asset/upload/tus';
const LONGEST_UPLOAD_BYTES = 1024 * 1024 * 1024;

/** The part of a file that has arrived so far. */
interface Received {
  bytes: number;
  crc32: number;
}

interface TusUpload {
  assetId: string | null;
  lengthBytes: number;
  /** As the client sent it; `null` when it did not. */
  metadata: string | null;
  received: Received;
  /** `true` while a client sends to it. */
  isLocked: boolean;
}

const UPLOADS_KEPT = 1000;

const tusUploads = new Map<string, TusUpload>();

const grantEveryOrigin: MiddlewareHandler = async (c, next) => {
  await next();
  c.header('Access-Control-Allow-Origin', '*');
  c.header(
    'Access-Control-Expose-Headers',
    'Location, Tus-Resumable, Upload-Offset, Upload-Length, Upload-Metadata',
  );
};

const speakTus: MiddlewareHandler = async (c, next) => {
  c.header('Tus-Resumable', TUS_VERSION);
  c.header('Cache-Control', 'no-store');
  if (c.req.method !== 'OPTIONS' && c.req.header('Tus-Resumable') !== TUS_VERSION) {
    c.header('Tus-Version', TUS_VERSION);
    return c.json({ errors: [`Tus-Resumable must be ${TUS_VERSION}`] }, 412);
  }
  return next();
};

export const uploadRoutes = new Hono()
  .use('/upload/*', grantEveryOrigin)
  .options('/upload/:assetId', (c) => preflight(c, 'PUT'))
  .put('/upload/:assetId', async (c) => {
    const asset = orNotFound(assets.get(c.req.param('assetId')), 'asset');
    const received: Received = { bytes: 0, crc32: 0 };
    await receive(c.req.raw.body, received, LONGEST_UPLOAD_BYTES);
    return c.json(receiveFile(asset, fileOf(received)));
  })

  .use(`${TUS_PATH}/*`, grantEveryOrigin, speakTus)
  .options(`${TUS_PATH}/*`, (c) => {
    c.header('Tus-Version', TUS_VERSION);
    c.header('Tus-Extension', 'creation');
    c.header('Tus-Max-Size', String(LONGEST_UPLOAD_BYTES));
    return preflight(c, 'POST, HEAD, PATCH');
  })
  .post(TUS_PATH, (c) => {
    const lengthBytes = byteCount(c, 'Upload-Length');
    if (lengthBytes > LONGEST_UPLOAD_BYTES) {
      throw new HTTPException(413, { message: `the upload is over ${LONGEST_UPLOAD_BYTES} bytes` });
    }
    const assetId = c.req.query('asset') ?? null;
    if (assetId !== null) orNotFound(assets.get(assetId), 'asset');
    // With a folder in it, as where files go to a bucket. In a URL its slash is encoded.
    const id = `uploads/${crypto.randomUUID()}`;
    const metadata = c.req.header('Upload-Metadata') ?? null;
    const received = { bytes: 0, crc32: 0 };
    const upload = { assetId, lengthBytes, metadata, received, isLocked: false };
    keepUpload(id, upload);
    if (lengthBytes === 0) finish(upload);
    return c.body(null, 201, { Location: locationOf(c, `${TUS_PATH}/${encodeURIComponent(id)}`) });
  })
  // Hono answers a HEAD with the GET's headers.
  .get(`${TUS_PATH}/:id`, (c) => {
    const upload = orNotFound(tusUploads.get(c.req.param('id')), 'upload');
    return c.body(null, 200, {
      'Upload-Offset': String(upload.received.bytes),
      'Upload-Length': String(upload.lengthBytes),
      ...(upload.metadata === null ? {} : { 'Upload-Metadata': upload.metadata }),
    });
  })
  .patch(`${TUS_PATH}/:id`, async (c) => {
    const upload = orNotFound(tusUploads.get(c.req.param('id')), 'upload');
    const { received, lengthBytes } = upload;
    if (c.req.header('Content-Type') !== 'application/offset+octet-stream') {
      throw new HTTPException(415, { message: 'wanted application/offset+octet-stream' });
    }
    if (upload.isLocked) {
      throw new HTTPException(423, { message: 'another client is sending to the upload' });
    }
    if (byteCount(c, 'Upload-Offset') !== received.bytes) {
      throw new HTTPException(409, { message: `the upload is at ${received.bytes} bytes` });
    }
    upload.isLocked = true;
    try {
      await receive(c.req.raw.body, received, lengthBytes);
    } finally {
      upload.isLocked = false;
    }
    if (received.bytes === lengthBytes) finish(upload);
    return c.body(null, 204, { 'Upload-Offset': String(received.bytes) });
  });

/**
 * The URL of an upload. Relative unless the creation asks with `?location=` for what other servers do:
 * `forwarded`, absolute on the host that the client called, as proxies report it; `own`, absolute on
 * this API's own host, which leads a client that came through the edge past it.
 */
function locationOf(c: Context, path: string): string {
  const { origin } = new URL(c.req.url);
  switch (c.req.query('location')) {
    case 'own':
      return origin + path;
    case 'forwarded': {
      const host = c.req.header('X-Forwarded-Host');
      return (
        (host === undefined ? origin : `${c.req.header('X-Forwarded-Proto')}://${host}`) + path
      );
    }
    default:
      return path;
  }
}

/**
 * Counts and sums a body while it arrives. The part that arrived before a client broke off is kept, so that
 * the client need not send it again. Throws a 413 for what is beyond the length.
 */
async function receive(
  body: ReadableStream<Uint8Array> | null,
  received: Received,
  lengthBytes: number,
): Promise<void> {
  if (body === null) return;
  for await (const chunk of body) {
    if (received.bytes + chunk.byteLength > lengthBytes) {
      throw new HTTPException(413, { message: `the upload has ${lengthBytes} bytes and no more` });
    }
    received.bytes += chunk.byteLength;
    received.crc32 = crc32(chunk, received.crc32);
  }
}

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

function finish({ assetId, received }: TusUpload): void {
  const asset = assetId === null ? undefined : assets.get(assetId);
  if (asset !== undefined) receiveFile(asset, fileOf(received));
}

function fileOf({ bytes, crc32 }: Received): Pick<Asset, 'size' | 'hash'> {
  const hash = crc32.toString(16).padStart(8, '0');
  return { size: bytes, hash: [{ algorithm: 'crc32', hash }] };
}

/** Reads a header that counts bytes. Throws a 400 when it is absent or not a plain number. */
function byteCount(c: Context, name: string): number {
  const value = c.req.header(name) ?? '';
  if (!/^\d{1,15}$/.test(value)) {
    throw new HTTPException(400, { message: `${name} must be a number of bytes` });
  }
  return Number(value);
}
