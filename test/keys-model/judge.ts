/**
 * The promises of the look-up protocol, which hold for every answer, whatever happened before.
 *
 * Each check compares an answer with what D1 held at some time, and with what this isolate had learnt. A
 * failure is a sentence; `null` is a pass.
 */

import type { Registration } from '../../src/core/decide/preflight.ts';
import { patternsAdmitting, type WebOrigin } from '../../src/core/origins/web-origin.ts';
import { OUTAGE_GRACE_RESTRICTED_SECONDS } from '../../src/keys/limits.ts';
import type { KeyLookup } from '../../src/keys/lookup/key-target.ts';
import { tokenSubject } from '../../src/keys/types.ts';
import { admits, type Call, type Credential, keyIn } from './rights.ts';
import { hasImported, registeredIn, type Version } from './truth.ts';
import {
  type Isolate,
  LONGEST_WAIT_MS,
  MAX_STALENESS_MS,
  OUTAGE_GRACE_MS,
  type Told,
  type World,
} from './world.ts';

/** How long the failure of a read of D1 may be held against it, from that read's begin. */
const FAILURE_REMEMBERED_MS = 5_000;

interface Answered {
  readonly isolate: Isolate;
  readonly arrivedMs: number;
  /** `true` if this isolate had never been asked this before. */
  readonly isFirst: boolean;
}

/** Judges the answer to a request with a token. */
export function judgeToken(
  world: World,
  answered: Answered & {
    readonly credential: Credential;
    readonly call: Call;
    readonly found: KeyLookup;
    readonly isAllowed: boolean;
  },
): string | null {
  const { isolate, credential, call, arrivedMs, isFirst, found, isAllowed } = answered;
  const nowMs = world.time.nowMs;
  const keyAt = (version: Version) => keyIn(version, credential, isolate.now());
  const admitsIn = (version: Version) => {
    const key = keyAt(version);
    return key !== null && admits(key, call, isolate.now());
  };
  if (nowMs - arrivedMs > LONGEST_WAIT_MS) return `an answer took ${nowMs - arrivedMs} ms`;

  if (isAllowed) {
    if (!isWithinReach(world, isolate, admitsIn)) return 'allowed later than the bound permits';
    if (!isWithinGrace(world, isolate, found)) return 'allowed after the grace of an outage';
    if (!isNewsToIsolate(world, isolate, credential.name, admitsIn)) {
      return 'allowed against what this isolate had been told';
    }
    return null;
  }
  switch (found.outcome) {
    case 'found':
      return isWithinReach(world, isolate, (version) => !admitsIn(version))
        ? null
        : 'refused though the key admits this';
    case 'unknown': {
      const isMissing = (version: Version) => keyAt(version) === null;
      // A client token is refused by what its key may do. In an outage that may be as old as the grace.
      if ('claims' in credential && isWithinReach(world, isolate, isMissing)) return null;
      const recentlyMs = nowMs - MAX_STALENESS_MS;
      // While nothing is known to be imported, tokens of other forms are not looked up at all.
      const isLookedUp =
        credential.token.startsWith('ea_') ||
        world.versionsWithin(recentlyMs, nowMs).every(hasImported);
      const sinceMs = isFirst && isLookedUp && isUnbroken(world) ? arrivedMs : recentlyMs;
      return world.versionsWithin(sinceMs, nowMs).some(isMissing)
        ? null
        : 'unknown though it exists';
    }
    case 'unavailable':
      if (!hasFailedSince(isolate, arrivedMs)) return 'unavailable though D1 answers';
      return mustGoOn(world, isolate, credential) ? 'a known key stopped within its grace' : null;
  }
}

/** Judges the answer to a preflight. */
export function judgeOrigin(
  world: World,
  answered: Answered & { readonly origin: WebOrigin; readonly registration: Registration },
): string | null {
  const { isolate, origin, arrivedMs, isFirst, registration } = answered;
  const nowMs = world.time.nowMs;
  const patterns = patternsAdmitting(origin);
  const isRegistered = (version: Version) =>
    (registeredIn(version, patterns)?.untilMs ?? 0) > isolate.now();
  if (nowMs - arrivedMs > LONGEST_WAIT_MS) return `a preflight took ${nowMs - arrivedMs} ms`;

  switch (registration) {
    case 'registered':
      // The grant of a preflight is no boundary: it may be as old as the grace of an outage.
      return world
        .versionsWithin(nowMs - MAX_STALENESS_MS - OUTAGE_GRACE_MS, nowMs)
        .some(isRegistered)
        ? null
        : 'granted later than the grace permits';
    case 'unregistered': {
      const sinceMs = isFirst && isUnbroken(world) ? arrivedMs : nowMs - MAX_STALENESS_MS;
      const versions = world.versionsWithin(sinceMs, nowMs);
      return versions.some((version) => !isRegistered(version))
        ? null
        : 'a registered origin was refused';
    }
    case 'unsure':
      return hasFailedSince(isolate, arrivedMs) ? null : 'unsure though D1 answers';
  }
}

/** Returns whether D1 held something like this recently enough: within the bound, or the outage grace. */
function isWithinReach(
  world: World,
  isolate: Isolate,
  holds: (version: Version) => boolean,
): boolean {
  const nowMs = world.time.nowMs;
  const isOutage = isolate.failedBeginMs > nowMs - FAILURE_REMEMBERED_MS;
  const reachMs = MAX_STALENESS_MS + (isOutage ? OUTAGE_GRACE_MS : 0);
  return world.versionsWithin(nowMs - reachMs, nowMs).some(holds);
}

/** Returns whether an isolate of this data centre read D1 recently enough to still accept this key. */
function isWithinGrace(world: World, isolate: Isolate, found: KeyLookup): boolean {
  const access = found.outcome === 'found' ? found.key.access : null;
  const isRestricted = access === 'restricted' || access === 'client';
  return (
    world.time.nowMs < isolate.place.answeredBeginMs + MAX_STALENESS_MS + graceMs(isRestricted)
  );
}

/**
 * Returns whether D1 held something like this in the newest version that this isolate learnt, or later.
 * Its own reads of this very token count too: answers may overtake one another.
 */
function isNewsToIsolate(
  world: World,
  isolate: Isolate,
  name: string,
  holds: (version: Version) => boolean,
): boolean {
  const { versions } = world.truth;
  const read = isolate.reads.get(name);
  const isHeldFrom = (known: number) => {
    const from = read?.atMs === world.time.nowMs ? Math.min(read.version, known) : known;
    return versions.slice(from).some(holds);
  };
  // The first is no less strict than the last, and quick.
  return isHeldFrom(isolate.knownVersion) || isHeldFrom(newestUncontested(world, isolate));
}

/**
 * The newest version that this isolate learnt and could know to be the newest. Of two answers that were on
 * their way at once, one that lacks the other's newest line was overtaken by it; or D1 was restored between
 * them, and it is the other way round. Only a later answer decides, so the one that lacks a line cannot be
 * held against the isolate.
 */
function newestUncontested(world: World, isolate: Isolate): number {
  const { versions } = world.truth;
  const lacksHeadOf = (one: Told, other: Told) => {
    const head = versions[other.version]?.lines.at(-1);
    // The log of a world has no holes.
    return head && versions[one.version]?.lines[head.seq - 1]?.mark !== head.mark;
  };
  // What D1 itself told: a shared poll may come too late to count.
  const uncontested = isolate.told.filter(
    (one) =>
      !one.isShared &&
      isolate.told.every((other) => other.endMs < one.beginMs || !lacksHeadOf(one, other)),
  );
  return Math.max(0, ...uncontested.map(({ version }) => version));
}

function hasFailedSince(isolate: Isolate, arrivedMs: number): boolean {
  return isolate.failedBeginMs > arrivedMs - FAILURE_REMEMBERED_MS;
}

/** Returns whether a key that this isolate knows has to work although D1 is out of reach. */
function mustGoOn(world: World, isolate: Isolate, credential: Credential): boolean {
  const nowMs = world.time.nowMs;
  const knownAtMs = isolate.knownAtMs.get(credential.token);
  const key = keyIn(world.truth.current, credential, isolate.now());
  if (knownAtMs === undefined || key === null) return false;
  // An isolate that learns of a restored D1 forgets everything, once for each answer on its way.
  if (world.restoredAtMs !== Number.NEGATIVE_INFINITY) return false;
  // It learnt the key as it is now, and the key has not changed since.
  if (knownAtMs - MAX_STALENESS_MS <= lastChangeMs(world, credential.tokenHash)) return false;
  const isRestricted = key.access === 'restricted' || key.access === 'client';
  return nowMs < isolate.knownBeginMs + MAX_STALENESS_MS + graceMs(isRestricted);
}

function graceMs(isRestricted: boolean): number {
  return isRestricted ? OUTAGE_GRACE_RESTRICTED_SECONDS * 1000 : OUTAGE_GRACE_MS;
}

function lastChangeMs(world: World, tokenHash: string): number {
  const { versions } = world.truth;
  const latest = versions.findLast((version, index) =>
    version.lines
      .slice(versions[index - 1]?.lines.length ?? 0)
      .some(({ subject }) => subject === tokenSubject(tokenHash)),
  );
  return latest?.committedAtMs ?? Number.NEGATIVE_INFINITY;
}

/** Returns whether the log has been one history for longer than any isolate may be behind. */
function isUnbroken(world: World): boolean {
  return world.time.nowMs - world.restoredAtMs > MAX_STALENESS_MS + LONGEST_WAIT_MS;
}
