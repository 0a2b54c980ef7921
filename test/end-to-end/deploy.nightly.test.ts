/**
 * `npm run deploy` beside wrangler by itself, against a stand-in for Cloudflare's API: the reason why there is a
 * script of ours, and a second deployment of the same Worker.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { WRANGLER } from '../../scripts/deploy/wrangler.ts';
import { projectRoot } from '../support/node/build-bundle.ts';
import { ACCOUNT, standInCloudflare } from '../support/node/stand-in-cloudflare.ts';

test('wrangler alone stops at a namespace that is there; the script deploys, and deploys again', async () => {
  const cloudflare = await standInCloudflare();
  await mkdir(join(projectRoot, 'test-output'), { recursive: true });
  const folder = await mkdtemp(join(projectRoot, 'test-output/deploy-'));
  const config = join(folder, 'wrangler.toml');
  const run = async (...command: string[]) => {
    const child = spawn(process.execPath, [...command, '--config', config], {
      cwd: projectRoot,
      env: {
        ...process.env,
        CI: '1',
        NO_COLOR: '1',
        WRANGLER_SEND_METRICS: 'false',
        WRANGLER_SEND_ERROR_REPORTS: 'false',
        WRANGLER_LOG_PATH: join(folder, 'logs'),
        CLOUDFLARE_API_BASE_URL: cloudflare.url,
        CLOUDFLARE_API_TOKEN: 'token',
        CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [[exitCode], ...outputs] = await Promise.all([
      once(child, 'close'),
      text(child.stdout),
      text(child.stderr),
    ]);
    return { exitCode, output: outputs.join('') };
  };
  try {
    await writeFile(join(folder, 'worker.js'), 'export default { fetch: () => new Response() };');
    const original = await readFile(join(projectRoot, 'wrangler.toml'), 'utf8');
    const here = original
      .replace('main = "src/index.ts"', 'main = "worker.js"')
      .replace(/^database_name = .*$/m, '$&\nmigrations_dir = "../../migrations"');
    await writeFile(config, here);
    cloudflare.addDatabase('edge-authorizer');
    cloudflare.namespaces.set('id-of-ours', 'edge-authorizer-keys');
    const alone = await run(WRANGLER, 'deploy');
    expect(alone.output).toContain('10014');

    const script = join(projectRoot, 'scripts/deploy.ts');
    for (const count of [1, 2]) {
      const { exitCode, output } = await run(script);
      expect(exitCode, output).toBe(0);
      expect(output).toContain('found    D1 database edge-authorizer, bound as DB');
      const isAgain = cloudflare.calls.includes('POST /workers/scripts/edge-authorizer/versions');
      expect(isAgain).toBe(count === 2);
    }
  } finally {
    await cloudflare.close();
    await rm(folder, { recursive: true, force: true });
  }
});
