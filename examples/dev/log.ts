/**
 * Prints what the child processes say, each line with its name. Until everything is ready, lines are kept:
 * the summary comes first, and what wrangler says in good times is of no interest after it.
 */

import { stripVTControlCharacters, styleText } from 'node:util';

const NAME_WIDTH = 8;

// What wrangler says in good times: its progress, its table of bindings, and the indented lines that
// explain a warning. Its request log is not among them.
const NOISE =
  /^(\[wrangler:(info|warn)\](?! (GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) )|▲|⎔|⛅|─|│|╭|╰|Using (vars|secrets)|Your Worker|Binding|env\.| {2})/u;

/** Prints the output of child processes, or the part of it that matters. */
export interface DevLog {
  /** Takes one line. */
  line(name: string, line: string): void;
  /** Prints a warning at once, for people. */
  warn(text: string): void;
  /** Prints from now on, and what was kept and is no noise. */
  open(): void;
  /** Returns everything that was kept, for when nothing gets ready. */
  kept(): string;
}

/** Makes a log. A verbose one keeps nothing back. */
export function createLog(isVerbose: boolean, print = (text: string) => console.log(text)): DevLog {
  let isOpen = isVerbose;
  const waiting: { text: string; isNoise: boolean }[] = [];

  return {
    line(name, line) {
      const text = stripVTControlCharacters(line).trimEnd();
      if (text === '') return;
      const entry = { text: lookOf(name, text), isNoise: NOISE.test(text) };
      if (!isOpen) waiting.push(entry);
      else if (isVerbose || !entry.isNoise) print(entry.text);
    },
    warn: (text) => print(styleText('yellow', `Warning: ${text}`)),
    open() {
      isOpen = true;
      for (const { text, isNoise } of waiting.splice(0)) if (!isNoise) print(text);
    },
    kept: () => waiting.map(({ text }) => text).join('\n'),
  };
}

function lookOf(name: string, text: string): string {
  const isError = /\[ERROR\]|\[wrangler:err\]|Uncaught/.test(text);
  const prefix = styleText('dim', `${name.padEnd(NAME_WIDTH)} │`);
  if (isError) return `${prefix} ${styleText('red', text)}`;
  return `${prefix} ${NOISE.test(text) ? styleText('dim', text) : text}`;
}
