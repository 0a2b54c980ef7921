/**
 * The answers of an upstream: small functions to hand to `startUpstream`, and a few that combine them. Each is a real answer on the wire; nothing here knows the Worker.
 */

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Answer } from './upstream-server.ts';

/** Answers with the request as JSON: method, target, header lines, body as text. */
export const echo: Answer = async (request, response) => {
  const { method, target, headers } = request;
  const body = (await request.body()).bytes.toString();
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ method, target, headers, body }));
};

/** Answers with this. Header lines are sent as given (Latin-1), so a name may come again. */
export function reply({
  status = 200,
  reason = '',
  headers = [],
  body = '',
}: {
  status?: number;
  reason?: string;
  headers?: [name: string, value: string][];
  body?: string | Buffer;
}): Answer {
  return (_request, response) => {
    response.writeHead(status, reason, headers.flat());
    response.end(body);
  };
}

/** Sends the caller elsewhere. */
export function redirect(status: 301 | 302 | 303 | 307 | 308, location: string): Answer {
  return reply({ status, headers: [['Location', location]] });
}

/** Streams that many bytes of `deterministicBytes`, with a `Content-Length`. */
export function stream(lengthBytes: number): Answer {
  return async (_request, response) => {
    response.setHeader('Content-Length', lengthBytes);
    response.setHeader('Content-Type', 'application/octet-stream');
    await pipeline(Readable.from(deterministicBytes(lengthBytes)), response).catch(() => {
      // The reader went away, which is theirs to decide: `isAborted` records it.
    });
  };
}

/** Reads the whole body and answers `{"lengthBytes", "sha256"}`. */
export const sink: Answer = async (request, response) => {
  const { lengthBytes, sha256 } = await request.body();
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ lengthBytes, sha256 }));
};

/** Sends server-sent events `data: 1`, `data: 2` and so on, with a pause between two. */
export function serverSentEvents({ count, pauseMs }: { count: number; pauseMs: number }): Answer {
  return async (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    for (let number = 1; number <= count; number++) {
      if (number > 1) await wait(pauseMs);
      response.write(`data: ${number}\n\n`);
    }
    response.end();
  };
}

/** Serves a file with an `ETag`: honours `If-None-Match` (304) and one byte range (206). */
export function file(content: Buffer, etag: string): Answer {
  return (request, response) => {
    response.setHeader('ETag', etag);
    response.setHeader('Accept-Ranges', 'bytes');
    if (request.header('if-none-match') === etag) {
      response.writeHead(304).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.header('range') ?? '');
    const first = Number(range?.[1] ?? 0);
    const last = Number(range?.[2] ?? content.byteLength - 1);
    const part = content.subarray(first, last + 1);
    response.setHeader('Content-Length', part.byteLength);
    if (range) response.setHeader('Content-Range', `bytes ${first}-${last}/${content.byteLength}`);
    response.writeHead(range ? 206 : 200);
    response.end(request.method === 'HEAD' ? undefined : part);
  };
}

/** Answers with the text, compressed whatever `Accept-Encoding` says. */
export function gzipped(text: string): Answer {
  return reply({
    headers: [
      ['Content-Encoding', 'gzip'],
      ['Content-Type', 'text/plain'],
    ],
    body: gzipSync(text),
  });
}

/** Sends `103 Early Hints` and then the other answer. */
export function afterEarlyHints(answer: Answer): Answer {
  return async (request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    await answer(request, response);
  };
}

/** Waits before the other answer begins. */
export function after(delayMs: number, answer: Answer): Answer {
  return async (request, response) => {
    await wait(delayMs);
    await answer(request, response);
  };
}

/** Takes the request and never answers. */
export const hang: Answer = () => {};

/** Resets the connection instead of answering. */
export const reset: Answer = (_request, response) => {
  response.socket?.resetAndDestroy();
};

/** Answers with bytes that are not HTTP and closes. */
export const garbage: Answer = (_request, response) => {
  response.socket?.end('this is not HTTP\r\n\r\n');
};

/** Announces ten bytes, sends five and resets the connection. */
export const halfBody: Answer = async (_request, response) => {
  response.writeHead(200, { 'Content-Length': 10 });
  response.write('01234');
  // Without a pause the reset may overtake the bytes.
  await wait(50);
  response.socket?.resetAndDestroy();
};

/** Answers by path: the first segment of the target names one of these; other paths: 404. */
export function byPath(answers: Record<string, Answer>): Answer {
  return async (request, response) => {
    const [, name = ''] = /^\/([^/?]*)/.exec(request.target) ?? [];
    const answer = answers[name] ?? reply({ status: 404, body: 'no such answer' });
    await answer(request, response);
  };
}

/**
 * Makes a body of that many bytes in pieces of up to 64 KiB. It is the same every time, and no
 * two pieces are alike, so that a lost, repeated or swapped one changes the hash.
 */
export function* deterministicBytes(lengthBytes: number): Generator<Buffer> {
  const pieceBytes = 64 * 1024;
  const pattern = Buffer.alloc(pieceBytes, 'deterministic ');
  for (let offset = 0; offset < lengthBytes; offset += pieceBytes) {
    const piece = Buffer.from(pattern.subarray(0, Math.min(pieceBytes, lengthBytes - offset)));
    if (piece.byteLength >= 8) piece.writeBigUInt64BE(BigInt(offset));
    yield piece;
  }
}

/** SHA-256 of `deterministicBytes(lengthBytes)` in hexadecimal. */
export function sha256OfDeterministicBytes(lengthBytes: number): string {
  const hash = createHash('sha256');
  for (const piece of deterministicBytes(lengthBytes)) hash.update(piece);
  return hash.digest('hex');
}

/** SHA-256 in hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
