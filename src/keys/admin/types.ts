/**
 * The records that management has of keys, the audit and kept answers, and the ports through which it
 * reads and changes them. `store.ts` builds their adapters over D1; each has a file of its own.
 */

import type { StoredKey } from '../../core/key/key.ts';
import type { MintingIdentity } from '../../core/key/token.ts';

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
  /** Counts the changes, from 1. */
  readonly version: number;
}

/** A key with what is left of the tokens that it had before it was rolled. */
export interface ShownKey extends ManagedKey {
  /** When those tokens end whose grace is not over, the last one first. */
  readonly retiringEndsMs: readonly number[];
}

/** A place in the list of keys, newest first. */
export interface ListCursor {
  readonly createdAtMs: number;
  readonly id: string;
}

/** A kind of change to a key. */
export type AuditAction = 'create' | 'import' | 'edit' | 'roll' | 'revoke' | 'leak';

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
}

/** The keys: `reads.ts`, `changes.ts` and `import.ts`. */
export interface ManagedKeys extends KeyReads, KeyChanges, KeyImport {}

/** Reads of keys. */
export interface KeyReads {
  /**
   * `null` when there is no such key, or it was revoked. Of the tokens from before a roll, those that
   * end after `nowMs` are returned; all of them, unless it is given.
   */
  find(id: string, nowMs?: number): Promise<ShownKey | null>;
  /** `null` when no key, not even a dead one, has this token. */
  findByToken(tokenHash: string): Promise<KeyOfToken | null>;
  /** The same for many tokens in one read, by their hashes. Those that no key has are left out. */
  findByTokens(tokenHashes: readonly string[]): Promise<ReadonlyMap<string, KeyOfToken>>;
  /** Up to `limit` unrevoked keys after the cursor, newest first. */
  list(options: {
    /** `null`: everybody's. */
    readonly owner: string | null;
    /** Text in the name, whatever the case of its ASCII letters; `null`: any name. */
    readonly search: string | null;
    readonly cursor: ListCursor | null;
    readonly limit: number;
    readonly nowMs: number;
  }): Promise<readonly ShownKey[]>;
  /** The keys among these that exist and are not revoked, of any owner. */
  livingAmong(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** How many tokens of a key work, or will when it is enabled. */
  countTokens(id: string, nowMs: number): Promise<number>;
  /** The HMAC key of the tokens' tags. */
  tagKeyHex(): Promise<string>;
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
  /** Up to `limit` lines before a line, newest first. */
  list(options: {
    /** `null`: everybody's. */
    readonly owner: string | null;
    readonly keyId: string | null;
    readonly beforeId: number | null;
    readonly limit: number;
  }): Promise<readonly AuditLine[]>;
}

/** Answers that are kept for repeated requests. They are written in the batch of each change. */
export interface KeptAnswers {
  /** `null` when nothing is kept under this name, or not any more. */
  find(caller: string, keyHash: string, nowMs: number): Promise<KeptAnswer | null>;
}
