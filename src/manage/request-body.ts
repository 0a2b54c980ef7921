/**
 * Reads the JSON body of a request: declared as JSON, not too large, UTF-8, and JSON.
 */

import type { Problem } from '../problem.ts';
import { problem } from './problems.ts';

/** The body as text and as what it holds, or why it cannot be read. */
export type BodyReading =
  | { readonly ok: true; readonly text: string; readonly document: unknown }
  | { readonly ok: false; readonly problem: Problem };

/**
 * Reads a body. `absent` stands in for a body that is not there at all; without it, one has to be.
 * Answers 415, 413 or 400 when there is none that can be read. Nothing of the body is quoted, since
 * it may hold a token.
 */
export async function readBody(
  request: Request,
  options: { readonly maxBytes: number; readonly absent?: unknown },
): Promise<BodyReading> {
  const mediaType = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  const isDeclared = mediaType === 'application/json';
  const mayBeAbsent = options.absent !== undefined && mediaType === undefined;
  if (!isDeclared && !mayBeAbsent) return unread(unsupported(mediaType));

  const bytes = await readBytes(request, options.maxBytes);
  if (bytes === null) return unread(bodyTooLarge(options.maxBytes));
  if (bytes.length === 0 && options.absent !== undefined) {
    return { ok: true, text: '', document: options.absent };
  }
  if (!isDeclared) return unread(unsupported(mediaType));
  return readJson(bytes);
}

/** The JSON in the bytes of a body, or the 400 for bytes that hold none. Nothing of them is quoted. */
export function readJson(bytes: Uint8Array): BodyReading {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
    return parse(text);
  } catch {
    return unread(problem('malformed_json', 'Cannot read the body: it is not UTF-8'));
  }
}

function parse(text: string): BodyReading {
  try {
    return { ok: true, text, document: JSON.parse(text) };
  } catch (error) {
    const place = text.trim() === '' ? 'it is empty' : placeOf(error, text);
    return unread(problem('malformed_json', `Cannot parse the body as JSON: ${place}`));
  }
}

/** Where parsing stopped, without the surroundings that the engine's message quotes. */
function placeOf(error: unknown, text: string): string {
  const message = String(error);
  if (message.includes('end of JSON')) return 'it ends too early';
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined) return 'it holds something that is not JSON';
  const lines = text.slice(0, Number(position)).split('\n');
  return `it is malformed at line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}

function unsupported(mediaType: string | undefined): Problem {
  const given = mediaType ? JSON.stringify(mediaType.slice(0, 100)) : 'absent';
  return problem(
    'unsupported_media_type',
    `Cannot read the body: its Content-Type is ${given}. Send "application/json"`,
  );
}

/** The 413 for a body of more bytes than an endpoint takes. */
export function bodyTooLarge(maxBytes: number): Problem {
  return problem(
    'body_too_large',
    `Cannot read the body: it is larger than ${maxBytes} bytes, the most that this endpoint accepts`,
  );
}

function unread(refusal: Problem): BodyReading {
  return { ok: false, problem: refusal };
}

/** The body; `null` when it is longer than allowed, which is noticed while it comes in. */
export async function readBytes(
  request: Request,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // What is left is not cancelled, but read away by whoever sends the refusal.
  for await (const chunk of request.body?.values({ preventCancel: true }) ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let start = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, start);
    start += chunk.byteLength;
  }
  return bytes;
}
