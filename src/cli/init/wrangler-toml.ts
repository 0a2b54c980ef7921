/**
 * Changes to wrangler.toml that leave everything else in it as it is: comments, order and formatting.
 */

import { parse, stringify } from 'smol-toml';
import { isRecord } from '../../core/json.ts';
import type { RouteList } from '../../core/routes/route-table.ts';
import { usageError } from '../failures.ts';

/** Sets variables in the table `[vars]`, which is added if it is not there. */
export function setVars(toml: string, vars: Readonly<Record<string, string>>): string {
  const lines = toml.split('\n');
  for (const [name, value] of Object.entries(vars)) {
    const line = `${name} = ${JSON.stringify(value)}`;
    const { start, end } = tableIn(lines);
    const present = lines.findIndex(
      (one, index) => index > start && index < end && new RegExp(`^\\s*${name}\\s*=`).test(one),
    );
    if (present !== -1) lines[present] = line;
    else if (start === -1) lines.push('[vars]', line);
    else lines.splice(start + 1, 0, line);
  }
  return lines.join('\n');
}

/** The lines of `[vars]`, from its head to before the next table. */
function tableIn(lines: readonly string[]): { start: number; end: number } {
  const start = lines.findIndex((line) => /^\s*\[vars\]\s*(#.*)?$/.test(line));
  const after = lines.findIndex((line, index) => index > start && /^\s*\[/.test(line));
  return { start, end: after === -1 ? lines.length : after };
}

/** Puts a route list into `[vars.RESTRICTED_ROUTES]`, in place of the one that was put there before. */
export function setRoutes(toml: string, list: Partial<RouteList>): string {
  return setTables(toml, 'routes file', { RESTRICTED_ROUTES: list });
}

/** Puts rule sets into `[vars.RULE_SETS]`, in the same way. */
export function setRuleSets(toml: string, sets: Readonly<Record<string, RouteList>>): string {
  return setTables(toml, 'rule sets file', { RULE_SETS: sets });
}

/** Puts tables between two comments, in place of those that were put there before. */
function setTables(toml: string, source: string, vars: Readonly<Record<string, object>>): string {
  const begin = `# The ${source}, put here by "edge-authorizer init": changes belong there.`;
  const end = `# End of the ${source}.`;
  const [before = '', rest] = toml.split(`\n${begin}\n`);
  const after = rest === undefined ? '' : (rest.split(`\n${end}\n`)[1] ?? '');
  const tables = stringify({ vars }).replace(/^\[vars\]\n+/, '');
  return `${before.trimEnd()}\n${after.trimEnd() && `\n${after.trim()}\n`}\n${begin}\n${tables.trim()}\n${end}\n`;
}

/** The variables of a file. Throws a `CommandError` if it is not TOML. */
export function varsIn(toml: string, file: string): Readonly<Record<string, unknown>> {
  try {
    const { vars } = parse(toml);
    return isRecord(vars) ? vars : {};
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`Cannot read ${file}: ${reason}`);
  }
}
