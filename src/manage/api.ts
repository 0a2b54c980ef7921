/**
 * The key-management API under `/_edge/v1`.
 *
 * It never consults the keys' origins and answers no CORS headers: keys are managed by the operator's
 * own tools, not by pages of other origins.
 */

import { Hono } from 'hono';
import type { FieldProblem } from '../core/key-access.ts';
import { MANAGEMENT_BODY_MAX_BYTES } from '../core/limits.ts';
import { hashToken, hintOf, importTagKey, makeToken, randomBase62 } from '../core/token.ts';
import type { ListCursor, ManagedKey, ManagedKeys } from '../keys/managed-keys.ts';
import { type Problem, problemResponse } from '../problem.ts';
import { authenticateOperator } from './authenticate.ts';
import { readNewKey, toKeyDocument } from './documents.ts';

/** What management is made of. */
export interface Management {
  readonly store: ManagedKeys;
  /** `null`: management is switched off and answers 404. */
  readonly adminToken: string | null;
  readonly tokenPrefix: string;
  readonly now: () => number;
  readonly fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly log: (line: Readonly<Record<string, unknown>>) => void;
  /**
   * Told after every commit, with the tokens that changed, so that this isolate and KV follow at
   * once. Never rejects: the change stands, whatever happens here.
   */
  readonly onChange: (tokenHashes: readonly string[]) => Promise<void>;
}

/** What each request brings along. */
interface Variables {
  requestId: string;
}

type Result<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly response: Response };

const LIST_LIMIT_DEFAULT = 50;
const LIST_LIMIT_MAX = 100;

/** The routes of the API, to be mounted at `/_edge/v1`. */
export function createManagementApi(management: Management): Hono<{ Variables: Variables }> {
  const { store } = management;
  const api = new Hono<{ Variables: Variables }>();

  api.use(async (context, next) => {
    const { adminToken } = management;
    if (adminToken === null) return context.notFound();
    const result = await authenticateOperator(
      context.req.header('Authorization') ?? null,
      adminToken,
    );
    if (result.ok) return next();
    const response = answer(context.req.raw, context.var.requestId, result.problem);
    response.headers.set('WWW-Authenticate', result.challenge);
    return response;
  });

  api.post('/keys', async (context) => {
    const { req, var: variables } = context;
    const body = await readJson(req.raw, variables.requestId);
    if (!body.ok) return body.response;
    const document = readNewKey(body.value);
    if (!document.ok) return answer(req.raw, variables.requestId, invalidFields(document.problems));

    const { name, owner, access, expiresAtMs } = document.value;
    const token = await makeToken({
      prefix: management.tokenPrefix,
      kind: access.kind,
      tagKey: await importTagKey(await store.tagKeyHex()),
      fillRandom: management.fillRandom,
    });
    const tokenHash = await hashToken(token);
    const key: ManagedKey = {
      id: `key_${randomBase62(22, management.fillRandom)}`,
      name,
      owner,
      ...access,
      hint: hintOf(token),
      createdAtMs: management.now(),
      expiresAtMs,
      enabled: true,
      lastUsedAtMs: null,
      version: 1,
    };
    await store.insert(key, tokenHash, {
      atMs: key.createdAtMs,
      actor: 'operator',
      requestId: variables.requestId,
      before: null,
      after: JSON.stringify(toKeyDocument(key)),
      answer: null,
    });
    await management.onChange([tokenHash]);
    management.log({ event: 'key_created', requestId: variables.requestId, keyId: key.id });
    return context.json({ ...toKeyDocument(key), token }, 201, {
      Location: `/_edge/v1/keys/${key.id}`,
      'Cache-Control': 'no-store',
    });
  });

  api.get('/keys', async (context) => {
    const query = readListQuery(new URL(context.req.url).searchParams);
    if (!query.ok) {
      return answer(context.req.raw, context.var.requestId, invalidFields(query.problems));
    }
    // One more than asked for tells whether there is a next page.
    const keys = await store.list({ ...query.value, search: null, limit: query.value.limit + 1 });
    const page = keys.slice(0, query.value.limit);
    const last = page.at(-1);
    return context.json(
      {
        keys: page.map(toKeyDocument),
        nextCursor: keys.length > page.length && last ? writeCursor(last) : null,
      },
      200,
      { 'Cache-Control': 'no-store' },
    );
  });

  api.get('/keys/:id', async (context) => {
    const key = await store.find(context.req.param('id'));
    if (!key) return context.notFound();
    return context.json(toKeyDocument(key), 200, { 'Cache-Control': 'no-store' });
  });

  api.delete('/keys/:id', async (context) => {
    const id = context.req.param('id');
    const key = await store.find(id);
    if (!key) return context.notFound();
    const tokenHashes = await store.revoke(key, {
      atMs: management.now(),
      actor: 'operator',
      requestId: context.var.requestId,
      before: JSON.stringify(toKeyDocument(key)),
      after: null,
      answer: null,
    });
    if (tokenHashes === null) return context.notFound();
    await management.onChange(tokenHashes);
    management.log({ event: 'key_revoked', requestId: context.var.requestId, keyId: id });
    return context.body(null, 204);
  });

  return api;
}

/** Reads a JSON body. Answers 413, 415 or 400 when there is none that can be read. */
async function readJson(request: Request, requestId: string): Promise<Result<unknown>> {
  const refuse = (problem: Problem): Result<unknown> => ({
    ok: false,
    response: answer(request, requestId, problem),
  });
  const mediaType = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') {
    return refuse({
      code: 'unsupported_media_type',
      status: 415,
      title: 'Media type not supported',
      detail: `Cannot read the body: its Content-Type is ${JSON.stringify(mediaType ?? 'absent')}. Send "application/json"`,
    });
  }
  const text = await readText(request, MANAGEMENT_BODY_MAX_BYTES);
  if (text === null) {
    return refuse({
      code: 'body_too_large',
      status: 413,
      title: 'Body too large',
      detail: `Cannot read the body: it is larger than ${MANAGEMENT_BODY_MAX_BYTES} bytes`,
    });
  }
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return refuse({
      code: 'malformed_json',
      status: 400,
      title: 'JSON not understood',
      detail: `Cannot parse the body as JSON: ${error instanceof Error ? error.message : 'it is malformed'}`,
    });
  }
}

/** The body as text; `null` when it is longer than allowed, which is noticed while it comes in. */
async function readText(request: Request, maxBytes: number): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function readListQuery(query: URLSearchParams) {
  const problems: FieldProblem[] = [];
  const limitText = query.get('limit');
  const limit = limitText === null ? LIST_LIMIT_DEFAULT : Number(limitText);
  if (!/^\d+$/.test(limitText ?? '1') || limit < 1 || limit > LIST_LIMIT_MAX) {
    problems.push({
      path: 'limit',
      value: limitText,
      reason: 'it is not a number of keys that a page may hold',
      fix: `Use a whole number from 1 to ${LIST_LIMIT_MAX}`,
    });
  }
  const cursorText = query.get('cursor');
  const cursor = cursorText === null ? null : readCursor(cursorText);
  if (cursorText !== null && cursor === null) {
    problems.push({
      path: 'cursor',
      value: cursorText.slice(0, 200),
      reason: 'it is not a cursor of this list',
      fix: 'Use nextCursor of the page before, or remove it',
    });
  }
  return problems.length > 0
    ? ({ ok: false, problems } as const)
    : ({ ok: true, value: { owner: query.get('owner'), cursor, limit } } as const);
}

function writeCursor(key: ManagedKey): string {
  return `${key.createdAtMs}.${key.id}`;
}

function readCursor(text: string): ListCursor | null {
  const [, createdAt, id] = /^(\d{1,16})\.(key_[0-9A-Za-z]{22})$/.exec(text) ?? [];
  return createdAt !== undefined && id !== undefined
    ? { createdAtMs: Number(createdAt), id }
    : null;
}

function invalidFields(problems: readonly FieldProblem[]): Problem {
  const errors = problems.map(
    ({ path, value, reason, fix }) =>
      `${path === '' ? 'The body' : path}: ${reason}${value === null || typeof value === 'object' ? '' : ` (${JSON.stringify(value)})`}. ${fix}`,
  );
  return {
    code: 'invalid_fields',
    status: 422,
    title: 'Fields not valid',
    detail:
      errors.length === 1
        ? (errors[0] ?? '')
        : `Cannot accept ${errors.length} fields: ${errors.join('; ')}`,
    errors,
    extensions: { problems },
  };
}

function answer(request: Request, requestId: string, problem: Problem): Response {
  return problemResponse(problem, { requestId, accept: request.headers.get('accept') });
}
