/**
 * Every bound of the data plane in one place: what is read, kept and waited for at most.
 *
 * Pure numbers, no I/O. Operators' settings are in `config/settings.ts`; these are not settings, because a
 * deployment that needs another value here needs another design.
 */

/** Longest token that is hashed and looked up, in characters. Longer ones are unknown. */
export const TOKEN_MAX_LENGTH = 512;

/** Most names that a preflight may ask for and still have them granted. */
export const PREFLIGHT_MAX_HEADER_NAMES = 64;
/** Longest `Access-Control-Request-Headers` that is read, in bytes. */
export const PREFLIGHT_MAX_HEADER_BYTES = 4 * 1024;

/** Most origin patterns on one key. */
export const ORIGINS_PER_KEY = 500;
/** Most rules on one key, and most methods or resources in one rule. */
export const RULES_PER_KEY = 100;
export const ENTRIES_PER_RULE = 100;

/** Largest body that the management API reads, in bytes. */
export const MANAGEMENT_BODY_MAX_BYTES = 64 * 1024;

/** Keys that one isolate remembers. */
export const KEYS_IN_MEMORY = 120_000;
/** Estimated bytes that those keys may take. An isolate has 128 MiB in all. */
export const KEYS_IN_MEMORY_BYTES = 64 * 1024 * 1024;
/** Registered origins that one isolate remembers, and the estimated bytes that they may take. */
export const ORIGINS_IN_MEMORY = 20_000;
export const ORIGINS_IN_MEMORY_BYTES = 8 * 1024 * 1024;
/** Unknown tokens, and unregistered origins, that one isolate remembers: each, and the bytes too. */
export const MISSES_IN_MEMORY = 5_000;
export const MISSES_IN_MEMORY_BYTES = 2 * 1024 * 1024;
/** How long an isolate trusts its memory that something does not exist. */
export const MISS_SECONDS = 3;

/** Lines of the change log that a fresh isolate loads. */
export const FEED_WINDOW_LINES = 2_000;
/** Lines that an isolate keeps as it lives on. The oldest go, and its window starts later. */
export const FEED_MEMORY_LINES = 4 * FEED_WINDOW_LINES;
/** A lease that begins this far in the future says that the clock was set back. */
export const CLOCK_STEP_MS = 5_000;

/** How long D1 may take to answer a look-up before it counts as out of reach. */
export const DATABASE_TIMEOUT_MS = 1_500;
/** When to try again what cannot be known at the moment, as `Retry-After` says it. */
export const RETRY_AFTER_SECONDS = 5;
/**
 * After D1 failed to answer in time, how long known keys go on without waiting for it again. A read
 * that failed is forgotten by the time its caller was told to come back.
 */
export const DATABASE_BACKOFF_MS = RETRY_AFTER_SECONDS * 1000 - DATABASE_TIMEOUT_MS;
/** How long KV may take before D1 is asked instead. */
export const REPLICA_TIMEOUT_MS = 250;
/** KV copies that one isolate knows it has left, and how long it does not leave them again. */
export const COPIES_IN_MEMORY = 5_000;
export const COPY_AGAIN_SECONDS = 60;
/** How long the data centre's cache may take before D1 is asked instead. */
export const FEED_CACHE_TIMEOUT_MS = 250;
/** How long one poll of the log serves the isolates of a data centre through the Cache API. */
export const FEED_CACHE_SECONDS = 2;
/** The slowest poll that may be shared. */
export const FEED_CACHE_SLOWEST_POLL_MS = 1_000;
/** What caches may err by, which count in seconds. A shared poll is as old as all three can make it. */
export const FEED_CACHE_MARGIN_MS = 1_000;

/** Longest grace for known keys that a restricted key may have while D1 is out of reach. */
export const OUTAGE_GRACE_RESTRICTED_SECONDS = 60;

/** KV copies that one scheduled run repeats. */
export const REPLICA_REPAIRS_PER_RUN = 400;
/** Revoked keys, and expired ones, that one scheduled run drops, each with up to `ORIGINS_PER_KEY` rows. */
export const KEY_TRIMS_PER_RUN = 100;
/** Rows that one scheduled run drops of each other kind; of usage, `USAGE_TRIMS_PER_RUN`. */
export const TRIMS_PER_RUN = 1_000;

/** How long the upload of a request's body may take. The upstream timeout runs from its end. */
export const LONGEST_UPLOAD_MS = 10 * 60 * 1_000;
/** Bodies that need longer at this rate get longer. */
export const SLOWEST_UPLOAD_BYTES_PER_MS = 16;

/** How long a signed assertion is valid, in seconds. The upstream's clock must be this good. */
export const ASSERTION_SECONDS = 30;

/**
 * Names of headers whose fate is remembered, and what they take together in memory: far more than honest
 * clients have names for. A hostile one that makes names up drives out none that is in use. The same for
 * values of `Connection`.
 */
export const HEADER_NAMES_IN_MEMORY = 256;
export const HEADER_NAMES_IN_MEMORY_BYTES = 16 * 1024;

/** Spellings of hosts that are remembered, and what they take together in memory. */
export const HOSTS_IN_MEMORY = 256;
export const HOSTS_IN_MEMORY_BYTES = 16 * 1024;

/** Origin headers that are remembered, and what they take together in memory. */
export const ORIGIN_HEADERS_IN_MEMORY = 1_000;
export const ORIGIN_HEADERS_IN_MEMORY_BYTES = 64 * 1024;
/** A longer one is read anew each time. Nearly all names of hosts are far shorter. */
export const ORIGIN_HEADER_MAX_REMEMBERED = 128;

/** Assertions that one isolate remembers where they are signed once per key. */
export const ASSERTIONS_IN_MEMORY = 10_000;

/** Days of usage that are answered, by the API and so on the command line. */
export const USAGE_DAYS_DEFAULT = 30;
export const USAGE_DAYS_MAX = 366;
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
/** How long one request's background work goes on with handing over. The platform ends it at 30 s. */
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

/** Largest body of a refused request that is read away, so that the client reads the refusal. */
export const REFUSED_BODY_MAX_BYTES = 8 * 1024 * 1024;
/** How long that may delay the refusal. */
export const REFUSED_BODY_MAX_MS = 2 * 1_000;

/** How long a rate limiter may take before the request goes on without its word. */
export const LIMITER_TIMEOUT_MS = 100;
/** Longest log line, in bytes. */
export const LOG_LINE_MAX_BYTES = 4 * 1024;

/**
 * Longest path that is not plain, in characters. Reading it in every way that some server does takes
 * time in proportion, before any key is known.
 */
export const ODD_PATH_MAX_LENGTH = 4 * 1024;
