/** Settings that are lists of header names. Pure, no I/O. */

import type { AdditionalHeaders } from '../core/decide/request-headers.ts';
import type { Report, Setting } from './values.ts';

/** Most names of a list. */
export const HEADER_NAMES_MAX = 64;
const PREFIX_MIN_LENGTH = 4;
// https://www.rfc-editor.org/rfc/rfc9110#section-5.1, without `*`, which has a meaning of its own here.
const namePattern = /^[A-Za-z0-9!#$%&'+\-.^_`|~]{1,128}$/;

/** The names of request headers; an entry may end in `*`. */
export const requestHeaders: Setting<AdditionalHeaders> = {
  read(written, report) {
    const names = new Set<string>();
    const prefixes: string[] = [];
    for (const entry of readList(written, report)) {
      const isPrefix = entry.endsWith('*');
      const name = (isPrefix ? entry.slice(0, -1) : entry).toLowerCase();
      if (!namePattern.test(name)) report(notAName(entry));
      else if (!isPrefix) names.add(name);
      else if (name.length >= PREFIX_MIN_LENGTH) prefixes.push(name);
      else {
        const reason = `fewer than ${PREFIX_MIN_LENGTH} characters come before its *`;
        report({ value: entry, reason, fix: 'Write more of the name, such as "x-acme-*"' });
      }
    }
    return { names, prefixes };
  },
};

/** The names of response headers. */
export const responseHeaders: Setting<readonly string[]> = {
  read(written, report) {
    return readList(written, report).filter((name) => {
      const isName = namePattern.test(name);
      if (!isName) report(notAName(name));
      return isName;
    });
  },
};

function notAName(value: string) {
  return {
    value,
    reason: 'it is not the name of a header',
    fix: 'Write a name such as "X-Acme-Id"',
  };
}

function readList(written: unknown, report: Report): readonly string[] {
  if (written === undefined || written === null || written === '') return [];
  if (typeof written !== 'string') {
    report({
      value: null,
      reason: 'it is not a text',
      fix: 'Write names, separated by blanks or commas',
    });
    return [];
  }
  const entries = written.split(/[,\s]+/).filter((entry) => entry !== '');
  if (entries.length <= HEADER_NAMES_MAX) return entries;
  const reason = `it holds more than ${HEADER_NAMES_MAX} names`;
  report({ value: null, reason, fix: 'Name fewer headers, or end an entry in *' });
  return [];
}
