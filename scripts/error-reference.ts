/**
 * `docs/errors.md`: every code, from the tables that the Worker answers from. Pure, so that a test can
 * make the text again and compare.
 */

import {
  type GrantScope,
  type RejectionCode,
  rejectionKinds,
} from '../src/core/decide/rejection.ts';
import { problemKinds } from '../src/manage/problems.ts';
import { rejectionHelp } from '../src/manage/rejection-help.ts';

/** The whole text of `docs/errors.md`. */
export function errorReference(): string {
  const gateway = Object.keys(rejectionKinds) as RejectionCode[];
  const management = Object.entries(problemKinds).filter(([code]) => !(code in rejectionKinds));
  return `<!-- Made by \`npm run docs\` from src/core/decide/rejection.ts and src/manage; changes belong there. -->

# Error codes

Every rejection has a code: the member \`code\` of its JSON body and the header \`X-Edge-Reason\`. Its \`type\`
links to the same explanation at the edge, \`/_edge/errors#<code>\`. "The browser says" quotes Chromium; other
browsers use other words. If a page cannot read a rejection, the network panel of the developer tools shows
its headers, with \`X-Edge-Reason\`. The key's page in the dashboard lists the origins that it rejected, with the
reason.

| code | status | who may read it in a browser |
|---|---|---|
${gateway.map((code) => `| [\`${code}\`](#${code}) | ${rejectionKinds[code].status} | ${readers[rejectionKinds[code].grantScope]} |`).join('\n')}

## Requests to the API

${gateway.map((code) => section(code, { ...rejectionKinds[code], ...rejectionHelp[code], browser: browserSays(code) })).join('\n')}
## Management of keys

Management sends no CORS headers: pages of other origins cannot read it, and no CORS key is consulted.

${management.map(([code, kind]) => section(code, kind)).join('\n')}`;
}

const readers: Readonly<Record<GrantScope, string>> = {
  none: 'no page',
  registered: 'pages on an origin that some live key lists',
  key: 'pages that this key allows; while no key is known, as above',
  any: 'every page',
};

const noHeader = "No 'Access-Control-Allow-Origin' header is present on the requested resource.";
const rejects = 'and `fetch` rejects with `TypeError: Failed to fetch`';

/** The message that a page's developer sees, by who may read the refusal. */
function browserSays(code: RejectionCode): string {
  const { status, grantScope } = rejectionKinds[code];
  const reads = `\`Failed to load resource: the server responded with a status of ${status}\` in the console; the page reads status, code and detail`;
  if (code === 'origin_not_registered') {
    return `\`blocked by CORS policy: Response to preflight request doesn't pass access control check: ${noHeader}\` in the console, ${rejects}.`;
  }
  switch (grantScope) {
    case 'none':
      return `\`blocked by CORS policy: ${noHeader}\` in the console, ${rejects}.`;
    case 'registered':
      return `${reads}. On an origin that no live key lists, \`blocked by CORS policy\`, see [\`origin_not_registered\`](#origin_not_registered).`;
    case 'key':
    case 'any':
      return `${reads}.`;
  }
}

function section(
  code: string,
  kind: {
    readonly status: number;
    readonly title: string;
    readonly meaning: string;
    readonly remedy: string;
    readonly browser?: string;
  },
): string {
  const browser = kind.browser === undefined ? '' : `**The browser says:** ${kind.browser}\n\n`;
  return `### \`${code}\`

${kind.status} ${kind.title}

${browser}**It means:** ${prose(kind.meaning)}

**What to do:** ${prose(kind.remedy)}
`;
}

/** Markdown would take "<API key>" for a tag. */
function prose(text: string): string {
  return text.replaceAll('<', '&lt;');
}
