/**
 * Hostile request targets, and the path that each may reach at the upstream. Strings are bytes:
 * `\xe9` is one byte on the wire.
 */

/** The outcome of a target: the path and query that the upstream receives, or a refusal. */
export type Fate = string | 'refused';

export interface TargetRow {
  readonly name: string;
  readonly target: string;
  /** The form that workerd shows, if it differs by more than the decoding of UTF-8. */
  readonly seen?: string;
  /** With GET and a restricted key. */
  readonly restricted: Fate;
  /** With a full-access key and with a backend key. */
  readonly full: Fate;
}

type Cells = readonly [name: string, target: string, restricted: Fate, full: Fate, seen?: string];

const cells: readonly Cells[] = [
  ['a row', '/api/stream/abc', '/api/stream/abc', '/api/stream/abc'],
  ['an encoded letter', '/api/stream/%61bc', 'refused', '/api/stream/%61bc'],
  ['an encoded letter in a literal', '/%61pi/stream/abc', 'refused', '/%61pi/stream/abc'],
  ['an encoded slash', '/api/stream/a%2fsessions', 'refused', '/api/stream/a%2fsessions'],
  ['an encoded backslash', '/api/stream/a%5Csessions', 'refused', '/api/stream/a%5Csessions'],
  ['an encoded question mark', '/api/stream/abc%3fa', 'refused', '/api/stream/abc%3fa'],
  ['an encoded NUL', '/api/stream/abc%00', 'refused', '/api/stream/abc%00'],
  ['an encoded line break', '/api/stream/abc%0d%0aX:1', 'refused', '/api/stream/abc%0d%0aX:1'],
  ['a percent sign alone', '/api/stream/abc%', 'refused', '/api/stream/abc%'],
  ['a percent sign and no digits', '/api/stream/abc%zz', 'refused', '/api/stream/abc%zz'],
  ['dots encoded twice', '/api/stream/%252e%252e', 'refused', '/api/stream/%252e%252e'],
  ['encoded dots', '/api/stream/abc/%2e%2e', 'refused', '/api/stream/'],
  ['encoded dots in upper case', '/api/stream/abc/%2E%2E/x', 'refused', '/api/stream/x'],
  ['half-encoded dots', '/api/stream/abc/.%2e', 'refused', '/api/stream/'],
  ['an encoded dot', '/api/stream/%2e', 'refused', '/api/stream/'],
  ['an encoded dot on the way', '/api/%2e/stream/abc', 'refused', '/api/stream/abc'],
  [
    'encoded dots to another row',
    '/api/asset/x/%2e%2e/%2e%2e/stream/abc',
    'refused',
    '/api/stream/abc',
  ],
  [
    'encoded dots to an action',
    '/api/stream/abc/%2e%2e/deactivate-many',
    'refused',
    '/api/stream/deactivate-many',
  ],
  [
    'dots',
    '/api/asset/x/../../stream/abc',
    '/api/stream/abc',
    '/api/stream/abc',
    '/api/stream/abc',
  ],
  ['dots at the end', '/api/stream/abc/..', 'refused', '/api/stream/', '/api/stream/'],
  ['a dot', '/api/./stream/abc', '/api/stream/abc', '/api/stream/abc', '/api/stream/abc'],
  ['a dot at the end', '/api/stream/.', 'refused', '/api/stream/', '/api/stream/'],
  [
    'dots above the root',
    '/../api/stream/abc',
    '/api/stream/abc',
    '/api/stream/abc',
    '/api/stream/abc',
  ],
  ['three dots', '/api/stream/...', 'refused', '/api/stream/...'],
  ['backslashes', '/api\\stream\\abc', 'refused', '/api/stream/abc'],
  ['a backslash in an id', '/api/stream/a\\sessions', 'refused', '/api/stream/a/sessions'],
  ['backslashes and dots', '/api/stream/..\\..\\x', 'refused', '/x'],
  ['a backslash in front', '/\\evil.example/x', 'refused', '//evil.example/x'],
  ['a fragment', '/api/stream/abc#x', 'refused', '/api/stream/abc'],
  ['an empty fragment', '/api/stream/abc#', 'refused', '/api/stream/abc'],
  ['a fragment in the query', '/api/stream/abc?a#b', 'refused', '/api/stream/abc?a'],
  ['a slash too many in front', '//api/stream/abc', 'refused', '//api/stream/abc'],
  ['a host', '//evil.example/api/stream/abc', 'refused', '//evil.example/api/stream/abc'],
  ['a host with credentials', '//a:b@evil.example/x', 'refused', '//a:b@evil.example/x'],
  ['a slash too many', '/api//stream/abc', 'refused', '/api//stream/abc'],
  ['a slash too many at the end', '/api/stream/abc/', 'refused', '/api/stream/abc/'],
  ['a parameter', '/api/stream/abc;v=1', 'refused', '/api/stream/abc;v=1'],
  ['a parameter on the way', '/api;v=1/stream/abc', 'refused', '/api;v=1/stream/abc'],
  ['a parameter that is empty', '/api/stream/abc;', 'refused', '/api/stream/abc;'],
  ['a tab', '/api/stream/abc\tx', '/api/stream/abc', '/api/stream/abc', '/api/stream/abc'],
  ['a blank', '/api/stream/abc x', '/api/stream/abc', '/api/stream/abc', '/api/stream/abc'],
  ['a control character', '/api/stream/a\x01b', 'refused', '/api/stream/a%01b'],
  ['a vertical tab', '/api/stream/a\x0bb', 'refused', '/api/stream/a%0Bb'],
  // The URL parser drops these from both ends of what it is given.
  ['a control character at the end', '/api/stream/abc\x1f', 'refused', '/api/stream/abc'],
  ['a DEL', '/api/stream/abc\x7f', 'refused', '/api/stream/abc%7F'],
  ['a byte that is no UTF-8', '/api/stream/abc\xe9', 'refused', '/api/stream/abc%EF%BF%BD'],
  ['a letter in UTF-8', '/api/stream/abc\xc3\xa9', 'refused', '/api/stream/abc%C3%A9'],
  ['a fullwidth letter', '/api/stream/\xef\xbd\x81', 'refused', '/api/stream/%EF%BD%81'],
  ['a fullwidth solidus', '/api/stream\xef\xbc\x8fabc', 'refused', '/api/stream%EF%BC%8Fabc'],
  ['an ideographic full stop', '/api/stream/\xe3\x80\x82', 'refused', '/api/stream/%E3%80%82'],
  ['a KELVIN SIGN', '/api/tas\xe2\x84\xaa/abc', 'refused', '/api/tas%E2%84%AA/abc'],
  ['quotes and brackets', '/api/stream/"<>`{}|', 'refused', '/api/stream/%22%3C%3E%60%7B%7D|'],
  ['another case', '/api/Stream/abc', 'refused', '/api/Stream/abc'],
  ['a reserved word', '/api/stream/hook', 'refused', '/api/stream/hook'],
  ['a reserved word in another case', '/api/stream/HOOK', 'refused', '/api/stream/HOOK'],
  ['the root', '/', 'refused', '/'],
  ['the root and a query', '/?a', 'refused', '/?a'],
  ['a query', '/api/stream/abc?x=1&y=2', '/api/stream/abc?x=1&y=2', '/api/stream/abc?x=1&y=2'],
  ['an empty query', '/api/stream/abc?', '/api/stream/abc?', '/api/stream/abc?'],
  [
    'a query with every character that it may contain',
    '/api/stream/abc?a=%00%zz/../\\"\'<>;:@!$()*+,[]^`{}|~?',
    // A quotation mark and such are encoded by `fetch`, which changes no meaning.
    '/api/stream/abc?a=%00%zz/../\\%22%27%3C%3E;:@!$()*+,[]^`{}|~?',
    '/api/stream/abc?a=%00%zz/../\\%22%27%3C%3E;:@!$()*+,[]^`{}|~?',
  ],
  ['a control character in the query', '/api/stream/abc?\x01a', 'refused', '/api/stream/abc?%01a'],
  ['a letter in the query', '/api/stream/abc?\xc3\xa9', 'refused', '/api/stream/abc?%C3%A9'],
  [
    'a method in the query',
    '/api/stream/abc?_method=PATCH',
    'refused',
    '/api/stream/abc?_method=PATCH',
  ],
  ['encoded dots above the root', '/%2e%2e/api/stream/abc', 'refused', 'refused'],
  ['encoded dots above the root, late', '/a/%2e%2e/%2e%2e/x', 'refused', 'refused'],
  ['half-encoded dots above the root', '/.%2e/x', 'refused', 'refused'],
  ['dots and an encoded slash above the root', '/..%2fx', 'refused', 'refused'],
  ['dots and an encoded backslash above the root', '/..%5cx', 'refused', 'refused'],
  ['dots and a backslash above the root', '/..\\x', 'refused', 'refused'],
  ['backslashes and dots above the root', '/\\..\\x', 'refused', 'refused'],
  ['dots encoded twice above the root', '/%252e%252e/x', 'refused', 'refused'],
  ['dots with a parameter above the root', '/..;/x', 'refused', 'refused'],
  ['dots with a tab above the root', '/.%09./x', 'refused', 'refused'],
  ['dots behind slashes above the root', '//%2e%2e/%2e%2e/x', 'refused', 'refused'],
  ['dots behind a parameter above the root', '/;a/%2e%2e/x', 'refused', 'refused'],
];

export const targetRows: readonly TargetRow[] = cells.map(
  ([name, target, restricted, full, seen]) => ({
    name,
    target,
    restricted,
    full,
    ...(seen === undefined ? {} : { seen }),
  }),
);

/** Targets that some parser reads as under `/_edge/`: never forwarded for any caller. */
export const ownTargets: readonly { readonly target: string; readonly seen?: string }[] = [
  { target: '/_edge' },
  { target: '/_edge/' },
  { target: '/_edge/x' },
  { target: '/_edge/v1/keys' },
  { target: '/_edge?x' },
  { target: '/_edge#x' },
  { target: '/_edge;x/y' },
  { target: '/_edge/%2e%2e/x' },
  { target: '/_EDGE/v1/keys' },
  { target: '/_Edge' },
  { target: '/%5fedge/x' },
  { target: '/%5Fedge/x' },
  { target: '/_%65dge/x' },
  { target: '/_%45dge/x' },
  { target: '/%255fedge/x' },
  { target: '/%25255fedge/x' },
  { target: '/_edge%2fv1%2fkeys' },
  { target: '/_edge%5cx' },
  { target: '/_edge%3fx' },
  { target: '/_edge%23x' },
  { target: '/_edge%3bx' },
  { target: '/_edge%20/x' },
  { target: '/_edge%09/x' },
  { target: '/_ed%0age/x' },
  { target: '/_edge\\x' },
  { target: '/\\_edge\\x' },
  { target: '//_edge/x' },
  { target: '///_edge' },
  { target: '/%2f_edge/x' },
  { target: '/%5c_edge/x' },
  { target: '/;a/_edge/x' },
  { target: '/%2e/_edge/x' },
  { target: '/./_edge/x', seen: '/_edge/x' },
  { target: '/a/%2e%2e/_edge/v1/keys' },
  { target: '/a/%2E./_edge/v1/keys' },
  { target: '/a/..%2f_edge/x' },
  { target: '/a%2f..%2f_edge/x' },
  { target: '/a/..;/_edge/x' },
  { target: '/a/..\\_edge/x' },
  { target: '/a\\..\\_edge\\x' },
  { target: '/a/../_edge/v1/keys', seen: '/_edge/v1/keys' },
  { target: '/a/b/%2e%2e/%2e%2e/_edge' },
  { target: '/a/%252e%252e/_edge/x' },
  { target: '/%2e%2e/_edge/x' },
  // The fullwidth low line.
  { target: '/\xef\xbc\xbfedge/x' },
];

/** Near our namespace and not in it: the upstream's. */
export const lookAlikes = [
  '/_edgex',
  '/_edges/x',
  '/_edge-x/y',
  '/_edge.x',
  '/__edge/x',
  '/edge/x',
  '/x/_edge/y',
  '/x/_edge',
  '/x?/_edge/',
] as const;

/** Queries of a restricted key that are forwarded as they are. */
export const goodQueries = [
  '',
  '?',
  '?a',
  '?a=1&b=2;c=3',
  '?method=DELETE',
  '?_methods=x',
  '?x_method=DELETE',
  '?a=_method',
  '?a=_method=DELETE',
  '?__proto__=1',
  '?order=createdAt-true&limit=10&cursor=abc%3D%3D',
] as const;

/** By these, some middlewares serve another method than the one that was judged. */
export const methodQueries = [
  '?_method=DELETE',
  '?_method',
  '?_METHOD=DELETE',
  '?_Method=delete',
  '?a=1&_method=DELETE',
  '?a=1;_method=DELETE',
  '?&&_method=x',
  '?%5fmethod=DELETE',
  '?_%6dethod=DELETE',
  '?%255fmethod=DELETE',
  '?_method[]=DELETE',
  '?_method%5b%5d=DELETE',
  '?_method[a]=DELETE',
  '?.method=DELETE',
  '?+method=DELETE',
  '?%20method=DELETE',
] as const;
