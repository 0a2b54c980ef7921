/**
 * Runs before each test file in workerd (a Vitest `setupFiles`). Files share a runtime, because starting
 * one takes longer than most files do. So each begins with empty storage, under the schema of `schema.sql`.
 */

import { beforeAll } from 'vitest';
import { freshStorage } from './workers.ts';

beforeAll(freshStorage);
