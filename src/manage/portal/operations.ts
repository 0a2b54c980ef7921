/**
 * `POST /_edge/v1/portal-sessions`: a link that opens the page for one owner, for operators.
 */

import * as v from 'valibot';
import { ProblemList } from '../../core/field-problem.ts';
import { isRecord } from '../../core/json.ts';
import { RETURN_URL_MAX_LENGTH, readReturnUrl } from '../../core/portal/return-url.ts';
import { toTime } from '../documents.ts';
import { invalidFields } from '../field-problems.ts';
import { ownerSchema } from '../key-members.ts';
import { MANAGEMENT_BODY_MAX_BYTES } from '../limits.ts';
import { answer, type Call, type Operation, type OperationResult, refusal } from '../operation.ts';
import { problem } from '../problems.ts';
import { readDocument, ruleMessage, wanted } from '../read-document.ts';
import { readBody } from '../request-body.ts';
import { shownTimeSchema } from '../shown-time.ts';
import { LINK_SECONDS, PORTAL_SESSION_SECONDS, type Portal } from './portal.ts';
import { CREATE_PORTAL_SESSION, credentialOf, hashSecret, makeSecret } from './secrets.ts';

const { min, max, default: standard } = PORTAL_SESSION_SECONDS;
const secondsFix = `Use a whole number of seconds from ${min} to ${max}`;

const portalSessionSchema = v.pipe(
  v.strictObject({
    owner: v.pipe(
      ownerSchema,
      v.description('The account whose keys the page shows. It need not have any yet.'),
    ),
    returnUrl: v.pipe(
      v.string(),
      v.maxCodePoints(
        RETURN_URL_MAX_LENGTH,
        ruleMessage(`it is longer than ${RETURN_URL_MAX_LENGTH} characters`, 'Use a shorter URL'),
      ),
      v.description(
        'The URL that the page leads back to. An entry of PORTAL_RETURN_URLS begins it.',
      ),
      v.examples(['https://app.example.com/account']),
      wanted('a URL as a string, such as "https://app.example.com/account"'),
    ),
    expiresInSeconds: v.optional(
      v.pipe(
        v.number(),
        v.integer(ruleMessage('it is not a whole number', secondsFix)),
        v.minValue(min, ruleMessage(`it is less than ${min}`, secondsFix)),
        v.maxValue(max, ruleMessage(`it is more than ${max}`, secondsFix)),
        v.description(
          `How long the session lasts after the link was opened, in seconds. Default: ${standard}.`,
        ),
        wanted(`a number of seconds, such as ${standard}`),
      ),
    ),
  }),
  wanted('an object, such as {"owner": "acct_1", "returnUrl": "https://app.example.com/account"}'),
);

/** The endpoint. */
export const portalOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/portal-sessions',
    name: CREATE_PORTAL_SESSION,
    summary: 'Make a link that opens the page for one owner',
    description: `The URL can be used once, within ${LINK_SECONDS} seconds, by the button of the page that it shows. It is a secret: send the browser of the customer there at once, and log it nowhere. It opens nothing more once the token of the operator who made it is replaced. Without PORTAL_RETURN_URLS, this answers 404.`,
    body: {
      schema: portalSessionSchema,
      example: {
        owner: 'acct_1',
        returnUrl: 'https://app.example.com/account',
        expiresInSeconds: standard,
      },
      maxBytes: MANAGEMENT_BODY_MAX_BYTES,
    },
    answer: {
      status: 201,
      description: 'The link.',
      schema: v.object({
        url: v.pipe(
          v.string(),
          v.description('The address for the browser of the customer. Shown this once.'),
          v.examples(['https://manage.example.com/_edge/portal/ea_pl_...']),
        ),
        urlExpiresAt: v.pipe(
          shownTimeSchema,
          v.description('When the URL expires if it is not used.'),
        ),
        owner: v.pipe(v.string(), v.description('The owner.')),
        returnUrl: v.pipe(v.string(), v.description('The way back, as the page links to it.')),
        expiresInSeconds: v.pipe(
          v.number(),
          v.integer(),
          v.description('How long the session lasts after the link was opened, in seconds.'),
        ),
      }),
    },
    problems: ['not_found'],
    handle: createPortalSession,
  },
];

async function createPortalSession(call: Call): Promise<OperationResult> {
  const { management, request, caller, requestId } = call;
  const { portal } = management;
  if (portal === null) {
    return refusal(
      problem('not_found', 'Cannot open the portal: PORTAL_RETURN_URLS is not set on this edge'),
    );
  }
  const body = await readBody(request, { maxBytes: MANAGEMENT_BODY_MAX_BYTES });
  if (!body.ok) return body;
  const reading = readSession(body.document, portal, request.url);
  if (!reading.ok) return refusal(invalidFields(reading.problems));
  const { owner, returnUrl, expiresInSeconds } = reading;
  const secret = makeSecret('link', management.fillRandom);
  const expiresAtMs = management.now() + LINK_SECONDS * 1000;
  await portal.store.add({
    linkHash: await hashSecret(await credentialOf(request, management), secret),
    owner,
    returnUrl,
    createdBy: caller.actor,
    expiresAtMs,
    sessionSeconds: expiresInSeconds,
  });
  management.log({ event: 'portal_link_created', requestId, actor: caller.actor, owner });
  return answer(201, {
    url: new URL(`/_edge/portal/${secret}`, request.url).href,
    urlExpiresAt: toTime(expiresAtMs),
    owner,
    returnUrl,
    expiresInSeconds,
  });
}

/** Reads the document. Its schema and the list of URLs report their problems together. */
function readSession(document: unknown, { config }: Portal, edgeUrl: string) {
  const problems = new ProblemList();
  const reading = readDocument(portalSessionSchema, document);
  if (!reading.ok) problems.addAll(reading);
  const text = isRecord(document) ? document['returnUrl'] : undefined;
  const isText = typeof text === 'string' && text.length <= RETURN_URL_MAX_LENGTH;
  const url = isText ? readReturnUrl(text, config.returnUrls, edgeUrl) : null;
  for (const fault of url?.ok === false ? url.faults : []) {
    problems.add(() => ({ path: 'returnUrl', value: text, ...fault }));
  }
  if (!reading.ok || url === null || !url.ok) return { ok: false, problems } as const;
  const { owner, expiresInSeconds = standard } = reading.value;
  return { ok: true, owner, expiresInSeconds, returnUrl: url.value } as const;
}
