/** Tells whether a Node is new enough. Pure, so that a table can show it. */

/**
 * Returns one sentence if the version does not satisfy `engines.node` of package.json, and `null` if it
 * does. `range` has the form `>=22.12`, the only one that this project uses; any other throws.
 */
export function nodeProblem(version: string, range: string): string | null {
  const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(range) ?? [];
  if (major === undefined) throw new Error(`Cannot read the range of Node versions "${range}"`);
  const [haveMajor = 0, haveMinor = 0] = version.split('.').map(Number);
  const isNewEnough =
    haveMajor > Number(major) || (haveMajor === Number(major) && haveMinor >= Number(minor));
  if (isNewEnough) return null;
  return (
    `Cannot run the tests: they need Node ${major}.${minor} or newer, and this is Node ${version}. ` +
    'Use npm test or npx vitest, which take the Node that npm ci installs'
  );
}
