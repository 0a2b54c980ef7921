/**
 * Reads the JSON body of a request: declared as JSON, not too large, UTF-8, and JSON. A body may be
 * compressed with gzip; its bound holds for what it inflates to.
 */

import type { Problem } from '../problem.ts';
import { problem } from './problems.ts';

/** The body as text and as what it holds, or why it cannot be read. */
export type BodyReading =
  | { readonly ok: true; readonly text: string; readonly document: unknown }
  | {
      readonly ok: false;
      readonly problem: Problem;
      readonly headers?: Readonly<Record<string, string>>;
    };

const JSON_TYPE = 'application/json';

/**
 * Reads a body. `absent` stands in for a body that is not there at all; without it, one has to be.
 * Answers 415, 413 or 400 when there is none that can be read. Nothing of the body is quoted, since
 * it may hold a token.
 */
export async function readBody(
  request: Request,
  options: {
    readonly maxBytes: number;
    readonly absent?: unknown;
    readonly mediaTypes?: readonly string[];
  },
): Promise<BodyReading> {
  const { maxBytes, mediaTypes = [JSON_TYPE] } = options;
  const [essence = '', ...parameters] = (request.headers.get('content-type') ?? '').split(';');
  const mediaType = essence.trim().toLowerCase();
  const isDeclared = mediaTypes.includes(mediaType);
  const mayBeAbsent = options.absent !== undefined && mediaType === '';
  if (!isDeclared && !mayBeAbsent) return unread(unsupported(mediaType));
  const charset = charsetIn(parameters);
  if (charset !== null && !/^utf-?8$/.test(charset)) return unread(unsupportedCharset(charset));
  const coding = request.headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  const isCompressed = coding === 'gzip' || coding === 'x-gzip';
  if (!isCompressed && coding !== '' && coding !== 'identity') {
    // https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
    return { ...unread(unsupportedCoding(coding)), headers: { 'Accept-Encoding': 'gzip' } };
  }

  const received = await readBytes(request, maxBytes);
  if (received === null) return unread(bodyTooLarge(maxBytes));
  const inflated = isCompressed ? await inflate(received, maxBytes) : received;
  if (inflated === 'malformed') {
    return unread(problem('malformed_json', 'Cannot read the body: it is not gzip'));
  }
  const bytes = inflated;
  if (bytes === null) return unread(bodyTooLarge(maxBytes));
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

/** The charset among the parameters of a media type; `null`: there is none. */
function charsetIn(parameters: readonly string[]): string | null {
  for (const parameter of parameters) {
    const [, charset] = /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/i.exec(parameter) ?? [];
    if (charset !== undefined) return charset.toLowerCase();
  }
  return null;
}

function unsupportedCharset(charset: string): Problem {
  return problem(
    'unsupported_media_type',
    `Cannot read the body: its charset is ${JSON.stringify(charset.slice(0, 100))}. Send JSON in UTF-8`,
  );
}

function unsupportedCoding(coding: string): Problem {
  return problem(
    'unsupported_media_type',
    `Cannot read the body: its Content-Encoding is ${JSON.stringify(coding.slice(0, 100))}. Send it with gzip, or without a coding`,
  );
}

function unsupported(mediaType: string): Problem {
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

function unread(refusal: Problem): Extract<BodyReading, { ok: false }> {
  return { ok: false, problem: refusal };
}

/** What gzip made smaller; `null` when it is longer than allowed. */
async function inflate(
  compressed: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null | 'malformed'> {
  const stream = new Response(compressed).body?.pipeThrough(new DecompressionStream('gzip'));
  try {
    return await collect(stream?.values() ?? [], maxBytes);
  } catch {
    return 'malformed';
  }
}

/** The body; `null` when it is longer than allowed, which is noticed while it comes in. */
export async function readBytes(
  request: Request,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  // What is left is not cancelled, but read away by whoever sends the refusal.
  return collect(request.body?.values({ preventCancel: true }) ?? [], maxBytes);
}

async function collect(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
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
