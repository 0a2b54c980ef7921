/** The settings of the portal for customers: where it leads back to, and its look. Pure, no I/O. */

import { type Color, readColor } from '../core/portal/colors.ts';
import { type Logo, readLogo } from '../core/portal/logo.ts';
import { type ReturnUrlPrefix, readReturnUrlPrefix } from '../core/portal/return-url.ts';
import type { Report, Setting } from './values.ts';

/** Most entries of `PORTAL_RETURN_URLS`. */
export const RETURN_URLS_MAX = 100;
/** The length of the longest `PORTAL_NAME`, in characters. */
export const PORTAL_NAME_MAX_LENGTH = 60;

/** The URLs that the portal may lead back to; none: there is no portal. */
export const returnUrls: Setting<readonly ReturnUrlPrefix[]> = {
  read(written, report) {
    const entries = entriesOf(written);
    if (entries === null || entries.length > RETURN_URLS_MAX) {
      const reason =
        entries === null ? 'it is not a text' : `it holds more than ${RETURN_URLS_MAX} URLs`;
      report({ value: null, reason, fix: 'Write URLs, separated by blanks or commas' });
      return [];
    }
    return entries.flatMap((entry) => {
      const reading = readReturnUrlPrefix(entry);
      if (reading.ok) return [reading.value];
      const value = entry.replace(/^(https?:\/\/)?.*@/is, '$1***@');
      for (const fault of reading.faults) report({ value, ...fault });
      return [];
    });
  },
};

/** A text, or the list that wrangler.toml can hold. */
function entriesOf(written: unknown): readonly string[] | null {
  if (typeof written === 'string') return written.split(/[,\s]+/).filter((entry) => entry !== '');
  if (!Array.isArray(written)) return null;
  return written.every((entry) => typeof entry === 'string') ? written : null;
}

/** A name that the portal shows. */
export const portalName: Setting<string | null> = {
  read: (written, report) =>
    readOne(written, report, (text) => {
      const name = text.trim();
      const isName =
        name !== '' &&
        [...name].length <= PORTAL_NAME_MAX_LENGTH &&
        !/[\p{C}\p{Zl}\p{Zp}]/u.test(name);
      if (isName) return name;
      const reason = `it is not 1 to ${PORTAL_NAME_MAX_LENGTH} visible characters`;
      report({ value: text, reason, fix: 'Set the name of your product, such as "Acme Video"' });
      return null;
    }),
};

/** A colour in hexadecimal. */
export const color: Setting<Color | null> = {
  read: (written, report) =>
    readOne(written, report, (text) => {
      const found = readColor(text);
      const reason = 'it is not a colour in hexadecimal';
      if (found === null) report({ value: text, reason, fix: 'Set a colour such as "#0a7f5a"' });
      return found;
    }),
};

/** An image. */
export const logo: Setting<Logo | null> = {
  read: (written, report) =>
    readOne(written, report, (text) => {
      const reading = readLogo(text);
      if (reading.ok) return reading.logo;
      report({ value: text, ...reading.fault });
      return null;
    }),
};

function readOne<Value>(
  written: unknown,
  report: Report,
  read: (text: string) => Value | null,
): Value | null {
  if (typeof written === 'string') return read(written);
  report({ value: null, reason: 'it is not a text', fix: 'Set it as one value, in quotes' });
  return null;
}
