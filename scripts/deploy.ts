/**
 * `npm run deploy`: finds or creates D1, KV and the Queue by the names in wrangler.toml, applies
 * migrations, deploys, and reports. It can be repeated at any time, also after it failed half-way.
 *
 * wrangler does most of it. It does not look for a KV namespace that an earlier attempt has created, and
 * does not stop if the operator declines the migrations.
 */

import { deploy } from './deploy/deploy.ts';

try {
  await deploy(process.argv.slice(2));
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
