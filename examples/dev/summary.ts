/** The text that `npm run dev` prints once everything answers: addresses, keys, and calls to paste. */

import { relative } from 'node:path';
import { styleText } from 'node:util';
import type { DevSession } from './start.ts';

/** Returns the text, with colours only if the terminal wants them. */
export function summaryOf(session: DevSession): string {
  const { edgeUrl, upstream, pageUrl, tokensPageUrl, adminToken, keys, options } = session;
  const fileName = (path: string) => {
    const fromHere = relative(process.cwd(), path);
    return fromHere.startsWith('..') ? path : fromHere;
  };
  const notes =
    upstream.overridden === null
      ? ''
      : `                 ${upstream.from} overrides ${upstream.overridden} in this session\n`;
  const pages = session.pageOrigins.page.join(' and ');
  const tokensPages = session.pageOrigins.tokensPage.join(' and ');
  const page =
    pageUrl === null
      ? ''
      : `  ${heading('Example page')}   ${pageUrl}/
  ${heading('Client tokens')}  ${tokensPageUrl}/  a page without an API key, and its backend
`;
  const api =
    upstream.source === 'example' ? `the example upstream, ${upstream.url}` : upstream.url;
  const from = upstream.source === 'example' ? '' : `  (from ${upstream.from})`;
  const manageHost =
    session.ignoredManageHost === null
      ? ''
      : `
  MANAGE_HOST (${session.ignoredManageHost}) is not used here: this host serves the page and the API.
`;
  return `
${heading('edge-authorizer is running.')} Ctrl-C ends it.
${manageHost}
${page}  ${heading('Dashboard')}      ${edgeUrl}/_edge/
  ${heading('Admin token')}    ${adminToken}
  ${heading('Edge')}           ${edgeUrl}  in front of ${api}${from}
${notes}
${heading('Keys')}  for trying things out, kept in ${fileName(options.keysFile)}
  backend       ${keys.backend.token}
  restricted    ${keys.restricted.token}  for pages on ${pages}
  full access   ${keys.fullAccess.token}  for pages on ${pages}
  minting       ${keys.clientTokens.token}  gives client tokens for pages on ${tokensPages}

${heading('Try')}
${pageUrl === null ? ownCalls(session) : exampleCalls(session, pageUrl)}`;
}

const heading = (text: string) => styleText('bold', text);
const authorization = (token: string) => `-H 'Authorization: Bearer ${token}'`;

/**
 * Calls that any API answers somehow. wrangler asks it for compressed bodies, as Cloudflare does, but does not
 * decompress them for a client that did not ask.
 */
function ownCalls({ edgeUrl, keys }: DevSession): string {
  const curl = 'curl -i --compressed';
  const origin = `-H 'Origin: http://localhost:5173'`;
  return `  A backend calls your API: replace / by one of its paths.
    ${curl} ${edgeUrl}/ ${authorization(keys.backend.token)}

  A page calls it, with the key that may call everything.
    ${curl} ${edgeUrl}/ ${authorization(keys.fullAccess.token)} ${origin}

  Endpoints that restricted keys may call: npx --no-install edge-authorizer init

  A key for a page of yours: on the dashboard, or
    npx --no-install edge-authorizer login --url ${edgeUrl}
    npx --no-install edge-authorizer keys create --name "My page" --origin http://localhost:5173
`;
}

function exampleCalls({ edgeUrl, keys }: DevSession, pageUrl: string): string {
  const origin = `-H 'Origin: ${pageUrl}'`;
  const aStream = `-H 'Content-Type: application/json' -d '{"name":"hello"}'`;
  return `  A backend creates a stream: 201.
    curl -i ${edgeUrl}/api/stream ${authorization(keys.backend.token)} ${aStream}

  A browser asks first whether its page may (a preflight): 204 with a grant.
    curl -i -X OPTIONS ${edgeUrl}/api/stream ${origin} -H 'Access-Control-Request-Method: POST' -H 'Access-Control-Request-Headers: authorization,content-type'

  The page creates a stream with its restricted key: 201.
    curl -i ${edgeUrl}/api/stream ${authorization(keys.restricted.token)} ${origin} ${aStream}

  The same key may not list everybody's streams: 403, X-Edge-Reason: route_not_allowed.
    curl -i ${edgeUrl}/api/stream ${authorization(keys.restricted.token)} ${origin}
`;
}
