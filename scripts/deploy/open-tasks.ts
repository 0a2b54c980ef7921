/** The tasks that a deployment leaves to its operator, by the settings of the deployed Worker. */

import type { Cloudflare } from './cloudflare.ts';
import type { Deployment } from './config.ts';
import { liveBindings } from './resources.ts';

/** A line for each open task, with the command. None if the settings cannot be read: it is only advice. */
export async function openTasks(cloudflare: Cloudflare, deployment: Deployment): Promise<string[]> {
  const bindings = await liveBindings(cloudflare, deployment.name).catch(() => null);
  if (bindings === null) return [];
  const environment = deployment.env ? ` --env ${deployment.env}` : '';
  const has = (name: string) => bindings.some((one) => one.name === name && one.text !== '');
  const tasks: string[] = [];
  if (!has('UPSTREAM_URL')) {
    tasks.push(
      `  to do    set UPSTREAM_URL in wrangler.toml, the address of your API, then npm run deploy${environment && ` --${environment}`}`,
    );
  }
  if (!has('ADMIN_TOKEN') && !has('MANAGE_JWT_ISSUER')) {
    tasks.push(
      `  to do    switch management on: npx wrangler secret put ADMIN_TOKEN${environment}   (openssl rand -base64 32)`,
    );
  }
  return tasks;
}
