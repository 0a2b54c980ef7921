/**
 * Runs before each test file of `core` and `workers` (a Vitest `setupFiles`). Files share a process or a
 * runtime, so each begins without the doubles, the clock and the environment of the file before it.
 */

import { beforeAll, vi } from 'vitest';
import { forgetCrypto } from '../keys-model/immediate-crypto.ts';

beforeAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  forgetCrypto();
});
