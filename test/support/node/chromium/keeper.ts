/**
 * Keeps one Chromium for a whole run of tests. It is started when the first test asks for it, and once
 * more if it crashes, so that a crash costs the tests that were using it and no others.
 *
 * Test files run in processes of their own. They learn over a loopback port where the browser is.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BrowserServer, chromium } from 'playwright-core';
import { chromiumLaunchOptions } from './executable.ts';

/** A crashed browser is started this many times again. A second crash in one run is no accident. */
const RESTARTS_MAX = 1;

export type ChromiumKeeper = {
  /** A GET of this URL answers 200 with the browser's WebSocket endpoint, or 500 with the reason. */
  url: string;
  close(): Promise<void>;
};

/** Starts to listen; `report` receives a sentence about each crash. */
export async function keepChromium(report: (sentence: string) => void): Promise<ChromiumKeeper> {
  let current: Promise<BrowserServer> | null = null;
  let crashes = 0;
  let isClosing = false;

  async function launch(): Promise<BrowserServer> {
    const server = await chromium.launchServer(await chromiumLaunchOptions());
    server.on('close', () => {
      current = null;
      if (isClosing) return;
      crashes += 1;
      const { exitCode, signalCode } = server.process();
      const ending = signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
      const outcome = crashes > RESTARTS_MAX ? 'stays closed' : 'is started again';
      report(`Chromium crashed (${ending}). It ${outcome}.`);
    });
    return server;
  }

  async function endpoint(): Promise<string> {
    if (crashes > RESTARTS_MAX) {
      throw new Error(`Cannot start Chromium again: it crashed ${crashes} times in this run`);
    }
    current ??= launch();
    try {
      return (await current).wsEndpoint();
    } catch (error) {
      current = null;
      throw error;
    }
  }

  const server = createServer(async (_request, response) => {
    try {
      response.end(await endpoint());
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      isClosing = true;
      server.closeAllConnections();
      server.close();
      await (await current?.catch(() => null))?.close();
    },
  };
}
