/**
 * Writes the parts of `docs/` that are made from the code: `api.md`, `configuration.md`, `errors.md`, the
 * events in `observability.md`, and the vectors of client tokens; and the address of the button in the README.
 */

import { readFile, writeFile } from 'node:fs/promises';

// Named at run time only: the Worker's sources are of another program, with types of its own.
const load = (path: string) => import(new URL(path, import.meta.url).href);
const { operations } = await load('../src/manage/api.ts');
const { describeApi } = await load('../src/manage/openapi.ts');
const { settings } = await load('../src/config/settings.ts');
const { settingDescriptions, bindingDescriptions } = await load('../src/config/descriptions.ts');
const { bindings } = await load('../src/config/env.ts');
const { eventDescriptions } = await load('../src/log/event-descriptions.ts');
const { apiReference } = await load('./api-reference.ts');
const { configurationReference } = await load('./configuration-reference.ts');
const { clientTokenVectors } = await load('./client-token-vectors.ts');
const { errorReference } = await load('./error-reference.ts');
const { withEventReference } = await load('./event-reference.ts');
const { withDeployButton } = await load('./deploy-button.ts');

const write = (name: string, text: string) =>
  writeFile(new URL(`../docs/${name}`, import.meta.url), text);
await write('api.md', apiReference(describeApi(operations)));
await write(
  'configuration.md',
  configurationReference({ settings, settingDescriptions, bindings, bindingDescriptions }),
);
await write('errors.md', errorReference());
await write('client-token-vectors.json', await clientTokenVectors());

const readme = new URL('../README.md', import.meta.url);
const { repository } = JSON.parse(
  await readFile(new URL('../package.json', import.meta.url), 'utf8'),
);
await writeFile(readme, withDeployButton(await readFile(readme, 'utf8'), repository.url));
const observability = await readFile(new URL('../docs/observability.md', import.meta.url), 'utf8');
await write('observability.md', withEventReference(observability, eventDescriptions));
