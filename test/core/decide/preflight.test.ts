import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  allowedHeaders,
  allowedMethods,
  decidePreflight,
  isPreflight,
} from '../../../src/core/decide/preflight.ts';
import {
  PREFLIGHT_MAX_HEADER_BYTES,
  PREFLIGHT_MAX_HEADER_NAMES,
} from '../../../src/core/limits.ts';
import { parseOrigin, type WebOrigin } from '../../../src/core/origins/web-origin.ts';
import { takesLessThan } from '../fixtures.ts';

const usualMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
const always = 'authorization, content-type';
const names = (count: number) => Array.from({ length: count }, (_, index) => `x-${index}`);

describe('isPreflight()', () => {
  const origin = originOf('https://app.example');
  test.each([
    ['GET', origin, 'POST', false],
    ['POST', origin, 'POST', false],
    ['HEAD', origin, 'GET', false],
    ['options', origin, 'POST', false],
    ['OPTIONS ', origin, 'POST', false],
    ['OPTIONS', null, 'POST', false],
    ['OPTIONS', origin, null, false],
    ['OPTIONS', origin, '', false],
    ['OPTIONS', null, null, false],
    ['OPTIONS', origin, 'POST', true],
    ['OPTIONS', origin, 'PURGE', true],
    ['OPTIONS', origin, 'not a method', true],
    ['OPTIONS', originOf('null'), 'GET', true],
  ])('of %s from %o for %j is %s', (method, requestOrigin, requestedMethod, expected) => {
    expect(isPreflight({ method, origin: requestOrigin, requestedMethod })).toBe(expected);
  });
});

describe('decidePreflight()', () => {
  test('refuses an origin that no live key lists, and names it', () => {
    const origin = originOf('https://evil.example');
    const decision = decidePreflight({
      origin,
      registration: 'unregistered',
      requestedMethod: 'GET',
      requestedHeaders: 'authorization',
    });
    expect(decision).toEqual({
      granted: false,
      rejection: {
        code: 'origin_not_registered',
        detail: expect.stringMatching(/"https:\/\/evil\.example".*the key that the page uses/),
      },
    });
  });

  test.each([
    ['registered', 7200],
    ['unsure', 5],
  ] as const)('grants an origin that is %s for %i seconds', (registration, maxAgeSeconds) => {
    for (const value of ['https://app.example', 'null', 'capacitor://localhost']) {
      expect(
        decidePreflight({
          origin: originOf(value),
          registration,
          requestedMethod: 'QUERY',
          requestedHeaders: 'Authorization,X-A',
        }),
      ).toEqual({
        granted: true,
        allowMethods: `${usualMethods}, QUERY`,
        allowHeaders: `${always}, x-a`,
        maxAgeSeconds,
      });
    }
  });

  test('grants the two headers that every call needs where none was asked for', () => {
    expect(
      decidePreflight({
        origin: originOf('https://app.example'),
        registration: 'registered',
        requestedMethod: 'GET',
        requestedHeaders: null,
      }),
    ).toMatchObject({ granted: true, allowHeaders: always });
  });

  test('advises "*" for an opaque origin, which no list can name', () => {
    for (const value of ['null', 'file://']) {
      const decision = decidePreflight({
        origin: originOf(value),
        registration: 'unregistered',
        requestedMethod: 'GET',
        requestedHeaders: null,
      });
      expect(decision).toMatchObject({
        granted: false,
        rejection: { detail: expect.stringContaining('add "*" to the allowed origins') },
      });
    }
  });
});

describe('allowedMethods() of', () => {
  test.each([
    ['GET', ''],
    ['OPTIONS', ''],
    ['QUERY', ', QUERY'],
    ['PROPFIND', ', PROPFIND'],
    ['VERSION-CONTROL', ', VERSION-CONTROL'],
    ['CONNECT', ''],
    ['TRACE', ''],
    ['TRACK', ''],
    ['', ''],
    ['*', ''],
    ['patch', ''],
    ['Query', ''],
    ['QUERY, TRACE', ''],
    ['QUERY\r\nX-A: 1', ''],
    ['QU\u00cbRY', ''],
    ['A'.repeat(100_000), ''],
  ])('%s adds %j to what rules can name', (requested, extra) => {
    expect(allowedMethods(requested)).toBe(usualMethods + extra);
  });
});

describe('allowedHeaders() of', () => {
  const rows: readonly (readonly [name: string, requested: string, allowed: string])[] = [
    ['nothing', '', always],
    ['a blank', ' ', always],
    ['commas', ',,,', always],
    ['what is allowed anyway', 'content-type,authorization', always],
    ['what is allowed anyway, in capitals', 'Authorization, Content-Type', always],
    ['the wildcard', '*', always],
    ['the wildcard among names', 'x-a,*,x-b', `${always}, x-a, x-b`],
    ['the wildcard with blanks', ' * ', always],
    ['a name with a star in it', 'x-*', `${always}, x-*`],

    // What is no token
    ['a blank inside', 'x a', always],
    ['a tab inside', 'x\ta', always],
    ['a colon', 'x-a:', always],
    ['a semicolon', 'x-a;q=1', always],
    ['quotes', '"x-a"', always],
    ['parentheses', 'x(a)', always],
    ['a slash', 'x/a', always],
    ['an at', 'x@a', always],
    ['brackets', 'x[a]', always],
    ['braces', 'x{a}', always],
    ['a question mark', 'x?a', always],
    ['an equals sign', 'x=a', always],
    ['angle brackets', '<x>', always],
    ['a backslash', 'x\\a', always],
    ['a letter outside ASCII', 'x-é', always],
    ['a KELVIN SIGN, which is a k in lower case', 'x-to\u212Aen', always],
    ['a LONG S, which is an S in upper case', 'x-\u017F', always],
    ['a NUL', 'x\0a', always],
    ['a line break', 'x-a\r\nx-b: 1', always],
    ['a DEL', 'x\x7Fa', always],
    ['a no-break space before a name', '\u00A0x-a', always],
    ['a form feed after a name', 'x-a\f', always],
    ['bad names among good ones', 'x-a,x b,x-c,é,x-d', `${always}, x-a, x-c, x-d`],

    // What is one
    ['one name', 'x-a', `${always}, x-a`],
    ['names in capitals', 'X-A,X-B', `${always}, x-a, x-b`],
    ['blanks and tabs around names', ' x-a\t,\t x-b ', `${always}, x-a, x-b`],
    ['empty elements', ',x-a,,x-b,', `${always}, x-a, x-b`],
    ['a name twice', 'x-a,x-a', `${always}, x-a`],
    ['a name in two spellings', 'X-A,x-a', `${always}, x-a`],
    ['one character', 'x', `${always}, x`],
    ['every character of a token', "!#$%&'*+-.^_`|~09az", `${always}, !#$%&'*+-.^_\`|~09az`],
    ['an underscore', 'x_a', `${always}, x_a`],
    [
      'what @livepeer/react sends',
      'authorization,content-type,x-core-sdk-version,x-react-sdk-version',
      `${always}, x-core-sdk-version, x-react-sdk-version`,
    ],
    [
      'what tus sends',
      'authorization,tus-resumable,upload-length,upload-metadata,upload-offset',
      `${always}, tus-resumable, upload-length, upload-metadata, upload-offset`,
    ],
    [
      'what tracing agents send',
      'baggage,sentry-trace,traceparent,tracestate',
      `${always}, baggage, sentry-trace, traceparent, tracestate`,
    ],

    // Bounds
    ['64 names', names(64).join(','), `${always}, ${names(64).join(', ')}`],
    ['64 names and empty elements', names(64).join(',,,'), `${always}, ${names(64).join(', ')}`],
    ['65 names', names(65).join(','), always],
    ['65 names, two of which are the same', `${names(64).join(',')},x-0`, always],
    ['65 names, one of which is invalid', `${names(64).join(',')},x b`, always],
    ['a name of 4096 bytes', 'x'.repeat(4096), `${always}, ${'x'.repeat(4096)}`],
    ['a name of 4097 bytes', 'x'.repeat(4097), always],
    ['4096 bytes with blanks', `x-a,${' '.repeat(4092)}`, `${always}, x-a`],
    ['4097 bytes with blanks', `x-a,${' '.repeat(4093)}`, always],
    ['4096 bytes in fewer characters', `x-a,${'é'.repeat(2046)}`, `${always}, x-a`],
    ['4098 bytes in fewer characters', `x-a,${'é'.repeat(2047)}`, always],
  ];

  test.each(rows)('%s', (_, requested, allowed) => {
    expect(allowedHeaders(requested)).toBe(allowed);
  });

  test('the bounds are those of the tables here', () => {
    expect([PREFLIGHT_MAX_HEADER_NAMES, PREFLIGHT_MAX_HEADER_BYTES]).toEqual([64, 4096]);
  });

  test('the longest list takes no more than a moment, however it is put together', () => {
    const lists = [
      `x${' '.repeat(4_094)}x`,
      ' '.repeat(4_096),
      ','.repeat(4_096),
      `${'x '.repeat(2_048)}`,
    ];
    const readAll = () => {
      for (let round = 0; round < 25; round++) for (const list of lists) allowedHeaders(list);
    };
    // 100 lists take some 10 ms; a pattern that is quadratic in the blanks takes seconds.
    expect(takesLessThan(500, readAll)).toBe(true);
  });

  test('any text is names in lower case and nothing that ends a header line', () => {
    const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
    const list = fc.array(fc.oneof(fc.stringMatching(/^[ -~]{0,12}$/), anyText));
    fc.assert(
      fc.property(list, (elements) => {
        const allowed = allowedHeaders(elements.join(','));
        expect(allowed).toMatch(/^authorization, content-type(?:, [a-z0-9!#$%&'*+\-.^_`|~]+)*$/);
        expect(allowed.split(', ')).not.toContain('*');
        expect(new Set(allowed.split(', ')).size).toBe(allowed.split(', ').length);
      }),
    );
  });
});

/** The origin that a row needs. A row that holds none is a mistake in the row. */
function originOf(value: string): WebOrigin {
  const origin = parseOrigin(value);
  if (origin === null) throw new Error(`Cannot use ${JSON.stringify(value)} as an origin`);
  return origin;
}
