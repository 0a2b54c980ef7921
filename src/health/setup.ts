/**
 * Answers of an edge that is not set up yet. Each names the command that helps, for programs as a problem
 * and for people as a page: their reader is likely the operator, minutes after the deployment.
 */

import { rejectionKinds } from '../core/decide/rejection.ts';
import { escapeHtml } from '../core/text.ts';
import { type Problem, problemResponse, sharedProblemKinds } from '../problem.ts';

/** A step that is missing. */
export interface SetupProblem extends Problem {
  /** The commands to type, one a line. */
  readonly commands: readonly string[];
}

/** Nothing was migrated. */
export const schemaMissing: SetupProblem = {
  code: 'schema_missing',
  ...sharedProblemKinds.schema_missing,
  detail:
    'Cannot look keys up: the database has no tables yet. Run "npm run deploy", or for wrangler dev "npx wrangler d1 migrations apply DB --local"',
  commands: [
    'npm run deploy   # applies the migrations, then deploys',
    'npx wrangler d1 migrations apply DB --local   # for wrangler dev',
  ],
};

/** Returns the problem that required settings or bindings are absent. */
export function notConfigured(names: readonly string[]): SetupProblem {
  const list = names.join(', ');
  const fix = names.includes('UPSTREAM_URL')
    ? 'Set UPSTREAM_URL in wrangler.toml to the address of your API, then run "npm run deploy", or locally in .dev.vars'
    : `Add ${list} to wrangler.toml, then run "npm run deploy"`;
  return {
    code: 'not_configured',
    status: rejectionKinds.not_configured.status,
    title: rejectionKinds.not_configured.title,
    detail: `Cannot answer requests: ${list} ${names.length === 1 ? 'is' : 'are'} not set. ${fix}`,
    commands: [
      ...(names.includes('UPSTREAM_URL')
        ? ['npm run deploy -- --var UPSTREAM_URL:https://api.example.com']
        : ['npm run deploy']),
      'npm run dev -- --upstream https://api.example.com   # on this machine',
    ],
  };
}

/** The page and the API are off, because no credentials are configured. */
export const managementOff: SetupProblem = {
  code: 'not_found',
  ...sharedProblemKinds.not_found,
  detail:
    'Cannot show the page: management is off, because ADMIN_TOKEN is not set. Run "npx wrangler secret put ADMIN_TOKEN", with a value from "openssl rand -base64 32"',
  commands: ['openssl rand -base64 32', 'npx wrangler secret put ADMIN_TOKEN'],
};

/** Answers with the problem, as a page where that is preferred. */
export function setupResponse(
  request: Request,
  requestId: string,
  { commands, ...problem }: SetupProblem,
): Response {
  const accept = request.headers.get('accept');
  const response = problemResponse(problem, { requestId, accept });
  // As on every answer under a path that the gateway may serve. Nothing is stored, so Accept needs no line.
  response.headers.set('Vary', 'Origin');
  // Only what asks for a page gets one: fetch() and curl accept anything.
  if (!accept?.includes('text/html')) return response;
  const { headers, status } = response;
  headers.set('Content-Type', 'text/html; charset=utf-8');
  headers.set('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
  headers.set('X-Content-Type-Options', 'nosniff');
  headers.set('Referrer-Policy', 'no-referrer');
  return new Response(page(problem, commands, requestId), { status, headers });
}

function page({ title, detail, code }: Problem, commands: readonly string[], id: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<main>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(detail)}.</p>
<pre><code>${commands.map(escapeHtml).join('\n')}</code></pre>
<p><small><code>${escapeHtml(code)}</code>, request ${escapeHtml(id)}</small></p>
</main>
</html>
`;
}
