/** Writes `src/core/origins/public-suffix-data.ts` from the data of tldts. To be run when tldts is updated. */

import { writeFile } from 'node:fs/promises';
import { rulesOf, suffixDataModule, TRIE_MODULE } from './public-suffixes.ts';

const rules = rulesOf(await import(TRIE_MODULE));
const file = new URL('../src/core/origins/public-suffix-data.ts', import.meta.url);
await writeFile(file, suffixDataModule(rules));
