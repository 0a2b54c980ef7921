/**
 * The bounds of the pure rules. Each room has its own: `keys/limits.ts`, `gateway/limits.ts`, `usage/limits.ts`,
 * `manage/limits.ts`.
 *
 * Operators' settings are in `config/settings.ts`. These are not settings, because a deployment that needs
 * another value here needs another design.
 */

/**
 * How long the background work of one request may last, whatever it does: counting and keeping warm each
 * end by then. The platform ends it 30 s after the response.
 */
export const BACKGROUND_WORK_MS = 28 * 1000;

/** Longest token that is hashed and looked up, in characters. Longer ones are unknown. */
export const TOKEN_MAX_LENGTH = 512;

/** Most names that a preflight may ask for and still have them granted. */
export const PREFLIGHT_MAX_HEADER_NAMES = 64;

/** Longest `Access-Control-Request-Headers` that is read, in bytes. */
export const PREFLIGHT_MAX_HEADER_BYTES = 4 * 1024;

/** Most origin patterns on one key. */
export const ORIGINS_PER_KEY = 500;

/** Most blocks of addresses on one key. */
export const ADDRESS_BLOCKS_PER_KEY = 50;

/** Addresses of clients that are remembered in the form in which they are compared, and their bytes. */
export const ADDRESSES_IN_MEMORY = 1_000;
export const ADDRESSES_IN_MEMORY_BYTES = 256 * 1024;

/** Largest metadata of a key, and largest list of its tags, in bytes of the header that holds it. */
export const META_MAX_BYTES = 1024;
/** Most tags on one key. */
export const TAGS_PER_KEY = 20;

/** Most rules on one key, and most methods or resources in one rule. */
export const RULES_PER_KEY = 100;
export const ENTRIES_PER_RULE = 100;
/** Most segments in the resources of a key's rules, counted together. Compiling them takes less than 1 ms. */
export const RULE_SEGMENTS_PER_KEY = 500;

/** Spellings of hosts that are remembered, and what they take together in memory. */
export const HOSTS_IN_MEMORY = 256;
export const HOSTS_IN_MEMORY_BYTES = 16 * 1024;

/** Days of usage that are answered, by the API and so on the command line. */
export const USAGE_DAYS_DEFAULT = 30;
export const USAGE_DAYS_MAX = 366;

/**
 * Longest path that is not plain, in characters. Reading it in every way that some server does takes
 * time in proportion, before any key is known.
 */
export const ODD_PATH_MAX_LENGTH = 4 * 1024;
