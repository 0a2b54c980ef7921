/** Prints what the child processes say, each line with its name, and wrangler's own noise dimmed. */

import { stripVTControlCharacters, styleText } from 'node:util';

const NAME_WIDTH = 8;

// What wrangler says in good times: its request log, its progress, its table of bindings, and the
// indented lines that explain a warning.
const NOISE =
  /^(\[wrangler:(info|warn)\]|▲|⎔|⛅|─|│|╭|╰|Using (vars|secrets)|Your Worker|Binding|env\.| {2})/u;

/** Prints one line, or nothing when it is empty. Colours only where the terminal wants them. */
export function printLog(name: string, line: string): void {
  const text = stripVTControlCharacters(line).trimEnd();
  if (text === '') return;
  const isError = /\[ERROR\]|\[wrangler:err\]|Uncaught/.test(text);
  const prefix = styleText('dim', `${name.padEnd(NAME_WIDTH)} │`);
  if (isError) console.log(`${prefix} ${styleText('red', text)}`);
  else console.log(`${prefix} ${NOISE.test(text) ? styleText('dim', text) : text}`);
}
