/**
 * The member `access` of a key as JSON: its schema, the parts of it that `core/key/key-access.ts` checks,
 * and its form in answers.
 */

import * as v from 'valibot';
import { CLIENT_TTL_DEFAULT_SECONDS, CLIENT_TTL_MAX_SECONDS } from '../core/client-token/claims.ts';
import { type AccessRule, ruleSetOf } from '../core/key/key.ts';
import type { RequestedAccess, RequestedClientTokens } from '../core/key/key-access.ts';
import {
  ADDRESS_BLOCKS_PER_KEY,
  ENTRIES_PER_RULE,
  ORIGINS_PER_KEY,
  RULES_PER_KEY,
} from '../core/limits.ts';
import { isRuleSetReference, ruleSetReferencePattern } from '../core/routes/rule-sets.ts';
import type { ManagedKey } from '../keys/admin/types.ts';
import { itemsBoundedByRule, ruleMessage, wanted } from './read-document.ts';

const corsSchema = v.pipe(
  v.strictObject({
    allowedOrigins: v.pipe(
      v.array(v.pipe(v.string(), wanted('an origin as a string'))),
      itemsBoundedByRule(ORIGINS_PER_KEY),
      v.description(
        'Origins such as "https://app.example.com", "https://*.example.com" for any subdomain, "https://my-app-*.vercel.app" for preview deployments, "http://localhost:*" for any port, or "*" for any origin. At least one. Under a public suffix such as vercel.app, strangers can register matching names.',
      ),
      v.examples([['https://app.example.com']]),
      wanted('a list of origins, such as ["https://app.example.com"]'),
    ),
    fullAccess: v.optional(
      v.pipe(
        v.boolean(),
        v.description('true: pages may call everything; false: the restricted routes alone.'),
        wanted('true or false'),
      ),
    ),
  }),
  wanted('an object, such as {"allowedOrigins": ["https://app.example.com"]}, or null'),
);

const ruleSchema = v.pipe(
  v.strictObject({
    methods: v.pipe(
      v.array(v.pipe(v.string(), wanted('a method as a string'))),
      itemsBoundedByRule(ENTRIES_PER_RULE),
      v.description('Methods in upper or lower case, or "*" for any.'),
      v.examples([['get']]),
      wanted('a list of methods, such as ["get"]'),
    ),
    resources: v.pipe(
      v.array(v.pipe(v.string(), wanted('a path as a string'))),
      itemsBoundedByRule(ENTRIES_PER_RULE),
      v.description('Paths, with ":name" for one id and "*" as the last segment for what follows.'),
      v.examples([['/api/asset/:id']]),
      wanted('a list of paths, such as ["/api/asset/:id"]'),
    ),
  }),
  wanted('an object, such as {"methods": ["get"], "resources": ["/api/asset/:id"]}'),
);

/** A list of rules as it comes in, with the given description. */
export const rulesSchema = (description: string) =>
  v.pipe(
    v.array(ruleSchema),
    itemsBoundedByRule(RULES_PER_KEY),
    v.description(description),
    wanted('a list of rules, or null'),
  );

const ruleSetSchema = v.pipe(
  v.string(),
  v.regex(
    ruleSetReferencePattern,
    ruleMessage('it is not a name, "@" and a version', 'Write it like "livepeer@1"'),
  ),
  v.examples(['livepeer@1']),
  wanted('the reference of a rule set, such as "livepeer@1", or null'),
);

const ttlFix = `Use a whole number from 1 to ${CLIENT_TTL_MAX_SECONDS}, which is an hour`;
const clientTokensSchema = v.pipe(
  v.strictObject({
    allowedOrigins: v.pipe(
      v.array(v.pipe(v.string(), wanted('an origin as a string'))),
      itemsBoundedByRule(ORIGINS_PER_KEY),
      v.description('Origins of the pages that hold client tokens. At least one.'),
      v.examples([['https://app.example.com']]),
      wanted('a list of origins, such as ["https://app.example.com"]'),
    ),
    rules: v.pipe(
      v.nullish(rulesSchema('Routes, as in the rules of a key.')),
      v.description(
        'The routes that client tokens may call; null: the restricted routes of the deployment.',
      ),
    ),
    ruleSet: v.pipe(
      v.nullish(ruleSetSchema),
      v.description(
        'The rule set whose routes client tokens may call, in place of rules; null: no set.',
      ),
    ),
    maxTtlSeconds: v.optional(
      v.pipe(
        v.number(),
        v.integer(ruleMessage('it is not a whole number', ttlFix)),
        v.minValue(1, ruleMessage('it is less than a second', ttlFix)),
        v.maxValue(CLIENT_TTL_MAX_SECONDS, ruleMessage('it is longer than an hour', ttlFix)),
        v.description(
          `Longest lifetime of a client token, in seconds. Default: ${CLIENT_TTL_DEFAULT_SECONDS}.`,
        ),
        wanted('a number of seconds, such as 600'),
      ),
    ),
    originOptional: v.optional(
      v.pipe(
        v.boolean(),
        v.description(
          'true: GET and HEAD need no Origin. Media elements of Safari send no Origin.',
        ),
        wanted('true or false'),
      ),
    ),
    endConnectionsAtExpiry: v.optional(
      v.pipe(
        v.boolean(),
        v.description('true: WebSockets and event streams end when their client token expires.'),
        wanted('true or false'),
      ),
    ),
  }),
  wanted('an object, such as {"allowedOrigins": ["https://app.example.com"]}, or null'),
);

const addressesSchema = v.pipe(
  v.array(v.pipe(v.string(), wanted('an address or a CIDR block as a string'))),
  itemsBoundedByRule(ADDRESS_BLOCKS_PER_KEY),
  v.examples([['203.0.113.0/24', '2001:db8::/32']]),
  wanted('a list of CIDR blocks, such as ["203.0.113.0/24"], or null'),
);

/** The member `access` as it comes in. */
export const accessSchema = v.pipe(
  v.strictObject({
    cors: v.pipe(
      v.nullish(corsSchema),
      v.description('The access of pages; null: the key is for backends.'),
    ),
    rules: v.pipe(
      v.nullish(rulesSchema("The key's own list of routes, in Livepeer Studio's shape.")),
      v.description(
        'The routes that the key may call, in place of the restricted ones; null: no routes of its own.',
      ),
    ),
    ruleSet: v.pipe(
      v.nullish(ruleSetSchema),
      v.description(
        'The rule set whose routes the key may call, in place of rules and of the restricted routes; null: no set.',
      ),
    ),
    addresses: v.pipe(
      v.nullish(addressesSchema),
      v.description(
        'Blocks of the addresses that the key may be used from, by its client tokens too; null: any address.',
      ),
    ),
    clientTokens: v.pipe(
      v.nullish(clientTokensSchema),
      v.description(
        'The rights of the client tokens of a backend key; null: it gives no client tokens. A key that opts in later mints after its next roll.',
      ),
    ),
  }),
  v.description(
    'The rights of the key. With "cors" it is for pages; without it, or null, it is for backends.',
  ),
  wanted('an object, such as {"cors": {"allowedOrigins": ["https://app.example.com"]}}, or null'),
);

/** The member `access` of a patch, whose members are all optional. */
export const patchAccessSchema = v.pipe(
  v.nullish(
    v.strictObject({
      ...accessSchema.entries,
      cors: v.pipe(
        v.nullish(
          v.strictObject({
            ...corsSchema.entries,
            allowedOrigins: v.optional(corsSchema.entries.allowedOrigins),
          }),
        ),
        v.description('The access of pages. Cannot be cleared on a key for pages.'),
      ),
      clientTokens: v.pipe(
        v.nullish(
          v.strictObject({
            ...clientTokensSchema.entries,
            allowedOrigins: v.optional(clientTokensSchema.entries.allowedOrigins),
          }),
        ),
        v.description(
          'The rights of client tokens; null: the key gives no client tokens any more.',
        ),
      ),
    }),
  ),
  v.description(
    'Members that are absent stay as they are, and null clears one. Cannot turn a backend key into a CORS key.',
  ),
);

const shownRulesSchema = v.array(
  v.object({
    methods: v.pipe(v.array(v.string()), v.description('Methods in lower case, or `*`.')),
    resources: v.pipe(v.array(v.string()), v.description('Paths.')),
  }),
);

/** The member `access` in answers; `null`: a backend key with nothing of its own. */
export const shownAccessSchema = v.pipe(
  v.nullable(
    v.object({
      cors: v.pipe(
        v.optional(
          v.object({
            allowedOrigins: v.pipe(
              v.array(v.string()),
              v.description('The allowed origins in their canonical form.'),
            ),
            fullAccess: v.pipe(
              v.boolean(),
              v.description('true: pages may call everything; false: the restricted routes alone.'),
            ),
          }),
        ),
        v.description('Present on keys for pages.'),
      ),
      rules: v.pipe(v.optional(shownRulesSchema), v.description("The key's own list of routes.")),
      ruleSet: v.pipe(
        v.optional(v.string()),
        v.description('The rule set that the key refers to. Absent: no set.'),
        v.examples(['livepeer@1']),
      ),
      addresses: v.pipe(
        v.optional(v.array(v.string())),
        v.description(
          'Blocks of the addresses that the key may be used from, in canonical form. Absent: any address.',
        ),
      ),
      clientTokens: v.pipe(
        v.optional(
          v.object({
            allowedOrigins: v.pipe(
              v.array(v.string()),
              v.description('Origins of the pages that hold client tokens.'),
            ),
            rules: v.pipe(
              v.nullable(shownRulesSchema),
              v.description(
                'The routes that they may call; null: the restricted routes of the deployment.',
              ),
            ),
            ruleSet: v.pipe(
              v.optional(v.string()),
              v.description('The rule set that they refer to. Absent: no set.'),
            ),
            maxTtlSeconds: v.pipe(v.number(), v.description('Their longest lifetime, in seconds.')),
            originOptional: v.pipe(
              v.boolean(),
              v.description('true: GET and HEAD need no Origin.'),
            ),
            endConnectionsAtExpiry: v.pipe(
              v.boolean(),
              v.description('true: their connections end when they expire.'),
            ),
          }),
        ),
        v.description('Present on backend keys that give client tokens.'),
      ),
    }),
  ),
  v.description('The rights of the key; null: a backend key with nothing of its own.'),
  v.examples([{ cors: { allowedOrigins: ['https://app.example.com'], fullAccess: false } }]),
);

/** See `shownAccessSchema`. */
export type AccessDocument = v.InferOutput<typeof shownAccessSchema>;

/** Returns the access of a key as answers show it. */
export function toAccessDocument(key: ManagedKey): AccessDocument {
  const { allowedOrigins, fullAccess, rules, clientTokens, addresses } = key;
  if (allowedOrigins === null && rules === null && !clientTokens && !addresses) return null;
  const ruleSet = ruleSetOf(rules);
  const clientRuleSet = ruleSetOf(clientTokens?.rules);
  return {
    ...(allowedOrigins && { cors: { allowedOrigins: [...allowedOrigins], fullAccess } }),
    ...(rules && (ruleSet === null ? { rules: toRules(rules) } : { ruleSet })),
    ...(addresses && { addresses: [...addresses] }),
    ...(clientTokens && {
      clientTokens: {
        ...clientTokens,
        allowedOrigins: [...clientTokens.allowedOrigins],
        rules: clientTokens.rules && clientRuleSet === null ? toRules(clientTokens.rules) : null,
        ...(clientRuleSet === null ? {} : { ruleSet: clientRuleSet }),
      },
    }),
  };
}

function toRules(rules: readonly AccessRule[]): v.InferOutput<typeof shownRulesSchema> {
  return rules.map(({ methods, resources }) => ({
    methods: [...methods],
    resources: [...resources],
  }));
}

/**
 * Returns the parts of a document's access that can be checked. Something harmless takes the place of a
 * part with a wrong structure, which `readDocument` reports, so that all the rest is checked at once and
 * in its place.
 */
export function findAccess(document: unknown): RequestedAccess | null {
  const access = isObject(document) ? document['access'] : null;
  if (!isObject(access)) return null;
  const { cors, rules, ruleSet, clientTokens, addresses } = access;
  return {
    cors: isObject(cors)
      ? {
          allowedOrigins: texts(cors['allowedOrigins'], '*'),
          fullAccess: cors['fullAccess'] === true,
        }
      : null,
    rules: Array.isArray(rules) ? rules.map(findRule) : null,
    ruleSet: findRuleSet(ruleSet),
    clientTokens: isObject(clientTokens) ? findClientTokens(clientTokens) : null,
    addresses: Array.isArray(addresses) ? texts(addresses, '192.0.2.1') : null,
  };
}

function findClientTokens(found: Readonly<Record<string, unknown>>): RequestedClientTokens {
  const { rules, ruleSet, maxTtlSeconds } = found;
  return {
    allowedOrigins: texts(found['allowedOrigins'], '*'),
    rules: Array.isArray(rules) ? rules.map(findRule) : null,
    ruleSet: findRuleSet(ruleSet),
    maxTtlSeconds: typeof maxTtlSeconds === 'number' ? maxTtlSeconds : undefined,
    originOptional: found['originOptional'] === true,
    endConnectionsAtExpiry: found['endConnectionsAtExpiry'] !== false,
  };
}

/** The schema reports a text of another form, which then names no set here. */
function findRuleSet(ruleSet: unknown): string | null {
  return typeof ruleSet === 'string' && isRuleSetReference(ruleSet) ? ruleSet : null;
}

/** Returns a rule of a document. Something harmless takes the place of a part with a wrong structure. */
export function findRule(rule: unknown): AccessRule {
  const { methods, resources } = isObject(rule) ? rule : {};
  return { methods: texts(methods, 'get'), resources: texts(resources, '/anything') };
}

/** Returns a list of texts; `harmless` takes the place of every other value. */
export function texts(values: unknown, harmless: string): readonly string[] {
  if (!Array.isArray(values)) return [harmless];
  return values.map((value) => (typeof value === 'string' ? value : harmless));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
