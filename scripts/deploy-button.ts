/**
 * The address of the "Deploy to Cloudflare" button in the README, made of `repository` in package.json:
 * https://developers.cloudflare.com/workers/platform/deploy-buttons/
 */

/** The beginning of that address. */
export const DEPLOY_URL = 'https://deploy.workers.cloudflare.com/?url=';

/** The README with the button for this repository, by its URL as npm writes it. */
export function withDeployButton(readme: string, repositoryUrl: string): string {
  const address = repositoryUrl.replace(/^git\+/, '').replace(/\.git$/, '');
  const start = readme.indexOf(`(${DEPLOY_URL}`);
  const end = readme.indexOf(')', start);
  if (start === -1 || end === -1) throw new Error('Cannot find the deploy button in the README');
  return `${readme.slice(0, start)}(${DEPLOY_URL}${address}${readme.slice(end)}`;
}
