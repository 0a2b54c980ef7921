/**
 * Answers of an edge that is not set up yet. Each names the command that helps, for programs as a problem
 * and for people as a page: their reader is likely the operator, minutes after the deployment.
 */

import { rejectionKinds } from '../core/decide/rejection.ts';
import { type Problem, problemResponse, sharedProblemKinds } from '../problem.ts';
import { asPage } from '../problem-page.ts';

/** A step that is missing. */
export interface SetupProblem extends Problem {
  /** The heading of the page. Default: the title. */
  readonly heading?: string;
  /** The text of the page, which shows the commands below it. */
  readonly text: string;
  /** The commands to type, one a line. */
  readonly commands: readonly string[];
}

/** Nothing was migrated. */
export const schemaMissing: SetupProblem = {
  code: 'schema_missing',
  ...sharedProblemKinds.schema_missing,
  detail:
    'Cannot look keys up: the database has no tables yet. Run "npm run deploy", or for wrangler dev "npx wrangler d1 migrations apply DB --local"',
  text: 'The edge runs, but its database has no tables yet. Apply the migrations in the folder of the project, then load this page again.',
  commands: [
    '# in production: applies the migrations, then deploys',
    'npm run deploy',
    '# on this machine, for wrangler dev',
    'npx wrangler d1 migrations apply DB --local',
  ],
};

/** Returns the problem that required settings or bindings are absent. */
export function notConfigured(names: readonly string[]): SetupProblem {
  const list = names.join(', ');
  const isUpstream = names.includes('UPSTREAM_URL');
  const missing = `${list} ${names.length === 1 ? 'is' : 'are'} not set`;
  const fix = isUpstream
    ? 'Set UPSTREAM_URL in wrangler.toml to the address of your API, then run "npm run deploy", or locally in .dev.vars'
    : `Add ${list} to wrangler.toml, then run "npm run deploy"`;
  return {
    code: 'not_configured',
    status: rejectionKinds.not_configured.status,
    title: rejectionKinds.not_configured.title,
    detail: `Cannot answer requests: ${missing}. ${fix}`,
    text: isUpstream
      ? `The edge runs, but it does not know your API: ${missing}. Put the address of your API into wrangler.toml and deploy, or pass it on the command line.`
      : `The edge runs, but ${missing}. Add ${list} to wrangler.toml, then deploy.`,
    commands: [
      '# in production',
      isUpstream
        ? 'npm run deploy -- --var UPSTREAM_URL:https://api.example.com'
        : 'npm run deploy',
      '# on this machine',
      'npm run dev -- --upstream https://api.example.com',
    ],
  };
}

/** The page and the API are off, because no credentials are configured. */
export const managementOff: SetupProblem = {
  code: 'not_found',
  ...sharedProblemKinds.not_found,
  detail:
    'Cannot show the page: management is off, because ADMIN_TOKEN is not set. Run "npx wrangler secret put ADMIN_TOKEN", with a value from "openssl rand -base64 32"',
  heading: 'Management is off',
  text: 'The edge runs, but no operator can sign in, because ADMIN_TOKEN is not set. Make a token, keep it, and set it as a secret.',
  commands: ['openssl rand -base64 32', 'npx wrangler secret put ADMIN_TOKEN'],
};

/** Answers with the problem, as a page if that is preferred. */
export async function setupResponse(
  request: Request,
  requestId: string,
  { commands, heading, text, ...problem }: SetupProblem,
): Promise<Response> {
  const accept = request.headers.get('accept');
  const response = problemResponse(problem, { requestId, accept });
  // As on every answer under a path that the gateway may serve. Nothing is stored, so Accept needs no line.
  response.headers.set('Vary', 'Origin');
  // Only what asks for a page gets one: fetch() and curl accept anything.
  if (!accept?.includes('text/html')) return response;
  const { pathname } = new URL(request.url);
  return asPage(response, {
    title: heading ?? problem.title,
    text,
    commands,
    links: [{ href: pathname, label: 'Try again' }],
  });
}
