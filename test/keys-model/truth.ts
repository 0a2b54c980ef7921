/**
 * The content of D1, as plain values, and everything that it ever held: the yardstick of the model.
 *
 * Answers look-ups as the SQL in `src/keys/stores/d1.ts` does, and changes keys as management does, with a
 * line in the log for each live token of the key and for each origin pattern that is gained or lost.
 * `test/keys/model-on-d1.test.ts` runs the same schedules against the real SQL.
 */

import type { AccessRule, Quota, StoredKey } from '../../src/core/key/key.ts';
import type { MintingIdentity } from '../../src/core/key/token.ts';
import { FEED_PAGE_LINES, FEED_WINDOW_LINES } from '../../src/keys/limits.ts';
import {
  type ChangeLine,
  type DatabaseAnswer,
  type DatabaseRequest,
  type FeedSnapshot,
  LOG_START,
  type NearAnswer,
  type NearRequest,
  type ParentRecord,
  type Registered,
  type Subject,
  tokenSubject,
  type Versioned,
} from '../../src/keys/types.ts';
import type { Random } from './random.ts';

/** A key with its tokens. */
export interface TrueKey extends StoredKey {
  readonly isRevoked: boolean;
}

interface TrueToken {
  readonly keyId: string;
  readonly expiresAtMs: number | null;
  readonly isImported: boolean;
  readonly minting: MintingIdentity | null;
}

/** All that D1 held from one commit to the next. */
export interface Version {
  readonly committedAtMs: number;
  readonly keys: ReadonlyMap<string, TrueKey>;
  /** By hash. */
  readonly tokens: ReadonlyMap<string, TrueToken>;
  readonly lines: readonly ChangeLine[];
}

/** The members of a key that may change. */
export type KeyEdit = Partial<
  Pick<
    TrueKey,
    | 'allowedOrigins'
    | 'enabled'
    | 'rules'
    | 'expiresAtMs'
    | 'isRevoked'
    | 'clientTokens'
    | 'clientTokensValidFromMs'
    | 'quotaRenewsAtMs'
  >
> & {
  /** `null`: the key has no quota any longer. */
  readonly quota?: Quota | null;
};

/** A real D1 that follows the model's: it answers instead, and is compared. */
export interface Mirror {
  create(
    key: StoredKey,
    tokenHash: string,
    isImported: boolean,
    minting: MintingIdentity | null,
  ): Promise<void>;
  edit(id: string, edit: KeyEdit): Promise<void>;
  /** Merges as much usage as the quota of a key allows, as the consumer of usage does. */
  useUp(id: string, quota: Quota): Promise<void>;
  roll(
    id: string,
    tokenHash: string,
    oldTokensEndAtMs: number,
    minting: MintingIdentity | null,
  ): Promise<void>;
  read(request: DatabaseRequest, expected: DatabaseAnswer): Promise<DatabaseAnswer>;
  readLines(fromSeq: number): Promise<readonly ChangeLine[]>;
  copyOf(tokenHash: string): Promise<Versioned<StoredKey>>;
}

/** See the file's head. */
export class Truth {
  readonly versions: Version[];
  readonly #now: () => number;
  readonly #random: Random;

  constructor(now: () => number, random: Random) {
    this.#now = now;
    this.#random = random;
    this.versions = [
      { committedAtMs: Number.NEGATIVE_INFINITY, keys: new Map(), tokens: new Map(), lines: [] },
    ];
  }

  get current(): Version {
    return this.versions.at(-1) as Version;
  }

  create(
    key: StoredKey,
    tokenHash: string,
    isImported: boolean,
    minting: MintingIdentity | null = null,
  ): void {
    const { keys, tokens } = this.current;
    this.#commit({
      keys: new Map(keys).set(key.id, { ...key, isRevoked: false }),
      tokens: new Map(tokens).set(tokenHash, {
        keyId: key.id,
        expiresAtMs: null,
        isImported,
        minting,
      }),
      subjects: [...patternsOf(originsOf(key)), tokenSubject(tokenHash)],
    });
  }

  edit(id: string, edit: KeyEdit): void {
    const { keys, tokens } = this.current;
    const before = keys.get(id);
    if (!before || before.isRevoked) return;
    const { quota = before.quota, ...others } = edit;
    const { quota: _, ...rest } = { ...before, ...others };
    const after: TrueKey = { ...rest, ...(quota ? { quota } : {}) };
    const forgotten = new Map(tokens);
    for (const hash of after.isRevoked ? this.hashesOf(id) : []) {
      forgotten.set(hash, { ...(tokens.get(hash) as TrueToken), isImported: false });
    }
    this.#commit({
      keys: new Map(keys).set(id, after),
      tokens: forgotten,
      subjects: [
        ...patternsOf(originsOf(before)),
        ...patternsOf(originsOf(after)),
        ...this.hashesOf(id).map(tokenSubject),
      ],
    });
  }

  roll(
    id: string,
    tokenHash: string,
    oldTokensEndAtMs: number,
    minting: MintingIdentity | null = null,
  ): void {
    const { keys, tokens } = this.current;
    const key = keys.get(id);
    if (!key || key.isRevoked) return;
    const rolled = new Map(tokens);
    for (const hash of this.hashesOf(id)) {
      const token = tokens.get(hash) as TrueToken;
      const expiresAtMs = Math.min(token.expiresAtMs ?? Infinity, oldTokensEndAtMs);
      const isImported = token.isImported && expiresAtMs > this.#now();
      rolled.set(hash, { ...token, expiresAtMs, isImported });
    }
    rolled.set(tokenHash, { keyId: id, expiresAtMs: null, isImported: false, minting });
    const hashes = [...this.hashesOf(id), tokenHash];
    this.#commit({
      keys,
      tokens: rolled,
      subjects: hashes.map(tokenSubject),
    });
  }

  /** So many lines about keys that no request uses. */
  flood(count: number): void {
    const { keys, tokens } = this.current;
    const floodAt = this.versions.length;
    const subjects = Array.from(
      { length: count },
      (_, line): Subject => `token:${floodAt}-${line}`,
    );
    this.#commit({ keys, tokens, subjects });
  }

  /** As D1's Time Travel does: everything is as it was, the log and its next seq included. */
  restore(version: Version): void {
    this.versions.push({ ...version, committedAtMs: this.#now() });
  }

  hashesOf(id: string): string[] {
    return [...this.current.tokens].flatMap(([hash, { keyId }]) => (keyId === id ? [hash] : []));
  }

  #commit(change: {
    keys: ReadonlyMap<string, TrueKey>;
    tokens: ReadonlyMap<string, TrueToken>;
    subjects: readonly Subject[];
  }): void {
    const { lines } = this.current;
    const headSeq = lines.at(-1)?.seq ?? 0;
    const added = [...new Set(change.subjects)].map((subject, index) => ({
      seq: headSeq + 1 + index,
      mark: Math.floor(this.#random() * 2 ** 48),
      subject,
    }));
    this.versions.push({
      committedAtMs: this.#now(),
      keys: change.keys,
      tokens: change.tokens,
      lines: [...lines, ...added],
    });
  }
}

/** The key of a token's hash; `null` if no key that was not revoked has it. */
export function keyOf({ keys, tokens }: Version, tokenHash: string): StoredKey | null {
  const token = tokens.get(tokenHash);
  const key = token && keys.get(token.keyId);
  if (!token || !key || key.isRevoked) return null;
  const { isRevoked: _, clientTokens, clientTokensValidFromMs, ...rest } = key;
  const { quota, quotaRenewsAtMs = null, ...stored } = rest;
  return {
    ...stored,
    expiresAtMs: earliest(key.expiresAtMs, token.expiresAtMs),
    ...(clientTokens ? { clientTokens, clientTokensValidFromMs } : {}),
    ...(quota ? { quota, quotaRenewsAtMs } : {}),
  };
}

/** The token of a `kid` with its key; `null` when no token has this name. */
function parentOf(version: Version, kid: string): ParentRecord | null {
  const named = [...version.tokens].find(([, { minting }]) => minting?.kid === kid);
  if (named === undefined) return null;
  const [tokenHash, { minting }] = named;
  return { tokenHash, publicKey: minting?.publicKey ?? '', key: keyOf(version, tokenHash) };
}

/** The origins that a key has in the index: its own, and those of its client tokens. */
function originsOf({ allowedOrigins, clientTokens }: StoredKey): readonly string[] {
  return [...(allowedOrigins ?? []), ...(clientTokens?.allowedOrigins ?? [])];
}

/** The same as a look-up receives it, with `revoked` for a key that was revoked. */
function answerFor(version: Version, tokenHash: string): StoredKey | 'revoked' | null {
  const wasThere = version.tokens.has(tokenHash);
  return keyOf(version, tokenHash) ?? (wasThere ? 'revoked' : null);
}

/** The longest registered of these patterns; `null` when no live key lists one. */
export function registeredIn({ keys }: Version, patterns: readonly string[]): Registered | null {
  let longest: Registered | null = null;
  for (const key of keys.values()) {
    const { isRevoked, enabled, expiresAtMs } = key;
    const pattern = originsOf(key).find((listed) => patterns.includes(listed));
    if (isRevoked || !enabled || pattern === undefined) continue;
    const untilMs = expiresAtMs ?? Number.MAX_SAFE_INTEGER;
    if (longest === null || untilMs > longest.untilMs) longest = { pattern, untilMs };
  }
  return longest;
}

/** Returns whether tokens of other forms than ours exist; a revoked or rolled one does not count. */
export function hasImported({ tokens }: Version): boolean {
  return [...tokens.values()].some(({ isImported }) => isImported);
}

/** One round trip to D1 at this version. */
export function readVersion(version: Version, request: DatabaseRequest): DatabaseAnswer {
  return {
    feed: feedOf(version, request.fromSeq ?? 0),
    ...(request.tokenHash === undefined ? {} : { key: answerFor(version, request.tokenHash) }),
    ...(request.patterns === undefined
      ? {}
      : { registered: registeredIn(version, request.patterns) }),
    ...(request.kid === undefined ? {} : { parent: parentOf(version, request.kid) }),
    rowsRead: 0,
  };
}

/** A page of the log at this version. */
export function readLines({ lines }: Version, fromSeq: number): readonly ChangeLine[] {
  return lines.filter(({ seq }) => seq >= fromSeq).slice(0, FEED_PAGE_LINES + 1);
}

/** The answer of a read replica that is at this version. */
export function readNear(version: Version, { head, ...request }: NearRequest): NearAnswer {
  const { lines } = version;
  const newest = lines.at(-1) ?? LOG_START;
  const subjects = new Set(patternsOf(request.patterns ?? []));
  const parent = request.kid === undefined ? null : parentOf(version, request.kid);
  if (parent !== null) subjects.add(tokenSubject(parent.tokenHash));
  if (request.tokenHash !== undefined) subjects.add(tokenSubject(request.tokenHash));
  // The log of a world has no holes.
  const isThere = lines[head.seq - 1]?.mark === head.mark;
  const isNamed = lines.slice(head.seq).some(({ subject }) => subjects.has(subject));
  const { feed: _, rowsRead: __, ...records } = readVersion(version, { ...request, fromSeq: 0 });
  const at = isThere && !isNamed ? head : newest;
  return { ...records, at: { seq: at.seq, mark: at.mark }, isFromPrimary: false };
}

/** The copy that KV gets for a token. */
export function copyOf(version: Version, tokenHash: string): Versioned<StoredKey> {
  return { value: keyOf(version, tokenHash), at: version.lines.at(-1) ?? LOG_START };
}

/** The key of tags in every world of the model. */
export const MODEL_TAG_KEY_HEX = 'ab'.repeat(32);

function feedOf(version: Version, fromSeq: number): FeedSnapshot {
  const { lines: log } = version;
  const wanted = Math.min(fromSeq, log.at(-1)?.seq ?? 0);
  // The log of a world is short and has no holes.
  const lines = log.slice(Math.max(0, wanted - 1)).slice(-(FEED_WINDOW_LINES + 1));
  const isWhole = fromSeq === 0 && (lines[0]?.seq ?? 1) === 1;
  const after = isWhole ? LOG_START : (lines.shift() ?? LOG_START);
  return {
    after,
    head: lines.at(-1) ?? after,
    lines,
    tagKeyHex: MODEL_TAG_KEY_HEX,
    hasImportedTokens: hasImported(version),
  };
}

function patternsOf(origins: readonly string[]): Subject[] {
  return origins.map((pattern): Subject => `pattern:${pattern}`);
}

function earliest(left: number | null, right: number | null): number | null {
  if (left === null) return right;
  return right === null ? left : Math.min(left, right);
}

/** Rules as a schedule writes them: one list that is narrower than the other. */
export const wideRules: readonly AccessRule[] = [{ methods: ['get'], resources: ['/a', '/b'] }];
export const narrowRules: readonly AccessRule[] = [{ methods: ['get'], resources: ['/a'] }];
