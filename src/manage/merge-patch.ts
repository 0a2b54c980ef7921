/**
 * JSON Merge Patch: what a PATCH changes of a document. https://www.rfc-editor.org/rfc/rfc7396
 */

/** Any JSON value. */
type Json = unknown;

/** Deeper than any document of ours; what is deeper in a patch replaces what was there. */
const DEPTH_MAX = 8;

/**
 * Applies a patch: its members replace those of the target, objects member by member; `null` removes one.
 */
export function applyMergePatch(target: Json, patch: Json, depth = DEPTH_MAX): Json {
  if (!isObject(patch) || depth === 0) return patch;
  const merged = new Map<string, Json>(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, applyMergePatch(merged.get(name), value, depth - 1));
  }
  return Object.fromEntries(merged);
}

function isObject(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
