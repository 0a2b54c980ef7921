/** The minting library in Deno and Bun, if the machine has them: they make the tokens of the vectors. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mintVectors, readVectors, writeMinter } from '../support/node/client-token-vectors.ts';
import { findProgram } from '../support/node/programs.ts';

let folder: string;
let program: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'client-token-runtimes-'));
  program = await writeMinter(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const commandLines = {
  deno: ['run', '--no-config', '--no-remote', '--allow-read'],
  bun: ['run'],
} as const;

test.each(Object.entries(commandLines))('%s makes the same tokens', async (name, commandLine) => {
  const path = await findProgram(name);
  console.log(`${name}: ${path === null ? 'not found, so nothing is tried with it' : 'found'}`);
  const vectors = await readVectors();
  expect(vectors.length).toBeGreaterThan(0);
  if (path === null) return;
  const minted = await mintVectors(path, [...commandLine, program]);
  expect(minted).toEqual(vectors.map(({ token }) => token));
});
