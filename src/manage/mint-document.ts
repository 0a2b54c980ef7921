/**
 * Reads a request to mint a client token: its structure, and whether the key may give what it asks for.
 * The API and the form of the page ask here.
 */

import * as v from 'valibot';
import { CLIENT_ORIGINS_MAX, type ClientClaims } from '../core/client-token/claims.ts';
import { CLIENT_TOKEN_MAX_LENGTH } from '../core/client-token/client-token.ts';
import {
  claimsOf,
  lengthOfClientToken,
  type MintRequest,
} from '../core/client-token/mint-request.ts';
import type { ClientBounds } from '../core/client-token/rights.ts';
import { type FieldProblem, ProblemList } from '../core/field-problem.ts';
import { isRecord } from '../core/json.ts';
import { findRule, rulesSchema, texts } from './access-document.ts';
import {
  failed,
  itemsBoundedByRule,
  type Reading,
  readDocument,
  ruleMessage,
  wanted,
} from './read-document.ts';

const visibleFix = 'Use 1 to 64 visible ASCII characters';
const ttlFix = 'Use a whole number of seconds, at most the maxTtlSeconds of the key';

/** The body of a request to mint. */
export const mintSchema = v.pipe(
  v.strictObject({
    ttlSeconds: v.optional(
      v.pipe(
        v.number(),
        v.integer(ruleMessage('it is not a whole number', ttlFix)),
        v.minValue(1, ruleMessage('it is less than a second', ttlFix)),
        v.description('Lifetime in seconds. Default: the longest that the key allows.'),
        wanted('a number of seconds, such as 300'),
      ),
    ),
    sub: v.optional(
      v.pipe(
        v.string(),
        v.regex(
          /^[\x21-\x7e]{1,64}$/,
          ruleMessage('it is not 1 to 64 visible ASCII characters', visibleFix),
        ),
        v.description('The visitor: an opaque id, without personal data.'),
        v.examples(['visitor-4711']),
        wanted('a string, such as "visitor-4711"'),
      ),
    ),
    origins: v.optional(
      v.pipe(
        v.array(v.pipe(v.string(), wanted('an origin as a string'))),
        itemsBoundedByRule(CLIENT_ORIGINS_MAX),
        v.description('1 to 5 exact origins that the client tokens of the key may be used from.'),
        wanted('a list of origins, such as ["https://app.example.com"]'),
      ),
    ),
    rules: v.optional(
      rulesSchema(
        'The routes that the token may call, within those that the client tokens of the key may call.',
      ),
    ),
    meta: v.optional(
      v.pipe(
        // A schema of its members would leave out a name such as `__proto__` without a word.
        v.custom<Readonly<Record<string, unknown>>>(isRecord),
        v.metadata({ jsonSchema: { type: 'object', additionalProperties: { type: 'string' } } }),
        v.description(
          'Texts for the upstream, in the signed assertion. At most 256 bytes of JSON.',
        ),
        wanted('an object of strings, such as {"plan": "free"}'),
      ),
    ),
  }),
  wanted('an object, such as {"sub": "visitor-4711"}'),
);

/** The key that a token is minted with, and the time. */
export interface MintContext {
  readonly parent: ClientBounds;
  /** The prefix of the deployment's tokens. */
  readonly prefix: string;
  readonly nowMs: number;
}

/**
 * Returns the claims of the token that a document asks for, or everything that is wrong with it: with its
 * structure, and with each part that has the right structure. Nothing is reported twice.
 */
export function readMintRequest(
  document: unknown,
  { parent, prefix, nowMs }: MintContext,
): Reading<ClientClaims> {
  const reading = readDocument(mintSchema, document);
  const found = new ProblemList();
  if (!reading.ok) found.addAll(reading);
  const said = found.problems.map(({ path }) => path);
  const further = new ProblemList();
  const requested = reading.ok ? reading.value : findRequest(document);
  const claims = claimsOf(requested, parent, Math.floor(nowMs / 1000), further);
  const length = lengthOfClientToken(prefix, claims);
  if (length > CLIENT_TOKEN_MAX_LENGTH) further.add(() => tooLong(length));
  found.addAll({
    problems: further.problems.filter(({ path }) => !said.some((other) => overlaps(path, other))),
    more: further.more,
  });
  return reading.ok && found.isEmpty ? { ok: true, value: claims } : failed(found);
}

/** The members that can be checked. `readDocument` reports those that have another structure. */
function findRequest(document: unknown): MintRequest {
  if (!isRecord(document)) return {};
  const { ttlSeconds, origins, rules, meta } = document;
  return {
    ...(typeof ttlSeconds === 'number' ? { ttlSeconds } : {}),
    ...(Array.isArray(origins) ? { origins: texts(origins, '') } : {}),
    ...(Array.isArray(rules) ? { rules: rules.map(findRule) } : {}),
    ...(isRecord(meta) ? { meta } : {}),
  };
}

/** Returns whether one place in a document holds the other. The place of the document holds none. */
function overlaps(path: string, other: string): boolean {
  if (path === '' || other === '') return path === other;
  return path.startsWith(other) || other.startsWith(path);
}

function tooLong(length: number): FieldProblem {
  return {
    path: '',
    value: null,
    reason: `the token would have ${length} characters of at most ${CLIENT_TOKEN_MAX_LENGTH}`,
    fix: 'Use fewer rules, fewer origins or less meta',
  };
}
