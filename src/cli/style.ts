/**
 * Colours for people at a terminal. Files, pipes and `NO_COLOR` get plain text.
 */

import { styleText } from 'node:util';
import type { Output, Surroundings } from './surroundings.ts';

type Look = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

/** Returns text in a look, or as it is. */
export type Style = (look: Look, text: string) => string;

/** The text as it is. */
export const plain: Style = (_look, text) => text;

/** The style of an output. https://no-color.org: any value of `NO_COLOR` but the empty one counts. */
export function styleFor(output: Output, env: Surroundings['env']): Style {
  const hasColours = output.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return hasColours ? (look, text) => styleText(look, text, { validateStream: false }) : plain;
}
