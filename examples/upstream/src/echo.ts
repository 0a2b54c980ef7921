/** Tells what arrived, so that everybody can see what the edge adds and takes away. */

import type { Context } from 'hono';

/** Answers with the method, the URL and every header as received, and the number of body bytes. */
export async function echo(c: Context): Promise<Response> {
  const { method, url, headers } = c.req.raw;
  return c.json({
    method,
    url,
    headers: Object.fromEntries(headers),
    bodyBytes: await countBytes(c.req.raw.body),
  });
}

/** Counts while the bytes pass and keeps none. An absent body has 0. */
export async function countBytes(body: ReadableStream<Uint8Array> | null): Promise<number> {
  let bytes = 0;
  if (body !== null) for await (const chunk of body) bytes += chunk.byteLength;
  return bytes;
}
