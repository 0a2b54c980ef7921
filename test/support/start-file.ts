/**
 * Runs before each test file in workerd (a Vitest `setupFiles`). Files share a runtime, because starting
 * one takes longer than most files do. So each begins with empty storage.
 */

import { beforeAll } from 'vitest';
import { emptyStorage } from './empty-storage.ts';

beforeAll(emptyStorage);
