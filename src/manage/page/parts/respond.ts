/**
 * Responses with a page.
 */

import { toHtml } from './layout.tsx';

/** A response that shows a page. */
export function pageResponse(
  page: Parameters<typeof toHtml>[0],
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(toHtml(page), {
    status,
    headers: { 'Content-Type': 'text/html; charset=UTF-8', ...headers },
  });
}
