/**
 * An HTTP server that answers as a test says, for faults that a real edge cannot be made to have: lost
 * connections, answers of a proxy, and silence.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request that the server got. */
export interface Asked {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** Answers one request; `count` is how many came before it. */
export type Answerer = (response: ServerResponse, asked: Asked, count: number) => void;

/** A running server, and what it was asked. */
export interface StandInEdge {
  url: string;
  asked: Asked[];
  close(): Promise<void>;
}

/** Starts a server on a free port. */
export async function standInEdge(answer: Answerer): Promise<StandInEdge> {
  const asked: Asked[] = [];
  const server = createServer(async (message, response) => {
    const { method = '', url = '', headers } = message;
    const one = { method, path: url, headers, body: await text(message) };
    asked.push(one);
    answer(response, one, asked.length - 1);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    close() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}

/** Answers as an edge does: JSON with a status. */
export function answerJson(response: ServerResponse, status: number, json: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(json));
}

/** A problem document with all the members that the edge's have. */
export function problem(status: number, code: string): Record<string, unknown> {
  const detail = `Cannot do it: ${code}`;
  return {
    type: `https://edge.example/_edge/errors#${code}`,
    title: code,
    status,
    detail,
    code,
    errors: [detail],
    requestId: 'request-1',
  };
}
