/** The setting `GITHUB_SECRET_SCANNING_KEYS`. Pure, no I/O. */

import { readScanningKeys, type ScanningKey } from '../leaks/github-public-keys.ts';
import type { Setting } from './values.ts';

/** The keys that sign reports of leaked tokens. */
export const leakKeys: Setting<readonly ScanningKey[] | null> = {
  read(written, report) {
    const result = readScanningKeys(written);
    if (result.ok) return result.keys;
    const fix = 'Set what https://api.github.com/meta/public_keys/secret_scanning answers';
    report({ value: null, reason: result.reason, fix });
    return null;
  },
};
