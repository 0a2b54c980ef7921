import { readFile } from 'node:fs/promises';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { textModules } from './test/support/node/text-modules.ts';

/**
 * Three kinds of tests, by what they need:
 * - `core`: pure rules as tables and properties, and the look-up protocol's model, in plain Node;
 * - `workers`: everything that touches D1, KV or `fetch`, in workerd with the real bindings;
 * - `end-to-end`: the production bundle on a bare workerd, raw sockets, and a real Chromium.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'core',
          include: [
            'test/{core,config,log,leaks,cli,management-client}/**/*.test.ts',
            'test/keys-model/**/*.test.ts',
            'test/*.test.ts',
          ],
          exclude: ['**/*.nightly.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        plugins: [
          textModules(),
          cloudflareTest(async () => ({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: {
                SCHEMA: await readFile('schema.sql', 'utf8'),
                UPSTREAM_URL: 'https://upstream.test',
                ADMIN_TOKEN: 'test-admin-token-of-at-least-32-characters',
              },
            },
          })),
        ],
        test: {
          name: 'workers',
          include: ['test/{keys,gateway,manage,usage}/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'end-to-end',
          include: ['test/end-to-end/**/*.test.ts'],
          globalSetup: [
            'test/support/node/build-bundle.ts',
            'test/support/node/chromium/global-setup.ts',
          ],
          // A crashed browser fails the tests that were using it. Those run once more.
          retry: { count: 1, condition: /(?:page|context or browser) has been closed|crashed/ },
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
