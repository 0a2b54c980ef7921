import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createManagementApi, operations } from '../../src/manage/api.ts';
import type { Management } from '../../src/manage/operation.ts';
import { problemKinds } from '../../src/manage/problems.ts';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, type Document } from './client.ts';

let edge: Deployment;
let operator: Client;
let api: Document;

beforeAll(async () => {
  edge = await deploy({ vars: { PORTAL_RETURN_URLS: 'https://app.example.com' } });
  operator = clientOf(edge);
  api = (await clientOf(edge, {})('GET', '/openapi.json')).body;
});

afterAll(() => edge.dispose());

/** Every node of a JSON document, with its place. */
function* walk(node: Document, place = '#'): Generator<readonly [Document, string]> {
  yield [node, place];
  if (typeof node !== 'object' || node === null) return;
  for (const [name, child] of Object.entries(node)) {
    yield* walk(child, `${place}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  }
}

function resolve(reference: string): Document {
  expect(reference).toMatch(/^#\//);
  return reference
    .slice(2)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<Document>((node, part) => node?.[part], api);
}

const noOperators: Pick<Management, 'adminTokens'> = { adminTokens: [] };

const deref = (node: Document): Document => (node?.$ref ? resolve(node.$ref) : node);

const described = () =>
  Object.entries<Document>(api.paths).flatMap(([path, item]) =>
    Object.entries<Document>(item)
      .filter(([name]) => name !== 'parameters')
      .map(([method, operation]) => ({ path, method, operation, item })),
  );

const isSignedByGitHub = ({ security }: Document) => security?.[0].gitHubSignature !== undefined;

describe('the OpenAPI document', () => {
  it('needs no credentials and is of version 3.1', () => {
    expect(api.openapi).toMatch(/^3\.1\.\d$/);
    expect(api.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    expect(api.servers).toEqual([{ url: '/_edge/v1' }]);
  });

  it('refers to nothing that it does not hold', () => {
    const references = [...walk(api)].filter(([node]) => typeof node?.$ref === 'string');
    expect(references.length).toBeGreaterThan(50);
    for (const [node, place] of references) expect(resolve(node.$ref), place).toBeDefined();
  });

  it('holds no component that nothing refers to', () => {
    const used = new Set([...walk(api)].map(([node]) => node?.$ref));
    for (const kind of ['schemas', 'parameters', 'headers', 'examples', 'responses']) {
      for (const name of Object.keys(api.components[kind])) {
        const isUsed = used.has(`#/components/${kind}/${name}`);
        expect(isUsed, `${kind}/${name}`).toBe(true);
      }
    }
  });

  it('describes every route of the router, and no other', () => {
    const routes = createManagementApi({
      adminToken: null,
      people: null,
      ...noOperators,
    } as Management)
      .routes.filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    const paths = described().map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(paths.sort()).toEqual([...new Set(routes)].sort());
    expect(paths).toHaveLength(operations.length + 1);
  });

  it('names every parameter of a path, and gives every operation a name of its own', () => {
    const names = described().map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const { path, item, operation } of described()) {
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(deref);
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      expect(operation.summary, path).toMatch(/./);
      for (const parameter of parameters) {
        expect(parameter.schema, `${path} ${parameter.name}`).toBeDefined();
        expect(parameter.description, `${path} ${parameter.name}`).toMatch(/./);
      }
    }
  });

  it('gives every answer a description, and every body a schema and an example', () => {
    for (const { path, method, operation } of described()) {
      const answers = Object.entries<Document>(operation.responses).map(([status, answer]) => [
        status,
        deref(answer),
      ]);
      expect(answers.filter(([status]) => status.startsWith('2'))).toHaveLength(1);
      for (const [status, answer] of answers) {
        expect(answer.description, `${method} ${path} ${status}`).toMatch(/./);
        if (status !== '204' && status !== '304')
          expect(answer.content['application/json'].schema).toBeDefined();
      }
      if (operation.requestBody === undefined) continue;
      const { schema, examples } = operation.requestBody.content['application/json'];
      expect(deref(schema).type).toBe(isSignedByGitHub(operation) ? 'array' : 'object');
      expect(examples.example.value).toBeDefined();
    }
  });

  it('leaves nothing of how schemas are written in the document', () => {
    for (const [node, place] of walk(api)) {
      expect(Object.keys(Object(node)), place).not.toContain('wanted');
      expect(Object.keys(Object(node)), place).not.toContain('isSecret');
      expect(Object.keys(Object(node)), place).not.toContain('jsonSchema');
    }
  });

  it('says the bounds of a text, which is counted in code points as in JSON Schema', () => {
    const { CreateKeyRequest, ExplainRequestRequest } = api.components.schemas;
    const { name, tags } = CreateKeyRequest.properties;
    expect(name).toMatchObject({ minLength: 1, maxLength: 200 });
    expect(JSON.stringify(tags)).toContain('"minLength":1,"maxLength":64');
    expect(ExplainRequestRequest.properties.path).toMatchObject({ maxLength: 8192 });
  });

  it('shows a problem of every code', () => {
    for (const [code, kind] of Object.entries(problemKinds)) {
      expect(api.components.examples[code].value).toMatchObject({
        code,
        status: kind.status,
        type: `/_edge/errors#${code}`,
      });
    }
  });

  it('says whether a request may have more members, and that a token is not read back', () => {
    const { schemas } = api.components;
    expect(schemas.CreateKeyRequest).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['name'],
    });
    expect(schemas.EditKeyRequest.required ?? []).toEqual([]);
    expect(schemas.RollKeyRequest.properties.graceSeconds).toMatchObject({
      type: 'integer',
      minimum: 0,
      maximum: 2_592_000,
      default: 0,
    });
    expect(schemas.ImportKeysRequest.properties.keys).toMatchObject({
      minItems: 1,
      maxItems: 1000,
    });
    expect(schemas.ImportKeysRequest.properties.keys.items.properties.token).toMatchObject({
      type: 'string',
      writeOnly: true,
    });
  });
});

describe('what the OpenAPI document says', () => {
  it('of bodies holds for its own examples: they are accepted', async () => {
    const id = (await operator('POST', '/keys', { body: { name: 'a' } })).body.id;
    for (const { path, method, operation } of described()) {
      const example = operation.requestBody?.content['application/json'].examples.example.value;
      // What GitHub signs is sent in leaks.test.ts, and what holders send in client-tokens.test.ts.
      const isOfHolder = path.startsWith('/client-tokens') || path.startsWith('/self');
      if (example === undefined || isSignedByGitHub(operation) || isOfHolder) continue;
      const body = 'keyId' in example ? { ...example, keyId: id } : example;
      const answer = await operator(method.toUpperCase(), path.replace('{id}', id), { body });
      expect([200, 201], answer.text).toContain(answer.status);
      expect(operation.responses[answer.status], `${method} ${path}`).toBeDefined();
    }
  });

  it('of answers holds for those that are given', async () => {
    const key = (
      await operator('POST', '/keys', {
        body: { name: 'a', access: { cors: { allowedOrigins: ['*'] } } },
      })
    ).body;
    await operator('PATCH', `/keys/${key.id}`, { body: { name: 'b' } });
    const explained = { method: 'GET', path: '/', keyId: key.id, origin: 'https://a.example' };
    const answers = [
      ['createKey', key],
      ['getKey', (await operator('GET', `/keys/${key.id}`)).body],
      ['listKeys', (await operator('GET', '/keys')).body],
      ['listAudit', (await operator('GET', '/audit')).body],
      ['getUsage', (await operator('GET', `/keys/${key.id}/usage`)).body],
      ['listRefusedOrigins', (await operator('GET', `/keys/${key.id}/refused-origins`)).body],
      ['explainRequest', (await operator('POST', '/explain', { body: explained })).body],
    ] as const;
    for (const [name, answer] of answers) {
      const { operation } = described().find((one) => one.operation.operationId === name)!;
      const [good] = Object.values<Document>(operation.responses);
      expectFits(answer, good.content['application/json'].schema, name);
    }
    const refused = await operator('POST', '/keys', { body: { name: 1 } });
    expectFits(refused.body, api.components.schemas.Problem, 'Problem');
  });

  it('of problems holds for those that are answered: each is among those of its endpoint', async () => {
    const { id } = (await operator('POST', '/keys', { body: { name: 'a' } })).body;
    for (const { path, method, operation } of described()) {
      if (path === '/openapi.json') continue;
      const url = path.replace('{id}', id);
      const verb = method.toUpperCase();
      const stranger = clientOf(edge, {});
      const withBody = (text: string) => (verb === 'GET' ? {} : { text });
      const stale = { 'If-Match': '"0"' };
      const refusals = [
        await stranger(verb, url, withBody('{}')),
        await operator(verb, path.replace('{id}', 'x'), withBody('{')),
        await operator(verb, `${url}?limit=x`, {
          ...withBody('{}'),
          headers: { 'Idempotency-Key': 'a b' },
        }),
        await operator(verb, url, {
          ...withBody('{}'),
          headers: { ...stale, 'Content-Type': 'x' },
        }),
        await operator(verb, url, { ...withBody('[]'), headers: stale }),
        await operator(verb, url, { ...withBody('{}'), headers: stale }),
        await operator(verb, url, withBody(`"${'x'.repeat(1024 * 1024)}"`)),
      ].filter(({ status }) => status >= 400);
      expect(refusals.length, url).toBeGreaterThan(0);
      for (const { status, body } of refusals) {
        const answer = deref(operation.responses[status]);
        expect(answer, `${verb} ${path} ${body.code}`).toBeDefined();
        const { examples } = answer.content['application/json'];
        expect(Object.keys(examples), `${verb} ${path}`).toContain(body.code);
      }
    }
  });
});

/** Checks a value against the few parts of JSON Schema that the document uses for answers. */
function expectFits(value: Document, written: Document, place: string): void {
  const schema = deref(written);
  if (schema.anyOf) {
    const isNull = schema.anyOf.some((one: Document) => one.type === 'null');
    if (value === null && isNull) return;
    const other = schema.anyOf.find((one: Document) => one.type !== 'null');
    expectFits(value, other, place);
    return;
  }
  if (schema.enum) expect(schema.enum, place).toContain(value);
  switch (schema.type) {
    case 'object': {
      expect(typeof value, place).toBe('object');
      for (const name of schema.required ?? []) expect(value, place).toHaveProperty([name]);
      for (const [name, member] of Object.entries(value)) {
        const known = schema.properties?.[name] ?? schema.additionalProperties;
        expect(known, `${place}.${name} is not described`).toBeTruthy();
        expectFits(member, known, `${place}.${name}`);
      }
      return;
    }
    case 'array':
      expect(Array.isArray(value), place).toBe(true);
      for (const item of value) expectFits(item, schema.items, `${place}[]`);
      return;
    case 'integer':
      expect(Number.isInteger(value), place).toBe(true);
      return;
    case undefined:
      return;
    default:
      expect(typeof value, place).toBe(schema.type);
  }
}
