/**
 * "Would this request work, and if not, why?": finds the key and what is registered, and lets
 * `core/decide/explain.ts` ask the gateway's own rules. Nothing is sent to the upstream.
 */

import * as v from 'valibot';
import { parseAddress } from '../core/addresses/address.ts';
import { explain, explainSteps } from '../core/decide/explain.ts';
import type { Registration } from '../core/decide/preflight.ts';
import { ProblemList } from '../core/field-problem.ts';
import { parseOrigin, patternsAdmitting } from '../core/origins/web-origin.ts';
import { readTarget } from '../core/routes/request-target.ts';
import { findById, findByToken } from './explained-key.ts';
import { invalidFields } from './field-problems.ts';
import { noSuchKey } from './key-changes.ts';
import { MANAGEMENT_BODY_MAX_BYTES } from './limits.ts';
import {
  answer,
  type Call,
  type Context,
  type Operation,
  type OperationResult,
  refusal,
} from './operation.ts';
import { keyIdSchema } from './query.ts';
import { readDocument, ruleMessage, secret, wanted } from './read-document.ts';
import { readBody } from './request-body.ts';

const PATH_MAX_LENGTH = 8 * 1024;
const ORIGIN_MAX_LENGTH = 1024;
const HEADERS_MAX = 100;
/** The headers that a page sends with a key and a JSON body. */
const USUAL_HEADERS = ['authorization', 'content-type'];

const explainSchema = v.pipe(
  v.strictObject({
    method: v.pipe(
      v.string(),
      v.regex(
        /^[A-Z][A-Z0-9_-]{0,19}$/,
        ruleMessage('it is not a method in capitals', 'Write it like "GET"'),
      ),
      v.description('The method of the request, in capitals.'),
      v.examples(['GET']),
      wanted('a method as a string, such as "GET"'),
    ),
    path: v.pipe(
      v.string(),
      v.regex(
        /^\//,
        ruleMessage('it does not begin with a slash', 'Write it like "/api/asset/abc?x=1"'),
      ),
      v.maxCodePoints(
        PATH_MAX_LENGTH,
        ruleMessage(`it is longer than ${PATH_MAX_LENGTH} characters`, 'Send a shorter one'),
      ),
      v.description('The path as it arrives, with its query.'),
      v.examples(['/api/asset/abc123']),
      wanted('a path as a string, such as "/api/asset/abc123"'),
    ),
    origin: v.pipe(
      v.nullish(
        v.pipe(
          v.string(),
          v.maxCodePoints(
            ORIGIN_MAX_LENGTH,
            ruleMessage(`it is longer than ${ORIGIN_MAX_LENGTH} characters`, 'Send a shorter one'),
          ),
          wanted('an origin as a string, such as "https://app.example.com", or null'),
        ),
      ),
      v.description(
        'The Origin that the browser sends. Absent, null or empty: a backend, which sends no Origin.',
      ),
    ),
    address: v.pipe(
      v.nullish(
        v.pipe(
          v.string(),
          // The longest spelling: six groups of IPv6, and IPv4.
          v.maxLength(
            45,
            ruleMessage('it is longer than an address', 'Write it like "203.0.113.7"'),
          ),
          v.check(
            (text) => parseAddress(text) !== null,
            ruleMessage('it is not one IPv4 or IPv6 address', 'Write it like "203.0.113.7"'),
          ),
          wanted('an address as a string, such as "203.0.113.7"'),
        ),
      ),
      v.description(
        'The address of the client. Absent or null: the one that this request is from.',
      ),
      v.examples(['203.0.113.7']),
    ),
    headers: v.optional(
      v.pipe(
        v.array(v.pipe(v.string(), wanted('the name of a header as a string'))),
        v.maxLength(
          HEADERS_MAX,
          ruleMessage(`it holds more than ${HEADERS_MAX} names`, 'Name fewer headers'),
        ),
        v.description('Names of the headers that the client sends.'),
        wanted('a list of names, such as ["authorization", "content-type"]'),
      ),
      USUAL_HEADERS,
    ),
    keyId: v.pipe(
      v.optional(keyIdSchema),
      v.description('The key that is used. Either this or "token".'),
    ),
    token: v.optional(
      v.pipe(
        v.string(),
        v.description(
          'The token that is used, or a client token. It is neither stored, logged nor quoted.',
        ),
        wanted('the token as a string, or the id of its key as keyId'),
        secret(),
      ),
    ),
  }),
  wanted('an object with method, path, and keyId or token'),
);

const headersSchema = v.record(v.string(), v.string());

const explanationSchema = v.object({
  keyId: v.pipe(
    v.nullable(v.string()),
    v.description('The key; null: no key that you may see has this token.'),
  ),
  allowed: v.pipe(v.boolean(), v.description('true: the request is forwarded.')),
  address: v.pipe(
    v.nullable(v.string()),
    v.description(
      'The address of the client as the edge compares it; null: the edge cannot read it.',
    ),
  ),
  decidedBy: v.pipe(
    v.nullable(v.picklist(explainSteps)),
    v.description('The rule that refuses it; null when it is forwarded.'),
  ),
  status: v.pipe(
    v.nullable(v.pipe(v.number(), v.integer())),
    v.description('The status of the refusal; null when it is forwarded and the API decides.'),
  ),
  code: v.pipe(v.nullable(v.string()), v.description('The code of the refusal.')),
  detail: v.pipe(v.string(), v.description('The outcome as a sentence.')),
  steps: v.pipe(
    v.array(
      v.object({
        step: v.pipe(v.picklist(explainSteps), v.description('The rule.')),
        outcome: v.pipe(
          v.picklist(['passed', 'failed', 'skipped']),
          v.description('"skipped": an earlier rule decided, or it is about something else.'),
        ),
        detail: v.pipe(v.string(), v.description('The reason as a sentence.')),
      }),
    ),
    v.description('The rules in the order in which they are asked.'),
  ),
  preflight: v.pipe(
    v.nullable(
      v.object({
        status: v.pipe(v.number(), v.integer(), v.description('The status of the answer.')),
        code: v.pipe(v.nullable(v.string()), v.description('The code; null: it is granted.')),
        headers: v.pipe(headersSchema, v.description("The edge's own headers on the answer.")),
      }),
    ),
    v.description("The answer to the browser's preflight; null without an origin."),
  ),
  droppedHeaders: v.pipe(
    v.array(v.string()),
    v.description(
      'The names among the headers that the edge does not forward for this key; X-Edge-Dropped-Headers lists them.',
    ),
  ),
  headers: v.pipe(
    headersSchema,
    v.description("The edge's own headers on the answer to the actual request."),
  ),
});

/** The endpoint about explanations. */
export const explainOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/explain',
    name: 'explainRequest',
    summary: 'Explain what the edge does with a request',
    description:
      'Asks the same rules as the gateway, step by step, about the keys as they are at this moment. Nothing is sent to the API. Rate limits are left out.',
    body: {
      schema: explainSchema,
      example: {
        method: 'GET',
        path: '/api/asset/abc123',
        origin: 'https://app.example.com',
        keyId: 'key_0A1b2C3d4E5f6G7h8I9j0K',
      },
      maxBytes: MANAGEMENT_BODY_MAX_BYTES,
    },
    answer: {
      status: 200,
      description: 'The decision of the edge, and its reasons.',
      schema: explanationSchema,
    },
    problems: ['not_found'],
    handle: explainRequest,
  },
];

async function explainRequest(call: Call): Promise<OperationResult> {
  const { management, request } = call;
  const body = await readBody(request, { maxBytes: MANAGEMENT_BODY_MAX_BYTES });
  if (!body.ok) return body;
  const reading = readDocument(explainSchema, body.document);
  const found = new ProblemList();
  if (!reading.ok) found.addAll(reading);
  checkChoice(body.document, found);
  if (!reading.ok || !found.isEmpty) return refusal(invalidFields(found));
  const { method, path, origin, address, headers, keyId, token = '' } = reading.value;
  const subject =
    keyId === undefined ? await findByToken(call, token) : await findById(call, keyId);
  if (subject === null) return refusal(noSuchKey(keyId ?? ''));

  // The runtime drops blanks around it, and does not distinguish an empty one from an absent one.
  const originHeader = origin?.replace(/^[ \t]+|[ \t]+$/g, '') || null;
  const explanation = explain({
    method,
    target: readTarget(`https://edge.invalid${path}`),
    originHeader,
    requestedHeaders: headers.join(','),
    key: subject.key,
    address: parseAddress(address ?? request.headers.get('cf-connecting-ip') ?? ''),
    ...(await registrationOf(call, originHeader)),
    exposed: management.exposed,
    additionalHeaders: management.additionalHeaders,
    forwardToken: management.forwardToken,
    restrictedTable: management.restrictedTable,
    publicTable: management.publicTable,
    nowMs: management.now(),
  });
  return answer(200, { keyId: subject.keyId, ...explanation });
}

/** Exactly one of `keyId` and `token` says which key is meant. */
function checkChoice(document: unknown, found: ProblemList): void {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return;
  const has = (name: string) => Object.hasOwn(document, name);
  if (has('keyId') !== has('token')) return;
  found.add(() =>
    has('token')
      ? {
          path: 'token',
          value: null,
          reason: 'there is a keyId as well',
          fix: 'Send one of keyId and token',
        }
      : {
          path: 'keyId',
          value: null,
          reason: 'it is missing',
          fix: 'Add the id of a key, or a token as token',
        },
  );
}

/** Asks D1's primary whether some live key lists the origin, and if so, by name or only by "*". */
async function registrationOf(
  { management }: Context,
  originHeader: string | null,
): Promise<{ readonly registration: Registration; readonly isRegisteredByAny: boolean }> {
  const origin = originHeader === null ? null : parseOrigin(originHeader);
  const isListed = async (patterns: readonly string[]) => {
    const { registered } = await management.database.read({
      // Nothing of the log.
      fromSeq: Number.MAX_SAFE_INTEGER,
      patterns,
    });
    return registered != null && management.now() < registered.untilMs;
  };
  if (origin === null) return { registration: 'unregistered', isRegisteredByAny: false };
  const named = patternsAdmitting(origin).filter((pattern) => pattern !== '*');
  if (await isListed(named)) return { registration: 'registered', isRegisteredByAny: false };
  const isRegisteredByAny = await isListed(['*']);
  return { registration: isRegisteredByAny ? 'registered' : 'unregistered', isRegisteredByAny };
}
