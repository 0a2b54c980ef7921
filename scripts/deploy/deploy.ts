/** A deployment from beginning to end: stores, migrations, the Worker, and what is left to do. */

import { parseDeployArguments, USAGE } from './arguments.ts';
import { connectToCloudflare } from './cloudflare.ts';
import { readDeployment, writeConfigWithIds } from './config.ts';
import { applyMigrations } from './migrations.ts';
import { openTasks } from './open-tasks.ts';
import { findOrCreateResources } from './resources.ts';
import { settingFaults, varsOf } from './setting-faults.ts';
import { unknownSettings } from './unknown-settings.ts';
import { checkUpstreamReach } from './upstream-reach.ts';
import { runWrangler, type Screen, terminal } from './wrangler.ts';

/** Deploys as these arguments say. Throws with a sentence for the operator if it has to stop. */
export async function deploy(args: readonly string[], screen: Screen = terminal): Promise<void> {
  const options = parseDeployArguments(args);
  if (options === 'help') return screen.print(USAGE);
  const deployment = readDeployment(options.config, options.env);
  const { forWrangler } = options;
  const vars = varsOf(deployment, forWrangler);
  for (const line of await unknownSettings(vars)) screen.print(`Warning: ${line}`);
  const faults = await settingFaults({ ...deployment, vars });
  if (faults.length > 0) {
    throw new Error(
      [
        'Cannot deploy: with these settings, the Worker would answer every request with 503:',
        ...faults,
      ].join('\n'),
    );
  }
  checkUpstreamReach(vars, screen);
  if (options.isDryRun) {
    return runWrangler(['deploy', ...deployment.selection, ...forWrangler], screen);
  }

  const cloudflare = await connectToCloudflare(deployment.accountId);
  const { ids, report } = await findOrCreateResources(cloudflare, deployment, options);
  screen.print(report.join('\n'));
  const config = await writeConfigWithIds(deployment, ids);
  try {
    for (const database of deployment.databases) {
      const id = ids.get(database.binding);
      if (id !== undefined) {
        await applyMigrations(cloudflare, { ...database, id }, config.selection, screen);
      }
    }
    if (options.isSchemaOnly) return;
    await runWrangler(['deploy', ...config.selection, ...forWrangler], screen);
  } finally {
    await config.remove();
  }
  const tasks = await openTasks(cloudflare, deployment);
  screen.print([`\nDeployed ${deployment.name}:`, ...report, ...tasks].join('\n'));
}
