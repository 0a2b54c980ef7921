/**
 * Keeps answers to one key out of caches that others share. Pure, no I/O.
 *
 * https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2
 */

/**
 * The `Cache-Control` for a response that a key was needed for. What says nothing, or allows a shared
 * cache to keep it although the request had Authorization, becomes `private`; everything else that the
 * upstream said stays as it is. https://www.rfc-editor.org/rfc/rfc9111#section-3.5
 */
export function privateCacheControl(upstreamValue: string | null): string {
  if (upstreamValue === null || upstreamValue.trim() === '') return 'private';
  if (!/public|s-maxage|must-revalidate/i.test(upstreamValue)) return upstreamValue;
  const directives = (upstreamValue.match(directivePattern) ?? []).map((said) => said.trim());
  // "private" beside "s-maxage" is obeyed by most caches, and by all without it.
  const kept = directives.filter(
    (directive) => !/^(?:public|private|s-maxage)(?:=|$)/i.test(directive),
  );
  return ['private', ...kept.filter((directive) => directive !== '')].join(', ');
}

// A comma inside quotes ends no directive. Quotes that never close hold the rest, so that this is linear.
const directivePattern = /(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/gs;
