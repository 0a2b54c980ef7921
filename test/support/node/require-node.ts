/** Stops the process with one sentence if its Node is older than `engines` in package.json allows. */

import { readFileSync } from 'node:fs';
import { nodeProblem } from './node-version.ts';

const packageFile = new URL('../../../package.json', import.meta.url);
const { engines } = JSON.parse(readFileSync(packageFile, 'utf8'));
const problem = nodeProblem(process.versions.node, engines.node);
if (problem !== null) {
  console.error(problem);
  process.exit(1);
}
