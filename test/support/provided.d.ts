/** The values that `vitest.config.ts` and the global set-ups hand to tests, which read them with `inject()`. */

import 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** `true` in the nightly run, which has larger numbers. */
    isNightly: boolean;
    /** The URL of the run's `ChromiumKeeper`, for end-to-end tests. */
    chromium: string;
  }
}
