/**
 * `npm run check`: the library of the package, then the format and the linter, the types and a dry-run deployment at
 * the same time, and then `npm test`. It stops if one of them fails, and ends with a summary: how long each step
 * took, which optional programs were found, which tests were skipped, and how many passed and failed.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { findProgram, optionalPrograms } from '../test/support/node/programs.ts';

const reportFile = 'test-output/results.json';

/** A step, as arguments to npm. */
type Step = readonly [name: string, ...args: string[]];

/** The steps in their order, and in each row those that run at the same time: none of them keeps two cores busy. */
const rows: readonly (readonly Step[])[] = [
  [['library', 'run', 'prepare']],
  [
    // The types and the linter of the package read the library, so that nothing may write it meanwhile.
    ['lint', 'run', '--ignore-scripts', 'lint'],
    ['types', 'run', 'types'],
    ['build', 'run', 'build'],
  ],
  [['tests', 'test', '--', '--reporter=default', '--reporter=json', `--outputFile=${reportFile}`]],
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
let isPassed = true;
for (const row of rows) {
  const passed = await Promise.all(row.map((step) => run(step, row.length > 1)));
  isPassed = passed.every(Boolean);
  if (!isPassed) break;
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
console.log(`the whole check: ${isPassed ? 'passed' : 'FAILED'} in ${since(startedAt)}`);
console.log(`${report?.numPassedTests ?? 0} passed, ${report?.numFailedTests ?? 0} failed`);
process.exitCode = isPassed ? 0 : 1;

/**
 * Runs a step and adds its line to the summary. Returns whether it passed. The output of one that is not alone is
 * printed at its end.
 */
async function run([name, ...args]: Step, isKept: boolean): Promise<boolean> {
  const stepStartedAt = performance.now();
  const output = isKept ? 'pipe' : 'inherit';
  const child = spawn('npm', args, { stdio: ['ignore', output, output] });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (part: Buffer) => said.push(part));
  }
  const [exitCode] = await once(child, 'close');
  process.stdout.write(Buffer.concat(said));
  lines.push(`${name}: ${exitCode === 0 ? 'passed' : 'FAILED'} in ${since(stepStartedAt)}`);
  return exitCode === 0;
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
