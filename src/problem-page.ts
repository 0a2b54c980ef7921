/**
 * A problem as a page, for people who navigate to an address of the edge in a browser. Programs and
 * scripts of pages get JSON as ever. Status and headers stay: only the body and its type change.
 *
 * The page loads nothing, because it may have to explain why nothing can be loaded.
 */

import { escapeHtml } from './core/text.ts';

/** A link from a page to another one. */
export interface Link {
  readonly href: string;
  readonly label: string;
}

/** The words of a page. The others are those of the problem. */
export interface PageWords {
  readonly title?: string;
  readonly text?: string;
  /** Commands that help, one a line. */
  readonly commands?: readonly string[];
  readonly links: readonly Link[];
}

// The look of the management page.
const style = `
:root { color-scheme: light dark; font: 15px/1.55 system-ui, sans-serif; background: light-dark(#f5f6f8, #0f1115); color: light-dark(#171a20, #e7e9ee); }
body { max-width: 34rem; margin: 0 auto; padding: clamp(2rem, 12vh, 7rem) 1rem; }
header { display: flex; align-items: center; gap: 0.6rem; margin-bottom: 1.1rem; font-weight: 650; }
main { padding: clamp(1.1rem, 3vw, 1.6rem); border: 1px solid light-dark(#e2e5eb, #292e37); border-radius: 10px; background: light-dark(#fff, #171a20); }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; letter-spacing: -0.018em; }
p { margin: 1.15rem 0 0; overflow-wrap: anywhere; }
pre { margin: 1.15rem 0 0; padding: 0.7rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid light-dark(#e2e5eb, #292e37); border-radius: 8px; background: light-dark(#f3f4f7, #111419); font: 0.875em/1.7 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font: 0.93em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre code { font: inherit; }
small { color: light-dark(#576070, #9ea7b6); }
a { display: inline-block; margin: 0 0.6rem 0.6rem 0; padding: 0.4rem 0.95rem; border: 1px solid light-dark(#ccd2db, #3b424e); border-radius: 8px; color: inherit; font-weight: 540; text-decoration: none; }
a:hover { background: light-dark(#f3f4f7, #111419); }
a:focus-visible { outline: 2px solid light-dark(#2450b8, #91b1ff); outline-offset: 2px; }
`;

/** Returns a problem response of ours as a page; any other response as it is. */
export async function asPage(response: Response, words: PageWords): Promise<Response> {
  const isProblem = response.status >= 400 && response.headers.has('x-edge-reason');
  if (!isProblem || !/json/.test(response.headers.get('content-type') ?? '')) return response;
  const { title, detail, code, requestId } = await response.json<Record<string, string>>();
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
    text: words.text ?? `${detail}.`,
    commands: words.commands ?? [],
    code: code ?? '',
    requestId: requestId ?? '',
    links: words.links,
  });
  return new Response(page, { status: response.status, headers });
}

/** The name of the product with its icon, as HTML in one text: nothing is loaded from elsewhere. */
export const brand =
  '<svg width="26" height="26" aria-hidden="true" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#2450b8"/><g fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"><circle cx="12" cy="16" r="4.7"/><path d="M17 16h8.5M22 16v3.6"/></g></svg>edge-authorizer';

function pageOf({
  title,
  text,
  commands,
  links,
  code,
  requestId,
}: Required<PageWords> & { readonly code: string; readonly requestId: string }): string {
  const heading = escapeHtml(title);
  const terminal =
    commands.length === 0 ? '' : `<pre><code>${commands.map(escapeHtml).join('\n')}</code></pre>`;
  const buttons = links.map(
    ({ href, label }) => `<a href="${escapeHtml(href)}">${escapeHtml(label)}</a>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${heading} · edge-authorizer</title><style>${style}</style></head><body><header>${brand}</header><main><h1>${heading}</h1><p>${escapeHtml(text)}</p>${terminal}<p>${buttons.join('')}</p><p><small><code>${escapeHtml(code)}</code>, request <code>${escapeHtml(requestId)}</code></small></p></main></body></html>`;
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}
