import { describe, expect, test } from 'vitest';
import { prefersProblemJson, problemResponse, problemType } from '../src/problem.ts';

const json = 'application/json';
const problemJson = 'application/problem+json';

type AcceptRow = readonly [accept: string | null, contentType: string];

const accepts: readonly AcceptRow[] = [
  // Nothing asks for it
  [null, json],
  ['', json],
  ['*/*', json],
  ['application/*', json],
  ['application/json', json],
  ['text/html, application/xhtml+xml, */*;q=0.8', json],
  ['application/json, text/plain, */*', json],
  ['application/problem+xml', json],
  ['application/problem', json],
  ['application/xproblem+json', json],
  ['xapplication/problem+json', json],
  ['application/problem+json2', json],
  ['text/plain;x=application/problem+json', json],
  // Refused
  ['application/problem+json;q=0', json],
  ['application/problem+json;q=0.000', json],
  ['application/problem+json;q=0, */*', json],
  // Liked less than JSON
  ['application/problem+json;q=0.5, application/json', json],
  ['application/json, application/problem+json;q=0.9', json],
  ['application/json;q=0.9, application/problem+json;q=0.8', json],
  ['application/problem+json;q=0.5, application/*', json],
  ['application/problem+json;q=0.5, */*', json],
  ['application/problem+json;q=0.5, application/*;q=0.9, */*;q=0.1', json],
  // No weight that could be one
  ['application/problem+json;q=', json],
  ['application/problem+json;q=high', json],
  ['application/problem+json;q=-1', json],
  ['application/problem+json;q=2', json],
  ['application/problem+json;q=21', json],
  ['application/problem+json;q=1x', json],
  ['application/problem+json;q=1e3', json],
  ['application/problem+json;q=Infinity', json],
  ['application/problem+json;q=0.1234', json],
  ['application/problem+json;q=1.0000', json],
  ['application/problem+json;q=1.5', json],

  // Asked for
  ['application/problem+json', problemJson],
  ['APPLICATION/Problem+JSON', problemJson],
  [' application/problem+json ', problemJson],
  ['application/problem+json;q=0.1', problemJson],
  ['application/problem+json;q=1.000', problemJson],
  ['application/problem+json;Q=0.5', problemJson],
  ['application/problem+json; q=0.5', problemJson],
  ['application/problem+json;charset=utf-8', problemJson],
  ['application/problem+json;charset=utf-8;q=0.5', problemJson],
  ['text/html,application/problem+json', problemJson],
  ['application/problem+json, application/json', problemJson],
  ['application/json, application/problem+json', problemJson],
  ['application/json;q=0.9, application/problem+json', problemJson],
  ['application/problem+json;q=0.5, application/json;q=0.5', problemJson],
  ['application/problem+json;q=0.5, application/json;q=0, */*', problemJson],
  ['application/problem+json, */*', problemJson],
  ['application/problem+json;q=0.5, */*;q=0.1', problemJson],
  ['application/problem+json;q=0.5, application/*;q=0.4, */*', problemJson],
  ['application/problem+json;q=0.001', problemJson],
  ['application/problem+json;q=1, application/json', problemJson],
];

describe('problemResponse() chooses the content type', () => {
  test.each(accepts)('for Accept %j: %s', (accept, contentType) => {
    const response = problemResponse(aProblem(), { requestId: 'r1', accept });
    expect(response.headers.get('content-type')).toBe(contentType);
    expect(prefersProblemJson(accept)).toBe(contentType === problemJson);
  });
});

describe('problemResponse()', () => {
  test('has the members of a problem and what Studio clients read, and nothing else', async () => {
    const response = problemResponse(aProblem(), { requestId: 'r1', accept: null });
    expect(response.status).toBe(403);
    expect(await response.json()).toEqual({
      type: '/_edge/errors#route_not_allowed',
      title: 'Endpoint not allowed for this API key',
      status: 403,
      detail: 'Cannot call "GET /x"',
      code: 'route_not_allowed',
      errors: ['Cannot call "GET /x"'],
      requestId: 'r1',
    });
  });

  test('has the headers of a refusal, and none of CORS', () => {
    const response = problemResponse(aProblem(), { requestId: 'r1', accept: problemJson });
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': problemJson,
      'cache-control': 'no-store',
      'x-edge-reason': 'route_not_allowed',
      'x-request-id': 'r1',
    });
  });

  test('lists every error where there are several, and adds what else is said', async () => {
    const problem = {
      ...aProblem(),
      errors: ['name: it is missing', 'owner: it is empty'],
      extensions: { problems: [{ path: 'name' }] },
    };
    const response = problemResponse(problem, { requestId: 'r1', accept: null });
    expect(await response.json()).toMatchObject({
      detail: 'Cannot call "GET /x"',
      errors: ['name: it is missing', 'owner: it is empty'],
      problems: [{ path: 'name' }],
    });
  });

  test('does not let an extension speak for the problem', async () => {
    const problem = { ...aProblem(), extensions: { status: 200, code: 'ok', requestId: 'mine' } };
    const response = problemResponse(problem, { requestId: 'r1', accept: null });
    const body = await response.json();
    expect(body).toMatchObject({ status: 403, code: 'route_not_allowed', requestId: 'r1' });
  });
});

test('problemType() leads to where the code is explained', () => {
  expect(problemType('invalid_key')).toBe('/_edge/errors#invalid_key');
});

function aProblem() {
  return {
    code: 'route_not_allowed',
    status: 403,
    title: 'Endpoint not allowed for this API key',
    detail: 'Cannot call "GET /x"',
  };
}
