/** The bindings and settings that the runtime passes to the Worker. Any of them may be missing or malformed. */

import type { SettingName } from './settings.ts';

/** Everything that the Worker is configured with. `readConfig` checks it. */
export type Env = Bindings & { readonly [Name in SettingName]?: unknown };

/** The bindings. Those with a question mark are optional. */
export interface Bindings {
  readonly DB: D1Database;
  readonly KEYS: KVNamespace;
  readonly USAGE?: Queue<string>;
  readonly CF_VERSION_METADATA?: WorkerVersionMetadata;
  readonly SIGN_IN_LIMITER?: RateLimit;
  readonly FAILURE_LIMITER?: RateLimit;
  readonly KEY_LIMITER?: RateLimit;
  readonly CLIENT_LIMITER?: RateLimit;
  readonly ANALYTICS?: AnalyticsEngineDataset;
}

interface Binding {
  readonly type: string;
  readonly isRequired?: true;
  /** A method by which a binding of this type is recognised, and where wrangler.toml binds it. */
  readonly sign?: readonly [method: string, table: string];
  /** The meaning, in Markdown, for docs/configuration.md. */
  readonly about: string;
}

/** The bindings, described. */
export const bindings: { readonly [Name in keyof Bindings]-?: Binding } = {
  DB: {
    type: 'D1Database',
    isRequired: true,
    sign: ['withSession', 'd1_databases'],
    about: 'The source of truth: keys, the change log, usage, the audit. See `schema.sql`.',
  },
  KEYS: {
    type: 'KVNamespace',
    isRequired: true,
    sign: ['get', 'kv_namespaces'],
    about: 'Copies of keys near the reader.',
  },
  USAGE: {
    type: 'Queue',
    sign: ['send', 'queues.producers'],
    about: 'Carries usage to D1. Without it, every isolate writes its usage to D1 itself.',
  },
  CF_VERSION_METADATA: {
    type: 'WorkerVersionMetadata',
    about:
      'Tells this deployment from others. Without it, isolates do not share their reads of the change log.',
  },
  SIGN_IN_LIMITER: {
    type: 'RateLimit',
    sign: ['limit', 'ratelimits'],
    about: 'Counts attempts to sign in to the page. Without it, every isolate counts its own.',
  },
  // The next three are checked together with their settings: cross-checks.ts.
  FAILURE_LIMITER: {
    type: 'RateLimit',
    about: 'Limits failed authentications per client address. Without it, they are not limited.',
  },
  KEY_LIMITER: {
    type: 'RateLimit',
    about: 'Limits requests per key. Without it, they are not limited.',
  },
  CLIENT_LIMITER: {
    type: 'RateLimit',
    about:
      'Limits requests with client tokens per visitor: by key and `sub`, or by address without a `sub`. Without it, they are not limited.',
  },
  ANALYTICS: {
    type: 'AnalyticsEngineDataset',
    sign: ['writeDataPoint', 'analytics_engine_datasets'],
    about: 'Counts outcomes for dashboards.',
  },
};
