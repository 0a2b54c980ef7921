/** Between forms and documents, and between times and words. */

import { describe, expect, it } from 'vitest';
import type { KeyDocument } from '../../../src/manage/documents.ts';
import { addressOf } from '../../../src/manage/page/access/sign-in-limit.ts';
import {
  type KeyValues,
  mergeValues,
  toKeyValues,
  toPatch,
} from '../../../src/manage/page/keys/edit-values.ts';
import {
  changesBetween,
  readEditable,
  writeEditable,
} from '../../../src/manage/page/keys/editable.ts';
import { exampleRequestOf } from '../../../src/manage/page/keys/example-request.ts';
import { emptyPlan, type PlanValues } from '../../../src/manage/page/keys/plan-values.ts';
import { readRulesText, toRulesText } from '../../../src/manage/page/keys/rules-text.ts';
import { inUtc, sayRelative, stateOf } from '../../../src/manage/page/parts/words.tsx';

const aDocument = (overrides: Partial<KeyDocument> = {}): KeyDocument => ({
  id: 'key_0000000000000000000000',
  name: 'Player',
  owner: null,
  access: { cors: { allowedOrigins: ['https://a.example'], fullAccess: false } },
  hint: 'ea_pk_0000',
  createdAt: '2026-01-01T00:00:00.000Z',
  expiresAt: null,
  enabled: true,
  suspended: false,
  updatedAt: '2030-01-01T00:00:00.000Z',
  revokedAt: null,
  lastUsedAt: null,
  retiringTokens: [],
  ...overrides,
});
const valuesOf = (overrides: Partial<KeyValues>): KeyValues => ({
  ...toKeyValues(aDocument()),
  ...overrides,
});

const planEdits: readonly (readonly [string, Partial<PlanValues>, object])[] = [
  [
    'addresses',
    { addresses: '10.0.0.0/8, ::1\n' },
    { access: { addresses: ['10.0.0.0/8', '::1'] } },
  ],
  ['a limit', { limit: 'pro' }, { limit: 'pro', limitBy: 'key' }],
  ['what no limit counts by', { limitBy: 'owner' }, {}],
  ['a quota', { quotaRequests: ' 5 ' }, { quota: { requests: 5, period: 'month' } }],
  [
    'a quota in groups',
    { quotaRequests: '1,000 000', quotaPeriod: 'day' },
    { quota: { requests: 1_000_000, period: 'day' } },
  ],
  ['a quota in words', { quotaRequests: 'ten' }, { quota: { requests: 'ten', period: 'month' } }],
  ['half a quota', { quotaRequests: '1.5' }, { quota: { requests: 1.5, period: 'month' } }],
  ['the period of no quota', { quotaPeriod: 'day' }, {}],
  ['a text', { meta: [{ name: 'plan', value: 'pro' }] }, { meta: { plan: 'pro' } }],
  [
    'two texts of one name, and one of none',
    {
      meta: [
        { name: 'a', value: '1' },
        { name: 'a', value: '2' },
        { name: '', value: '3' },
      ],
    },
    { meta: { a: '1', 'a in row 2': '2', '': '3' } },
  ],
  ['tags', { tags: ' beta \n\nlate riser' }, { tags: ['beta', 'late riser'] }],
];

describe('toPatch()', () => {
  const edits: readonly (readonly [name: string, values: Partial<KeyValues>, patch: object])[] = [
    ['nothing', {}, {}],
    ['the name', { name: ' Renamed ' }, { name: 'Renamed' }],
    [
      'a rule set',
      { reach: 'set', ruleSet: 'acme@1' },
      {
        access: {
          cors: { allowedOrigins: ['https://a.example'], fullAccess: false },
          ruleSet: 'acme@1',
        },
      },
    ],
    [
      'the origins',
      { origins: 'https://b.example\n\n  https://a.example  ' },
      {
        access: {
          cors: { allowedOrigins: ['https://b.example', 'https://a.example'], fullAccess: false },
        },
      },
    ],
    ['blanks around origins', { origins: '\r\n https://a.example \r\n' }, {}],
    [
      'every origin',
      { origins: '' },
      { access: { cors: { allowedOrigins: [], fullAccess: false } } },
    ],
    [
      'full access',
      { reach: 'full' },
      { access: { cors: { allowedOrigins: ['https://a.example'], fullAccess: true } } },
    ],
    ['the expiry', { expiresAt: '2031-02-03T04:05' }, { expiresAt: '2031-02-03T04:05:00Z' }],
    [
      'the expiry to the second',
      { expiresAt: '2031-02-03T04:05:06' },
      { expiresAt: '2031-02-03T04:05:06Z' },
    ],
    ['the expiry to an invalid time', { expiresAt: 'someday' }, { expiresAt: 'someday' }],
    ...planEdits.map(
      ([name, plan, patch]) => [name, { plan: { ...emptyPlan, ...plan } }, patch] as const,
    ),
  ];
  it.each(edits)('of %s holds that alone', (_name, values, patch) => {
    expect(toPatch(valuesOf(values), aDocument())).toEqual(patch);
  });

  it('of a backend key has no access, whatever the form holds', () => {
    const backend = aDocument({ access: null });
    expect(toPatch(valuesOf({ origins: null }), backend)).toEqual({});
  });

  it('clears each member of a plan that is emptied', () => {
    const planned = aDocument({
      access: { addresses: ['10.0.0.0/8'] },
      limit: 'pro',
      limitBy: 'owner',
      quota: { requests: 100, period: 'day' },
      meta: { plan: 'pro' },
      tags: ['beta'],
    });
    const shown = toKeyValues(planned);
    expect(toPatch(shown, planned)).toEqual({});
    expect(toPatch({ ...shown, plan: emptyPlan }, planned)).toEqual({
      access: { addresses: null },
      limit: null,
      quota: null,
      meta: { plan: null },
      tags: null,
    });
  });

  it('takes an expiry away when the field is emptied', () => {
    const expiring = aDocument({ expiresAt: '2031-02-03T04:05:06.000Z' });
    expect(toPatch({ ...toKeyValues(expiring), expiresAt: '' }, expiring)).toEqual({
      expiresAt: null,
    });
  });
});

describe('readRulesText()', () => {
  const texts = [
    ['', []],
    ['GET /a', [{ methods: ['get'], resources: ['/a'] }]],
    ['get,PATCH  /a, /b/:id', [{ methods: ['get', 'patch'], resources: ['/a', '/b/:id'] }]],
    [
      '* /a/*\r\n\r\n POST /b',
      [
        { methods: ['*'], resources: ['/a/*'] },
        { methods: ['post'], resources: ['/b'] },
      ],
    ],
    // What is missing is left to the API to name.
    ['GET', [{ methods: ['get'], resources: [] }]],
    ['/a', [{ methods: [], resources: ['/a'] }]],
    ['GET /a b', [{ methods: ['get'], resources: ['/a', 'b'] }]],
  ] as const;
  it.each(texts)('reads %j', (text, rules) => {
    expect(readRulesText(text)).toEqual(rules);
  });

  it('reads what toRulesText() writes', () => {
    const rules = [
      { methods: ['get', 'patch'], resources: ['/api/asset/:id', '/api/:file(.@)'] },
      { methods: ['*'], resources: ['/files/*'] },
    ];
    expect(readRulesText(toRulesText(rules))).toEqual(rules);
  });
});

describe('exampleRequestOf()', () => {
  const table = {
    routes: [
      { methods: ['POST'], path: '/api/stream' },
      { methods: ['GET', 'PATCH'], path: '/api/stream/{stream}' },
    ],
    reservedWords: {},
  };
  const cors = (allowedOrigins: string[]) => ({ cors: { allowedOrigins, fullAccess: false } });
  const cases = [
    [
      'a restricted key',
      cors(['https://a.example']),
      'GET /api/stream/example-id',
      'https://a.example',
    ],
    ['a backend key', null, 'GET /api/stream/example-id', null],
    [
      'subdomains',
      cors(['https://*.a.example']),
      'GET /api/stream/example-id',
      'https://app.a.example',
    ],
    [
      'any port',
      cors(['http://localhost:*']),
      'GET /api/stream/example-id',
      'http://localhost:3000',
    ],
    [
      'rules',
      { rules: [{ methods: ['post', 'get'], resources: ['/x/:id', '/y'] }] },
      'GET /y',
      null,
    ],
    [
      'rules that only write',
      { rules: [{ methods: ['put'], resources: ['/f/*'] }] },
      'PUT /f/example-id',
      null,
    ],
  ] as const;
  it.each(cases)('finds one that %s may make', (_name, access, request, origin) => {
    const found = exampleRequestOf({ access } as Pick<KeyDocument, 'access'>, table);
    expect(`${found.method} ${found.path}`).toBe(request);
    expect(found.origin).toBe(origin);
  });
});

describe('the form of a key that refers to a rule set', () => {
  const cors = { allowedOrigins: ['https://a.example'], fullAccess: false };
  const ofSet = aDocument({ access: { cors, ruleSet: 'acme@1' } });
  it.each<readonly [string, Partial<KeyValues>, object]>([
    ['changes nothing by itself', {}, {}],
    ['moves to another one', { ruleSet: 'acme@2' }, { access: { ruleSet: 'acme@2' } }],
    ['leaves it for the standard', { reach: 'standard' }, { access: { cors, ruleSet: null } }],
    [
      'leaves it for rules',
      { reach: 'rules', rules: 'GET /a' },
      { access: { cors, ruleSet: null, rules: [{ methods: ['get'], resources: ['/a'] }] } },
    ],
  ])('%s', (_name, values, patch) => {
    expect(toPatch({ ...toKeyValues(ofSet), ...values }, ofSet)).toEqual(patch);
  });
});

describe('mergeValues()', () => {
  it('keeps what the visitor changed of a plan, and adopts the changes of others', () => {
    const was = aDocument({
      meta: { plan: 'pro', team: 'a', old: 'x' },
      tags: ['beta'],
      limit: 'pro',
      limitBy: 'key',
      quota: { requests: 100, period: 'day' },
    });
    const now = aDocument({
      ...was,
      meta: { plan: 'free', team: 'a', added: 'there' },
      tags: ['gold'],
      quota: { requests: 200, period: 'day' },
      access: { cors: was.access?.cors, addresses: ['192.0.2.1/32'] },
    });
    const shown = toKeyValues(was);
    const typed = {
      ...shown,
      plan: {
        ...shown.plan,
        meta: [
          { name: 'plan', value: 'pro' },
          { name: 'team', value: 'b' },
          { name: 'mine', value: 'here' },
        ],
        quotaPeriod: 'month',
        limitBy: 'owner',
      },
    };
    const merged = mergeValues(typed, was, now);
    expect(merged.plan).toEqual({
      limit: 'pro',
      limitBy: 'owner',
      quotaRequests: '100',
      quotaPeriod: 'month',
      addresses: '192.0.2.1/32',
      meta: [
        { name: 'plan', value: 'free' },
        { name: 'team', value: 'b' },
        { name: 'added', value: 'there' },
        { name: 'mine', value: 'here' },
      ],
      tags: 'gold',
    });
    // Saved again, it changes what was changed here alone.
    expect(toPatch(merged, now)).toEqual({
      limit: 'pro',
      limitBy: 'owner',
      quota: { requests: 100, period: 'month' },
      meta: { team: 'b', mine: 'here' },
    });
  });

  it('keeps what the visitor changed, and adopts the changes of others', () => {
    const was = aDocument();
    const now = aDocument({
      name: 'Renamed by others',
      access: { cors: { allowedOrigins: ['https://others.example'], fullAccess: true } },
      expiresAt: '2031-02-03T04:05:00.000Z',
    });
    expect(mergeValues(valuesOf({ name: 'Renamed here' }), was, now)).toEqual({
      name: 'Renamed here',
      origins: 'https://others.example',
      reach: 'full',
      rules: '',
      ruleSet: '',
      expiresAt: '2031-02-03T04:05',
      plan: emptyPlan,
    });
    expect(mergeValues(valuesOf({ origins: 'https://here.example' }), was, now)).toEqual({
      name: 'Renamed by others',
      origins: 'https://here.example',
      reach: 'standard',
      rules: '',
      ruleSet: '',
      expiresAt: '2031-02-03T04:05',
      plan: emptyPlan,
    });
  });
});

describe('a key in its form', () => {
  it('comes back as it was', () => {
    const document = aDocument({ name: '"<&é', expiresAt: '2031-02-03T04:05:06.789Z' });
    const { name, access, expiresAt, enabled } = document;
    expect(readEditable(writeEditable(document))).toEqual({ name, access, expiresAt, enabled });
    const plan = { meta: { a: '<' }, tags: ['b'], limit: 'pro', limitBy: 'owner' as const };
    const quota = { requests: 5, period: 'day' } as const;
    expect(readEditable(writeEditable({ ...document, ...plan, quota }))).toEqual({
      ...{ name, access, expiresAt, enabled },
      ...plan,
      quota,
    });
  });

  it('differs from another state of it in what can be edited', () => {
    const before = aDocument();
    expect(changesBetween(before, before)).toEqual([]);
    expect(changesBetween(before, aDocument({ enabled: false, access: null }))).toEqual([
      { field: 'Allowed origins', before: 'https://a.example', now: 'none' },
      { field: 'State', before: 'enabled', now: 'disabled' },
    ]);
  });
});

describe('a time in words', () => {
  const nowMs = Date.parse('2026-11-22T12:00:00Z');
  const second = 1000;
  const hour = 60 * 60 * second;
  const times = [
    [0, 'just now'],
    [-59 * second, 'just now'],
    [-60 * second, '1 minute ago'],
    [-hour, '1 hour ago'],
    [-24 * hour, 'yesterday'],
    [-6 * 24 * hour, '6 days ago'],
    [-7 * 24 * hour, 'last week'],
    [-400 * 24 * hour, 'last year'],
    [30 * second, 'in a moment'],
    [3 * hour, 'in 3 hours'],
    [24 * hour, 'tomorrow'],
  ] as const;
  it.each(times)('%d ms from now is %j', (offsetMs, words) => {
    expect(sayRelative(nowMs + offsetMs, nowMs)).toBe(words);
  });

  it('is exact in its title', () => {
    expect(inUtc('2026-11-22T12:00:00.000Z')).toBe('2026-11-22 12:00 UTC');
    expect(inUtc('2026-11-22T12:00:07.123Z')).toBe('2026-11-22 12:00:07 UTC');
  });

  it('that has come makes a key expired, also one that is disabled', () => {
    const other = { suspended: false, revokedAt: null };
    const key = { ...other, enabled: false, expiresAt: '2026-11-22T12:00:00Z' };
    expect(stateOf(key, nowMs - 1)).toBe('disabled');
    expect(stateOf(key, nowMs)).toBe('expired');
    const live = { ...other, enabled: true, expiresAt: null };
    expect(stateOf(live, nowMs)).toBe('live');
    expect(stateOf({ ...key, suspended: true }, nowMs)).toBe('suspended');
    const revoked = { ...key, suspended: true, revokedAt: '2026-11-22T11:00:00Z' };
    expect(stateOf(revoked, nowMs)).toBe('revoked');
  });
});

describe('addressOf()', () => {
  const addresses = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:0002::5', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8:1:2:3:4:5::', '2001:db8:1:2::/64'],
    [null, 'unknown'],
  ] as const;
  it.each(addresses)('counts %j as %j', (address, expected) => {
    const headers = new Headers(address === null ? {} : { 'CF-Connecting-IP': address });
    expect(addressOf(new Request('https://edge.test/', { headers }))).toBe(expected);
  });
});
