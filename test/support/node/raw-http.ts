/**
 * An HTTP/1.1 client on bare sockets, for what `fetch` and node:http would tidy up on the way:
 * request targets, header bytes and order, framing, interim responses, bodies that break off.
 * Strings are bytes here: every character is one byte (Latin-1), in both directions.
 */

import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createResponseParser, type ParsedResponse } from './raw-response.ts';

export type { ParsedResponse } from './raw-response.ts';

export type Bytes = string | Uint8Array;

export type RawResponse = ParsedResponse & {
  /**
   * How the reading ended: `complete` by the message's own framing, `until` what was waited for
   * was seen, `closed` or `reset` by the server, or `timeout`. A body that is only ended by the
   * end of the connection is `complete` when it is closed.
   */
  outcome: 'complete' | 'until' | 'closed' | 'reset' | 'timeout';
  /** When each piece arrived, in milliseconds since the request was sent. */
  chunks: { atMs: number; bytes: Buffer }[];
};

export type SendOptions = {
  /** How long to wait for the end of the response. Default: 10 seconds. */
  timeoutMs?: number;
  /** Stops reading as soon as all that was received (heads and framing too) holds this text. */
  until?: string;
  /** Called for each piece as it comes from the socket. */
  onChunk?: (chunk: { atMs: number; bytes: Buffer }) => void;
  /** Connections to this port that wait for their next request. One is used and put back. Default: a new one. */
  idle?: Set<Socket>;
};

/**
 * Writes the bytes as they are and reads one response.
 *
 * Several pieces (an iterable) are written one after another as they come, which is how a slow
 * upload is made. Throws when the connection ends, or the time is over, before there is a status
 * and its headers; after that the `outcome` tells what happened.
 */
export async function sendRaw(
  port: number,
  bytes: Bytes | Iterable<Bytes> | AsyncIterable<Bytes>,
  options: SendOptions = {},
): Promise<RawResponse> {
  const pieces = typeof bytes === 'string' || bytes instanceof Uint8Array ? [bytes] : bytes;
  const parser = createResponseParser();
  const chunks: RawResponse['chunks'] = [];
  const startedAtMs = performance.now();
  const [kept] = options.idle ?? [];
  if (kept !== undefined) options.idle?.delete(kept);
  const socket = kept?.removeAllListeners() ?? connect({ port, host: '127.0.0.1', noDelay: true });

  const outcome = await new Promise<RawResponse['outcome']>((resolve) => {
    const timer = setTimeout(() => resolve('timeout'), options.timeoutMs ?? 10_000);
    socket.on('data', (received) => {
      const chunk = { atMs: performance.now() - startedAtMs, bytes: received };
      chunks.push(chunk);
      options.onChunk?.(chunk);
      if (parser.push(received)) resolve('complete');
      else if (options.until !== undefined && parser.sees(options.until)) resolve('until');
    });
    socket.on('end', () => resolve(parser.end() ? 'complete' : 'closed'));
    socket.on('error', () => resolve('reset'));
    socket.on('close', () => clearTimeout(timer));
    writePieces();

    function writePieces(): void {
      const [only, ...others] = Array.isArray(pieces) ? pieces : [];
      if (only !== undefined && others.length === 0) {
        const whole = toBuffer(only);
        parser.expectMethod(methodOf(whole));
        socket.write(whole);
        return;
      }
      const source = Readable.from(inBuffers(pieces, parser.expectMethod));
      source.on('error', () => resolve('reset'));
      source.pipe(socket, { end: false });
    }
  });
  const response = parser.result();
  if (options.idle && outcome === 'complete' && response && maySendAgain(response)) {
    keep(socket.removeAllListeners(), options.idle);
  } else {
    socket.destroy();
  }

  // The server closed a connection that it had kept until now.
  if (kept && chunks.length === 0 && outcome !== 'timeout') return sendRaw(port, bytes, options);
  if (response === null) {
    const received = Buffer.concat(chunks.map((chunk) => chunk.bytes)).toString('latin1');
    throw new Error(`Cannot read a response (${outcome}): only ${JSON.stringify(received)} came`);
  }
  return { ...response, outcome, chunks };
}

/** Adds a connection to those that wait. Fails the run if anything but its end arrives meanwhile. */
function keep(socket: Socket, idle: Set<Socket>): void {
  idle.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => idle.delete(socket));
  socket.on('data', (bytes) => {
    throw new Error(`The server sent more than its response: ${bytes.toString('latin1')}`);
  });
}

/** Returns whether the server keeps the connection. workerd does not say so when it refuses what it cannot read. */
function maySendAgain({ status, header }: ParsedResponse): boolean {
  return ![101, 400, 500, 501].includes(status) && !/close/i.test(header('connection') ?? '');
}

export type RawRequest = {
  /** Default: GET. */
  method?: string;
  /** Written exactly as given. Default: `/`. */
  target?: string;
  /** In this order, with these bytes. `Host` is added unless it is among them. */
  headers?: [name: string, value: string][];
  /** `Content-Length` is added for it unless the headers frame it already. */
  body?: Bytes;
};

/** Sends one request whose target and header bytes are exactly the given ones. */
export function request(
  port: number,
  { method = 'GET', target = '/', headers = [], body }: RawRequest,
  options: SendOptions = {},
): Promise<RawResponse> {
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const added: [string, string][] = [];
  if (!names.has('host')) added.push(['Host', `127.0.0.1:${port}`]);
  const bodyBytes = body === undefined ? null : toBuffer(body);
  if (bodyBytes && !names.has('content-length') && !names.has('transfer-encoding')) {
    added.push(['Content-Length', String(bodyBytes.byteLength)]);
  }
  const lines = [...added, ...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
  return sendRaw(port, bodyBytes ? [head, bodyBytes] : head, options);
}

/** One piece of a `Transfer-Encoding: chunked` body; an empty one ends it. */
export function chunk(bytes: Bytes): Buffer {
  const data = toBuffer(bytes);
  return Buffer.concat([toBuffer(`${data.byteLength.toString(16)}\r\n`), data, toBuffer('\r\n')]);
}

async function* inBuffers(
  pieces: Iterable<Bytes> | AsyncIterable<Bytes>,
  expectMethod: (method: string) => void,
): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const piece of pieces) {
    const bytes = toBuffer(piece);
    // An empty piece would end the stream's flow for nothing.
    if (bytes.byteLength === 0) continue;
    if (isFirst) expectMethod(methodOf(bytes));
    isFirst = false;
    yield bytes;
  }
}

function methodOf(head: Buffer): string {
  return head.toString('latin1', 0, 16).split(' ')[0] ?? '';
}

function toBuffer(bytes: Bytes): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
}
