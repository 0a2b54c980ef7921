/**
 * The API behind the Worker, as a real server on a real port: it records what arrives, byte for
 * byte where that matters, and answers as told. The answers are in `upstream-answers.ts`.
 */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { echo } from './upstream-answers.ts';

export type ReceivedBody = {
  lengthBytes: number;
  /** Hexadecimal. */
  sha256: string;
  /** The start of the body: all of it up to 64 KiB. */
  bytes: Buffer;
  /** False when the sender gave up in the middle. */
  complete: boolean;
};

export type UpstreamRequest = {
  method: string;
  /** The request target exactly as it arrived. */
  target: string;
  /** Header lines in the order and case they arrived, values as Latin-1. */
  headers: [name: string, value: string][];
  /** The value of the header, several lines joined by `, `; `null` if it is absent. */
  header(name: string): string | null;
  /** Reads the body, once however often it is called. Never rejects. */
  body(): Promise<ReceivedBody>;
  /** True once the one who asked went away before the answer was complete. */
  isAborted: boolean;
};

/** Answers one request. What it leaves of the body is read and recorded afterwards. */
export type Answer = (request: UpstreamRequest, response: ServerResponse) => void | Promise<void>;

export type Upstream = {
  url: string;
  port: number;
  /** Everything that arrived, oldest first, upgrades too. */
  requests: UpstreamRequest[];
  /** The last one that arrived. Throws when nothing did. */
  lastRequest(): UpstreamRequest;
  /** How requests are answered from here on. */
  answer: Answer;
  /** WebSockets are accepted and answered with an echo, or refused with a 403. */
  webSockets: 'echo' | 'refuse';
  /** The messages to the WebSockets, as text, and how they were closed. */
  webSocketLog: string[];
  dispose(): Promise<void>;
};

/** Starts an upstream that answers as told. Default: it echoes each request as JSON. */
export async function startUpstream(answer: Answer = echo): Promise<Upstream> {
  const server = createServer({
    requestTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: 60_000,
    maxHeaderSize: 256 * 1024,
  });
  const webSocketServer = new WebSocketServer({ noServer: true });
  const upstream: Upstream = {
    url: '',
    port: 0,
    requests: [],
    lastRequest() {
      const last = upstream.requests.at(-1);
      if (!last) throw new Error('Cannot show the last request: the upstream was not asked');
      return last;
    },
    answer,
    webSockets: 'echo',
    webSocketLog: [],
    async dispose() {
      for (const client of webSocketServer.clients) client.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  server.on('request', async (incoming, response) => {
    const request = record(incoming);
    response.on('close', () => {
      request.isAborted = !response.writableFinished;
    });
    try {
      await upstream.answer(request, response);
    } catch (error) {
      // The one who asked sees a broken connection; the reason must not get lost.
      console.error('The upstream could not answer', request.method, request.target, error);
      response.destroy();
    }
    void request.body();
  });

  server.on('upgrade', (incoming, socket, head) => {
    record(incoming);
    if (upstream.webSockets === 'refuse') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nrefused');
      return;
    }
    webSocketServer.handleUpgrade(incoming, socket, head, (webSocket) => {
      echoMessages(webSocket, upstream.webSocketLog);
    });
  });

  upstream.port = await listen(server);
  upstream.url = `http://127.0.0.1:${upstream.port}`;
  return upstream;

  function record(incoming: IncomingMessage): UpstreamRequest {
    const request = describeRequest(incoming);
    upstream.requests.push(request);
    return request;
  }
}

export type RawUpstream = {
  url: string;
  port: number;
  /** The bytes of each connection, in the order of the connections, as Latin-1. */
  connections: string[];
  dispose(): Promise<void>;
};

/**
 * Starts an upstream below HTTP: it answers every complete request head with the given bytes
 * (Latin-1), or leaves the socket to a function, and records all it gets.
 */
export async function startRawUpstream(
  answer: string | ((socket: Socket) => void),
): Promise<RawUpstream> {
  const connections: string[] = [];
  const sockets = new Set<Socket>();
  const server = createSocketServer((socket) => {
    const index = connections.push('') - 1;
    let unanswered = '';
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.setEncoding('latin1').on('data', (text: string) => {
      connections[index] += text;
      unanswered += text;
      if (!unanswered.includes('\r\n\r\n')) return;
      unanswered = '';
      if (typeof answer === 'string') socket.write(answer, 'latin1');
      else answer(socket);
    });
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    connections,
    async dispose() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Binds to a free port of 127.0.0.1 and returns it. */
export async function listen(server: {
  listen(port: number, host: string, ready: () => void): unknown;
  address(): AddressInfo | string | null;
}): Promise<number> {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error(`Cannot listen on 127.0.0.1: the address is ${address}`);
  }
  return address.port;
}

function describeRequest(incoming: IncomingMessage): UpstreamRequest {
  let body: Promise<ReceivedBody> | null = null;
  const { rawHeaders } = incoming;
  const headers: UpstreamRequest['headers'] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    headers.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '']);
  }
  return {
    method: incoming.method ?? '',
    target: incoming.url ?? '',
    headers,
    header(name) {
      const values = headers.filter(([other]) => other.toLowerCase() === name.toLowerCase());
      return values.length === 0 ? null : values.map(([, value]) => value).join(', ');
    },
    body() {
      body ??= readBody(incoming);
      return body;
    },
    isAborted: false,
  };
}

async function readBody(incoming: IncomingMessage): Promise<ReceivedBody> {
  const keptBytes = 64 * 1024;
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  let lengthBytes = 0;
  try {
    for await (const piece of incoming as AsyncIterable<Buffer>) {
      if (lengthBytes < keptBytes) kept.push(piece.subarray(0, keptBytes - lengthBytes));
      lengthBytes += piece.byteLength;
      hash.update(piece);
    }
  } catch {
    // The sender went away: `complete` says so.
  }
  return {
    lengthBytes,
    sha256: hash.digest('hex'),
    bytes: Buffer.concat(kept),
    complete: incoming.complete,
  };
}

function echoMessages(webSocket: WebSocket, log: string[]): void {
  webSocket.on('message', (data, isBinary) => {
    log.push(isBinary ? 'binary message' : `message ${data}`);
    webSocket.send(data, { binary: isBinary });
  });
  webSocket.on('close', (code, reason) => log.push(`closed ${code} ${reason}`));
}
