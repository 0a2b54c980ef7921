/**
 * The records that management has of keys, the audit and kept answers, and the ports through which it
 * reads and changes them. `store.ts` builds their adapters over D1; each has a file of its own.
 */

import type { AccessLevel, StoredKey } from '../../core/key/key.ts';
import type { KeyKind, MintingIdentity } from '../../core/key/token.ts';

/** A key with everything that management shows of it. */
export interface ManagedKey extends StoredKey {
  readonly name: string;
  readonly hint: string;
  readonly createdAtMs: number;
  /** When the key stops; `null`: never. Not shortened by a roll's grace. */
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
  /** Set and cleared by the operator alone. The key is refused like a disabled one. */
  readonly suspended: boolean;
  readonly updatedAtMs: number;
  /** When the key was revoked, for good; `null`: it was not. */
  readonly revokedAtMs: number | null;
  /** Counts the changes, from 1. */
  readonly version: number;
}

/** A key with what is left of the tokens that it had before it was rolled. */
export interface ShownKey extends ManagedKey {
  /** When those tokens end whose grace is not over, the last one first. */
  readonly retiringEndsMs: readonly number[];
}

/** The orders of the list of keys: newest first, by name, most recently used first. */
export const keySorts = ['created', 'name', 'lastUsed'] as const;
/** See `keySorts`. */
export type KeySort = (typeof keySorts)[number];

/** The states of a key. A key that is not revoked may be in several of them, except for `live`. */
export const keyStates = ['live', 'disabled', 'suspended', 'expired', 'revoked'] as const;
/** See `keyStates`. */
export type KeyState = (typeof keyStates)[number];

/** The keys that a list is about. `null`: the filter is not given. */
export interface KeyFilter {
  readonly owner: string | null;
  /** `null`: every state but `revoked`. */
  readonly state: KeyState | null;
  readonly kind: KeyKind | null;
  readonly access: Exclude<AccessLevel, 'client'> | null;
  /** A canonical pattern that the key or its client tokens list, as it is. */
  readonly origin: string | null;
  /** The last use, or the creation of a key without any, is earlier. */
  readonly usedBeforeMs: number | null;
  readonly expiresBeforeMs: number | null;
  /** Text in the name, or at the beginning of the id, the hint, the owner, an origin or its host. */
  readonly search: string | null;
  /** Texts that the metadata holds, by their names, which `isMetaName` accepts. */
  readonly meta: readonly (readonly [name: string, text: string])[];
  readonly tag: string | null;
}

/** A place in the list of keys: the value that the list is sorted by, and the id of the key. */
export interface ListPlace {
  readonly value: string | number | null;
  readonly id: string;
}

/** The actions on a key that the audit has lines of. */
export const auditActions = ['create', 'import', 'edit', 'roll', 'revoke', 'leak'] as const;
/** See `auditActions`. */
export type AuditAction = (typeof auditActions)[number];

/** The facts that are noted with a change. */
export interface ChangeNote {
  readonly atMs: number;
  readonly actor: string;
  readonly requestId: string;
  /** The key as JSON without secrets; `null` if it did not exist. */
  readonly before: string | null;
  readonly after: string | null;
  /** Kept for the same request coming again; `null` when it carried no Idempotency-Key. */
  readonly answer: KeptAnswer | null;
  /** The place where a token of the key was found in public; absent if that is not why it changes. */
  readonly leakUrl?: string | null;
  /** The limits of the owner who makes the change; absent: the operator does. */
  readonly quota?: OwnerQuota | undefined;
}

/** The limits of an owner. */
export interface OwnerQuota {
  readonly owner: string;
  readonly changesPerMinute: number;
  readonly liveKeys: number;
}

/** The limits of owners. They are counted in the batch of each change. */
export interface OwnerLimits {
  /** In how many milliseconds an owner, whose limit is this, may make another change. */
  retryAfterMs(owner: string, changesPerMinute: number, nowMs: number): Promise<number>;
}

/** An answer that is kept for a repeated request. The columns of `idempotency` explain the members. */
export interface KeptAnswer {
  readonly caller: string;
  readonly keyHash: string;
  readonly requestHash: string;
  readonly answer: string;
  readonly sealedToken: string | null;
  readonly expiresAtMs: number;
}

/** The lines that a page of the audit is about. `null`: the filter is not given. */
export interface AuditFilter {
  readonly owner: string | null;
  readonly keyId: string | null;
  readonly actor: string | null;
  readonly action: AuditAction | null;
  /** From this time on. */
  readonly sinceMs: number | null;
  /** Before this time. */
  readonly untilMs: number | null;
}

/** A line of the audit. */
export interface AuditLine {
  readonly id: number;
  readonly atMs: number;
  readonly actor: string;
  readonly action: AuditAction;
  readonly keyId: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly requestId: string;
  /** The place where a token of the key was found in public; `null` if it was not found or is unknown. */
  readonly leakUrl: string | null;
}

/** A token of a key that was found in public, and where, if that is known. */
export interface Leak {
  readonly keyId: string;
  readonly owner: string | null;
  readonly url: string | null;
  /** The key as JSON for the audit. */
  readonly key: string;
}

/** A key with the token that was asked for, alive or not. */
export interface KeyOfToken {
  readonly key: ManagedKey;
  readonly isRevoked: boolean;
  /** When a roll ends this token; `null`: not by itself. */
  readonly tokenExpiresAtMs: number | null;
}

/** A key to import, with the hash of the token that it has elsewhere. */
export interface ImportedKey {
  readonly key: ManagedKey;
  readonly tokenHash: string;
  /** `true` if the token has another form than ours, so that such tokens have to be looked up. */
  readonly isForeign: boolean;
  /** The key as JSON for the audit. */
  readonly after: string;
}

/** A token that a key gets. */
export interface NewToken {
  readonly tokenHash: string;
  /** The name of its client tokens and what verifies them; `null` or absent: its holder mints none. */
  readonly minting?: MintingIdentity | null;
}

/** A key as the bearer of one of its tokens asks about it. */
export interface HeldKey extends KeyOfToken {
  /** The name of its client tokens; `null`: none was registered. */
  readonly kid: string | null;
  readonly tagKeyHex: string;
}

/** Reads and registrations for holders of keys. */
export interface HolderReads {
  /** `null` when no key, not even a dead one, has this token. */
  find(tokenHash: string): Promise<HeldKey | null>;
  /** Lets client tokens that carry this name be verified. Does nothing if it is registered already. */
  register(tokenHash: string, identity: MintingIdentity): Promise<void>;
}

/** See `ManagedKeys.update`. */
export type Changed = readonly string[] | null;

/** The stores of management. Everything here reads and writes D1's primary, and rejects when it cannot be reached. */
export interface AdminStore {
  readonly keys: ManagedKeys;
  readonly audit: AuditLog;
  readonly answers: KeptAnswers;
  readonly leaks: LeakNotes;
  readonly holders: HolderReads;
  readonly ownerLimits: OwnerLimits;
  readonly counts: KeyCountReads;
  readonly bulkPace: BulkPace;
}

/** The pace at which bulk changes of all callers write lines of the change log. */
export interface BulkPace {
  /**
   * Reserves time for the lines of a change to a key: one for each of its tokens, and one for each of
   * `patterns`. Returns how many milliseconds the change has to wait first; `null`, and reserves nothing,
   * if the changes before it take more than half a minute.
   */
  reserve(change: {
    readonly keyId: string;
    readonly patterns: number;
    readonly nowMs: number;
    readonly linesPerSecond: number;
  }): Promise<number | null>;
}

/** Counts for metrics. */
export interface KeyCountReads {
  /** Reads a bounded number of rows, however many keys there are. */
  count(nowMs: number): Promise<KeyCounts>;
}

/** The numbers of keys, and the state of what follows from their changes. */
export interface KeyCounts {
  /** Each key counts once. */
  readonly byState: Readonly<Record<KeyState, number>>;
  /** `false`: there are more keys than were counted. */
  readonly isExact: boolean;
  /** Copies that KV is due. */
  readonly dueCopies: number;
  /** `null`: there is no change in the log. */
  readonly newestChangeAtMs: number | null;
}

/** The keys: `reads.ts`, `key-list.ts`, `changes.ts` and `import.ts`. */
export interface ManagedKeys extends KeyReads, KeyLists, KeyChanges, KeyImport {}

/** Reads of keys. */
export interface KeyReads {
  /**
   * Finds a key, which may be revoked; `null` for an unknown id. Of the tokens from before a roll, those
   * that end after `nowMs` are returned; all of them, unless it is given.
   */
  find(id: string, nowMs?: number): Promise<ShownKey | null>;
  /** `null` when no key, not even a dead one, has this token. */
  findByToken(tokenHash: string): Promise<KeyOfToken | null>;
  /** The same for many tokens in one read, by their hashes. Those that no key has are left out. */
  findByTokens(tokenHashes: readonly string[]): Promise<ReadonlyMap<string, KeyOfToken>>;
  /** The keys among these that exist and are not revoked, of any owner. */
  livingAmong(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** How many tokens of a key work, or will when it is enabled. */
  countTokens(id: string, nowMs: number): Promise<number>;
  /** The HMAC key of the tokens' tags. */
  tagKeyHex(): Promise<string>;
}

/** The list of keys. */
export interface KeyLists {
  /**
   * Reads up to `limit` keys after a place. There may be fewer of them, or none, and still a `next` place:
   * a page reads a bounded number of rows.
   */
  list(options: {
    readonly filter: KeyFilter;
    readonly sort: KeySort;
    readonly after: ListPlace | null;
    readonly limit: number;
    readonly nowMs: number;
  }): Promise<{ readonly keys: readonly ShownKey[]; readonly next: ListPlace | null }>;
  /** Counts keys, looking at no more than 10,000 of them. */
  count(
    filter: KeyFilter,
    nowMs: number,
  ): Promise<{ readonly total: number; readonly isExact: boolean }>;
}

/** Changes to one key. Each rejects with an `OwnerLimitError` where the quota of its note is used up. */
export interface KeyChanges {
  /** Adds a key with its first token. Rejects, and adds nothing, when the answer is kept already. */
  insert(key: ManagedKey, token: NewToken, note: ChangeNote): Promise<void>;
  /**
   * Each of these makes one change from the version of `before`. They return the hashes of the tokens
   * that it concerns; `null` when the key has another version by now, or is gone: then nothing changed.
   */
  update(before: ManagedKey, after: ManagedKey, note: ChangeNote): Promise<Changed>;
  roll(
    before: ManagedKey,
    after: ManagedKey,
    token: NewToken & { readonly olderExpireAtMs: number },
    note: ChangeNote,
  ): Promise<Changed>;
  revoke(before: ManagedKey, note: ChangeNote): Promise<Changed>;
}

/** Import of many keys. */
export interface KeyImport {
  /**
   * Adds all of the keys or none. Rejects when a token is known already. `pause` is awaited between
   * steps of a few milliseconds, for other events of the isolate.
   */
  insertImported(
    keys: readonly ImportedKey[],
    note: Omit<ChangeNote, 'before' | 'after'>,
    pause?: () => Promise<void>,
  ): Promise<void>;
}

/** Notes about leaked tokens. */
export interface LeakNotes {
  /**
   * Notes in the audit that tokens were found in public, and changes nothing else. A place is noted
   * once for each key, and no further places for a key that has `LEAKS_PER_KEY`. Returns what was new.
   */
  note(
    leaks: readonly Leak[],
    note: Pick<ChangeNote, 'atMs' | 'actor' | 'requestId'>,
  ): Promise<readonly Pick<Leak, 'keyId' | 'url'>[]>;
}

/** The audit. Its lines are written in the batch of each change. */
export interface AuditLog {
  /**
   * Reads up to `limit` lines before a line, newest first. There may be fewer of them, or none, and still a
   * `next` place: a page reads a bounded number of rows.
   */
  list(options: {
    readonly filter: AuditFilter;
    readonly beforeId: number | null;
    readonly limit: number;
  }): Promise<{ readonly lines: readonly AuditLine[]; readonly next: number | null }>;
}

/** Answers that are kept for repeated requests. They are written in the batch of each change. */
export interface KeptAnswers {
  /** `null` when nothing is kept under this name, or not any more. */
  find(caller: string, keyHash: string, nowMs: number): Promise<KeptAnswer | null>;
}
