/**
 * The key-management API under `/_edge/v1`: who asks, which endpoint, what it answers.
 *
 * It never consults the keys' origins and answers no CORS headers: keys are managed by the operator's
 * own tools, not by pages of other origins.
 */

import type { HonoBase } from 'hono/hono-base';
import { hasManagers } from '../config/config.ts';
import { OwnerLimitError } from '../keys/admin/owner-limits.ts';
import { methodNotAllowedResponse } from '../problem.ts';
import { judge, refuseCaller, respondWithProblem } from './admission.ts';
import { auditOperations } from './audit.ts';
import type { Manager } from './authenticate.ts';
import { bulkOperations } from './bulk.ts';
import { clientTokenOperations } from './client-tokens.ts';
import { eventOperations } from './events.ts';
import { explainOperations } from './explain.ts';
import { invalidFields } from './field-problems.ts';
import { holder } from './holder.ts';
import { answerPreflight, isPreflightOf } from './holder-access.ts';
import { importOperations } from './import.ts';
import { keyOperations } from './keys.ts';
import { gitHubSecretScanning, leakOperations } from './leaks.ts';
import { describeApi } from './openapi.ts';
import {
  type Call,
  type Management,
  type Operation,
  type OperationResult,
  type RequestParts,
  refusal,
} from './operation.ts';
import { refuseBeyondLimit } from './owner-limits.ts';
import { portalOperations } from './portal/operations.ts';
import { noQuerySchema, readQuery } from './query.ts';
import { createRouter } from './router.ts';
import { selfOperations } from './self.ts';
import { usageOperations } from './usage.ts';
import { usageOverviewOperations } from './usage-overview.ts';

/** The types of Hono's context: `Bindings` is what `fetch` is called with. */
interface ApiEnv {
  Bindings: RequestParts;
  Variables: { caller: Manager };
}

/** Every endpoint but the description of them. */
export const operations: readonly Operation[] = [
  ...keyOperations,
  ...importOperations,
  ...bulkOperations,
  ...usageOperations,
  ...usageOverviewOperations,
  ...auditOperations,
  ...explainOperations,
  ...eventOperations,
  ...portalOperations,
  ...leakOperations,
  ...clientTokenOperations,
  ...selfOperations,
];

/** The path of the API's description, below `/_edge/v1`. It needs no credentials. */
export const OPENAPI_PATH = '/openapi.json';

const NO_STORE = { 'Cache-Control': 'no-store' } as const;

/** The routes of the API, to be mounted at `/_edge/v1`. */
export function createManagementApi(management: Management): HonoBase<ApiEnv> {
  const api = createRouter<ApiEnv>();
  const isOff = !hasManagers(management);

  // Holders show a key of their own, and need no management to be there either.
  for (const [path, methods] of allowedMethods('holder')) serve(path, methods, () => holder);

  // Before everything else: GitHub does not sign in, and its reports also arrive without management.
  for (const [path, methods] of allowedMethods('github')) {
    serve(path, methods, () => gitHubSecretScanning);
  }

  api.use((context, next) => (isOff ? Promise.resolve(context.notFound()) : next()));

  // What the API is like is no secret: it is in this repository.
  api.get(OPENAPI_PATH, (context) => context.json(describeApi(operations), 200, NO_STORE));

  api.use(async (context, next) => {
    const { visitor } = context.env;
    // The page has identified its visitor by the same credentials, in this very request.
    const result =
      visitor === undefined
        ? await judge(management, context.req.raw)
        : ({ ok: true, caller: visitor } as const);
    if (result.ok) {
      context.set('caller', result.caller);
      return next();
    }
    management.log({
      event: 'management_refused',
      requestId: context.env.requestId,
      code: result.problem.code,
      cause: result.cause,
    });
    return respondWithProblem(
      context.req.raw,
      context.env.requestId,
      result.problem,
      result.headers,
    );
  });

  for (const [path, methods] of allowedMethods('management')) {
    serve(path, methods, (variables) => variables.caller);
  }
  return api;

  /** Every method of a path, and a 405 for all others. */
  function serve(
    path: string,
    methods: readonly string[],
    callerOf: (variables: ApiEnv['Variables']) => Manager,
  ): void {
    for (const operation of operations.filter((candidate) => candidate.path === path)) {
      api.on(operation.method, routeOf(path), async (context) => {
        const call: Call = {
          management,
          caller: callerOf(context.var),
          ...context.env,
          request: context.req.raw,
          id: context.req.param('id') ?? '',
          query: new URL(context.req.url).searchParams,
        };
        return toResponse(call, await perform(call, operation));
      });
    }
    const forPages = operations
      .filter((operation) => operation.path === path && operation.isForPages)
      .flatMap(methodsOf);
    api.all(routeOf(path), (context) => {
      const request = context.req.raw;
      return forPages.length > 0 && isPreflightOf(request)
        ? answerPreflight(management, request, context.env, forPages)
        : methodNotAllowedResponse(request, context.env.requestId, methods);
    });
  }
}

/** Performs an operation for a caller whom the table of endpoints admits. */
async function perform(call: Call, operation: Operation): Promise<OperationResult> {
  const { caller, management, requestId } = call;
  const refused = refuseCaller(caller, operation);
  if (refused !== null) {
    const { code } = refused.problem;
    const cause = `${caller.actor}: ${operation.name}`;
    management.log({ event: 'management_refused', requestId, code, cause });
    return refused;
  }
  // Elsewhere the endpoint reads its parameters. What GitHub adds to its URL is its own affair.
  if (operation.query === undefined && operation.door !== 'github') {
    const query = readQuery(noQuerySchema, call.query);
    if (!query.ok) return refusal(invalidFields(query));
  }
  return withinOwnerLimits(call, operation);
}

/**
 * The methods of each path, HEAD beside GET. Paths without an id come first: the router takes the first
 * that fits, and `import` is no id.
 */
function allowedMethods(
  door: 'management' | 'github' | 'holder',
): ReadonlyMap<string, readonly string[]> {
  const methods = new Map<string, string[]>();
  if (door === 'management') methods.set(OPENAPI_PATH, ['GET', 'HEAD']);
  const hasId = ({ path }: Operation) => Number(path.includes('{'));
  const behind = operations.filter((operation) => (operation.door ?? 'management') === door);
  for (const operation of behind.toSorted((left, right) => hasId(left) - hasId(right))) {
    methods.set(operation.path, [...(methods.get(operation.path) ?? []), ...methodsOf(operation)]);
  }
  return methods;
}

/** The methods that reach an endpoint. */
function methodsOf({ method }: Operation): readonly string[] {
  return method === 'GET' ? ['GET', 'HEAD'] : [method];
}

/** A path as the router wants it. */
function routeOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

/** Answers a change that the owner's limits undid: it was a rejected transaction, not a failure. */
async function withinOwnerLimits(call: Call, operation: Operation): Promise<OperationResult> {
  try {
    return await operation.handle(call);
  } catch (error) {
    if (error instanceof OwnerLimitError) return refuseBeyondLimit(call, error);
    throw error;
  }
}

function toResponse({ request, requestId }: Call, outcome: OperationResult): Response {
  if (!outcome.ok) return respondWithProblem(request, requestId, outcome.problem, outcome.headers);
  const headers = { ...NO_STORE, ...outcome.headers };
  return outcome.body === null
    ? new Response(null, { status: outcome.status, headers })
    : Response.json(outcome.body, { status: outcome.status, headers });
}
