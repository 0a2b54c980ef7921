/**
 * The answers to requests that failed inside, or that a broken configuration keeps from being served. Loaded
 * with the first of them.
 */

import { ConfigurationError } from './config/configuration-error.ts';
import { isPagePath } from './core/isolation/own-paths.ts';
import { isOwnTarget, readTarget } from './core/routes/request-target.ts';
import { failureResponse } from './gateway/refuse.ts';
import { isNavigation } from './gateway/transport.ts';
import { serveLiveness } from './health/status.ts';
import { isSchemaMissing } from './keys/stores/schema-check.ts';
import { log } from './runtime.ts';

/** Loads what explains a problem to people when it is shown. */
const loadSetup = () => import('./health/setup.ts');

/** Answers a request that failed, and logs the error. `db`: asked if its tables may be missing. Never rejects. */
export async function answerFailure(
  request: Request,
  error: unknown,
  db: () => D1Database,
): Promise<Response> {
  const requestId = crypto.randomUUID();
  if (error instanceof ConfigurationError) return answerUnconfigured(request, requestId, error);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log({ event: 'failed', requestId, error: text });
  if (await isSchemaMissing(db, error)) {
    const { schemaMissing, setupResponse } = await loadSetup();
    return setupResponse(request, requestId, schemaMissing);
  }
  return showToPeople(request, failureResponse(request, requestId, 'internal_error'));
}

/**
 * A failure under our own prefix as a page, for people who navigate there. Any other path may be a public
 * route, whose readers get the same answer whether or not a browser navigates to it.
 */
async function showToPeople(request: Request, response: Response): Promise<Response> {
  const target = readTarget(request.url);
  const { path, isPlain } = target;
  const isPage = isPlain && isOwnTarget(target) && isPagePath(path);
  if (!isPage || !isNavigation(request)) return response;
  const { asPage } = await import('./problem-page.ts');
  const shown = await asPage(response, { links: [{ href: path, label: 'Try again' }] });
  return request.method === 'HEAD' ? new Response(null, shown) : shown;
}

async function answerUnconfigured(
  request: Request,
  requestId: string,
  { problems, message }: ConfigurationError,
): Promise<Response> {
  // The Worker runs, whatever its configuration; an uptime check that restarts it would not help.
  const { path, isPlain } = readTarget(request.url);
  const live = isPlain ? serveLiveness(request, requestId, path) : null;
  if (live !== null) return live;
  log({ event: 'configuration_broken', requestId, error: message, problems });
  const required = problems.filter(({ reason }) => isAbsent(reason)).map(({ name }) => name);
  const missing = required.filter((name) => requiredNames.has(name));
  if (missing.length === 0) {
    return showToPeople(request, failureResponse(request, requestId, 'unavailable'));
  }
  const { notConfigured, setupResponse } = await loadSetup();
  const problem = notConfigured(missing);
  // Everywhere else, a page may have sent the request, and reads the answer by its CORS headers.
  const isFirstLook = path === '/' || path.startsWith('/_edge');
  return isFirstLook
    ? setupResponse(request, requestId, problem)
    : failureResponse(request, requestId, 'not_configured', problem.detail);
}

/** The settings and bindings that no deployment can do without. */
const requiredNames = new Set(['UPSTREAM_URL', 'DB', 'KEYS']);

function isAbsent(reason: string): boolean {
  return reason === 'it is missing' || reason === 'the binding is missing';
}
