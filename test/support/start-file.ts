/**
 * Runs before each test file in workerd (a Vitest `setupFiles`). Files share a runtime, because starting
 * one takes longer than most files do. So each begins with empty storage, and without the doubles and the
 * clock of the file before it.
 */

import { beforeAll, vi } from 'vitest';
import { forgetCrypto } from '../keys-model/immediate-crypto.ts';
import { emptyStorage } from './empty-storage.ts';

beforeAll(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  forgetCrypto();
  await emptyStorage();
});
