/**
 * The bounds of counting usage: memory, batches, waiting times, and retention of what was merged.
 */

/** Rows of usage (key, day and outcome) at which an isolate hands over at once. */
export const USAGE_EARLY_FLUSH_ROWS = 10_000;

/** Rows of usage that an isolate tells apart. Further keys are counted together. */
export const USAGE_ROWS_IN_MEMORY = 2 * USAGE_EARLY_FLUSH_ROWS;

/** Refused origins that an isolate remembers between two flushes, in all. */
export const USAGE_ORIGINS_IN_MEMORY = 500;

/** Refused origins that are kept for one key, in an isolate and in D1: the newest. */
export const REFUSED_ORIGINS_PER_KEY = 20;

/** Largest batch of usage in bytes. A Queue's message holds 128,000 with about 100 of its own. */
export const USAGE_BATCH_MAX_BYTES = 100_000;

/** Bytes of closed batches that may wait for the Queue before an isolate closes no more. */
export const USAGE_WAITING_BYTES = 2 * 1024 * 1024;

/** How long the Queue may take for a batch. */
export const USAGE_SEND_TIMEOUT_MS = 5_000;

/** How long an isolate leaves the Queue alone after a failure: doubled from the first to the second. */
export const USAGE_RETRY_MIN_MS = 1_000;
export const USAGE_RETRY_MAX_MS = 60_000;

/** How long one request's background work continues to send batches. The platform ends it at 30 s. */
export const USAGE_SENDING_MS = 15_000;

/** Batches that one request's background work sends: few enough for any plan's subrequests. */
export const USAGE_SENDS_PER_REQUEST = 30;

/** Bytes of batches that are merged in one transaction. D1 takes 2,000,000 in a value. */
export const USAGE_MERGE_MAX_BYTES = 1_000_000;

/** How long D1 may take to merge. */
export const USAGE_MERGE_TIMEOUT_MS = 30_000;

/** How old a batch may be when it is merged. The Queue keeps messages for 4 days by default. */
export const USAGE_BATCH_ACCEPTED_DAYS = 6;

/** How long merged batches are remembered: longer than they are accepted, so that none counts twice. */
export const USAGE_BATCH_REMEMBERED_DAYS = 7;

/** Rows that one scheduled run drops of each kind. */
export const USAGE_TRIMS_PER_RUN = 5_000;

/** Endpoints that an isolate remembers between two flushes, in all. */
export const USAGE_ENDPOINTS_IN_MEMORY = 10_000;

/** Endpoints of one key that an isolate tells apart on a day. The others are counted together. */
export const ENDPOINTS_PER_KEY = 50;

/** Endpoints that are kept for one key, one owner or the deployment on one day: the most frequent. */
export const ENDPOINTS_PER_DAY = 50;

/** Refused origins that are kept for one key, one owner or the deployment on one day: the most frequent. */
export const REFUSED_ORIGINS_PER_DAY = 20;

/** Longest template of a route that is kept, and longest origin that is kept for a day. */
export const ENDPOINT_TEMPLATE_MAX_LENGTH = 200;
export const DAILY_ORIGIN_MAX_LENGTH = 255;

/** How much later a use has to be than the one that a key has, to be written. */
export const LAST_USE_STEP_MS = 60 * 1000;
