/**
 * `npm run check`: the format, the linter, the types, a dry-run deployment and `npm test`, in this order.
 * It stops at the first step that fails, and ends with a summary: how long each step took, which optional
 * programs were found, which tests were skipped, and how many passed and failed.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { findProgram, optionalPrograms } from '../test/support/node/programs.ts';

const reportFile = 'test-output/results.json';

/** The steps, as arguments to npm. */
const steps: readonly (readonly [name: string, ...args: string[]])[] = [
  ['lint', 'run', 'lint'],
  ['types', 'run', 'types'],
  ['build', 'run', 'build'],
  ['tests', 'test', '--', '--reporter=default', '--reporter=json', `--outputFile=${reportFile}`],
];

/** The part of Vitest's JSON report that the summary needs. */
type Report = {
  numPassedTests: number;
  numFailedTests: number;
  testResults: { name: string; assertionResults: { status: string; fullName: string }[] }[];
};

await rm(reportFile, { force: true });
const startedAt = performance.now();
const lines: string[] = [];
let failedStep: string | null = null;
for (const [name, ...args] of steps) {
  const stepStartedAt = performance.now();
  const exitCode = await npm(args);
  lines.push(`${name}: ${exitCode === 0 ? 'passed' : 'FAILED'} in ${since(stepStartedAt)}`);
  if (exitCode === 0) continue;
  failedStep = name;
  break;
}
const report = await readReport();
const results = report?.testResults ?? [];
const skipped = results.flatMap(({ assertionResults }) =>
  assertionResults
    .filter(({ status }) => status !== 'passed' && status !== 'failed')
    .map(({ fullName }) => fullName),
);

console.log(`\n${lines.join('\n')}`);
for (const [name, use] of Object.entries(optionalPrograms)) {
  const path = await findProgram(name);
  console.log(`optional program ${name} (${use}): ${path ?? 'not found, skipped'}`);
}
console.log(skipped.length === 0 ? 'skipped tests: none' : `skipped tests: ${skipped.join('; ')}`);
console.log(`the whole check: ${failedStep ? 'FAILED' : 'passed'} in ${since(startedAt)}`);
console.log(`${report?.numPassedTests ?? 0} passed, ${report?.numFailedTests ?? 0} failed`);
process.exitCode = failedStep === null ? 0 : 1;

async function npm(args: readonly string[]): Promise<number> {
  const child = spawn('npm', args, { stdio: 'inherit' });
  const [exitCode] = await once(child, 'close');
  return exitCode ?? 1;
}

/** `null` if no test ran. */
async function readReport(): Promise<Report | null> {
  const text = await readFile(reportFile, 'utf8').catch(() => null);
  return text === null ? null : JSON.parse(text);
}

function since(start: number): string {
  const seconds = Math.round((performance.now() - start) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
