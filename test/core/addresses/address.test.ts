import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import {
  ADDRESS_MAX_LENGTH,
  mappedIpv4,
  parseAddress,
} from '../../../src/core/addresses/address.ts';

describe('parseAddress() reads no address from', () => {
  test.each([
    ['nothing', ''],
    ['a blank', ' '],
    ['a word', 'unknown'],
    ['a name', 'localhost'],
    ['two addresses', '203.0.113.7, 203.0.113.8'],
    ['an address with a blank', ' 203.0.113.7'],
    ['an address with a port', '203.0.113.7:443'],
    ['an IPv6 address in brackets', '[2001:db8::1]'],
    ['a block', '203.0.113.0/24'],
    ['three numbers', '203.0.113'],
    ['one number', '3405803783'],
    ['five numbers', '1.2.3.4.5'],
    ['a number out of range', '256.0.0.1'],
    ['octal numbers', '0313.0.0161.07'],
    ['a leading zero', '203.0.113.07'],
    ['hexadecimal numbers', '0xcb.0.0x71.7'],
    ['a sign', '+1.2.3.4'],
    ['an IPv4 address with a zone', '203.0.113.7%eth0'],
    ['seven groups', '1:2:3:4:5:6:7'],
    ['nine groups', '1:2:3:4:5:6:7:8:9'],
    ['two gaps', '2001::db8::1'],
    ['a gap of nothing', '1:2:3:4::5:6:7:8'],
    ['a group of five digits', '2001:db8::12345'],
    ['a group that is no number', '2001:db8::g'],
    ['an IPv4 end out of range', '::ffff:203.0.113.256'],
    ['a leading zero in an IPv4 end', '::ffff:203.0.113.07'],
    ['a tab between groups', '2001:db8:\t:1'],
    ['the end of the brackets that a URL has', '::1]/'],
    ['a zone alone', '%eth0'],
    ['an endless zone', `fe80::1%${'a'.repeat(ADDRESS_MAX_LENGTH)}`],
    ['endless digits', '1'.repeat(10_000)],
    ['fullwidth digits', '１.2.3.4'],
    ['a null character', '203.0.113.7\0'],
  ])('%s', (_, text) => {
    expect(parseAddress(text)).toBeNull();
    // Remembered or not.
    expect(parseAddress(text)).toBeNull();
  });
});

test('parseAddress() reads a text of the greatest length, and no longer one', () => {
  const zoneOf = (length: number) => `fe80::1%${'a'.repeat(length - 'fe80::1%'.length)}`;
  expect(parseAddress(zoneOf(ADDRESS_MAX_LENGTH))?.text).toBe('fe80::1');
  expect(parseAddress(zoneOf(ADDRESS_MAX_LENGTH + 1))).toBeNull();
});

describe('mappedIpv4()', () => {
  test.each([
    ['a first word of 1', [1, 0, 0xffff, 7]],
    ['a second word of 1', [0, 1, 0xffff, 7]],
    ['a third word of fffe', [0, 0, 0xfffe, 7]],
    ['the old compatible form', [0, 0, 0, 7]],
    ['an IPv4 address', [7]],
  ])('of %s is null', (_, words) => {
    expect(mappedIpv4(words)).toBeNull();
  });

  test('is the last word', () => {
    expect(mappedIpv4([0, 0, 0xffff, 7])).toEqual([7]);
  });
});

describe('parseAddress() reads', () => {
  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    // The form that a socket for both families reports, in each of its spellings.
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
    // Not mapped but compatible, a form that was given up: https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.1
    ['::203.0.113.7', '::cb00:7107'],
    // A zone names an interface, so the address is the same without it.
    ['fe80::1%eth0', 'fe80::1'],
    ['fe80::1%25', 'fe80::1'],
    ['::ffff:203.0.113.7%eth0', '203.0.113.7'],
  ])('%s as %s', (text, canonical) => {
    expect(parseAddress(text)?.text).toBe(canonical);
    expect(parseAddress(text)?.text).toBe(canonical);
  });

  test('every IPv6 address, in whatever spelling, as the URL parser does', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
    const groups = fc.array(fc.oneof(group, fc.constant('0')), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, (written) => {
        const text = written.join(':');
        const ofUrl = new URL(`http://[${text}]`).hostname.slice(1, -1);
        const read = parseAddress(text);
        if (/^::ffff:[0-9a-f]+:[0-9a-f]+$/.test(ofUrl))
          expect(read?.text).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
        else expect(read?.text).toBe(ofUrl);
        expect(parseAddress(ofUrl)).toEqual(read);
        expect(parseAddress(text.toUpperCase())).toEqual(read);
      }),
    );
  });

  test('every text that ipaddr.js reads as IPv6 or as four decimal numbers, and no other, as it does', () => {
    let addresses = 0;
    const group = fc.constantFrom('0', '00', '1', 'ffff', 'FfFf', '0db8', '10000', '', '1.2.3.4');
    const ipv6 = fc.array(group, { minLength: 1, maxLength: 9 }).map((groups) => groups.join(':'));
    const number = fc.constantFrom('0', '1', '01', '99', '255', '256', '');
    const ipv4 = fc.array(number, { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'));
    const text = fc.oneof(ipv6, ipv4, fc.ipV6(), fc.ipV4(), fc.ipV4Extended());
    fc.assert(
      fc.property(text, (written) => {
        // The library takes these for mapped addresses.
        fc.pre(!/^::[\d.]+$/.test(written));
        const theirs = readByLibrary(written);
        addresses += Number(theirs !== null);
        expect(parseAddress(written)?.text ?? null).toBe(theirs?.toString() ?? null);
        expect(bytesOf(parseAddress(written)?.words)).toEqual(theirs?.toByteArray() ?? []);
      }),
      { numRuns: 2_000 },
    );
    expect(addresses).toBeGreaterThan(200);
  });

  test('any text without throwing', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789abcdefx.:%/') })),
        (text) => {
          const read = parseAddress(text);
          if (read !== null) expect(parseAddress(read.text)).toEqual(read);
        },
      ),
    );
  });
});

function readByLibrary(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  if (!text.includes(':'))
    return ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text) : null;
  if (!ipaddr.IPv6.isValid(text)) return null;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

function bytesOf(words: readonly number[] = []): readonly number[] {
  return words.flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff));
}
