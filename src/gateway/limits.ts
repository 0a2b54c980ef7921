/**
 * The bounds of forwarding: uploads, assertions, remembered headers, and waiting times.
 */

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

/** Content types whose fate is remembered, and what they take together in memory. */
export const CONTENT_TYPES_IN_MEMORY = 256;
export const CONTENT_TYPES_IN_MEMORY_BYTES = 16 * 1024;

/** Origin headers that are remembered, and what they take together in memory. */
export const ORIGIN_HEADERS_IN_MEMORY = 1_000;
export const ORIGIN_HEADERS_IN_MEMORY_BYTES = 64 * 1024;

/** A longer one is parsed each time. Nearly all host names are far shorter. */
export const ORIGIN_HEADER_MAX_REMEMBERED = 128;

/** Assertions that one isolate remembers where they are signed once per key. */
export const ASSERTIONS_IN_MEMORY = 10_000;

/** Sets of headers of refusals that are remembered, by kind and origin. */
export const REFUSAL_HEADERS_IN_MEMORY = 256;

/** Largest body of a refused request that is read away, so that the client reads the refusal. */
export const REFUSED_BODY_MAX_BYTES = 8 * 1024 * 1024;

/** How long that may delay the refusal. */
export const REFUSED_BODY_MAX_MS = 2 * 1_000;

/** How long a rate limiter may take before the request continues without its answer. */
export const LIMITER_TIMEOUT_MS = 100;
/**
 * How long an isolate answers an address by itself after the failure limiter refused it, and how many
 * of these addresses it remembers. The limiter cannot be asked without counting.
 */
export const REFUSED_ADDRESS_SECONDS = 10;
export const REFUSED_ADDRESSES_IN_MEMORY = 5_000;

/**
 * How often an open connection asks whether its key still allows it. The directory answers from memory
 * and reads the change log itself when it is due, so that most of these questions cost nothing.
 */
export const OPEN_CONNECTION_CHECK_MS = 2 * 1_000;

/** An open connection that has asked nothing for so long is gone, although nothing has said so. */
export const OPEN_CONNECTION_LOST_MS = 30 * 1_000;

/** The platform's own limit for one message of a WebSocket. */
export const WEBSOCKET_MESSAGE_MAX_BYTES = 32 * 1024 * 1024;
