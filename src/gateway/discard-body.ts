/**
 * Reads away the body of a request that is refused.
 *
 * A server that answers and closes while the client is still writing resets the connection, and with
 * it the answer (https://www.rfc-editor.org/rfc/rfc9112#section-9.6): a page would see a network
 * error where it should read a refusal. Cloudflare's network reads the rest by itself; a bare workerd
 * does so for the first 64 KiB only, and no code can read a body after the response.
 */

import { REFUSED_BODY_MAX_BYTES, REFUSED_BODY_MAX_MS } from './limits.ts';

const CHUNK_BYTES = 64 * 1024;

/**
 * Reads a body to its end, or until it is too large or too slow to be worth it. Does nothing for a
 * body that is not there, is being forwarded, or waits for our word (`Expect: 100-continue`). Never
 * rejects; `undefined` where there is nothing to wait for.
 */
export function discardBody({ body, headers }: Request): Promise<void> | undefined {
  if (body === null || body.locked || headers.has('expect')) return undefined;
  if (Number(headers.get('content-length')) > REFUSED_BODY_MAX_BYTES) return undefined;
  return readAway(body.getReader({ mode: 'byob' }));
}

async function readAway(reader: ReadableStreamBYOBReader): Promise<void> {
  const timer = setTimeout(() => reader.cancel().catch(ignore), REFUSED_BODY_MAX_MS);
  await readToEnd(reader).catch(ignore);
  clearTimeout(timer);
}

async function readToEnd(reader: ReadableStreamBYOBReader): Promise<void> {
  let buffer = new ArrayBuffer(CHUNK_BYTES);
  for (let readBytes = 0; readBytes < REFUSED_BODY_MAX_BYTES; ) {
    const { done, value } = await reader.readAtLeast(CHUNK_BYTES, new Uint8Array(buffer));
    if (done || value === undefined) return;
    readBytes += value.byteLength;
    buffer = value.buffer as ArrayBuffer;
  }
}

function ignore(): void {}
