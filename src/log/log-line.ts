/**
 * The lines of the log: one JSON text each, never longer than log stores accept whole, and without any token
 * of ours. No I/O, no clock.
 */

import { hideTokens } from '../core/key/token.ts';

/** Longest log line, in bytes. */
export const LOG_LINE_MAX_BYTES = 4 * 1024;

/** Characters that are kept of a line that is too long, each at most 6 bytes in JSON. */
const KEPT_CHARACTERS = 500;

/**
 * Returns the texts to log for an event. Usually it is one. If a list of `problems` does not fit, each
 * problem gets its own line, so that none is lost. Any other line that is too long keeps its event and
 * request id, and its start under `cut`. Callers put no token, Authorization header or secret into an event,
 * but an error of the platform may quote a token, which is hidden. Never throws on values that JSON can hold.
 */
export function toLogLines(line: object): readonly string[] {
  const text = hideTokens(JSON.stringify(line));
  if (isShort(text)) return [text];
  const problems: unknown = 'problems' in line ? line.problems : null;
  if (Array.isArray(problems) && problems.length > 1) {
    return problems.flatMap((problem) => toLogLines({ ...line, problems: [problem] }));
  }
  const event: unknown = 'event' in line ? line.event : undefined;
  const requestId: unknown = 'requestId' in line ? line.requestId : undefined;
  return [JSON.stringify({ event, requestId, cut: text.slice(0, KEPT_CHARACTERS) })];
}

function isShort(text: string): boolean {
  // A character takes three bytes at most in UTF-8, so that most lines need no counting.
  if (3 * text.length <= LOG_LINE_MAX_BYTES) return true;
  return new TextEncoder().encode(text).byteLength <= LOG_LINE_MAX_BYTES;
}
