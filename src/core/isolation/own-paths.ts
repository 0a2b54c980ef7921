/**
 * Which of our own paths, below `/_edge/`, belong to the management page, and which each host serves.
 * Pure, no I/O.
 */

/**
 * Our own paths that each host serves: those for uptime checks, for upstreams, for the readers of a
 * refusal, for holders of keys, and for GitHub. A path below one of them counts as well.
 */
const pathsOfEveryHost = [
  '/_edge/health',
  '/_edge/jwks.json',
  '/_edge/errors',
  '/_edge/v1/client-tokens',
  '/_edge/v1/self',
  '/_edge/v1/leaks/github',
];

/** For scrapers, on the hosts that serve management. */
export const METRICS_PATH = '/_edge/metrics';

/** Returns whether each host serves this path of ours, and not the management host alone. */
export function isOnEveryHost(path: string): boolean {
  return pathsOfEveryHost.some((own) => path === own || path.startsWith(`${own}/`));
}

/** Returns whether a path of ours belongs to the page, which people look at, and not to programs. */
export function isPagePath(path: string): boolean {
  const isForPrograms =
    path === METRICS_PATH || path === '/_edge/v1' || path.startsWith('/_edge/v1/');
  return !isForPrograms && !isOnEveryHost(path);
}
