/** The Worker's own files, for scripts that judge a configuration as the Worker would. */

/**
 * Loads a file below `src`. By a computed path: the Worker's files need the types of Workers, which the scripts are
 * without, so that the caller says what the file exports.
 */
export function loadWorkerModule<Exports>(path: string): Promise<Exports> {
  return import(new URL(path, new URL('../../src/', import.meta.url)).href);
}
