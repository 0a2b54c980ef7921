/**
 * The bounds of finding and storing keys: memory, waiting times, and how much one scheduled run does.
 */

/** Keys that one isolate remembers. */
export const KEYS_IN_MEMORY = 120_000;

/** Estimated bytes that those keys may take. An isolate has 128 MiB in all. */
export const KEYS_IN_MEMORY_BYTES = 64 * 1024 * 1024;

/** Verified client tokens that one isolate remembers, and the estimated bytes that they may take. */
export const CLIENT_TOKENS_IN_MEMORY = 20_000;
export const CLIENT_TOKENS_IN_MEMORY_BYTES = 16 * 1024 * 1024;
/** Parents of client tokens that one isolate remembers, and the estimated bytes. */
export const PARENTS_IN_MEMORY = 10_000;
export const PARENTS_IN_MEMORY_BYTES = 8 * 1024 * 1024;
/** Registered origins that one isolate remembers, and the estimated bytes that they may take. */
export const ORIGINS_IN_MEMORY = 20_000;
export const ORIGINS_IN_MEMORY_BYTES = 8 * 1024 * 1024;

/** Unknown tokens, and unregistered origins, that one isolate remembers: each, and the bytes too. */
export const MISSES_IN_MEMORY = 5_000;
export const MISSES_IN_MEMORY_BYTES = 2 * 1024 * 1024;

/** How long an isolate trusts its memory that something does not exist. */
export const MISS_SECONDS = 3;
/** Patterns of an origin that KV is asked for in one bulk read. D1 is asked for all of them. */
export const REPLICA_PATTERNS_MAX = 4;
/** Copies of patterns that wait for an allowed request. */
export const WAITING_COPIES_MAX = 1_000;
/**
 * Look-ups of origins that an isolate makes only so that a page can read a refusal. Beyond them, the
 * refusal is readable by every well-formed origin.
 */
export const REFUSAL_LOOKUPS = { burst: 20, perSecond: 5 } as const;

/** Lines of the change log that a fresh isolate loads. */
export const FEED_WINDOW_LINES = 2_000;

/** Lines that an isolate keeps as it lives on. The oldest go, and its window starts later. */
export const FEED_MEMORY_LINES = 4 * FEED_WINDOW_LINES;

/** Lines that an isolate reads at once if one answer does not hold all that are new. */
export const FEED_PAGE_LINES = 2 * FEED_WINDOW_LINES;

/** A reading of the clock that is this far behind an earlier one says that the clock was set back. */
export const CLOCK_STEP_MS = 1_000;

/** How long D1 may take to answer a look-up before it counts as out of reach. */
export const DATABASE_TIMEOUT_MS = 1_500;

/** When to try again what cannot be known at the moment, as `Retry-After` says it. */
export const RETRY_AFTER_SECONDS = 5;

/**
 * After D1 failed to answer in time, how long known keys are accepted without waiting for it again. A
 * failed read is forgotten by the time at which its caller may retry.
 */
export const DATABASE_BACKOFF_MS = RETRY_AFTER_SECONDS * 1000 - DATABASE_TIMEOUT_MS;

/** How long KV and a read replica may take before D1's primary is asked beside them. */
export const REPLICA_TIMEOUT_MS = 250;

/** How long the shared poll may take before D1's primary is asked beside it. */
export const SHARED_POLL_HEAD_START_MS = 10;

/**
 * The look-ups after which an isolate asks no read replica of D1, and how fast it may again. An isolate
 * that looks up more than that is busy: KV is warm near it, and D1 would not bear all of them.
 */
export const NEAR_READS_IN_A_ROW = 20;
export const NEAR_READ_EVERY_MS = 1_000;

/** A read of D1's primary that takes no longer is as good as one of a near replica. */
export const NEAR_PRIMARY_MS = 30;

/** The same without replicas: a read that takes no longer beats KV where the key is cold there. */
export const PRIMARY_BESIDE_KV_MS = 120;

/**
 * How long the last read of D1's primary took if a request that waits for the next one asks twice at once.
 * With a nearer primary, little can be gained; one that is slower may be overloaded.
 */
export const ASK_TWICE_TRIP_MS = { least: 120, most: 500 } as const;

/** How long no read replica is asked after the primary answered in its place: replication is off. */
export const NEAR_READS_OFF_MS = 10 * 60 * 1000;

/** KV copies that one isolate knows it has left, and how long it does not leave them again. */
export const COPIES_IN_MEMORY = 5_000;
export const COPY_AGAIN_SECONDS = 60;

/** How long the data centre's cache may take before D1 is asked instead. */
export const FEED_CACHE_TIMEOUT_MS = 250;

/** How long one poll of the log serves the isolates of a data centre through the Cache API. */
export const FEED_CACHE_SECONDS = 2;

/** How long the same poll serves isolates that would wait for D1 without it. */
export const FEED_CACHE_LONG_SECONDS = 6;

/** After so many requests that found no shared poll, the next ones ask D1 beside the cache at once. */
export const FEED_CACHE_READS_IN_VAIN = 2;

/** The slowest poll that may be shared. */
export const FEED_CACHE_SLOWEST_POLL_MS = 1_000;

/**
 * Rounding error of caches that measure age in whole seconds. A shared poll is at most as old as its
 * lifetime, the slowest poll and this error add up to.
 */
export const FEED_CACHE_MARGIN_MS = 1_000;

/** Longest grace for known keys that a restricted key may have while D1 is out of reach. */
export const OUTAGE_GRACE_RESTRICTED_SECONDS = 60;

/** KV copies that one scheduled run repeats. */
export const REPLICA_REPAIRS_PER_RUN = 400;

/** Revoked keys, and expired ones, that one scheduled run drops, each with up to `ORIGINS_PER_KEY` rows. */
export const KEY_TRIMS_PER_RUN = 100;

/** Rows that one scheduled run drops of each other kind; of usage, `USAGE_TRIMS_PER_RUN`. */
export const TRIMS_PER_RUN = 1_000;
