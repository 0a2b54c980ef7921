/** The files that "Deploy to Cloudflare" reads: https://developers.cloudflare.com/workers/platform/deploy-buttons/ */

import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';
import { projectRoot } from '../support/node/build-bundle.ts';

// Named at run time only: the Worker's sources are of another program, with types of its own.
const { readConfig: readEnv } = await import(
  new URL('../../src/config/read-config.ts', import.meta.url).href
);
const config = readConfig({ config: join(projectRoot, 'wrangler.toml') });
const read = (name: string) => readFile(join(projectRoot, name), 'utf8');
const { cloudflare, repository, scripts } = JSON.parse(await read('package.json'));
const secrets = Object.fromEntries(
  [...(await read('.dev.vars.example')).matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [
    name,
    value,
  ]),
);

const nameOf = ({ binding }: { binding: string }) => binding;

test('every secret, variable and store that it asks for is described, and no other', () => {
  const stores = [
    ...config.d1_databases.map(nameOf),
    ...config.kv_namespaces.map(nameOf),
    ...(config.queues.producers?.map(nameOf) ?? []),
  ];
  const asked = [...Object.keys(config.vars), ...Object.keys(secrets), ...stores];
  expect(Object.keys(cloudflare.bindings).sort()).toEqual(asked.sort());
  for (const { description } of Object.values<{ description: string }>(cloudflare.bindings)) {
    expect(description).toMatch(/^[A-Z].+\.$/);
  }
});

test('it leads to the repository that package.json names, and no document names another', async () => {
  const address = repository.url.replace(/^git\+(.*)\.git$/, '$1');
  const readme = await read('README.md');
  expect(readme).toContain(`](https://deploy.workers.cloudflare.com/?url=${address})`);
  const name = address.split('/').at(-1);
  const documents = globSync('{*,{.github,docs,examples,src,test,bench}/**/*}.{md,toml,html}', {
    cwd: projectRoot,
    exclude: ['**/node_modules/**'],
  });
  expect(documents).toContain('README.md');
  const others = [];
  for (const path of documents) {
    const named =
      (await read(path)).match(new RegExp(`github\\.com/[\\w.-]+/${name}\\b`, 'g')) ?? [];
    others.push(
      ...named.filter((found) => `https://${found}` !== address).map((url) => [path, url]),
    );
  }
  expect(others).toEqual([]);
});

test('no secret has a value that an operator could leave unchanged', () => {
  expect(Object.values(secrets)).toEqual(Object.values(secrets).map(() => ''));
});

test('secrets that are left empty are no broken configuration', async () => {
  const bindings = { DB: { withSession() {} }, KEYS: { get() {} } };
  const vars = { ...secrets, UPSTREAM_URL: 'https://api.example' };
  expect(await readEnv({ ...bindings, ...vars })).toMatchObject({
    ok: true,
    config: { adminToken: null, upstreamAuthorization: null, assertion: null },
  });
});

test('what it runs after it has created the stores is the deployment that the repository has', () => {
  expect(scripts.deploy).toBe('node scripts/deploy.ts');
});
