/**
 * The bounds of the management API. Those of a key itself are in `core/limits.ts`.
 */

/** Largest body that the management API reads, in bytes. */
export const MANAGEMENT_BODY_MAX_BYTES = 64 * 1024;
/** Addresses that one isolate remembers for having guessed the admin token too often. */
export const GUESSERS_IN_MEMORY = 1_000;
/** Largest body of an import, in bytes. Every other body may have `MANAGEMENT_BODY_MAX_BYTES`. */
export const IMPORT_BODY_MAX_BYTES = 1024 * 1024;
/** Most keys of one import. */
export const IMPORT_KEYS_MAX = 1_000;
/** Shortest token that may be imported, in characters: a shorter one can be guessed. */
export const IMPORTED_TOKEN_MIN_LENGTH = 8;

/**
 * Most leaked tokens of one report, and its largest body in bytes: about a KiB for each, of which most
 * is the URL. GitHub sends many matches at once and says no number.
 */
export const LEAKS_MAX = 1_000;
export const LEAK_BODY_MAX_BYTES = 1024 * 1024;
/**
 * Keys that one report revokes. Each takes a read and a batch of up to 8 statements, and then what this
 * isolate and KV need to follow, while one request has 1,000 queries of D1 on the paid plan of Workers:
 * https://developers.cloudflare.com/d1/platform/limits/
 */
export const LEAK_KEYS_REVOKED_MAX = 50;

/** Keys, or lines of the audit, on one page of a list. */
export const PAGE_LIMIT_DEFAULT = 50;
export const PAGE_LIMIT_MAX = 100;
/** Longest name of a key, in characters. */
export const NAME_MAX_LENGTH = 200;
/** Longest actor that the audit is filtered by, in characters: the subject of a JWT may be long. */
export const ACTOR_MAX_LENGTH = 300;
/**
 * Most keys that one bulk change handles. Each takes two reads and a batch of up to 11 statements, while one
 * request has 1,000 queries of D1: https://developers.cloudflare.com/d1/platform/limits/
 */
export const BULK_KEYS_MAX = 50;
/**
 * The time after which a call of a bulk change begins with no further key: a key of 500 origins takes 5 seconds,
 * and callers do not wait for minutes.
 */
export const BULK_CALL_SECONDS = 10;
/** Lines of the change log that all bulk changes write in a second, so that isolates keep their window of it. */
export const BULK_LINES_PER_SECOND = 100;
/** Most keys that the list counts. */
export const TOTAL_MAX = 10_000;
/** Longest origin that the list is filtered by, in characters: a scheme, a host of 253, a wildcard, a port. */
export const ORIGIN_FILTER_MAX_LENGTH = 400;
/** Longest text that the list is searched for, in characters. */
export const SEARCH_MAX_LENGTH = 200;

/** Longest time for which a rolled token remains valid, in seconds. */
export const GRACE_MAX_SECONDS = 30 * 24 * 60 * 60;
/** Shortest token that an owner may import, in characters: 128 random bits in base64url. */
export const OWNER_TOKEN_MIN_LENGTH = 22;

/** Most tokens of one key that work at a time: the newest, and those in their grace. */
export const TOKENS_PER_KEY = 10;

/**
 * How often an edit without If-Match is tried when others overtake it, and how long it waits after the
 * first and after the later attempts, at most. With 50 at once, the last takes some seconds.
 */
export const EDIT_ATTEMPTS = 12;
export const EDIT_WAIT_MS = 50;
export const EDIT_WAIT_MAX_MS = 1_000;

/** Longest Idempotency-Key, in characters, and how long its answer is kept. */
export const IDEMPOTENCY_KEY_MAX_LENGTH = 255;
export const ANSWER_KEPT_SECONDS = 24 * 60 * 60;

/** How much of a long document is checked at a time, in characters of JSON: a few milliseconds' work. */
export const SLICE_SIZE = 8 * 1024;
/** Most bytes of the problems of one answer, of which 64 KiB also hold its other members. */
export const PROBLEMS_MAX_BYTES = 48 * 1024;
/** Longest value that a problem quotes, in characters. */
export const QUOTE_MAX_LENGTH = 200;

/** Most filters by metadata of one list of keys. */
export const META_FILTERS_MAX = 5;

/** Endpoints, and refused origins, that an overview of usage names. */
export const USAGE_NAMES_SHOWN = 20;
