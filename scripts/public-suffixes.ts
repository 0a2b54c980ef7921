/**
 * Turns the public suffix list as tldts ships it into the text that `src/core/origins/public-suffixes.ts`
 * reads. In the bundle, gzipped, that is 17 KiB less than tldts with its own form of it.
 *
 * Left out is what the Worker cannot ask for: rules of one label, because every top-level domain is a
 * public suffix anyway, and rules in Unicode, whose hosts are canonicalised to Punycode first.
 */

/** The module `data/trie` of tldts: `labelText` holds the labels of all edges, one after the other. */
export interface SuffixTrie {
  /** By node, 0 where no rule ends there. */
  readonly nodeFlags: ArrayLike<number>;
  /** By node, its first edge. The first edge of the next node ends its own. */
  readonly edgeStart: ArrayLike<number>;
  readonly edgeLength: ArrayLike<number>;
  /** By edge, the node that it leads to. */
  readonly edgeChild: ArrayLike<number>;
  readonly labelText: string;
  readonly rulesRoot: number;
  readonly exceptionsRoot: number;
}

/** The module of the package that holds its data, which the package does not export. */
export const TRIE_MODULE = 'tldts/dist/cjs/src/data/trie.js';

/** Every rule of the list, as the list writes it: `co.uk`, `*.ck`, `!www.ck`. */
export function rulesOf(trie: SuffixTrie): string[] {
  const offsets: number[] = [];
  let offset = 0;
  for (const length of Array.from(trie.edgeLength)) {
    offsets.push(offset);
    offset += length;
  }
  const rules: string[] = [];
  const walk = (node: number, suffix: string, mark: string) => {
    if (at(trie.nodeFlags, node) !== 0) rules.push(mark + suffix);
    for (let edge = at(trie.edgeStart, node); edge < at(trie.edgeStart, node + 1); edge++) {
      const start = at(offsets, edge);
      const label = trie.labelText.slice(start, start + at(trie.edgeLength, edge));
      walk(at(trie.edgeChild, edge), suffix === '' ? label : `${label}.${suffix}`, mark);
    }
  };
  walk(trie.rulesRoot, '', '');
  walk(trie.exceptionsRoot, '', '!');
  return rules;
}

/** The source of `src/core/origins/public-suffix-data.ts`. */
export function suffixDataModule(rules: readonly string[]): string {
  return `/**
 * The rules of two labels and more of the public suffix list, with its private section, for
 * \`public-suffixes.ts\`.
 *
 * Made from the data of tldts by \`node scripts/generate-public-suffixes.ts\`; a test fails where both
 * differ. The list is under the Mozilla Public License 2.0: https://publicsuffix.org/list/
 */

/**
 * A line for each top-level domain. \`a(b c(d))\` holds the rules \`b.a\` and \`d.c.a\`, and with \`c+\`
 * for \`c\` also \`c.a\`. A \`!\` precedes a label whose rule is an exception.
 */
export const publicSuffixData = \`${encodeSuffixes(rules)}\`;
`;
}

interface Branch {
  isRule: boolean;
  readonly children: Map<string, Branch>;
}

function encodeSuffixes(rules: readonly string[]): string {
  const root: Branch = { isRule: false, children: new Map() };
  const uses = new Map<string, number>();
  for (const rule of rules) {
    // Every label of a rule in Punycode is ASCII.
    if (!rule.includes('.') || /[^!*.a-z0-9-]/.test(rule)) continue;
    const [exception, name] = splitMark(rule);
    let branch = root;
    const labels = name.split('.').reverse();
    for (const [index, label] of labels.entries()) {
      const key = index === labels.length - 1 ? exception + label : label;
      uses.set(key, (uses.get(key) ?? 0) + 1);
      const next = branch.children.get(key) ?? { isRule: false, children: new Map() };
      branch.children.set(key, next);
      branch = next;
    }
    branch.isRule = true;
  }
  // Labels that many have, such as com and edu, stand side by side, where gzip finds them together.
  const usesOf = (label: string) => uses.get(label) ?? 0;
  const write = ({ children }: Branch, separator: string): string =>
    [...children]
      .sort(([a], [b]) => usesOf(b) - usesOf(a) || (a < b ? -1 : 1))
      .map(([label, branch]) => {
        if (branch.children.size === 0) return label;
        return `${label}${branch.isRule ? '+' : ''}(${write(branch, ' ')})`;
      })
      .join(separator);
  return write(root, '\n');
}

function splitMark(rule: string): [mark: string, name: string] {
  return rule.startsWith('!') ? ['!', rule.slice(1)] : ['', rule];
}

function at(numbers: ArrayLike<number>, index: number): number {
  const number = numbers[index];
  if (number === undefined) throw new Error(`Cannot read the trie of tldts at ${index}`);
  return number;
}
