/**
 * The minting library outside of the Node that runs the tests: in a browser, which it refuses unless that
 * is forced, and in the machine's own Node, which may be an older one. They make the tokens of the vectors.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleForPage } from '../support/node/bundle-source.ts';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import {
  mintVectors,
  readVectors,
  type Vector,
  writeMinter,
} from '../support/node/client-token-vectors.ts';
import { openPage, type Pages, servePages } from '../support/node/pages.ts';
import { nodeOfMachine } from '../support/node/programs.ts';

const vectors = await readVectors();
const tokens = vectors.map(({ token }) => token);

describe('a browser', () => {
  let browser: TestBrowser;
  let pages: Pages;
  beforeAll(async () => {
    const library = await bundleForPage('src/client-tokens/client-tokens.ts', 'clientTokens');
    [browser, pages] = await Promise.all([launchChromium(), servePages({ '/mint.js': library })]);
  });
  afterAll(() => Promise.all([browser.close(), pages.dispose()]));

  const places = {
    'a page': async (work: Work) => {
      const { page } = await openPage(browser, `${pages.origins.localhost}/`);
      await page.addScriptTag({ url: '/mint.js' });
      return page.evaluate(mintAll, work);
    },
    'a worker of a page': async (work: Work) => {
      const { page } = await openPage(browser, `${pages.origins.localhost}/`);
      const library = `${pages.origins.localhost}/mint.js`;
      const source = `importScripts('${library}'); const mintAll = ${mintAll};
        onmessage = async ({ data }) => postMessage(await mintAll(data));`;
      return page.evaluate(runInWorker, { source, work });
    },
  };

  test.each(Object.entries(places))('refuses to mint in %s', async (_, mint) => {
    const refusals = await mint({ vectors, isForced: false });
    expect(refusals).toHaveLength(vectors.length);
    expect(new Set(refusals).size).toBe(1);
    expect(refusals[0]).toMatch(/^TypeError: Cannot mint a client token in a browser/);
    expect(refusals[0]).not.toContain(vectors[0]?.apiKey);
  });

  test.each(Object.entries(places))('makes the same tokens in %s, if forced', async (_, mint) => {
    expect(await mint({ vectors, isForced: true })).toEqual(tokens);
  });
});

describe('Node', async () => {
  const node = await nodeOfMachine();
  test(`makes the same tokens in ${node?.version ?? 'another version (not on this machine)'}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'client-token-runtimes-'));
    try {
      const program = await writeMinter(folder);
      expect(await mintVectors(node?.path ?? process.execPath, [program])).toEqual(tokens);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

interface Work {
  readonly vectors: readonly Vector[];
  readonly isForced: boolean;
}

/** Returns the token or the error of each vector. Runs in the browser, beside the library. */
function mintAll({ vectors, isForced }: Work): Promise<string[]> {
  const { clientTokens } = globalThis as unknown as {
    clientTokens: { mintClientToken(apiKey: string, options: object): Promise<string> };
  };
  return Promise.all(
    vectors.map(({ apiKey, iat, ttlSeconds, claims }) => {
      const issuedAt = new Date(iat * 1000);
      const options = { ...claims, ttlSeconds, issuedAt, dangerouslyAllowBrowser: isForced };
      return clientTokens.mintClientToken(apiKey, options).catch(String);
    }),
  );
}

/** Has a worker with this source do the work. Runs in the page. */
function runInWorker({ source, work }: { source: string; work: Work }): Promise<string[]> {
  const worker = new Worker(URL.createObjectURL(new Blob([source])));
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(work);
  });
}
