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
}

/** The bindings, and how each is recognised. `descriptions.ts` describes them. */
export const bindings: { readonly [Name in keyof Bindings]-?: Binding } = {
  DB: {
    type: 'D1Database',
    isRequired: true,
    sign: ['withSession', 'd1_databases'],
  },
  KEYS: {
    type: 'KVNamespace',
    isRequired: true,
    sign: ['get', 'kv_namespaces'],
  },
  USAGE: {
    type: 'Queue',
    sign: ['send', 'queues.producers'],
  },
  CF_VERSION_METADATA: {
    type: 'WorkerVersionMetadata',
  },
  SIGN_IN_LIMITER: {
    type: 'RateLimit',
    sign: ['limit', 'ratelimits'],
  },
  // The next three are checked together with their settings: cross-checks.ts.
  FAILURE_LIMITER: {
    type: 'RateLimit',
  },
  KEY_LIMITER: {
    type: 'RateLimit',
  },
  CLIENT_LIMITER: {
    type: 'RateLimit',
  },
  ANALYTICS: {
    type: 'AnalyticsEngineDataset',
    sign: ['writeDataPoint', 'analytics_engine_datasets'],
  },
};
