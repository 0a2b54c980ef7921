/** The environment that `cloudflare:workers` hands to the tests of the `workers` project. */
declare namespace Cloudflare {
  interface Env {
    readonly DB: D1Database;
    readonly KEYS: KVNamespace;
    readonly USAGE: Queue<string>;
    readonly SIGN_IN_LIMITER: RateLimit;
    readonly FAILURE_LIMITER: RateLimit;
    /** The text of `schema.sql`. */
    readonly SCHEMA: string;
    readonly UPSTREAM_URL: string;
    readonly ADMIN_TOKEN: string;
  }
  interface GlobalProps {
    mainModule: typeof import('../../src/index.ts');
  }
}
