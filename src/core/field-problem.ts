/**
 * Problems of a document's fields, in words for its author: collected up to a bound, and counted beyond
 * it, so that a report never grows with what was sent. Pure, no I/O.
 */

/** One thing that is wrong with a document. */
export interface FieldProblem {
  /** For example `access.cors.allowedOrigins[1]`. Empty: the document itself. */
  readonly path: string;
  readonly value: unknown;
  readonly reason: string;
  readonly fix: string;
}

/** Most problems that are reported one by one. */
export const PROBLEMS_MAX = 100;

/** The first problems of a document, and how many more it has. */
export interface FoundProblems {
  readonly problems: readonly FieldProblem[];
  readonly more: number;
}

/** Collects problems. Reads as what it has found so far. */
export class ProblemList implements FoundProblems {
  readonly #problems: FieldProblem[] = [];
  #more = 0;

  get problems(): readonly FieldProblem[] {
    return this.#problems;
  }

  get more(): number {
    return this.#more;
  }

  get isEmpty(): boolean {
    return this.#problems.length === 0;
  }

  /** Adds a problem, which is described only while there is room for it. */
  add(describe: () => FieldProblem): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(describe());
    else this.#more += 1;
  }

  /** Adds what was found elsewhere, each problem as `map` describes it here. */
  addAll(
    found: FoundProblems,
    map: (problem: FieldProblem) => FieldProblem = (problem) => problem,
  ): void {
    for (const problem of found.problems) this.add(() => map(problem));
    this.#more += found.more;
  }
}
