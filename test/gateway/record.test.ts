import { describe, expect, test, vi } from 'vitest';
import { readTarget } from '../../src/core/routes/request-target.ts';
import type { RequestRecord } from '../../src/gateway/gateway.ts';
import { createRecorder, type RecorderOptions } from '../../src/gateway/record.ts';
import { RequestScope } from '../../src/keys/lookup/request-scope.ts';
import { aBackendKey, aKey, anOrigin } from '../core/fixtures.ts';

const nowMs = 1_000_000;
const secret = 'secret-of-a-caller';

/** A request that was let in after 7 ms, but for what differs. */
function aRecord(
  differences: Partial<RequestRecord> = {},
  { country = 'DE', origin = 'https://app.example' }: { country?: unknown; origin?: string } = {},
): RequestRecord {
  const url = `https://edge.example/api/task/${secret}?q=${secret}`;
  const headers = { Authorization: `Bearer ${secret}`, Cookie: secret, 'User-Agent': secret };
  const request = new Request(url, { method: 'GET', headers });
  Object.defineProperty(request, 'cf', { value: { country } });
  return {
    facts: {
      request,
      method: request.method,
      requestId: 'request-1',
      target: readTarget(url),
      origin: origin === '' ? null : anOrigin(origin),
      scope: new RequestScope(nowMs - 7, () => undefined),
    },
    code: 'allowed',
    key: aKey(),
    route: '/api/task/{task}',
    ...differences,
  };
}

function aRecorder(differences: Partial<RecorderOptions> = {}) {
  const log = vi.fn<RecorderOptions['log']>();
  const writeDataPoint = vi.fn<AnalyticsEngineDataset['writeDataPoint']>();
  const record = createRecorder({
    log,
    analytics: { writeDataPoint },
    logAllowedPercent: 0,
    now: () => nowMs,
    random: () => 0,
    ...differences,
  });
  /** As they are in the log: what is undefined is not there. */
  const lines = () => log.mock.calls.map(([line]) => JSON.parse(JSON.stringify(line)));
  const points = () => writeDataPoint.mock.calls.map(([point]) => point);
  return { record, lines, points };
}

describe('a refusal', () => {
  test('is logged with all that is known, and nothing that the client wrote', () => {
    const { record, lines } = aRecorder();
    record(aRecord({ code: 'route_not_allowed', cause: 'because', route: null }));
    expect(lines()).toEqual([
      {
        event: 'refused',
        code: 'route_not_allowed',
        cause: 'because',
        requestId: 'request-1',
        method: 'GET',
        keyId: 'key_1',
        owner: 'acct_1',
        origin: 'https://app.example',
        country: 'DE',
        durationMs: 7,
      },
    ]);
    expect(JSON.stringify(lines())).not.toContain(secret);
  });

  test('is logged without what is not known', () => {
    const { record, lines } = aRecorder();
    record(
      aRecord(
        { code: 'missing_credentials', key: null, route: null },
        { country: null, origin: '' },
      ),
    );
    expect(lines()).toEqual([
      {
        event: 'refused',
        code: 'missing_credentials',
        requestId: 'request-1',
        method: 'GET',
        durationMs: 7,
      },
    ]);
  });

  test('of a backend key with an origin is called a probable leak, and no other', () => {
    const { record, lines } = aRecorder();
    record(aRecord({ code: 'cors_not_enabled', key: aBackendKey() }));
    record(aRecord({ code: 'origin_not_allowed' }));
    expect(lines().map(({ isProbableLeak }) => isProbableLeak)).toEqual([true, undefined]);
  });

  test.each([
    ['https://edge.example', undefined],
    ['http://edge.example', undefined],
    ['https://edge.example:8443', true],
    ['https://other.example', true],
  ])('of a backend key with the origin %s of a client library or a page', (origin, isLeak) => {
    const { record, lines } = aRecorder();
    record(aRecord({ code: 'cors_not_enabled', key: aBackendKey() }, { origin }));
    expect(lines().map(({ isProbableLeak }) => isProbableLeak)).toEqual([isLeak]);
  });

  test('is logged whatever the share of allowed requests', () => {
    const { record, lines } = aRecorder({ logAllowedPercent: 0, random: () => 0.999 });
    record(aRecord({ code: 'invalid_key', key: null }));
    expect(lines()).toHaveLength(1);
  });
});

describe('an allowed request', () => {
  test.each([
    [0, 0, false],
    [5, 0.05, false],
    [5, 0.049, true],
    [100, 0.999_999, true],
  ])('of %d in a hundred is logged at the draw %d: %s', (percent, draw, isLogged) => {
    const { record, lines } = aRecorder({ logAllowedPercent: percent, random: () => draw });
    record(aRecord());
    expect(lines().map(({ event }) => event)).toEqual(isLogged ? ['allowed'] : []);
  });

  test('is logged with its row, and always when its key could not be checked again', () => {
    const { record, lines } = aRecorder();
    record(aRecord({ isStale: true }));
    expect(lines()).toMatchObject([
      { event: 'allowed', code: 'allowed', route: '/api/task/{task}', isStale: true },
    ]);
  });

  test('costs no draw and no clock if no record is wanted', () => {
    const random = vi.fn(() => 0);
    const now = vi.fn(() => nowMs);
    const { record, lines } = aRecorder({ analytics: null, random, now });
    record(aRecord());
    expect([lines().length, random.mock.calls.length, now.mock.calls.length]).toEqual([0, 0, 0]);
  });
});

describe('a data point', () => {
  test('is written for every request, with the columns that docs/observability.md tells', () => {
    const { record, points } = aRecorder();
    const allowed = aRecord();
    allowed.facts.scope.keyTiming = { source: 'kv', durationMs: 5 };
    record(allowed);
    record(aRecord({ code: 'invalid_key', key: null, route: null }, { country: null }));
    expect(points()).toEqual([
      {
        indexes: ['key_1'],
        blobs: ['allowed', 'restricted', '/api/task/{task}', 'DE', 'kv'],
        doubles: [1, 7, 5],
      },
      { indexes: [''], blobs: ['invalid_key', '', '', '', ''], doubles: [1, 7, 0] },
    ]);
    expect(JSON.stringify(points())).not.toContain(secret);
  });

  test.each([[secret], ['de'], [''], [5], [null], [['DE']]])(
    'takes no %j for a country',
    (country) => {
      const { record, points, lines } = aRecorder();
      record(aRecord({ code: 'invalid_key' }, { country }));
      expect(points()[0]?.blobs?.[3]).toBe('');
      expect(lines()[0]).not.toHaveProperty('country');
    },
  );
});
