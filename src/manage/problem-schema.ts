/**
 * The body of every refusal, as the OpenAPI document describes it: RFC 9457, with members of the edge.
 */

import * as v from 'valibot';
import { type ProblemCode, problemKinds } from './problems.ts';

/** Describes a problem. `problem.ts` writes it. */
export const problemSchema = v.object({
  type: v.pipe(v.string(), v.description('Links to the explanation of the code.')),
  title: v.pipe(v.string(), v.description('The code in a few words.')),
  status: v.pipe(
    v.number(),
    v.integer(),
    v.minValue(400),
    v.maxValue(599),
    v.description('The status of the response.'),
  ),
  detail: v.pipe(v.string(), v.description('The fault of this request.')),
  code: v.pipe(
    v.picklist([...Object.keys(problemKinds), 'internal_error'] as (
      | ProblemCode
      | 'internal_error'
    )[]),
    v.description('Stable. Also in the header X-Edge-Reason.'),
  ),
  errors: v.pipe(v.array(v.string()), v.description('Every problem as a sentence.')),
  requestId: v.pipe(v.string(), v.description('Finds the request in the logs.')),
  problems: v.pipe(
    v.optional(
      v.array(
        v.object({
          path: v.pipe(
            v.string(),
            v.description('The place in the document; empty: the document itself.'),
            v.examples(['access.cors.allowedOrigins[1]']),
          ),
          value: v.pipe(
            v.unknown(),
            v.description(
              'The value that was sent, shortened; null if it may be a secret or is absent.',
            ),
          ),
          reason: v.pipe(v.string(), v.description('The fault of the value.')),
          fix: v.pipe(v.string(), v.description('The way to mend it.')),
        }),
      ),
    ),
    v.description('The fields at fault, at most 100 of them, in at most 64 KiB of text.'),
  ),
  moreProblems: v.pipe(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
    v.description('How many more fields are at fault.'),
  ),
  keyId: v.optional(v.pipe(v.string(), v.description('The key that a request made before.'))),
});
