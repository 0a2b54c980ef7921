/** Settings that are lists of header names: what is reported, and what is read. */

import { describe, expect, test } from 'vitest';
import { requestHeaders, responseHeaders } from '../../src/config/header-lists.ts';
import type { Fault } from '../../src/config/values.ts';

function read<Value>(
  setting: { read: (written: unknown, report: (fault: Fault) => void) => Value },
  written: unknown,
) {
  const faults: Fault[] = [];
  const value = setting.read(written, (fault) => faults.push(fault));
  return { value, reasons: faults.map(({ value: quoted, reason }) => `${quoted}: ${reason}`) };
}

describe('FORWARD_REQUEST_HEADERS', () => {
  test.each([
    ['Acme:'],
    ['a, b:c'],
    ['abc*'],
    ['*'],
    ['ac*me-'],
    ['acme-**'],
    ['é'],
    [5],
    [Array.from({ length: 65 }, (_, at) => `x-${at}`).join()],
  ])('reports %j', (written) => {
    expect(read(requestHeaders, written).reasons).toHaveLength(1);
  });

  test.each([
    'X-Acme-Id, ACME-*, acme*',
    'X-Acme-Id ACME-* acme*',
    '\n X-Acme-Id,\n\tACME-* ,acme*,',
  ])('holds names and beginnings in lower case, of %j', (written) => {
    const { value, reasons } = read(requestHeaders, written);
    expect(reasons).toEqual([]);
    expect([[...value.names], value.prefixes]).toEqual([['x-acme-id'], ['acme-', 'acme']]);
  });

  test.each([undefined, '', ' , '])('holds nothing if it is %j', (written) => {
    const { value } = read(requestHeaders, written);
    expect([value.names.size, value.prefixes]).toEqual([0, []]);
  });
});

describe('EXPOSE_HEADERS', () => {
  test.each(['X-Acme-Id,X-Other', 'X-Acme-Id X-Other'])('holds two names of %j', (written) => {
    const { value, reasons } = read(responseHeaders, written);
    expect([value, reasons]).toEqual([['X-Acme-Id', 'X-Other'], []]);
  });

  test('reports a wildcard and what is no name, and holds the rest as written', () => {
    const { value, reasons } = read(responseHeaders, 'X-Acme-Id, *, a:b');
    expect(value).toEqual(['X-Acme-Id']);
    expect(reasons).toEqual([
      '*: it is not the name of a header',
      'a:b: it is not the name of a header',
    ]);
  });
});
