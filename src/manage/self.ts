/**
 * `/_edge/v1/self`: a key as its own holder sees it. `GET` says what a key or a client token may do, and
 * `DELETE` revokes a backend key, for a holder who finds it leaked at night.
 *
 * Strangers hold CORS keys and client tokens as well: anyone can copy them from a page. So these end no
 * key, and they are shown neither the name nor the owner of the key.
 */

import * as v from 'valibot';
import { readClaims } from '../core/client-token/claims.ts';
import { isClientToken, readClientToken } from '../core/client-token/client-token.ts';
import { type AccessRule, ruleSetOf } from '../core/key/key.ts';
import type { RouteList } from '../core/routes/route-table.ts';
import { type RestrictedRoutes, routeListFor } from '../core/routes/rule-sets.ts';
import type { ShownKey } from '../keys/admin/types.ts';
import { shownAccessSchema, toAccessDocument } from './access-document.ts';
import type { Manager } from './authenticate.ts';
import { toAuditDocument, toTime } from './documents.ts';
import { invalidFields } from './field-problems.ts';
import { findHolder, invalidKey } from './holder.ts';
import { type Holder, identifyHolder, readableBy } from './holder-access.ts';
import { changeKey, committed, noteOf } from './key-changes.ts';
import { answer, type Call, type Operation, type OperationResult, refusal } from './operation.ts';
import { problem } from './problems.ts';
import { noQuerySchema, readQuery } from './query.ts';
import { shownTimeSchema } from './shown-time.ts';

/** The caller of a revocation, who may do this to any key: the token has shown which one is theirs. */
const revokingHolder: Manager = { actor: 'holder', owner: null };

const selfSchema = v.object({
  id: v.pipe(
    v.string(),
    v.description('The id of the key, also for a client token of it.'),
    v.examples(['key_0A1b2C3d4E5f6G7h8I9j0K']),
  ),
  name: v.pipe(
    v.optional(v.string()),
    v.description('The name that its owner gave the key. Only with the token of a backend key.'),
  ),
  owner: v.pipe(
    v.optional(v.nullable(v.string())),
    v.description('The account of the key. Only with the token of a backend key.'),
  ),
  kind: v.pipe(
    v.picklist(['backend', 'cors', 'client']),
    v.description('A key for servers, a key for pages, or a client token.'),
  ),
  level: v.pipe(
    v.picklist(['backend', 'restricted', 'full', 'rules', 'client']),
    v.description('The value that the upstream receives as X-Edge-Access.'),
  ),
  access: shownAccessSchema,
  routes: v.pipe(
    v.nullable(
      v.array(
        v.object({
          methods: v.pipe(v.array(v.string()), v.description('Methods in upper case, or `*`.')),
          path: v.pipe(
            v.string(),
            v.description('A path, with ids in braces.'),
            v.examples(['/api/asset/{asset}']),
          ),
        }),
      ),
    ),
    v.description('The routes that may be called; null: all of the API.'),
  ),
  expiresAt: v.pipe(
    v.nullable(shownTimeSchema),
    v.description('When the token expires, with its key or before it; null: never.'),
  ),
  subject: v.pipe(
    v.optional(v.nullable(v.string())),
    v.description('The visitor that a client token names; null: none.'),
  ),
});

/** See `selfSchema`. */
type SelfDocument = v.InferOutput<typeof selfSchema>;

/** The endpoints. */
export const selfOperations: readonly Operation[] = [
  {
    method: 'GET',
    path: '/self',
    name: 'getSelf',
    summary: 'Read what a key may do',
    description:
      'For holders of any key or client token: send it as the Bearer token. A page may call this from the origins of its key.',
    door: 'holder',
    isForPages: true,
    query: noQuerySchema,
    answer: { status: 200, description: 'The rights of the key.', schema: selfSchema },
    problems: [
      'invalid_key',
      'client_token_expired',
      'invalid_origin',
      'cors_not_enabled',
      'origin_not_allowed',
      'origin_required',
      'address_not_allowed',
      'unavailable',
    ],
    handle: readSelf,
  },
  {
    method: 'DELETE',
    path: '/self',
    name: 'revokeSelf',
    summary: 'Revoke the key that the request carries, for good',
    description:
      'For holders of a backend key: send it as the Bearer token. CORS keys and client tokens are refused, because anyone can copy them from a page.',
    door: 'holder',
    answer: { status: 204, description: 'The key is revoked. It stops within seconds.' },
    problems: [
      'invalid_key',
      'cors_not_enabled',
      'address_not_allowed',
      'backend_key_required',
      'conflict',
    ],
    handle: revokeSelf,
  },
];

async function readSelf(call: Call): Promise<OperationResult> {
  const { management } = call;
  const holder = await identifyHolder(call);
  if (!holder.ok) return holder;
  const query = readQuery(noQuerySchema, call.query);
  if (!query.ok) return readableBy(holder, refusal(invalidFields(query)), management);
  // D1's primary: the texts of the access, which the look-up does not keep.
  const key = await management.store.keys.find(holder.key.id);
  const result = key === null ? invalidKey() : answer(200, toSelf(holder, key, call));
  return readableBy(holder, result, management);
}

function toSelf(
  { token, key: { access: level, expiresAtMs, client } }: Holder,
  key: ShownKey,
  { management }: Call,
): SelfDocument {
  const { restrictedRoutes } = management;
  const claims = client === null ? null : readClaims(readClientToken(token)?.payload ?? '');
  if (client === null || claims === null || !key.clientTokens) {
    const isOfStranger = key.kind === 'cors';
    return {
      id: key.id,
      ...(isOfStranger ? {} : { name: key.name, owner: key.owner }),
      kind: key.kind,
      level,
      access: toAccessDocument(key),
      routes: key.rules || level === 'restricted' ? rowsFor(key.rules, restrictedRoutes) : null,
      expiresAt: expiresAtMs === null ? null : toTime(expiresAtMs),
    };
  }
  const rules = claims.rules ?? key.clientTokens.rules;
  const ruleSet = ruleSetOf(rules);
  return {
    id: key.id,
    kind: 'client',
    level,
    access: {
      cors: {
        allowedOrigins: [...(claims.origins ?? key.clientTokens.allowedOrigins)],
        fullAccess: false,
      },
      ...(ruleSet !== null ? { ruleSet } : rules === null ? {} : { rules: rules.map(toRule) }),
    },
    routes: rowsFor(rules, restrictedRoutes),
    expiresAt: toTime(Math.min(client.expiresAtMs, expiresAtMs ?? Number.POSITIVE_INFINITY)),
    subject: client.subject,
  };
}

const toRule = ({ methods, resources }: AccessRule) => ({
  methods: methods.map((method) => method.toLowerCase()),
  resources: [...resources],
});

/** The routes of rules, of the set that they refer to, or without rules the restricted ones. */
function rowsFor(
  rules: readonly AccessRule[] | null,
  restricted: RestrictedRoutes,
): SelfDocument['routes'] {
  const ruleSet = ruleSetOf(rules);
  return rules === null || ruleSet !== null
    ? rowsOfList(routeListFor(restricted, ruleSet))
    : rowsOf(rules);
}

function rowsOf(rules: readonly AccessRule[]): SelfDocument['routes'] {
  return rules.flatMap(({ methods, resources }) =>
    resources.map((path) => ({ methods: methods.map((method) => method.toUpperCase()), path })),
  );
}

function rowsOfList({ routes }: RouteList): SelfDocument['routes'] {
  return routes.map(({ methods, path }) => ({
    methods: methods.map((method) => method.toUpperCase()),
    path,
  }));
}

async function revokeSelf(call: Call): Promise<OperationResult> {
  const { management, request } = call;
  const bearer = request.headers.get('authorization') ?? '';
  if (isClientToken(bearer.replace(/^bearer[ \t]+/i, ''))) return refusal(notForStrangers());
  const holder = await findHolder(call);
  if (!holder.ok) return holder;
  const { kind, id } = holder.held.key;
  if (kind !== 'backend') return refusal(notForStrangers());
  // A page that sends this holds a backend key, and may have it from anybody.
  if (request.headers.has('origin')) return refusal(calledFromPage());
  const asHolder: Call = { ...call, id, caller: revokingHolder };
  const outcome = await changeKey(asHolder, async (key) => {
    const tokenHashes = await management.store.keys.revoke(key, {
      ...noteOf(asHolder, management.now()),
      before: toAuditDocument(key),
      after: null,
    });
    if (tokenHashes === null) return null;
    await committed(asHolder, { event: 'key_revoked', keyId: id }, tokenHashes);
    return answer(204, null);
  });
  // Another request revoked it first.
  return !outcome.ok && outcome.problem.code === 'not_found' ? invalidKey() : outcome;
}

function notForStrangers() {
  return problem(
    'backend_key_required',
    'Cannot revoke this key with its own token: strangers hold the keys and client tokens of pages as well. Ask the owner of the key',
  );
}

function calledFromPage() {
  return problem(
    'cors_not_enabled',
    'Cannot revoke a key from a browser page: the backend key would be in the page. Call this from a backend',
  );
}
