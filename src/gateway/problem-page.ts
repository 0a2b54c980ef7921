/**
 * A problem as a page, for people who navigate to an address of the edge in a browser. Programs and
 * scripts of pages get JSON as ever. Status and headers stay: only the body and its type change.
 */

import { escapeHtml } from '../core/text.ts';

/** A link from a page to another one. */
export interface Link {
  readonly href: string;
  readonly label: string;
}

/** The words of a page. The others are those of the problem. */
export interface PageWords {
  readonly title?: string;
  readonly text?: string;
  readonly links: readonly Link[];
}

const style = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 36rem; margin: 0 auto; padding: 4rem 1rem; }
h1 { font-size: 1.5rem; line-height: 1.2; }
p { overflow-wrap: anywhere; }
small { opacity: 0.75; }
a { color: inherit; margin-right: 1.5rem; }
`;

/**
 * Returns whether a window of a browser navigates to this address. A browser that does not say so, as
 * over plain http in a local network, counts as a program.
 * https://www.w3.org/TR/fetch-metadata/#sec-fetch-mode-header
 */
export function isNavigation({ method, headers }: Request): boolean {
  return (
    (method === 'GET' || method === 'HEAD') &&
    headers.get('sec-fetch-mode') === 'navigate' &&
    (headers.get('sec-fetch-dest') ?? 'document') === 'document'
  );
}

/** Returns a problem response of ours as a page; any other response as it is. */
export async function asPage(response: Response, words: PageWords): Promise<Response> {
  const isProblem = response.status >= 400 && response.headers.has('x-edge-reason');
  if (!isProblem || !/json/.test(response.headers.get('content-type') ?? '')) return response;
  const { title, detail, requestId } = await response.json<Record<string, string>>();
  const headers = new Headers(response.headers);
  headers.set('Content-Type', 'text/html; charset=utf-8');
  // Nothing is loaded and nothing runs: the page may quote the address that it was asked for.
  const hash = await hashOf(style);
  headers.set(
    'Content-Security-Policy',
    `default-src 'none'; style-src '${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  headers.set('X-Content-Type-Options', 'nosniff');
  headers.set('Referrer-Policy', 'no-referrer');
  const page = pageOf({
    title: words.title ?? title ?? '',
    text: words.text ?? detail ?? '',
    requestId: requestId ?? '',
    links: words.links,
  });
  return new Response(page, { status: response.status, headers });
}

function pageOf(page: Required<PageWords> & { readonly requestId: string }): string {
  const links = page.links.map(
    ({ href, label }) => `<a href="${escapeHtml(href)}">${escapeHtml(label)}</a>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(page.title)} · edge-authorizer</title><style>${style}</style></head><body><main><h1>${escapeHtml(page.title)}</h1><p>${escapeHtml(page.text)}</p><p>${links.join('')}</p><p><small>edge-authorizer · request ${escapeHtml(page.requestId)}</small></p></main></body></html>`;
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}
