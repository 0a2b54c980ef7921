/**
 * A small edge for tests of the directory: its isolates, one data centre, and stores that count what is
 * asked of them, under a clock that a test moves.
 *
 * The doubles answer at once unless told otherwise; `test/keys-model` has the ones that do their worst.
 */

import type { StoredKey } from '../../src/core/key/key.ts';
import { hashToken, importTagKey, makeToken } from '../../src/core/key/token.ts';
import { parseOrigin, type WebOrigin } from '../../src/core/origins/web-origin.ts';
import { restrictedRoutes } from '../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../src/core/routes/route-table.ts';
import {
  createKeyDirectory,
  type DirectoryOptions,
  type KeyDirectory,
} from '../../src/keys/lookup/directory.ts';
import type { KeyLookup } from '../../src/keys/lookup/key-target.ts';
import { RequestScope } from '../../src/keys/lookup/request-scope.ts';
import type { NearReplica, SharedPoll, Versioned } from '../../src/keys/types.ts';
import type { LogEvent } from '../../src/log/events.ts';
import { isCryptoRemembered, rememberCrypto } from '../keys-model/immediate-crypto.ts';
import { createRandom } from '../keys-model/random.ts';
import { MODEL_TAG_KEY_HEX, readLines, readVersion, Truth } from '../keys-model/truth.ts';
import { VirtualTime } from '../keys-model/virtual-time.ts';

/** How a store does: how long it takes, and whether it fails then. `Infinity`: it hangs. */
export interface StoreHealth {
  tookMs: number;
  fails: boolean;
}

/** Numbers of the calls to each store. */
export interface StoreCalls {
  database: number;
  pages: number;
  replicaReads: number;
  replicaWrites: number;
  cacheReads: number;
  cacheWrites: number;
}

export interface IsolateSettings {
  readonly refreshMs: number;
  readonly maxStalenessMs: number;
  readonly outageGraceMs: number;
  readonly keepWarmMs: number;
  readonly near: NearReplica | null;
}

/** One isolate of an edge. */
export interface EdgeIsolate {
  readonly directory: KeyDirectory;
  /** A request comes and is answered, as time goes by; `isAllowed` says how the gateway judges. */
  request(
    token: string,
    options?: { readonly origin?: string; readonly isAllowed?: boolean },
  ): Promise<KeyLookup>;
  /** A preflight, or the look-up of an origin that only makes a refusal readable. */
  preflight(origin: string, purpose?: 'preflight' | 'refusal'): Promise<string>;
}

export interface ModelToken {
  readonly token: string;
  readonly hash: string;
}

let tokens: readonly ModelToken[] | undefined;

/** Tokens of our form with a right tag. To be called before the first edge is made. */
export async function prepareTokens(): Promise<void> {
  if (tokens && isCryptoRemembered()) return;
  rememberCrypto();
  const random = createRandom(7);
  const tagKey = await importTagKey(MODEL_TAG_KEY_HEX);
  const fillRandom = (bytes: Uint8Array) => {
    for (const at of bytes.keys()) bytes[at] = random() * 256;
  };
  const made: ModelToken[] = [];
  for (let number = 0; number < 30; number++) {
    const token = await makeToken({ prefix: 'ea', kind: 'backend', tagKey, fillRandom });
    made.push({ token, hash: await hashToken(token) });
  }
  for (const token of ['imported-token', 'another-imported-token']) await hashToken(token);
  tokens = made;
}

/** One of the prepared tokens. */
export function aToken(number = 0): ModelToken {
  const token = tokens?.[number];
  if (!token) throw new Error('Call prepareTokens() first');
  return token;
}

/** A token as others make them. */
export async function importedToken(): Promise<ModelToken> {
  return { token: 'imported-token', hash: await hashToken('imported-token') };
}

/** A backend key that works, unless told otherwise. */
export function aStoredKey(overrides: Partial<StoredKey> = {}): StoredKey {
  return {
    id: 'key_1',
    owner: null,
    kind: overrides.allowedOrigins ? 'cors' : 'backend',
    allowedOrigins: null,
    fullAccess: false,
    rules: null,
    enabled: true,
    expiresAtMs: null,
    ...overrides,
  };
}

/** See the file's head. */
export class Edge {
  readonly time = new VirtualTime();
  readonly truth = new Truth(() => this.time.nowMs, createRandom(1));
  /** The patterns that KV was asked for, call by call. */
  readonly patternReads: (readonly string[])[] = [];
  readonly calls: StoreCalls = {
    database: 0,
    pages: 0,
    replicaReads: 0,
    replicaWrites: 0,
    cacheReads: 0,
    cacheWrites: 0,
  };
  readonly health: Record<'database' | 'replica' | 'cache', StoreHealth> = {
    database: { tookMs: 0, fails: false },
    replica: { tookMs: 0, fails: false },
    cache: { tookMs: 0, fails: false },
  };
  /** The content of KV, by KV key. */
  readonly copies = new Map<string, Versioned<never>>();
  /** The content of the data centre's cache. It does not expire unless a test removes it. */
  shared: SharedPoll | null = null;
  /** The entry that lives longer. Only tests that set it have one. */
  sharedLong: SharedPoll | null = null;
  readonly events: LogEvent[] = [];

  /** An isolate that knows nothing yet. Its clock may be wrong. */
  isolate(settings: Partial<IsolateSettings> & { readonly clockMs?: number } = {}): EdgeIsolate {
    const now = () => this.time.nowMs + (settings.clockMs ?? 0);
    const directory = createKeyDirectory({
      ...this.#stores(),
      now,
      wait: (ms) => this.time.wait(ms),
      random: () => 0.5,
      withTimeout: this.time.withTimeout,
      log: (event) => this.events.push(event),
      restrictedRoutes,
      restrictedTable: compileRoutes(restrictedRoutes),
      refreshMs: 5_000,
      maxStalenessMs: 10_000,
      outageGraceMs: 300_000,
      keepWarmMs: 0,
      ...settings,
    });
    const newScope = () => new RequestScope(now(), (work) => void work);
    return {
      directory,
      request: async (token, { origin, isAllowed = true } = {}) => {
        const scope = newScope();
        const parsed = origin === undefined ? null : parseTestOrigin(origin);
        const found = await this.#answered(
          directory.recall(token, scope) ?? directory.find(token, parsed, scope),
        );
        if (isAllowed) {
          scope.startDeferredWrites();
          if (parsed !== null) directory.writeWaitingCopies(parsed, scope);
        }
        await this.time.advance(0);
        return found;
      },
      preflight: async (origin, purpose = 'preflight') => {
        const scope = newScope();
        const parsed = parseTestOrigin(origin);
        const registration = await this.#answered(
          directory.recallOrigin(parsed, scope) ?? directory.findOrigin(parsed, scope, purpose),
        );
        await this.time.advance(0);
        return registration;
      },
    };
  }

  /** Returns the numbers of the calls since the last call of this. */
  takeCalls(): Partial<StoreCalls> {
    const taken: Partial<StoreCalls> = {};
    for (const name of Object.keys(this.calls) as (keyof StoreCalls)[]) {
      if (this.calls[name] > 0) taken[name] = this.calls[name];
      this.calls[name] = 0;
    }
    return taken;
  }

  /** Lets time go by until something has its answer, for at most a minute. */
  async #answered<Result>(work: Result | Promise<Result>): Promise<Result> {
    let isDone = !(work instanceof Promise);
    const done = Promise.resolve(work).finally(() => {
      isDone = true;
    });
    await this.time.advance(0);
    for (let waitedMs = 0; !isDone && waitedMs < 60_000; waitedMs += 10) {
      await this.time.advance(10);
    }
    if (!isDone) throw new Error('no answer within a minute');
    return done;
  }

  #stores(): Pick<DirectoryOptions, 'database' | 'replica' | 'feedCache' | 'near'> {
    const read = async (name: string) => {
      this.calls.replicaReads++;
      await this.#endure('replica');
      return this.copies.get(name) ?? null;
    };
    const write = async (name: string, copy: Versioned<unknown>) => {
      this.calls.replicaWrites++;
      await this.#endure('replica');
      this.copies.set(name, copy as Versioned<never>);
    };
    return {
      database: {
        read: async (request) => {
          this.calls.database++;
          await this.#endure('database');
          return readVersion(this.truth.current, request);
        },
        readLines: async (fromSeq) => {
          this.calls.pages++;
          await this.#endure('database');
          return readLines(this.truth.current, fromSeq);
        },
      },
      near: null,
      replica: {
        getKey: (tokenHash) => read(`key:${tokenHash}`),
        putKey: (tokenHash, copy) => write(`key:${tokenHash}`, copy),
        getParent: (kid) => read(`kid:${kid}`),
        putParent: (kid, copy) => write(`kid:${kid}`, copy),
        getOrigins: async (patterns) => {
          this.patternReads.push(patterns);
          // One call, however many are asked for.
          this.calls.replicaReads++;
          await this.#endure('replica');
          return patterns.flatMap((pattern) => this.copies.get(`pattern:${pattern}`) ?? []);
        },
        putOrigin: (copy) => write(`pattern:${copy.value?.pattern}`, copy),
      },
      feedCache: {
        get: async (entry) => {
          // One read of the shared poll asks for the other entry only if this one is missing.
          if (entry === 'long') return this.sharedLong;
          this.calls.cacheReads++;
          await this.#endure('cache');
          return this.shared;
        },
        put: async (poll) => {
          this.calls.cacheWrites++;
          await this.#endure('cache');
          this.shared = poll;
        },
      },
    };
  }

  async #endure(store: 'database' | 'replica' | 'cache'): Promise<void> {
    const { tookMs, fails } = this.health[store];
    if (tookMs === Number.POSITIVE_INFINITY) return new Promise(() => {});
    await this.time.wait(tookMs);
    if (fails) throw new Error(`the ${store} failed`);
  }
}

function parseTestOrigin(origin: string): WebOrigin {
  const parsed = parseOrigin(origin);
  if (!parsed) throw new Error(`"${origin}" is no origin`);
  return parsed;
}
