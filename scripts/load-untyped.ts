/**
 * Loads a file of the repository without its types, by its path from the root. The Worker's sources are of another
 * program, with types of its own, so scripts name them at run time only.
 */
export const loadUntyped = (path: string) => import(new URL(`../${path}`, import.meta.url).href);
