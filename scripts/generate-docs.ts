/**
 * Writes the parts of `docs/` that are made from the code: `api.md`, `configuration.md`, `errors.md`, the
 * events in `observability.md`, and the vectors of client tokens; and the address of the button in the README.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { loadUntyped } from './load-untyped.ts';

const { operations } = await loadUntyped('src/manage/api.ts');
const { describeApi } = await loadUntyped('src/manage/openapi.ts');
const { settings } = await loadUntyped('src/config/settings.ts');
const { settingDescriptions, bindingDescriptions } = await loadUntyped(
  'src/config/descriptions.ts',
);
const { bindings } = await loadUntyped('src/config/env.ts');
const { eventDescriptions } = await loadUntyped('src/log/event-descriptions.ts');
const { apiReference } = await loadUntyped('scripts/api-reference.ts');
const { configurationReference } = await loadUntyped('scripts/configuration-reference.ts');
const { clientTokenVectors } = await loadUntyped('scripts/client-token-vectors.ts');
const { errorReference } = await loadUntyped('scripts/error-reference.ts');
const { withEventReference } = await loadUntyped('scripts/event-reference.ts');
const { withDeployButton } = await loadUntyped('scripts/deploy-button.ts');

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
