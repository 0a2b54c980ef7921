import { describe, expect, test } from 'vitest';
import { matchRoute } from '../../../src/core/decide/authorize.ts';
import { readTarget } from '../../../src/core/routes/request-target.ts';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../../src/core/routes/route-table.ts';
import { type AllowedRow, allowedRows, isAllowedByTable, reservedWords } from './route-rows.ts';

const table = compileRoutes(restrictedRoutes);
const id = '5a3c-9F_0';
const methods = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PURGE'],
  ...['PROPFIND', 'QUERY', 'MKCOL', 'get', 'Get', 'post', 'patch', 'GET ', ' GET', '*', ''],
];

describe.each(allowedRows)('$method $template', (row) => {
  const { method, template } = row;
  const path = fill(template, id);
  const hasId = path !== template;

  test('is allowed, and forwarded as it is', () => {
    expect(match(method, path)).toEqual({ template, path });
  });

  const others = methods.filter((other) => !isRow(other, template));
  test.each(others)('is refused to method %j', (other) => {
    expect(match(other, path)).toBeNull();
  });

  test('is refused in another case, whichever letter is changed', () => {
    const literals = template.replace(/\{\w+\}/g, (text) => '*'.repeat(text.length));
    const others = [...literals.matchAll(/[a-z]/g)].map(({ index }) => {
      const letter = template.charAt(index).toUpperCase();
      return fill(template.slice(0, index) + letter + template.slice(index + 1), id);
    });
    expect(allowedOf(method, others)).toEqual([]);
    expect(match(method, fill(template.toUpperCase().replace(/\{\w+\}/g, id), id))).toBeNull();
  });

  test('is refused with a letter encoded, once or twice, whichever it is', () => {
    const others: string[] = [];
    for (let place = 1; place < path.length; place++) {
      const hex = path.charCodeAt(place).toString(16);
      for (const escaped of [`%${hex}`, `%${hex.toUpperCase()}`, `%25${hex}`, `%u00${hex}`]) {
        others.push(path.slice(0, place) + escaped + path.slice(place + 1));
      }
    }
    expect(allowedOf(method, others)).toEqual([]);
  });

  test('is refused with anything put in, in whichever place', () => {
    const inserts = [
      ...[
        '/',
        '//',
        './',
        '../',
        '/.',
        '/..',
        ';',
        ';x',
        '%',
        '%2f',
        '%00',
        '%20',
        '%2e%2e/',
        '\\',
      ],
      ...[
        '.',
        '~',
        '*',
        ':',
        '@',
        '!',
        '$',
        '&',
        "'",
        '(',
        ')',
        '+',
        ',',
        '=',
        '|',
        '"',
        '<',
        '{',
        '#',
        ' ',
        '\t',
        '\0',
      ],
      ...['\n', '\x7f', 'é', '\u200B', '\u2024', '\uFF0E', '\uFF0F', '\uD800'],
    ];
    const others: string[] = [];
    for (const insert of inserts) {
      for (let place = 1; place <= path.length; place++) {
        others.push(path.slice(0, place) + insert + path.slice(place));
      }
    }
    // Another number of segments can be another row.
    const known = others.filter((other) => isAllowedByTable(method, other));
    expect(allowedOf(method, others)).toEqual(known);
  });

  test('is refused with a segment lost', () => {
    const segments = path.slice(1).split('/');
    for (const lost of segments.keys()) {
      const other = `/${segments.filter((_, index) => index !== lost).join('/')}`;
      expect(match(method, other) !== null, other).toBe(isAllowedByTable(method, other));
    }
  });

  const outside = [
    ['under another prefix', `/v1${path}`],
    ['with a segment more', `${path}/more`],
    ['with an id more', `${path}/${id}/${id}`],
    ['with a trailing slash', `${path}/`],
    ['with two trailing slashes', `${path}//`],
    ['with two leading slashes', `/${path}`],
    ['with backslashes for slashes', `/${path.slice(1).replaceAll('/', '\\')}`],
    ['with encoded slashes', `/${path.slice(1).replaceAll('/', '%2f')}`],
    ['with double slashes', path.replaceAll('/', '//')],
    ['as a fragment', `${path}#`],
    ['as a longer word', `${path}.json`],
    ['behind a dot segment', `/.${path}`],
    ['behind an encoded dot segment', `/%2e${path}`],
    ['behind a detour', `/x/%2e%2e${path}`],
    ['behind an empty host', `//${path}`],
    ['with a dot segment at its end', `${path}/.`],
    ['with a detour at its end', `${path}/x/..`],
    ['with an encoded detour at its end', `${path}/%2e%2e`],
  ] as const;
  // An id more is a row of its own for some.
  test.each(outside.filter(([, other]) => !isAllowedByTable(method, other)))(
    'is refused %s',
    (_, other) => {
      expect(match(method, other)).toBeNull();
    },
  );

  if (!hasId) return;

  const ids = [
    ...[
      'a',
      '0',
      '-',
      '_',
      '--',
      '__proto__',
      'constructor',
      'toString',
      '8f3a9c1e-77b2-4c55-9d3f-a4a6e6c0d1b2',
    ],
    ...[
      'A_b-9',
      'a'.repeat(128),
      'streams',
      'deactivate',
      'deactivate_many',
      'urls',
      'uploads',
      'migrate3',
      'TRUE',
    ],
  ];
  test.each(ids)('takes %j for an id', (text) => {
    expect(match(method, fill(template, text))).toEqual({ template, path: fill(template, text) });
  });

  const notIds = [
    ...['', '.', '..', '...', 'a.b', '.a', 'a.', 'a~b', '~', 'a'.repeat(129), 'a'.repeat(10_000)],
    ...[
      '%61',
      'a%2f',
      '%2f',
      '%2e',
      '%2e%2e',
      '%252e',
      '%',
      'a%',
      '%zz',
      '%00',
      'a%00',
      '%C3%A9',
      '%u0061',
    ],
    ...[
      'a;',
      ';a',
      'a;b=c',
      ';',
      'a:b',
      'a@b',
      'a,b',
      'a+b',
      'a=b',
      'a&b',
      'a!',
      "a'",
      '(a)',
      '*',
      '**',
      '{id}',
      ':id',
    ],
    ...[
      'a b',
      ' a',
      'a ',
      'a\tb',
      'a\\b',
      '\\',
      '..\\',
      'a|b',
      'a"',
      '<a>',
      '`a`',
      'a^b',
      '[a]',
      'a#b',
      '#',
      '\0',
    ],
    ...[
      'é',
      'ａ',
      'a\u0301',
      '\u212A',
      '\u017F',
      '\u200B',
      'a\u200B',
      '\uFEFFa',
      '\uD800',
      '\uFFFD',
      'а',
      '１',
    ],
  ];
  test.each(notIds.map((text) => [text.slice(0, 20), text]))(
    'does not take %j for an id',
    (_, text) => {
      expect(match(method, fill(template, text))).toBeNull();
    },
  );

  const words = reservedWords[kindOf(template)] ?? [];
  const spelled = words.flatMap((word) => [
    word,
    word.toUpperCase(),
    word.charAt(0).toUpperCase() + word.slice(1),
    word.replace(/(?:^|-)\w/g, (start) => start.toUpperCase()),
    word.slice(0, -1) + word.slice(-1).toUpperCase(),
  ]);
  for (const word of new Set(spelled)) {
    test(`does not take the reserved word ${word} for an id`, () => {
      const other = fill(template, word);
      // `POST /api/asset/upload/url` is a row; nothing else made of these words is.
      expect(match(method, other)).toBeNull();
    });
  }

  test('takes the words that are reserved in other places for ids', () => {
    for (const word of Object.values(reservedWords).flat()) {
      if (words.includes(word)) continue;
      expect(match(method, fill(template, word)), word).not.toBeNull();
    }
  });
});

describe('the restricted routes', () => {
  test('are the rows of the table and no more', () => {
    const rows = restrictedRoutes.routes.flatMap(({ methods: allowed, path }) =>
      allowed.map((method) => `${method} ${path}`),
    );
    const wanted = allowedRows.map(({ method, template }) => `${method} ${template}`);
    expect([...rows].sort()).toEqual([...wanted].sort());
  });

  test('reserve the words of the table and no more', () => {
    const known = Object.entries(reservedWords).filter(([, words]) => words.length > 0);
    expect(restrictedRoutes.reservedWords).toEqual(Object.fromEntries(known));
  });

  // What the table keeps out, by name.
  test.each([
    ['the list of all streams', 'GET', '/api/stream'],
    ['the list of all streams, by an empty id', 'GET', '/api/stream/'],
    ['the list of all assets', 'GET', '/api/asset'],
    ['the list of all assets, by a dot', 'GET', '/api/asset/%2e'],
    ['the list of all assets, by a detour', 'GET', '/api/asset/x/%2e%2e'],
    ['the list of all tasks', 'GET', '/api/task'],
    ['the list of all targets', 'GET', '/api/multistream/target'],
    ['the list of all sessions', 'GET', '/api/session'],
    ['the bulk deactivation', 'PATCH', '/api/stream/deactivate-many'],
    ['the bulk deactivation in capitals', 'PATCH', '/api/stream/Deactivate-Many'],
    ['the sessions of a user', 'GET', '/api/stream/user/sessions'],
    ['the streams of a user', 'GET', '/api/stream/user/1'],
    ['a stream by its key', 'GET', '/api/stream/key/abcd'],
    ['a stream by its playback id', 'GET', '/api/stream/playback/abcd'],
    ['the sessions of all streams', 'GET', '/api/stream/sessions'],
    ['a deletion of a stream', 'DELETE', `/api/stream/${id}`],
    ['a deletion of an asset', 'DELETE', `/api/asset/${id}`],
    ['an asset by PUT', 'PUT', `/api/asset/${id}`],
    ['the upload with a token in the path', 'PUT', '/api/asset/upload/direct'],
    ['the migration of assets', 'POST', '/api/asset/migrate/export'],
    ['the transcoding without an asset', 'POST', '/api/asset/transcode'],
    ['the import of assets', 'POST', '/api/asset/import'],
    ['the viewership by query', 'GET', '/api/data/views/query/total'],
    ['the viewership of now', 'GET', '/data/views/now/total'],
    ['the playback information', 'GET', `/api/playback/${id}`],
    ['the users', 'GET', '/api/user'],
    ['the keys', 'GET', '/api/api-token'],
    ['the root', 'GET', '/'],
  ])('keep out %s', (_, method, path) => {
    expect(match(method, path)).toBeNull();
  });
});

function match(method: string, path: string) {
  return matchRoute(table, method, readTarget(`https://edge.example${path}`));
}

/** The paths among these that are allowed: compared all at once, since an expectation for each takes longer. */
function allowedOf(method: string, paths: readonly string[]): string[] {
  return paths.filter((path) => match(method, path) !== null);
}

function fill(template: string, text: string): string {
  return template.replace(/\{\w+\}/, () => text);
}

function kindOf(template: string): string {
  return /\{(\w+)\}/.exec(template)?.[1] ?? '';
}

function isRow(method: string, template: string): boolean {
  return allowedRows.some((row: AllowedRow) => row.method === method && row.template === template);
}
