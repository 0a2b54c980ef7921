/** The error of a deployment that cannot start. */

import type { ConfigProblem } from './config.ts';

/** Everything that is wrong with the configuration. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('Cannot start: the configuration has problems');
    this.problems = problems;
  }
}
