/**
 * The form that mints a client token: its values, and the request that is sent to the API. Pure.
 *
 * The API checks the request. A value that does not fit is sent as it was typed, so that the API explains
 * the mistake. The API key is no value: it is never shown again.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { linesOf, textOf, wordsOf } from '../parts/form-data.ts';
import { readRulesText } from './rules-text.ts';

/** The fields of the form, as text. Empty: the key decides. */
export interface MintValues {
  readonly sub: string;
  readonly ttlSeconds: string;
  /** With commas, blanks or new lines between them. */
  readonly origins: string;
  /** One on each line. */
  readonly rules: string;
  /** `name=value` on each line. */
  readonly meta: string;
}

/** The form as it was typed, with its problems. */
export interface MintState {
  readonly values: MintValues;
  readonly problems: readonly FieldProblem[];
}

/** A lifetime for trying a token out, in seconds. */
const TTL_SECONDS = 5 * 60;

/** The values of the form when it is opened, for a key that allows this lifetime. */
export function emptyMintValues(maxTtlSeconds: number): MintValues {
  const ttlSeconds = String(Math.min(TTL_SECONDS, maxTtlSeconds));
  return { sub: '', ttlSeconds, origins: '', rules: '', meta: '' };
}

/** Reads the form. */
export function readMintValues(form: FormData): MintValues {
  return {
    sub: textOf(form, 'sub').trim(),
    ttlSeconds: textOf(form, 'ttl_seconds').trim(),
    origins: textOf(form, 'origins'),
    rules: textOf(form, 'rules'),
    meta: textOf(form, 'meta'),
  };
}

/** Returns the body of the request, and the mistakes that no document can hold. */
export function toMintRequest(values: MintValues): {
  readonly document: Record<string, unknown>;
  readonly mistakes: readonly FieldProblem[];
} {
  const { sub, ttlSeconds } = values;
  const origins = wordsOf(values.origins);
  const rules = readRulesText(values.rules);
  const { meta, mistakes } = readMeta(values.meta);
  const document = {
    ...(ttlSeconds === '' ? {} : { ttlSeconds: numberOf(ttlSeconds) }),
    ...(sub === '' ? {} : { sub }),
    ...(origins.length === 0 ? {} : { origins }),
    ...(rules.length === 0 ? {} : { rules }),
    ...(Object.keys(meta).length === 0 ? {} : { meta }),
  };
  return { document, mistakes };
}

/** The number that a text says; the text itself if it says none. */
function numberOf(text: string): number | string {
  return /^-?\d{1,10}(?:\.\d{1,10})?$/.test(text) ? Number(text) : text;
}

function readMeta(text: string) {
  const meta = new Map<string, string>();
  const mistakes: FieldProblem[] = [];
  for (const line of linesOf(text)) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/.exec(line) ?? [];
    const quoted = JSON.stringify(line.slice(0, 60));
    if (name === '') {
      mistakes.push({
        path: 'meta',
        value: null,
        reason: `the line ${quoted} has no name and no equals sign`,
        fix: 'Write it as plan=free',
      });
    } else if (meta.has(name.trim())) {
      mistakes.push({
        path: 'meta',
        value: null,
        reason: `the line ${quoted} repeats a name`,
        fix: 'Write each name once',
      });
    }
    if (name !== '') meta.set(name.trim(), value.trim());
  }
  return { meta: Object.fromEntries(meta), mistakes };
}
