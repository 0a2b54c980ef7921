/**
 * Reports of tokens that were found in public, as GitHub's secret scanning sends them to its partners.
 *
 * A report is believed for its signature alone, which is checked before any of it is parsed. It has the
 * effect that the operator configured for the kind of key: the key is revoked as by DELETE, or the leak is
 * noted in the audit. The token is hashed and forgotten.
 *
 * Rates are not limited here. A signature cannot be guessed, so a limit would protect no secret. A refused
 * report costs one hash of a bounded body and one verification. GitHub's reports come in bursts from few
 * addresses, and a leaked key remains valid while its report waits.
 */

import * as v from 'valibot';
import type { LeakAction, LeakConfig } from '../config/config.ts';
import { hashToken } from '../core/key/token.ts';
import { TOKEN_MAX_LENGTH } from '../core/limits.ts';
import type { KeyOfToken } from '../keys/admin/types.ts';
import { readLeakUrl } from '../leaks/leak-url.ts';
import type { Manager } from './authenticate.ts';
import { toAuditDocument } from './documents.ts';
import { invalidFields } from './field-problems.ts';
import { changeKey, committed, noteOf } from './key-changes.ts';
import { isSignedBy, readSignature } from './leak-signature.ts';
import { LEAK_BODY_MAX_BYTES, LEAK_KEYS_REVOKED_MAX, LEAKS_MAX } from './limits.ts';
import {
  answer,
  type Call,
  type Operation,
  type OperationResult,
  type Refusal,
  refusal,
} from './operation.ts';
import { problem } from './problems.ts';
import { pathOf } from './read-document.ts';
import { bodyTooLarge, readBytes, readJson } from './request-body.ts';

/** The name that the audit has for the reporter of a leak. */
export const gitHubSecretScanning: Manager = { actor: 'github secret scanning', owner: null };

const TYPE_MAX_LENGTH = 200;

// Members that GitHub adds later are accepted: an unknown member is no reason to leave a leaked key valid.
const reportsSchema = v.pipe(
  v.array(
    v.object({
      token: v.pipe(
        v.string(),
        v.description('The token that was found.'),
        v.metadata({ jsonSchema: { writeOnly: true } }),
      ),
      type: v.pipe(
        v.string(),
        v.maxCodePoints(TYPE_MAX_LENGTH),
        v.description('The name that the pattern was registered under.'),
      ),
      url: v.pipe(
        v.optional(v.string(), ''),
        v.description('The place where it was found; may be empty.'),
      ),
      source: v.pipe(
        v.optional(v.string(), ''),
        v.description('In what it was found, such as "commit".'),
      ),
    }),
  ),
  v.maxLength(LEAKS_MAX),
);

const feedbackSchema = v.array(
  v.object({
    token_hash: v.pipe(v.string(), v.description('SHA-256 of the token in hexadecimal.')),
    token_type: v.pipe(v.string(), v.description('The "type" of the report.')),
    label: v.pipe(
      v.picklist(['true_positive', 'false_positive']),
      v.description('true_positive: a key has, or had, this token.'),
    ),
  }),
);

/** The endpoint for reports. */
export const leakOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/leaks/github',
    name: 'reportLeaks',
    summary: "Take a report of GitHub's secret scanning",
    description: `For GitHub alone, which signs the body. 404 unless GITHUB_SECRET_SCANNING_KEYS is set. Keys whose tokens are in the report are revoked, or noted in the audit, as configured. Up to ${LEAKS_MAX} tokens. The same report again changes nothing.`,
    door: 'github',
    body: {
      schema: reportsSchema,
      example: [
        {
          token: 'ea_sk_EXAMPLEnotASecretEXAMPLE000000EXAMPLE03v8Ljr',
          type: 'edge_authorizer_backend_key',
          url: 'https://github.com/octocat/Hello-World/blob/main/config.js',
          source: 'content',
        },
      ],
      maxBytes: LEAK_BODY_MAX_BYTES,
    },
    answer: {
      status: 200,
      description: 'The result for each token, in the order of the report.',
      schema: feedbackSchema,
    },
    problems: ['not_found', 'invalid_signature', 'leaks_left'],
    handle: reportLeaks,
  },
];

/** One entry of a report, without its token. */
interface LeakReport {
  readonly tokenHash: string;
  readonly type: string;
  readonly url: string | null;
  readonly source: string;
}

/** The result of a leak, as it is logged. */
type Fate =
  | 'revoked'
  /** Noted in the audit. */
  | 'reported'
  /** Nothing: the place was reported before, or too many others of the key were. */
  | 'known'
  /** Nothing: the key had been revoked. */
  | 'revoked_before'
  /** Nothing yet: see `LEAK_KEYS_REVOKED_MAX`. */
  | 'left';

async function reportLeaks(call: Call): Promise<OperationResult> {
  const { management, requestId } = call;
  const { leaks: config } = management;
  if (config === null) return refusal(problem('not_found', 'Cannot find this at the edge'));
  const reading = await readReports(call, config);
  if (!reading.ok) return reading;
  const { reports } = reading;

  const hashes = [...new Set(reports.map(({ tokenHash }) => tokenHash))];
  const known = await management.store.keys.findByTokens(hashes);
  const fates = await dealWith(call, config, reports, known);
  for (const [report, fate] of fates) {
    const { key, tokenExpiresAtMs } = known.get(report.tokenHash)!; // Only known ones have a fate.
    management.log({
      event: 'leak_reported',
      requestId,
      keyId: key.id,
      owner: key.owner,
      kind: key.kind,
      fate,
      hasTokenEnded: hasEnded(tokenExpiresAtMs, management.now()) || undefined,
      url: report.url ?? undefined,
      source: report.source,
    });
  }
  const unknown = hashes.filter((hash) => !known.has(hash)).length;
  if (unknown > 0) management.log({ event: 'leak_unknown', requestId, count: unknown });

  const left = [...fates.values()].filter((fate) => fate === 'left').length;
  if (left > 0) {
    return refusal(
      problem(
        'leaks_left',
        `Cannot revoke so many keys at once: ${left} of the reported tokens still work. Send the same report again`,
      ),
      { 'Retry-After': '1' },
    );
  }
  // The same for every token that no key has, whatever the reason.
  return answer(
    200,
    reports.map(({ tokenHash, type }) => ({
      token_hash: tokenHash,
      token_type: type,
      label: known.has(tokenHash) ? 'true_positive' : 'false_positive',
    })),
  );
}

/** The reports in a request, once it is certain that GitHub sent them. */
async function readReports(
  { management, request, requestId }: Call,
  { keys }: LeakConfig,
): Promise<{ readonly ok: true; readonly reports: readonly LeakReport[] } | Refusal> {
  const unsigned = (cause: string): Refusal => {
    management.log({ event: 'management_refused', requestId, code: 'invalid_signature', cause });
    // The log says what was wrong with it; the caller does not learn it.
    const detail =
      'Cannot accept the report: GitHub has not signed it with a key that this deployment knows';
    return refusal(problem('invalid_signature', detail));
  };
  const signed = readSignature(request.headers, keys);
  if (!signed.ok) return unsigned(signed.cause);
  const bytes = await readBytes(request, LEAK_BODY_MAX_BYTES);
  if (bytes === null) return refusal(bodyTooLarge(LEAK_BODY_MAX_BYTES));
  // Before it is parsed, so that only GitHub's text reaches a parser.
  if (!(await isSignedBy(signed.key, signed.signature, bytes))) {
    return unsigned('the signature is not that of the body');
  }
  const body = readJson(bytes);
  if (!body.ok) return body;
  const parsed = v.safeParse(reportsSchema, body.document);
  if (!parsed.success) return refusal(misshapen(parsed.issues[0]));
  return { ok: true, reports: await Promise.all(parsed.output.map(toReport)) };
}

/** A report of a shape that GitHub's have not. Nothing in it is quoted, since it holds tokens. */
function misshapen(issue: v.BaseIssue<unknown>) {
  const path = (issue.path ?? []).map(({ key }) => key as string | number).reduce(pathOf, '');
  const reason = 'it is not what a report of GitHub has here';
  const fix = `Send a list of at most ${LEAKS_MAX} objects with "token", "type", "url" and "source"`;
  return invalidFields({ problems: [{ path, value: null, reason, fix }], more: 0 });
}

async function toReport({
  token,
  type,
  url,
  source,
}: v.InferOutput<typeof reportsSchema>[number]): Promise<LeakReport> {
  return {
    tokenHash: await hashToken(token),
    type,
    // A longer text is no token of a key, so it is not searched for.
    url: readLeakUrl(url, token.length <= TOKEN_MAX_LENGTH ? token : ''),
    source: /^[a-z_]{1,40}$/i.test(source) ? source : '',
  };
}

/** Revokes and notes, and says of every report of a known token what it came to. */
async function dealWith(
  call: Call,
  { actions }: LeakConfig,
  reports: readonly LeakReport[],
  known: ReadonlyMap<string, KeyOfToken>,
): Promise<ReadonlyMap<LeakReport, Fate>> {
  const { management } = call;
  const nowMs = management.now();
  const fates = new Map<LeakReport, Fate>();
  const toRevoke = new Map<string, LeakReport[]>();
  const toNote: { readonly report: LeakReport; readonly key: KeyOfToken['key'] }[] = [];
  for (const report of reports) {
    const found = known.get(report.tokenHash);
    if (found === undefined) continue;
    // A token that a roll has ended opens nothing, and the key has another one by now.
    const action: LeakAction = hasEnded(found.tokenExpiresAtMs, nowMs)
      ? 'report'
      : actions[found.key.kind];
    if (found.isRevoked) fates.set(report, 'revoked_before');
    else if (action === 'report') toNote.push({ report, key: found.key });
    else toRevoke.set(found.key.id, [...(toRevoke.get(found.key.id) ?? []), report]);
  }

  let revoked = 0;
  for (const [keyId, ofKey] of toRevoke) {
    const fate = revoked < LEAK_KEYS_REVOKED_MAX ? await revokeLeaked(call, keyId, ofKey) : 'left';
    if (fate === 'revoked') revoked += 1;
    for (const report of ofKey) fates.set(report, fate);
  }
  const noted = await management.store.leaks.note(
    toNote.map(({ report, key }) => ({
      keyId: key.id,
      owner: key.owner,
      url: report.url,
      key: toAuditDocument(key),
    })),
    noteOf(call, nowMs),
  );
  for (const { report, key } of toNote) {
    const isNew = noted.some(({ keyId, url }) => keyId === key.id && url === report.url);
    fates.set(report, isNew ? 'reported' : 'known');
  }
  return fates;
}

/** Revokes a key as DELETE does. Its line in the audit says where the token was found. */
async function revokeLeaked(
  call: Call,
  keyId: string,
  reports: readonly LeakReport[],
): Promise<Fate> {
  const { management } = call;
  const leakUrl = reports.find(({ url }) => url !== null)?.url ?? null;
  const outcome = await changeKey({ ...call, id: keyId }, async (key) => {
    const tokenHashes = await management.store.keys.revoke(key, {
      ...noteOf(call, management.now()),
      before: toAuditDocument(key),
      after: null,
      leakUrl,
    });
    if (tokenHashes === null) return null;
    await committed(call, { event: 'key_revoked', keyId }, tokenHashes);
    return answer(204, null);
  });
  if (outcome.ok) return 'revoked';
  // Another caller revoked it in between, or others change it all the time.
  return outcome.problem.code === 'not_found' ? 'revoked_before' : 'left';
}

function hasEnded(expiresAtMs: number | null, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}
