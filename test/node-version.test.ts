import { describe, expect, test } from 'vitest';
import { nodeProblem } from './support/node/node-version.ts';

describe('nodeProblem()', () => {
  test.each([
    ['20.20.2', '>=22.12'],
    ['22.11.9', '>=22.12'],
    ['9.12.0', '>=22.12'],
  ])('refuses Node %s where %s is required, in one sentence', (version, range) => {
    expect(nodeProblem(version, range)).toBe(
      `Cannot run the tests: they need Node 22.12 or newer, and this is Node ${version}. ` +
        'Use npm test or npx vitest, which take the Node that npm ci installs',
    );
  });

  test.each(['22.12.0', '22.13.1', '23.0.0', '24.21.0', '100.0.0'])(
    'accepts Node %s',
    (version) => {
      expect(nodeProblem(version, '>=22.12')).toBeNull();
    },
  );

  test('throws on a range that it cannot read', () => {
    expect(() => nodeProblem('24.0.0', '^22 || ^24')).toThrow('Cannot read the range');
  });
});
