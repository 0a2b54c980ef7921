/**
 * Measures source code: lines, the lines of each function, and its cyclomatic complexity. Pure: the caller
 * reads and parses the files. `npm run measure` prints the figures, and `test/code-size.test.ts` holds the
 * limits.
 */

/** A node of a syntax tree in the form of ESTree, as Vitest's `parseAst` returns it. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** One function. `complexity` does not include the functions inside it, `lines` does. */
export interface FunctionMeasure {
  readonly name: string;
  /** The line of the file on which it starts. */
  readonly line: number;
  readonly lines: number;
  /** 1, and 1 more for each condition, loop, case, `&&`, `||` and `??`. */
  readonly complexity: number;
}

/** Counts the lines of a file, without a last empty one. */
export function countLines(source: string): number {
  return source.replace(/\n$/, '').split('\n').length;
}

/** Measures every function of a file, in the order in which they start. */
export function measureFunctions(source: string, program: SyntaxNode): readonly FunctionMeasure[] {
  const found: FunctionMeasure[] = [];
  const visit = (node: SyntaxNode, givenName: string | null) => {
    if (isFunction(node)) {
      found.push({
        name: nameOf(node['id']) ?? givenName ?? 'anonymous function',
        line: countLines(source.slice(0, node.start)),
        lines: countLines(source.slice(node.start, node.end)),
        complexity: complexityOf(node),
      });
    }
    // `const name = () => …`, `{ name() { … } }` and `class { name() { … } }` name what they hold.
    const name = nameOf(node['id']) ?? nameOf(node['key']);
    for (const child of childrenOf(node))
      visit(child, child === node['init'] || child === node['value'] ? name : null);
  };
  visit(program, null);
  return found;
}

function complexityOf(node: SyntaxNode): number {
  let complexity = 1;
  const visit = (inner: SyntaxNode) => {
    if (isFunction(inner)) return;
    if (branches(inner)) complexity += 1;
    childrenOf(inner).forEach(visit);
  };
  childrenOf(node).forEach(visit);
  return complexity;
}

const branchingTypes = new Set([
  'IfStatement',
  'ConditionalExpression',
  'LogicalExpression',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'WhileStatement',
  'DoWhileStatement',
]);

const branchingAssignments = new Set(['&&=', '||=', '??=']);

function branches(node: SyntaxNode): boolean {
  if (node.type === 'SwitchCase') return node['test'] !== null;
  if (node.type === 'AssignmentExpression')
    return branchingAssignments.has(String(node['operator']));
  return branchingTypes.has(node.type);
}

function isFunction(node: SyntaxNode): boolean {
  return /^(?:Arrow)?Function(?:Declaration|Expression)?$/.test(node.type);
}

function nameOf(value: unknown): string | null {
  return isNode(value) && typeof value['name'] === 'string' ? value['name'] : null;
}

function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  return Object.values(node).flat().filter(isNode);
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
