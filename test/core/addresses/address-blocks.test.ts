import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../src/core/addresses/address.ts';
import {
  admitsAddress,
  canonicalizeBlock,
  compileBlocks,
} from '../../../src/core/addresses/address-blocks.ts';

describe('canonicalizeBlock() refuses', () => {
  test.each([
    ['nothing', '', /neither an address nor a CIDR block/],
    ['a word', 'office', /neither/],
    ['a name', 'example.com', /neither/],
    ['a range', '203.0.113.1-203.0.113.9', /neither/],
    ['a wildcard', '203.0.113.*', /neither/],
    ['two blocks', '203.0.113.0/24,10.0.0.0/8', /neither/],
    ['a block with blanks', ' 203.0.113.0/24 ', /neither/],
    ['a mask in numbers', '203.0.113.0/255.255.255.0', /neither/],
    ['an empty prefix', '203.0.113.0/', /neither/],
    ['a negative prefix', '203.0.113.0/-1', /neither/],
    ['a prefix with a leading zero', '203.0.113.0/024', /neither/],
    ['two prefixes', '203.0.113.0/24/24', /neither/],
    ['a prefix alone', '/24', /neither/],
    ['three numbers', '203.0.113/24', /neither/],
    ['octal numbers', '0313.0.0.0/8', /neither/],
    ['an IPv6 block in brackets', '[2001:db8::]/32', /neither/],
    ['a prefix of 33 bits', '203.0.113.0/33', /longer than the 32 bits/],
    ['a prefix of 129 bits', '2001:db8::/129', /longer than the 128 bits/],
    ['a zone', 'fe80::1%eth0', /names a zone/],
    ['a block with a zone', 'fe80::%eth0/10', /names a zone/],
    ['an IPv4-mapped block of all of IPv4 and more', '::ffff:0:0/95', /shorter than 96 bits/],
    ['an IPv4-mapped block with an IPv4 prefix', '::ffff:203.0.113.0/24', /shorter than 96 bits/],
    ['endless text', '1'.repeat(10_000), /neither/],
  ])('%s', (_, text, reason) => {
    const result = canonicalizeBlock(text);
    expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
    expect(result.ok ? '' : result.fix).toMatch(/^Write /);
  });
});

describe('canonicalizeBlock() writes', () => {
  test.each([
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['203.0.113.7', '203.0.113.7/32'],
    ['203.0.113.7/24', '203.0.113.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['203.0.113.7/0', '0.0.0.0/0'],
    ['255.255.255.255/32', '255.255.255.255/32'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1/128'],
    ['2001:db8::1/32', '2001:db8::/32'],
    ['2001:db8::ff/121', '2001:db8::80/121'],
    ['::/0', '::/0'],
    ['::ffff:203.0.113.7', '203.0.113.7/32'],
    ['::ffff:203.0.113.7/120', '203.0.113.0/24'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
  ])('%s as %s', (text, block) => {
    expect(canonicalizeBlock(text)).toEqual({ ok: true, block });
    expect(canonicalizeBlock(block)).toEqual({ ok: true, block });
  });
});

describe('admitsAddress()', () => {
  test.each<[blocks: readonly string[], address: string, isAdmitted: boolean]>([
    [['203.0.113.0/24'], '203.0.112.255', false],
    [['203.0.113.0/24'], '203.0.113.0', true],
    [['203.0.113.0/24'], '203.0.113.255', true],
    [['203.0.113.0/24'], '203.0.114.0', false],
    [['203.0.113.7/32'], '203.0.113.6', false],
    [['203.0.113.7/32'], '::ffff:203.0.113.7', true],
    [['128.0.0.0/1'], '127.255.255.255', false],
    [['128.0.0.0/1'], '255.0.0.1', true],
    [['0.0.0.0/0'], '8.8.8.8', true],
    // A family admits nothing of the other one.
    [['0.0.0.0/0'], '2001:db8::1', false],
    [['::/0'], '8.8.8.8', false],
    [['::/0'], '::ffff:8.8.8.8', false],
    [['::/0'], '2001:db8::1', true],
    [['2001:db8::/32'], '2001:db7:ffff::', false],
    [['2001:db8::/32'], '2001:db8:ffff::1', true],
    [['2001:db8::/33'], '2001:db8:8000::', false],
    [['2001:db8::80/121'], '2001:db8::7f', false],
    [['2001:db8::80/121'], '2001:db8::80', true],
    [['fe80::/10'], 'fe80::1%eth0', true],
    [['10.0.0.0/8', '2001:db8::/32'], '2001:db8::1', true],
    [[], '203.0.113.7', false],
    // Nothing of the kind can be stored; were it, it would admit nothing.
    [['anything'], '203.0.113.7', false],
    [['anything/8'], '203.0.113.7', false],
    [['203.0.113.7'], '203.0.113.7', false],
  ])('%j has %s: %s', (blocks, address, isAdmitted) => {
    expect(admitsAddress(compileBlocks(blocks), parseAddress(address))).toBe(isAdmitted);
  });

  test('admits no address that could not be read, whatever the blocks', () => {
    expect(admitsAddress(compileBlocks(['0.0.0.0/0', '::/0']), null)).toBe(false);
  });

  test('compares the first bits, as their text in base two does', () => {
    const address = fc.oneof(
      fc.ipV4(),
      fc
        .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })
        .map((groups) => groups.map((group) => group.toString(16)).join(':')),
    );
    const prefix = fc.integer({ min: 0, max: 128 });
    let admitted = 0;
    fc.assert(
      fc.property(address, address, prefix, fc.boolean(), (network, other, bits, isOwn) => {
        const client = isOwn ? network : other;
        const read = canonicalizeBlock(`${network}/${bits}`);
        if (!read.ok) return;
        const [base, length] = read.block.split('/');
        const left = bitsOf(base ?? '');
        const right = bitsOf(client);
        const expected =
          left.length === right.length &&
          left.slice(0, Number(length)) === right.slice(0, Number(length));
        admitted += Number(expected);
        expect(admitsAddress(compileBlocks([read.block]), parseAddress(client))).toBe(expected);
      }),
      { numRuns: 500 },
    );
    expect(admitted).toBeGreaterThan(50);
  });
});

function bitsOf(address: string): string {
  const words = parseAddress(address)?.words ?? [];
  return words.map((word) => word.toString(2).padStart(32, '0')).join('');
}
