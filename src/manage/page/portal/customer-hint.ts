/**
 * The way for a customer who returns by a bookmark, without a session of the portal.
 */

import type { Portal } from '../../portal/portal.ts';

/** Returns the sentence that says where customers open the page; `null`: there is no portal. */
export function customerHint(portal: Portal | null): string | null {
  if (portal === null) return null;
  const { name } = portal.config;
  const question =
    name === null
      ? 'Does another site lead you to your API keys?'
      : `Are you a customer of ${name}?`;
  return `${question} Open this page from there again: you need no token.`;
}
