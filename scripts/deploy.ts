/**
 * `npm run deploy`: finds or creates D1, KV and the Queue by the names in wrangler.toml, applies
 * migrations, deploys, and reports. It can be repeated at any time, also after it failed half-way.
 *
 * wrangler does most of it. It does not look for a KV namespace that an earlier attempt has created, and
 * does not stop if the operator declines the migrations.
 */

import { parseDeployArguments, USAGE } from './deploy/arguments.ts';
import { connectToCloudflare } from './deploy/cloudflare.ts';
import { readDeployment, writeConfigWithIds } from './deploy/config.ts';
import { applyMigrations } from './deploy/migrations.ts';
import { openTasks } from './deploy/open-tasks.ts';
import { findOrCreateResources } from './deploy/resources.ts';
import { runWrangler } from './deploy/wrangler.ts';

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseDeployArguments(args);
  if (options === 'help') return console.log(USAGE);
  const deployment = readDeployment(options.config, options.env);
  const { forWrangler } = options;
  if (options.isDryRun) return runWrangler(['deploy', ...deployment.selection, ...forWrangler]);

  const cloudflare = await connectToCloudflare(deployment.accountId);
  const { ids, report } = await findOrCreateResources(cloudflare, deployment, options);
  console.log(report.join('\n'));
  const config = await writeConfigWithIds(deployment, ids);
  try {
    for (const database of deployment.databases) {
      const id = ids.get(database.binding);
      if (id !== undefined) {
        await applyMigrations(cloudflare, { ...database, id }, config.selection);
      }
    }
    if (options.isSchemaOnly) return;
    await runWrangler(['deploy', ...config.selection, ...forWrangler]);
  } finally {
    await config.remove();
  }
  const tasks = await openTasks(cloudflare, deployment);
  console.log([`\nDeployed ${deployment.name}:`, ...report, ...tasks].join('\n'));
}
