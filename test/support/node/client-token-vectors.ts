/**
 * The published vectors of client tokens, and a program that makes their tokens with the minting library in
 * whatever runtime is asked to run it.
 */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from './build-bundle.ts';
import { bundleWorker } from './bundle-source.ts';

/** One API key, the claims of a token, and the token that has to come out. */
export interface Vector {
  readonly apiKey: string;
  readonly iat: number;
  readonly ttlSeconds: number;
  readonly claims: Record<string, unknown>;
  readonly publicKey: string;
  readonly token: string;
}

const vectorsFile = join(projectRoot, 'docs/client-token-vectors.json');

/** Reads the vectors. */
export async function readVectors(): Promise<readonly Vector[]> {
  const { vectors } = JSON.parse(await readFile(vectorsFile, 'utf8')) as { vectors: Vector[] };
  return vectors;
}

/** Writes the library, and a program that prints the token of each vector. Returns the program's path. */
export async function writeMinter(folder: string): Promise<string> {
  const library = await bundleWorker('src/client-tokens/client-tokens.ts');
  const program = join(folder, 'mint.mjs');
  await writeFile(join(folder, 'client-tokens.mjs'), library);
  await writeFile(program, minter);
  return program;
}

const minter = `import { readFileSync } from 'node:fs';
import process from 'node:process';
import { mintClientToken } from './client-tokens.mjs';

const { vectors } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const { apiKey, iat, ttlSeconds, claims } of vectors) {
  const issuedAt = new Date(iat * 1000);
  console.log(await mintClientToken(apiKey, { ...claims, ttlSeconds, issuedAt }));
}
`;

/** Runs the program, and returns the tokens that it prints. */
export async function mintVectors(
  command: string,
  commandLine: readonly string[],
): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(command, [...commandLine, vectorsFile]);
  return stdout.trim().split('\n');
}
