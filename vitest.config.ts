// Must be the first import: it stops an old Node before anything else fails for that reason.
import './test/support/node/require-node.ts';

import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { matchesGlob } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { LongestFirst } from './test/support/node/file-order.ts';
import { diskFolder, useMemoryFolder } from './test/support/node/memory-folder.ts';
import { textModules } from './test/support/node/text-modules.ts';

/*
 * Three kinds of tests, by what they need:
 * - `core`: pure rules as tables and properties, and the look-up protocol's model, in plain Node;
 * - `workers`: everything that touches D1, KV or `fetch`, in workerd with the real bindings;
 * - `end-to-end`: the production bundle on a bare workerd, raw sockets, and a real Chromium.
 *
 * Two tiers (test/README.md says which tier a test belongs to): `npm test` runs the files named
 * `*.test.ts`. `npm run test:nightly` runs the files named `*.nightly.test.ts`, and once more, with
 * larger numbers, those listed below.
 */

/** The files whose numbers grow at night: they ask `inject('isNightly')`, or `runs()`. */
const grownAtNight = [
  'test/config/env.test.ts',
  'test/core/key/key-access.test.ts',
  'test/core/decide/authorize.test.ts',
  'test/core/decide/bearer.test.ts',
  'test/core/origins/web-origin.test.ts',
  'test/core/origins/pattern.test.ts',
  'test/core/origins/public-suffixes.test.ts',
  'test/core/routes/request-target.test.ts',
  'test/core/routes/route-table.test.ts',
  'test/core/routes/rule-sets.test.ts',
  'test/core/portal/look.test.ts',
  'test/core/portal/return-url.test.ts',
  'test/keys/admin/list-cost.test.ts',
  'test/keys/growth.test.ts',
  'test/keys/lookup/client-bounds.test.ts',
  'test/keys/lookup/directory.test.ts',
  'test/keys/model-on-d1.test.ts',
  'test/keys/stores/housekeeping.test.ts',
  'test/manage/agreement.test.ts',
  'test/manage/contract-fuzz.test.ts',
  'test/manage/explain.test.ts',
  'test/usage/counter.test.ts',
  'test/usage/exactness.test.ts',
  'test/end-to-end/differential.test.ts',
  'test/end-to-end/isolation/browser.test.ts',
  'test/end-to-end/page.test.ts',
  'test/end-to-end/operators-page.test.ts',
  'test/end-to-end/page-plans.test.ts',
  'test/end-to-end/portal.test.ts',
  'test/end-to-end/transport-streaming.test.ts',
  'test/end-to-end/usage.test.ts',
];

/*
 * The runtime that the files of `workers` share lives for minutes and makes much garbage. With more room for new
 * objects, its tests take a tenth less. Miniflare reads this when it starts a runtime.
 */
process.env['MINIFLARE_WORKERD_V8_FLAGS'] ??= '--min-semi-space-size=32 --max-semi-space-size=64';

/*
 * Vitest and Miniflare keep their files in memory: the D1 and KV of `workers`, and the folder of an end-to-end run.
 * Tests have the machine's temporary folder for their own.
 */
useMemoryFolder();
const env = { TMPDIR: diskFolder() };

/** The folders of a kind, and what it needs. */
const kinds: Record<string, { folders: string[]; project: TestProjectInlineConfiguration }> = {
  core: {
    folders: [
      'test/{core,config,log,leaks,cli,management-client,verify}/**/',
      'test/keys-model/**/',
      'test/',
    ],
    project: {
      test: {
        testTimeout: 60_000,
        // A process for each file would take a third of the time of all files.
        isolate: false,
        env,
        setupFiles: ['test/support/forget-doubles.ts'],
      },
    },
  },
  workers: {
    folders: ['test/{keys,gateway,health,manage,usage,events}/**/'],
    project: {
      plugins: [
        textModules(),
        cloudflareTest(async () => ({
          wrangler: { configPath: './wrangler.toml' },
          miniflare: {
            bindings: {
              SCHEMA: await readFile('schema.sql', 'utf8'),
              UPSTREAM_URL: 'https://upstream.test',
              ADMIN_TOKEN: 'test-admin-token-of-at-least-32-characters',
              // Polls of one test would reach into the next. Keeping warm has tests of its own.
              KEEP_WARM_SECONDS: '0',
            },
          },
        })),
      ],
      test: {
        testTimeout: 60_000,
        hookTimeout: 60_000,
        // A runtime for each file would take a third of the time of all files.
        isolate: false,
        setupFiles: ['test/support/forget-doubles.ts', 'test/support/start-file.ts'],
      },
    },
  },
  'end-to-end': {
    folders: ['test/end-to-end/**/'],
    project: {
      test: {
        globalSetup: [
          'test/support/node/prepare-run.ts',
          'test/support/node/chromium/global-setup.ts',
        ],
        // A crashed browser fails the tests that were using it. Those run once more.
        retry: {
          count: 1,
          condition: /(?:page|context or browser) has been closed|Browser closed|Page crashed/,
        },
        testTimeout: 60_000,
        hookTimeout: 120_000,
        // Loading Miniflare and Playwright once for each file would take half a minute in all.
        isolate: false,
        // Edges have the memory of a real one, which some of these tests measure.
        env: { ...env, MINIFLARE_WORKERD_V8_FLAGS: '' },
      },
    },
  },
};

/**
 * Few of the tests of core wait, so that more processes would only load the same modules again. One more than cores
 * is busy while others wait for a module. Projects with different numbers run one after the other, which by night
 * would leave a core idle during the longest of these files.
 */
const coreByDay = { maxWorkers: availableParallelism() + 1, sequence: { groupOrder: 0 } };

const projects = Object.entries(kinds).flatMap(([name, { folders, project }]) => {
  const everyDay = folders.map((folder) => `${folder}*.test.ts`);
  const atNight = folders.map((folder) => `${folder}*.nightly.test.ts`);
  const grown = grownAtNight.filter((path) =>
    folders.some((folder) => matchesGlob(path, `${folder}*.test.ts`)),
  );
  return [
    withTests(project, {
      ...(name === 'core' ? coreByDay : { sequence: { groupOrder: 1 } }),
      name,
      include: everyDay,
      exclude: atNight,
      provide: { isNightly: false },
      // Miniflare would copy the certificates of this machine into the configuration of each runtime: a third
      // of a second. By day no test leaves the machine.
      env: { ...project.test?.env, NODE_EXTRA_CA_CERTS: '' },
    }),
    withTests(project, {
      name: `nightly-${name}`,
      include: [...atNight, ...grown],
      provide: { isNightly: true },
      testTimeout: 600_000,
      // To empty a D1 of a million rows takes a minute.
      hookTimeout: 600_000,
    }),
  ];
});

export default defineConfig({
  // On two cores, Vitest's own choice would be one worker. Six keep both busy, as many tests wait.
  test: {
    projects,
    maxWorkers: Math.max(6, availableParallelism()),
    sequence: { sequencer: LongestFirst },
    // A worker that ends may still have a line for the terminal on its way, which is no failure.
    onUnhandledError: ({ message }) =>
      message.includes('Closing rpc while "onUserConsoleLog" was pending') ? false : undefined,
  },
});

function withTests(
  project: TestProjectInlineConfiguration,
  test: TestProjectInlineConfiguration['test'],
): TestProjectInlineConfiguration {
  return { ...project, test: { ...project.test, ...test } };
}
