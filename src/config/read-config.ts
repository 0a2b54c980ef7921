/**
 * Reads the configuration as a whole: bindings, settings, then the rules between them.
 *
 * All problems are reported at once, each with the value, the reason and the fix, so that an operator can
 * mend a deployment in one go. Secrets are never quoted. Pure, no I/O.
 */

import { truncate } from '../core/text.ts';
import type { Config, ConfigProblem, ConfigResult, Singles } from './config.ts';
import { checkTogether } from './cross-checks.ts';
import { type Bindings, bindings, type Env } from './env.ts';
import { groupedSettings, type SettingName, settings, type Values } from './settings.ts';
import { type Fault, isSet, type LoadedSetting, type Setting } from './values.ts';

const QUOTE_MAX_LENGTH = 100;

/** Reads the configuration. Resolves with all its problems if it has any. Never rejects. */
export async function readConfig(env: Env): Promise<ConfigResult> {
  const problems: ConfigProblem[] = [];
  const report = (name: keyof Env, { value, reason, fix }: Fault) => {
    problems.push({ name, value: value && truncate(value, QUOTE_MAX_LENGTH), reason, fix });
  };

  checkBindings(env, report);
  const values = await readValues(env, report);
  const adjusted = await checkTogether({
    values,
    isSet: (name) => isSet(env[name]),
    isBroken: (name) => problems.some((problem) => problem.name === name),
    binding: (name) => env[name],
    report,
  });
  if (problems.length > 0) return { ok: false, problems };
  const config: Config = { ...singlesOf(values), ...adjusted };
  return { ok: true, config };
}

async function readValues(
  env: Env,
  report: (name: SettingName, fault: Fault) => void,
): Promise<Values> {
  const values: [SettingName, unknown][] = [];
  for (const name of Object.keys(settings) as SettingName[]) {
    const setting: Setting<unknown> | LoadedSetting<unknown> = settings[name];
    const written = env[name];
    if ('load' in setting && !isSet(written)) {
      values.push([name, setting.default]);
      continue;
    }
    const { read } = 'load' in setting ? await setting.load() : setting;
    values.push([name, read(written, (fault) => report(name, fault))]);
  }
  return Object.fromEntries(values) as Values;
}

function checkBindings(env: Env, report: (name: keyof Bindings, fault: Fault) => void): void {
  for (const name of Object.keys(bindings) as (keyof Bindings)[]) {
    const { type, isRequired = false, sign } = bindings[name];
    const bound: unknown = env[name];
    if (sign === undefined || (bound === undefined && !isRequired)) continue;
    const [method, table] = sign;
    if (typeof (bound as Record<string, unknown> | null)?.[method] === 'function') continue;
    const fault = isRequired
      ? { reason: 'the binding is missing', fix: `Add [[${table}]] with binding = "${name}"` }
      : { reason: `it is not a ${type}`, fix: `Bind it in [[${table}]], or remove it` };
    report(name, { value: null, ...fault });
  }
}

function singlesOf(values: Values): Singles {
  const singles = Object.entries(values)
    .filter(([name]) => !(groupedSettings as readonly string[]).includes(name))
    .map(([name, value]) => [toCamelCase(name), value]);
  return Object.fromEntries(singles);
}

/** `UPSTREAM_TIMEOUT_MS` is `upstreamTimeoutMs`. */
function toCamelCase(name: string): string {
  return name.toLowerCase().replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
