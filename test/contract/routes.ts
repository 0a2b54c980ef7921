/**
 * The restricted route set as the facts give it, written down apart from the sources, and a judge of
 * paths made of it: one regular expression a row, which has nothing in common with the gateway's
 * route table.
 */

export interface RouteFact {
  readonly methods: readonly string[];
  /** `{}` stands for an id. */
  readonly path: string;
  /** The kind of the id, if some words are no valid id of this kind. */
  readonly kind?: keyof typeof wordsThatAreNoIds;
}

/** Static routes of the upstream that share the shape of an id, whatever their case. */
export const wordsThatAreNoIds = {
  stream: ['hook', 'pull', 'job', 'sessions', 'user', 'key', 'playback', 'deactivate-many'],
  asset: ['upload', 'request-upload', 'migrate', 'import', 'transcode', 'url'],
  session: ['migrate', 'migrate2'],
  views: ['query', 'now', 'internal'],
} as const;

export const routeFacts: readonly RouteFact[] = [
  { methods: ['POST'], path: '/api/stream' },
  { methods: ['GET', 'PATCH'], path: '/api/stream/{}', kind: 'stream' },
  { methods: ['GET'], path: '/api/stream/{}/sessions', kind: 'stream' },
  { methods: ['GET'], path: '/api/session/{}', kind: 'session' },
  { methods: ['POST'], path: '/api/multistream/target' },
  { methods: ['GET', 'PATCH'], path: '/api/multistream/target/{}' },
  { methods: ['POST'], path: '/api/asset/request-upload' },
  { methods: ['POST'], path: '/api/asset/url' },
  { methods: ['POST'], path: '/api/asset/upload/url' },
  { methods: ['GET'], path: '/api/asset/{}', kind: 'asset' },
  { methods: ['PATCH'], path: '/api/asset/{}', kind: 'asset' },
  { methods: ['POST'], path: '/api/asset/{}/export', kind: 'asset' },
  { methods: ['POST'], path: '/api/asset/{}/transcode', kind: 'asset' },
  { methods: ['GET'], path: '/api/task/{}' },
  { methods: ['GET'], path: '/data/views/{}/total', kind: 'views' },
  { methods: ['GET'], path: '/api/data/views/{}/total', kind: 'views' },
];

/** The methods that neighbours are made of. */
export const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const compiled = routeFacts.map(({ methods: allowed, path, kind }) => ({
  allowed,
  pattern: new RegExp(`^${path.replace('{}', '([A-Za-z0-9_-]{1,128})')}$`),
  words: kind === undefined ? [] : (wordsThatAreNoIds[kind] as readonly string[]),
}));

/** Returns whether the facts let a restricted key call this. `path` is as the upstream would see it. */
export function isRestrictedRoute(method: string, path: string): boolean {
  return compiled.some(({ allowed, pattern, words }) => {
    const match = pattern.exec(path);
    if (match === null || !allowed.includes(method)) return false;
    const id = match[1];
    return id === undefined || !words.includes(id.toLowerCase());
  });
}

/** Ids at the ends of what an id may be. */
export const goodIds = [
  'a',
  '0',
  '-',
  '_',
  'a'.repeat(128),
  '7b1f6f0e-3f1c-4f0c-9d5e-2a8b6c4d1e0f',
  'AZaz09-_',
  // Words with something round them, and words of other kinds of ids.
  'hooks',
  'user2',
  'urls',
  '-url',
  'now_',
  'constructor',
  '__proto__',
  'toString',
];

/** Single segments that are no valid id. */
export const badIds = [
  '',
  'a'.repeat(129),
  'a.b',
  'a~b',
  '...',
  '.a',
  'a;b',
  'a:b',
  'a@b',
  'a,b',
  'a=b',
  'a+b',
  'a*b',
  "a'b",
  'a(b)',
  'a!b',
  'a$b',
  'a&b',
  'a|b',
  'a"b',
  'a<b>',
  'a^b',
  'a`b',
  'a{b}',
  '{}',
  ':id',
  '*',
  'a%',
  'a%2',
  'a%zz',
  'a%00',
  'a%0a',
  'a%20',
  '%61',
  'a%2fb',
  'a%2Fb',
  'a%5cb',
  '%2e',
  '%2E%2e',
  '.%2e',
  '%252e%252e',
  'a%3fb',
  'a%23b',
  'a\\b',
  '..\\a',
  'a#b',
  '#',
  'a\x01b',
  'a\x7fb',
  'a\xe9b',
  'a\xc3\xa9b',
  '\xef\xbc\x8e\xef\xbc\x8e',
  '\xe2\x80\xa5',
] as const;

/** A path of a row, with an id in it where it takes one. */
export function pathOf(fact: RouteFact, id = 'abc'): string {
  return fact.path.replace('{}', id);
}

/** Paths next to a row: other case, more and fewer slashes and segments, words in place of ids. */
export function neighbouringPaths(fact: RouteFact): readonly string[] {
  const path = pathOf(fact);
  const segments = path.slice(1).split('/');
  const replaced = (index: number, segment: string) =>
    `/${segments.with(index, segment).join('/')}`;
  const literals = segments.map((segment, index) => ({ segment, index }));
  const words = fact.kind === undefined ? [] : wordsThatAreNoIds[fact.kind];
  const capitalize = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
  return [
    `${path}/`,
    `${path}//`,
    `/${path}`,
    `${path}/x`,
    `${path}/x/y`,
    `${path}.`,
    `${path}.json`,
    `${path};a`,
    `${path}%20`,
    `${path}%2f`,
    `${path}%3fa`,
    `${path}/.`,
    `/x${path}`,
    `/%2e${path}`,
    `/x/%2e%2e${path}`,
    path.toUpperCase(),
    `/${segments.slice(0, -1).join('/')}`,
    `/${segments.slice(1).join('/')}`,
    ...literals.flatMap(({ segment, index }) => [
      replaced(index, capitalize(segment)),
      replaced(index, `${segment}s`),
      replaced(index, `/${segment}`),
      replaced(index, ''),
      replaced(index, `%${segment.charCodeAt(0).toString(16)}${segment.slice(1)}`),
      replaced(index, segment.slice(0, -1)),
    ]),
    ...words.flatMap((word) => [
      pathOf(fact, word),
      pathOf(fact, word.toUpperCase()),
      pathOf(fact, capitalize(word)),
    ]),
  ].filter((neighbour) => neighbour !== path);
}
