/**
 * The presets of wrangler: the one of the free plan is the other one without the Queue.
 */

import { parse } from 'smol-toml';
import { expect, test } from 'vitest';

const presets = import.meta.glob<string>('../wrangler*.toml', {
  query: '?raw',
  import: 'default',
  eager: true,
});

const read = (name: string) => parse(presets[`../${name}`] ?? '') as Record<string, unknown>;

test('wrangler.free.toml is wrangler.toml without the Queue, and flushes usage less often', () => {
  const { queues, ...paid } = read('wrangler.toml');
  expect(queues).toMatchObject({ producers: [{ binding: 'USAGE' }], consumers: [{}] });
  const vars = paid['vars'] as Record<string, string>;
  expect(vars).not.toHaveProperty('USAGE_FLUSH_SECONDS');
  expect(read('wrangler.free.toml')).toEqual({
    ...paid,
    vars: { ...vars, USAGE_FLUSH_SECONDS: '10' },
  });
});
