/**
 * The answer to a document or a query whose fields have problems.
 *
 * It names every problem within bounds: at most `PROBLEMS_MAX` of them, in at most
 * `PROBLEMS_MAX_BYTES`, and the number of those that it leaves out.
 */

import type { FieldProblem, FoundProblems } from '../core/field-problem.ts';
import type { Problem } from '../problem.ts';
import { PROBLEMS_MAX_BYTES } from './limits.ts';
import { problem } from './problems.ts';

const encoder = new TextEncoder();

/** The problem of a document, or of a query, whose fields have problems. */
export function invalidFields(found: FoundProblems): Problem {
  return problemOfFields('invalid_fields', found);
}

/** The same with another code. */
export function problemOfFields(
  code: 'invalid_fields' | 'duplicate_tokens',
  found: FoundProblems,
): Problem {
  const { problems, errors } = listed(found.problems);
  const count = found.problems.length + found.more;
  const left = count - problems.length;
  const [first = ''] = errors;
  const detail =
    count === 1 ? first : `Cannot accept ${count} values, of which the first is ${first}`;
  return problem(code, detail, {
    errors: left === 0 ? errors : [...errors, `${left} more`],
    extensions: left === 0 ? { problems } : { problems, moreProblems: left },
  });
}

/** The problems for which there is room, each as an object and as a sentence. */
function listed(all: readonly FieldProblem[]): {
  readonly problems: readonly FieldProblem[];
  readonly errors: readonly string[];
} {
  const problems: FieldProblem[] = [];
  const errors: string[] = [];
  let bytes = 0;
  for (const one of all) {
    const sentence = toSentence(one);
    bytes += encoder.encode(JSON.stringify([one, sentence])).length;
    if (bytes > PROBLEMS_MAX_BYTES && problems.length > 0) break;
    problems.push(one);
    errors.push(sentence);
  }
  return { problems, errors };
}

function toSentence({ path, value, reason, fix }: FieldProblem): string {
  const quoted = JSON.stringify(value);
  const isQuoted = value === null || reason.includes(quoted);
  return `${path === '' ? 'the document' : path}: ${reason}${isQuoted ? '' : ` (${quoted})`}. ${fix}`;
}
