/**
 * The order in which the test files start. Vitest's own order on a new machine is by size, which says
 * little: some files compute for seconds, and others wait for a bound of the product to pass.
 */

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The longest files of each project, those that compute and those that wait in turns, so that the cores have
 * work while others wait.
 */
const longest = [
  'end-to-end/page.test.ts',
  'end-to-end/open-connections.test.ts',
  'end-to-end/isolation/browser.test.ts',
  'end-to-end/events.test.ts',
  'end-to-end/secrets.test.ts',
  'end-to-end/usage.test.ts',
  'end-to-end/contract.test.ts',
  'end-to-end/transport-streaming.test.ts',
  'end-to-end/assertion.test.ts',
  'end-to-end/cli.test.ts',
  'end-to-end/paths.test.ts',
  'end-to-end/transport-failures.test.ts',
  'end-to-end/page-plans.test.ts',
  'end-to-end/named-limits.test.ts',
  'end-to-end/operators-page.test.ts',
  'end-to-end/keep-warm.test.ts',
  'end-to-end/deploy.test.ts',
  'end-to-end/browser.test.ts',
  'keys/faults.test.ts',
  'manage/explain.test.ts',
  'usage/quotas.test.ts',
  'keys/admin/list-cost.test.ts',
  'keys/lookup/directory.test.ts',
  'manage/page/answers.test.ts',
  'manage/page/operators.test.ts',
  'keys/migrations.test.ts',
  'manage/portal.test.ts',
  'manage/page/access.test.ts',
  'usage/consumer.test.ts',
].map((path) => `/test/${path}`);

/** Starts the longest files of each project first, and the others in Vitest's order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const projects = Map.groupBy(sorted, ({ project }) => project.name);
    return [...projects.values()].flatMap((ofProject) =>
      ofProject.toSorted((a, b) => rankOf(a) - rankOf(b)),
    );
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = longest.findIndex((path) => moduleId.endsWith(path));
  return rank === -1 ? longest.length : rank;
}
