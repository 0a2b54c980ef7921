/**
 * Names of ids in route lists, which are in lower case, from the names that people and documents use.
 */

/** The name of an id in a route list: `stream-id` for `streamId`. */
export function idKind(name: string): string {
  const kind = name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '-');
  return /^[a-z]/.test(kind) ? kind : `id-${kind}`;
}
