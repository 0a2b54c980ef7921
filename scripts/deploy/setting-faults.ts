/**
 * The faults of the settings in wrangler.toml, found as the Worker would find them, but before it is deployed.
 * Secrets are at Cloudflare, so only what the file says is judged.
 */

import { loadUntyped } from '../load-untyped.ts';
import type { Deployment } from './config.ts';

/** A fault of one setting, as the Worker reports it. */
export interface Fault {
  name: string;
  /** `null` if it is absent, or a secret. */
  value: string | null;
  reason: string;
  fix: string;
}
type Result = { ok: true } | { ok: false; problems: Fault[] };

/** A line for each fault of a variable or binding of the deployed Worker. */
export async function settingFaults({
  vars,
  bindings,
}: Pick<Deployment, 'vars' | 'bindings'>): Promise<string[]> {
  const bound = Object.fromEntries(bindings.map((name) => [name, anyBinding]));
  const { readConfig } = await loadUntyped('src/config/read-config.ts');
  const result: Result = await readConfig({ ...vars, ...bound });
  if (result.ok) return [];
  return result.problems
    .filter(({ name }) => isWritten(vars[name]) || onlyInFile.test(name))
    .map(faultLine);
}

/** Returns a fault as an indented line for a terminal. */
export function faultLine({ name, value, reason, fix }: Fault): string {
  const quoted = value ? ` ${JSON.stringify(value)}` : '';
  return `  ${name}${quoted}: ${reason}. ${fix}`;
}

/** The variables of the deployed Worker: those of wrangler.toml, and those of `--var`, which count first. */
export function varsOf(
  { vars }: Pick<Deployment, 'vars'>,
  forWrangler: readonly string[],
): Record<string, unknown> {
  return { ...vars, ...varsFrom(forWrangler) };
}

/** An empty variable and an absent one mean the same. */
function isWritten(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** Bindings. An absent variable may be a secret, and a first deployment may be without `UPSTREAM_URL`. */
const onlyInFile = /^(?:DB|KEYS)$|_LIMITER$/;

/** Passes for a binding of each type. */
const anyBinding = {
  withSession: () => null,
  get: () => null,
  send: () => null,
  limit: () => null,
  writeDataPoint: () => null,
};

function varsFrom(args: readonly string[]): Record<string, string> {
  const vars: Record<string, string> = {};
  for (const [index, arg] of args.entries()) {
    const inline = /^--var=(.*)$/s.exec(arg)?.[1];
    const given = inline ?? (args[index - 1] === '--var' ? arg : undefined);
    const [, name, value] = /^([^:]+):(.*)$/s.exec(given ?? '') ?? [];
    if (name !== undefined && value !== undefined) vars[name] = value;
  }
  return vars;
}
