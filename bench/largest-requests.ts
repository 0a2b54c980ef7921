/** The requests to management that cost most, within the bounds of their bodies. */

export type Load = readonly [method: 'GET' | 'POST' | 'PATCH', path: string, body: unknown];

const many = <Item>(count: number, item: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => item(index));
const access = (allowedOrigins: readonly unknown[]) => ({ cors: { allowedOrigins } });
const hex = (index: number) => index.toString(16).padStart(12, '0');
const idn = (index: number) => `https://${'ü'.repeat(25)}${index}.${'ö'.repeat(20)}.example`;
const wildcard = (index: number) => `https://*.a${index}.${'b.'.repeat(8)}example.com`;
const rules = (count: number, resource: (index: number) => string) =>
  many(Math.ceil(count / 100), (rule) => ({
    methods: ['get'],
    resources: many(Math.min(100, count - rule * 100), (index) => resource(rule * 100 + index)),
  }));
const unknown = (count: number) => Object.fromEntries(many(count, (index) => [`x${index}`, 0]));
const create = (more: object): Load => ['POST', '/keys', { name: 'a', ...more }];
const edit = (more: object): Load => ['PATCH', '/keys/{id}', more];
const importOf = (count: number, more: (index: number) => object): Load => [
  'POST',
  '/keys/import',
  { keys: many(count, (index) => ({ name: `k${index}`, ...more(index) })) },
];

/** Imports of some rows as a migration sends them, by their number: each has a token and two origins. */
export const usualImports: Readonly<Record<string, Load>> = Object.fromEntries(
  [1, 10, 25, 50, 75, 100, 150, 200].map((count) => [
    `import: ${count} usual rows`,
    importOf(count, (index) => ({
      owner: `acct_${index % 7}`,
      token: `4f8a6c1e-6c1b-4b62-9d3e-${hex(index)}`,
      access: access([`https://app${index}.example.com`, `https://www.app${index}.example.com`]),
    })),
  ]),
);

/** By what is in them. All but the first ones are refused. */
export const largestRequests: Readonly<Record<string, Load>> = {
  'create: 500 IDN origins': create({ access: access(many(500, idn)) }),
  'create: 500 wildcards': create({ access: access(many(500, wildcard)) }),
  'edit: 500 other wildcards': edit({ access: access(many(500, wildcard)) }),
  'list: 100 keys of 500 origins and 100 rules': ['GET', '/keys', null],
  'import: 1,000 rows of 12 origins': importOf(1_000, (index) => ({
    token: `legacy-token-${index}-${'x'.repeat(200)}`,
    access: access(many(12, (at) => `https://${hex(index)}-${at}.customers.example.com`)),
  })),
  'import: 30 rows of 500 IDN origins': importOf(30, (index) => ({
    token: `legacy-token-${index}`,
    access: access(many(400, (at) => idn(index * 500 + at))),
  })),
  'create: 3,700 unknown fields, 500 bad origins': create({
    access: access(many(500, (index) => `nonsense ${index}`)),
    ...unknown(3_700),
  }),
  'create: 500 bad origins of 110 characters': create({
    access: access(many(500, (index) => `https://${'é'.repeat(50)}..${index}`)),
  }),
  'create: 5,000 bad paths': create({ access: { rules: rules(5_000, (index) => `x${index}`) } }),
  'create: 60 kB of good paths': create({
    access: { rules: rules(3_000, (index) => `/api/${hex(index)}`) },
  }),
  'create: 10,000 wrong items': create({ access: access(many(10_000, () => 0)), ...unknown(100) }),
  'create: one path of 60,000 segments': create({
    access: { rules: [{ methods: ['get'], resources: ['/a'.repeat(30_000)] }] },
  }),
  'edit: 60 kB of unknown fields in access': edit({ access: unknown(5_000) }),
  'import: 1,000 bad rows': importOf(1_000, () => ({ token: 'x', access: access(['nonsense']) })),
  'import: 1,000 rows of 280 empty origins': importOf(1_000, (index) => ({
    token: `legacy-token-${index}`,
    access: access(many(280, () => '')),
  })),
  'import: 30 rows of 500 bad origins': importOf(30, (index) => ({
    token: `legacy-token-${index}`,
    access: access(many(500, (at) => `https://${'é'.repeat(15)}..${at}`)),
  })),
  'import: 1 MB of unknown fields in one row': importOf(1, () => unknown(70_000)),
  'import: 1 MB of unknown fields beside the rows': [
    'POST',
    '/keys/import',
    { keys: [], ...unknown(70_000) },
  ],
  'import: 1 MB of a list of numbers': ['POST', '/keys/import', { keys: many(500_000, () => 1) }],
  'import: 1 MB of empty lists': ['POST', '/keys/import', { keys: [many(250_000, () => [])] }],
};
