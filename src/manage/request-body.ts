/**
 * Reads the JSON body of a request: declared as JSON, not too large, UTF-8, and JSON. A body may be
 * compressed with gzip; its bound holds for what it inflates to.
 */

import type { Problem } from '../problem.ts';
import { problem } from './problems.ts';

/** The body as text and as what it holds, or why it cannot be read. */
export type BodyReading<Document = unknown> =
  | { readonly ok: true; readonly text: string; readonly document: Document }
  | Unread;

/** Why a body cannot be read, with the headers that the response gets for it. */
interface Unread {
  readonly ok: false;
  readonly problem: Problem;
  readonly headers?: Readonly<Record<string, string>>;
}

const JSON_TYPE = 'application/json';

/** The bounds and the form of the body of an endpoint. */
interface BodyOptions {
  readonly maxBytes: number;
  /** Replaces a body that is absent; without it, a body is required. */
  readonly absent?: unknown;
  readonly mediaTypes?: readonly string[];
}

/**
 * Reads a body. Returns the 415, 413 or 400 if it cannot be read. Nothing of the body is quoted, because
 * it may hold a token.
 */
export async function readBody(request: Request, options: BodyOptions): Promise<BodyReading> {
  const { absent } = options;
  const body = await readText(request, options);
  if (!body.ok) return body;
  return body.text === '' && absent !== undefined
    ? { ok: true, text: '', document: absent }
    : parse(body.text);
}

/** Reads a body as `readBody` does, up to its text, which is not parsed. Its `document` is the text. */
export async function readText(
  request: Request,
  options: BodyOptions,
): Promise<BodyReading<string>> {
  const { maxBytes, absent } = options;
  const declared = readDeclaration(request.headers, options);
  if (!declared.ok) return declared;

  const received = await readBytes(request, maxBytes);
  if (received === null) return unread(bodyTooLarge(maxBytes));
  const bytes = declared.isCompressed ? await inflate(received, maxBytes) : received;
  if (bytes === 'malformed') {
    return unread(problem('malformed_json', 'Cannot read the body: it is not gzip'));
  }
  if (bytes === null) return unread(bodyTooLarge(maxBytes));
  if (!declared.hasType && (bytes.length > 0 || absent === undefined)) {
    return unread(unsupported(''));
  }
  return decode(bytes);
}

/** Reads what the headers say of the body: its type, its charset and its coding. */
function readDeclaration(
  headers: Headers,
  { absent, mediaTypes = [JSON_TYPE] }: BodyOptions,
): { readonly ok: true; readonly hasType: boolean; readonly isCompressed: boolean } | Unread {
  const [essence = '', ...parameters] = (headers.get('content-type') ?? '').split(';');
  const mediaType = essence.trim().toLowerCase();
  const hasType = mediaTypes.includes(mediaType);
  // A body that is absent has no type either.
  const mayBeAbsent = absent !== undefined && mediaType === '';
  if (!hasType && !mayBeAbsent) return unread(unsupported(mediaType));
  const charset = charsetIn(parameters);
  if (charset !== null && !/^utf-?8$/.test(charset)) return unread(unsupportedCharset(charset));
  const coding = headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  const isCompressed = coding === 'gzip' || coding === 'x-gzip';
  if (isCompressed || coding === '' || coding === 'identity') {
    return { ok: true, hasType, isCompressed };
  }
  // https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
  return { ...unread(unsupportedCoding(coding)), headers: { 'Accept-Encoding': 'gzip' } };
}

/** The JSON in the bytes of a body, or the 400 for bytes that hold none. Nothing of them is quoted. */
export function readJson(bytes: Uint8Array): BodyReading {
  const body = decode(bytes);
  return body.ok ? parse(body.text) : body;
}

function decode(bytes: Uint8Array): BodyReading<string> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
    return { ok: true, text, document: text };
  } catch {
    return unread(problem('malformed_json', 'Cannot read the body: it is not UTF-8'));
  }
}

function parse(text: string): BodyReading {
  try {
    return { ok: true, text, document: JSON.parse(text) };
  } catch (error) {
    return malformed(error, text);
  }
}

/**
 * Returns the 400 for a text that `JSON.parse` did not accept. If only a part of it was parsed, `toWhole`
 * maps a position in that part to one in `text`, in which the part ends at `end`.
 */
export function malformed(
  error: unknown,
  text: string,
  toWhole = (position: number) => position,
  end = text.length,
): Unread {
  const place = /^[ \t\r\n]*$/.test(text) ? 'it is empty' : placeOf(error, text, toWhole, end);
  return unread(problem('malformed_json', `Cannot parse the body as JSON: ${place}`));
}

/** The place at which parsing stopped, without the text around it that the engine's message quotes. */
function placeOf(
  error: unknown,
  text: string,
  toWhole: (position: number) => number,
  end: number,
): string {
  const message = String(error);
  const isCutShort = message.includes('end of JSON');
  if (isCutShort && end === text.length) return 'it ends too early';
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined && !isCutShort) return 'it holds something that is not JSON';
  const at = isCutShort ? end : toWhole(Number(position));
  let line = 1;
  let lineStart = 0;
  for (let end = text.indexOf('\n'); end !== -1 && end < at; end = text.indexOf('\n', lineStart)) {
    line += 1;
    lineStart = end + 1;
  }
  return `it is malformed at line ${line}, column ${at - lineStart + 1}`;
}

/** Returns the charset among the parameters of a media type; `null` if it is absent. */
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

function unread(refusal: Problem): Unread {
  return { ok: false, problem: refusal };
}

/** Decompresses a body; `null` if it is longer than allowed. */
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
  // The rest is not cancelled: the sender of the refusal reads and discards it.
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
