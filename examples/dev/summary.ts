/** What `npm run dev` prints once everything answers: addresses, keys, and calls to paste. */

import { relative } from 'node:path';
import { styleText } from 'node:util';
import type { DevSession } from './start.ts';

/** Returns the text, with colours only where the terminal wants them. */
export function summaryOf(session: DevSession): string {
  const { edgeUrl, upstreamUrl, pageUrl, adminToken, keys, options } = session;
  const heading = (text: string) => styleText('bold', text);
  const fileName = (path: string) => {
    const fromHere = relative(process.cwd(), path);
    return fromHere.startsWith('..') ? path : fromHere;
  };
  const authorization = (token: string) => `-H 'Authorization: Bearer ${token}'`;
  const origin = `-H 'Origin: ${pageUrl}'`;
  const aStream = `-H 'Content-Type: application/json' -d '{"name":"hello"}'`;

  const manageHost =
    session.ignoredManageHost === null
      ? ''
      : `
  MANAGE_HOST (${session.ignoredManageHost}) is not used here: this host serves the page and the API.
`;

  return `
${heading('edge-authorizer is running.')} Ctrl-C ends it.
${manageHost}
  ${heading('Example page')}   ${pageUrl}/
  ${heading('Dashboard')}      ${edgeUrl}/_edge/
  ${heading('Admin token')}    ${adminToken}
  ${heading('Edge')}           ${edgeUrl}  in front of the example upstream, ${upstreamUrl}

${heading('Keys')}  for trying things out, kept in ${fileName(options.keysFile)}
  backend       ${keys.backend.token}
  restricted    ${keys.restricted.token}  for pages on ${pageUrl}
  full access   ${keys.fullAccess.token}  for pages on ${pageUrl}

${heading('Try')}
  A backend creates a stream: 201.
    curl -i ${edgeUrl}/api/stream ${authorization(keys.backend.token)} ${aStream}

  A browser asks first whether its page may (a preflight): 204 with a grant.
    curl -i -X OPTIONS ${edgeUrl}/api/stream ${origin} -H 'Access-Control-Request-Method: POST' -H 'Access-Control-Request-Headers: authorization,content-type'

  The page creates a stream with its restricted key: 201.
    curl -i ${edgeUrl}/api/stream ${authorization(keys.restricted.token)} ${origin} ${aStream}

  The same key may not list everybody's streams: 403, X-Edge-Reason: route_not_allowed.
    curl -i ${edgeUrl}/api/stream ${authorization(keys.restricted.token)} ${origin}

  On a machine without a browser, the packaged Chromium opens the example page and takes a picture.
    npm run browser -- ${pageUrl}/ page.png
`;
}
