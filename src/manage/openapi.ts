/**
 * The description of the API as an OpenAPI 3.1 document, made from the list of endpoints and from the
 * schemas that read their documents. https://spec.openapis.org/oas/v3.1.1
 */

import { toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema';
import { rejectionKinds } from '../core/decide/rejection.ts';
import { isForOwners, scopesFor } from '../core/operators/operator-scopes.ts';
import { problemType } from '../problem.ts';
import { keySchema, keyWithTokenSchema } from './documents.ts';
import { securitySchemes, sharedHeaders, sharedParameters } from './openapi-components.ts';
import { exampleOf } from './openapi-examples.ts';
import type { Operation } from './operation.ts';
import { problemSchema } from './problem-schema.ts';
import { type ProblemCode, problemKinds } from './problems.ts';
import type { Schema } from './read-document.ts';

/** A part of a JSON document. */
type Json = Readonly<Record<string, unknown>>;

/** The groups of endpoints, by the beginning of their paths; the first that fits counts. */
const tags = [
  { name: 'Usage', path: /\/(?:usage|refused-origins)$/, description: 'The usage of keys.' },
  { name: 'Keys', path: /^\/keys/, description: 'The life of a key, and import.' },
  { name: 'Audit', path: /^\/audit/, description: 'The changes to keys, with their authors.' },
  { name: 'Events', path: /^\/events/, description: 'What EVENTS_URL receives.' },
  { name: 'Portal', path: /^\/portal/, description: 'Links for customers.' },
  { name: 'Explain', path: /^\/explain/, description: 'Why a request is refused.' },
  { name: 'Leaks', path: /^\/leaks/, description: 'Reports of leaked tokens.' },
  { name: 'Holders', path: /^\/(?:client-tokens|self)/, description: 'For holders of a key.' },
  { name: 'Description', path: /^\/openapi/, description: 'This document.' },
] as const;

function tagOf({ path }: Pick<Operation, 'path'>): string {
  const tag = tags.find((candidate) => candidate.path.test(path));
  if (tag === undefined) throw new Error(`Cannot describe ${path}: no tag fits it`);
  return tag.name;
}

/** Problems that any endpoint may answer. */
const commonProblems: readonly ProblemCode[] = [
  'missing_credentials',
  'malformed_credentials',
  'invalid_credentials',
  'account_unknown',
  'insufficient_scope',
  'cross_site_request',
  'rate_limited',
  'invalid_fields',
  'unavailable',
];

/** Makes the document of these endpoints. */
export function describeApi(operations: readonly Operation[]): Json {
  const schemas = namedSchemas(operations);
  return {
    openapi: '3.1.1',
    info: {
      title: 'Key management of edge-authorizer',
      version: '1.0.0',
      description:
        'Manages API keys with CORS access. Called by the operator with the admin token, who sees every key, by named operators within their scopes, or by people with a token of their issuer, who see the keys of their own account.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/_edge/v1' }],
    tags: tags.map(({ name, description }) => ({ name, description })),
    security: [
      { adminToken: [] },
      { operatorToken: [] },
      { personToken: [] },
      { accessAssertion: [] },
    ],
    paths: { ...pathsOf(operations, schemas), '/openapi.json': describeDescription() },
    components: {
      schemas: toJsonSchemaDefs(Object.fromEntries(schemas), {
        ...conversion,
        overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
      }),
      parameters: sharedParameters,
      headers: sharedHeaders,
      examples: Object.fromEntries(
        Object.keys(problemKinds).map((code) => [code, problemExample(code as ProblemCode)]),
      ),
      responses: { InternalError: internalError },
      securitySchemes,
    },
  };
}

const conversion: NonNullable<Parameters<typeof toJsonSchema>[1]> = {
  target: 'draft-2020-12',
  typeMode: 'input',
  // What rules say beyond a pattern or a length is in the descriptions.
  errorMode: 'ignore',
  overrideAction({ valibotAction, jsonSchema }) {
    // The library knows the lengths that JavaScript counts; those of JSON Schema are code points.
    if (valibotAction.type === 'max_code_points' && 'requirement' in valibotAction) {
      return { ...jsonSchema, maxLength: Number(valibotAction.requirement) };
    }
    if (valibotAction.type !== 'metadata') return null;
    // By then, the library has copied the metadata into the schema as it is.
    const {
      wanted: _,
      isSecret,
      itemsMax: _items,
      jsonSchema: replacement,
      ...rest
    } = jsonSchema as Readonly<Record<string, unknown>>;
    return {
      ...rest,
      ...(isSecret === true && rest['type'] === 'string' ? { writeOnly: true } : {}),
      ...(replacement as Json | undefined),
    };
  },
};

/** The schemas of documents, by the names that the document gives them. */
function namedSchemas(operations: readonly Operation[]): ReadonlyMap<string, Schema> {
  const schemas = new Map<string, Schema>([
    ['Key', keySchema],
    ['KeyWithToken', keyWithTokenSchema],
    ['Problem', problemSchema],
  ]);
  for (const { name, body, answer } of operations) {
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    const known = new Set(schemas.values());
    if (body && !known.has(body.schema)) schemas.set(`${title}Request`, body.schema);
    if (answer.schema && !known.has(answer.schema)) schemas.set(`${title}Answer`, answer.schema);
  }
  return schemas;
}

function pathsOf(operations: readonly Operation[], schemas: ReadonlyMap<string, Schema>): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const item = paths[operation.path] ?? pathItemOf(operation.path);
    paths[operation.path] = item;
    item[operation.method.toLowerCase()] = describeOperation(operation, schemas);
  }
  return paths;
}

function pathItemOf(path: string): Record<string, unknown> {
  if (!path.includes('{id}')) return {};
  const name = path.startsWith('/events') ? 'EventId' : 'KeyId';
  return { parameters: [reference('parameters', name)] };
}

function describeOperation(operation: Operation, schemas: ReadonlyMap<string, Schema>): Json {
  const { name, summary, description, body, answer, door } = operation;
  const parameters = [
    ...(door === 'github' ? [reference('parameters', 'GitHubKeyIdentifier')] : []),
    ...queryParameters(operation.query),
    ...(operation.isIdempotent ? [reference('parameters', 'IdempotencyKey')] : []),
    ...(operation.isConditional ? [reference('parameters', 'IfMatch')] : []),
    ...(operation.isConditional || operation.isCacheable
      ? [reference('parameters', 'IfNoneMatch')]
      : []),
  ];
  return {
    operationId: name,
    summary,
    tags: [tagOf(operation)],
    ...(description === undefined ? {} : { description }),
    ...securityOf(operation),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !body.isOptional,
            description: `At most ${body.maxBytes} bytes.`,
            content: Object.fromEntries(
              (body.mediaTypes ?? ['application/json']).map((mediaType) => [
                mediaType,
                {
                  schema: referenceTo(body.schema, schemas),
                  examples: { example: { value: body.example } },
                },
              ]),
            ),
          },
        }),
    responses: {
      [answer.status]: {
        description: answer.description,
        headers: {
          'X-Request-Id': reference('headers', 'X-Request-Id'),
          ...Object.fromEntries(
            (answer.headers ?? []).map((header) => [header, reference('headers', header)]),
          ),
          ...(operation.isIdempotent
            ? { 'Idempotency-Replayed': reference('headers', 'Idempotency-Replayed') }
            : {}),
        },
        ...(answer.schema === undefined
          ? {}
          : {
              content: {
                'application/json': {
                  schema: referenceTo(answer.schema, schemas),
                  examples: {
                    example: { value: exampleOf(toJsonSchema(answer.schema, conversion) as Json) },
                  },
                },
              },
            }),
      },
      ...(operation.isCacheable
        ? {
            304: {
              description: 'If-None-Match names the present version.',
              headers: { ETag: reference('headers', 'ETag') },
            },
          }
        : {}),
      ...problemResponses(problemCodesOf(operation)),
      500: reference('responses', 'InternalError'),
    },
  };
}

/**
 * The credentials of an endpoint, any of which suffices. The names of roles are the scopes of operators.
 * https://spec.openapis.org/oas/v3.1.1#security-requirement-object
 */
function securityOf({ name, door }: Pick<Operation, 'name' | 'door'>): Json {
  if (door === 'github') return { security: [{ gitHubSignature: [] }] };
  if (door === 'holder') return { security: [{ apiKey: [] }] };
  const scopes = scopesFor(name).map((scope) => [scope]);
  // People without a scope are limited to the keys of their own account.
  const ofPeople = isForOwners(name) ? [[]] : scopes;
  return {
    security: [
      { adminToken: [] },
      ...scopes.map((roles) => ({ operatorToken: roles })),
      ...ofPeople.map((roles) => ({ personToken: roles })),
      ...ofPeople.map((roles) => ({ accessAssertion: roles })),
    ],
  };
}

/** The endpoint that answers this document. */
function describeDescription(): Json {
  return {
    get: {
      operationId: 'getOpenApi',
      summary: 'Read this description',
      tags: ['Description'],
      security: [],
      responses: {
        200: {
          description: 'This document.',
          content: { 'application/json': { schema: { type: 'object' } } },
        },
        // What any path may answer, whatever is there.
        ...problemResponses([
          'method_not_allowed',
          'target_too_long',
          'not_configured',
          'schema_missing',
        ]),
        500: reference('responses', 'InternalError'),
      },
    },
  };
}

/** Every problem that an endpoint may answer: common ones, its own, and what follows from its members. */
export function problemCodesOf(operation: Operation): readonly ProblemCode[] {
  // It needs no sign-in, and its signature replaces the media type.
  if (operation.door === 'github') {
    return ['malformed_json', 'body_too_large', 'invalid_fields', ...operation.problems];
  }
  // Holders are no managers: what they send is an API key.
  if (operation.door === 'holder') {
    return [
      ...([
        'missing_credentials',
        'malformed_credentials',
        'rate_limited',
        'invalid_fields',
      ] as const),
      ...(operation.body
        ? (['malformed_json', 'body_too_large', 'unsupported_media_type'] as const)
        : []),
      ...operation.problems,
    ];
  }
  const showsToken = operation.answer.schema === keyWithTokenSchema;
  const codes: ProblemCode[] = [
    ...commonProblems,
    ...(isForOwners(operation.name) ? [] : (['operator_only'] as const)),
    ...(operation.body
      ? (['malformed_json', 'body_too_large', 'unsupported_media_type'] as const)
      : []),
    ...(operation.isIdempotent ? (['malformed_header', 'idempotency_key_reused'] as const) : []),
    ...(operation.isIdempotent && showsToken ? (['token_not_replayable'] as const) : []),
    ...(operation.isConditional ? (['precondition_failed'] as const) : []),
    ...operation.problems,
  ];
  return [...new Set(codes)];
}

function problemResponses(codes: readonly ProblemCode[]): Json {
  const statuses = [...new Set(codes.map((code) => problemKinds[code].status))].sort();
  return Object.fromEntries(
    statuses.map((status) => {
      const ofStatus = codes.filter((code) => problemKinds[code].status === status);
      const titles = [...new Set(ofStatus.map((code) => problemKinds[code].title))];
      const content = {
        schema: reference('schemas', 'Problem'),
        examples: Object.fromEntries(ofStatus.map((code) => [code, reference('examples', code)])),
      };
      return [
        status,
        {
          description: `${titles.join('; or: ')}.`,
          headers: {
            'X-Request-Id': reference('headers', 'X-Request-Id'),
            'X-Edge-Reason': reference('headers', 'X-Edge-Reason'),
            ...(status === 401
              ? { 'WWW-Authenticate': reference('headers', 'WWW-Authenticate') }
              : {}),
            ...(status === 503 || status === 429
              ? { 'Retry-After': reference('headers', 'Retry-After') }
              : {}),
          },
          content: { 'application/json': content, 'application/problem+json': content },
        },
      ];
    }),
  );
}

function problemExample(code: ProblemCode): Json {
  return { ...problemExampleOf(code, problemKinds[code]), description: problemKinds[code].meaning };
}

function problemExampleOf(
  code: string,
  { title, status }: { readonly title: string; readonly status: number },
): Json {
  return {
    summary: title,
    value: {
      type: problemType(code),
      title,
      status,
      detail: title,
      code,
      errors: [title],
      requestId: '7c0b7d53-7b0f-4f5c-9c4e-1f0f4f1f7f55',
    },
  };
}

function queryParameters(query: Schema | undefined): readonly Json[] {
  if (query === undefined) return [];
  const { properties = {} } = toJsonSchema(query, conversion);
  return Object.entries(properties).map(([name, schema]) => {
    const { description, ...rest } = schema as Json;
    return { name, in: 'query', required: false, description, schema: rest };
  });
}

function referenceTo(schema: Schema, schemas: ReadonlyMap<string, Schema>): Json {
  for (const [name, known] of schemas) {
    if (known === schema) return reference('schemas', name);
  }
  throw new Error('Cannot describe a document: its schema has no name');
}

function reference(kind: string, name: string): Json {
  return { $ref: `#/components/${kind}/${name}` };
}

const internalError: Json = {
  description: `${rejectionKinds.internal_error.title}. It says nothing else; the log line with the request id has the error.`,
  content: {
    'application/json': {
      schema: reference('schemas', 'Problem'),
      examples: {
        internal_error: problemExampleOf('internal_error', rejectionKinds.internal_error),
      },
    },
  },
};
