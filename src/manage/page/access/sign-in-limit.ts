/**
 * The limit on attempts to sign in from one client address.
 *
 * Cloudflare's rate-limit binding counts per data centre. Without it, each isolate counts for itself.
 * That only slows guessing down: the length of the admin token is what prevents it.
 */

/** The part of Cloudflare's rate-limit binding that is used. */
export interface SignInLimiter {
  limit(options: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

/** Attempts that one address has in a minute; wrangler.toml sets the binding to the same. */
export const SIGN_IN_ATTEMPTS_PER_MINUTE = 10;
/** The time that a refused client is asked to wait. */
export const SIGN_IN_RETRY_SECONDS = 60;

const ADDRESSES_IN_MEMORY = 10_000;
const WINDOW_MS = 60 * 1000;

/** Counts in this isolate's memory, in windows of a minute. */
export function createIsolateLimiter(now: () => number): SignInLimiter {
  let attempts = new Map<string, number>();
  let windowStartedAtMs = 0;
  return {
    async limit({ key }) {
      if (now() - windowStartedAtMs >= WINDOW_MS || attempts.size >= ADDRESSES_IN_MEMORY) {
        attempts = new Map();
        windowStartedAtMs = now();
      }
      const count = (attempts.get(key) ?? 0) + 1;
      attempts.set(key, count);
      return { success: count <= SIGN_IN_ATTEMPTS_PER_MINUTE };
    },
  };
}

/**
 * The address that attempts are counted against: the one that Cloudflare saw, which a client cannot
 * choose. An IPv6 client has a whole /64 to itself, so all of it counts as one address.
 */
export function addressOf(request: Request): string {
  const address = request.headers.get('cf-connecting-ip') ?? 'unknown';
  return address.includes(':') ? `${networkOf(address)}::/64` : address;
}

/** The first four groups of an IPv6 address, with the groups that `::` stands for written out. */
function networkOf(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? 0 : tail.split(':').length;
    while (groups.length + after < 8) groups.push('0');
  }
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
