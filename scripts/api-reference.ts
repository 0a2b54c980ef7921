/**
 * `docs/api.md`: the management API for reading, from its OpenAPI document. Pure, so that a test can
 * make the text again and compare. It writes what our document uses and throws at anything else.
 */

/** A part of the document. */
type Json = Readonly<Record<string, unknown>>;

/** An OpenAPI document, as far as it is read here. */
export interface ApiDocument {
  readonly info: Json;
  readonly servers: readonly Json[];
  readonly paths: Json;
  readonly components: Json;
}

/** The whole text of `docs/api.md`. Throws at a part of the document that it cannot write. */
export function apiReference(document: ApiDocument): string {
  const operations = operationsOf(document);
  const [server] = document.servers;
  const headers = entries(document.components['headers'], 'the headers');
  return `<!-- Made by \`npm run docs\` from the OpenAPI document; changes belong to src/manage. -->

# ${document.info['title']}

${document.info['description']}

Paths are below \`${server?.['url']}\` of the edge, which also serves this as an OpenAPI 3.1 document, at
\`${server?.['url']}/openapi.json\`. Bodies are JSON. Times are ISO 8601 in UTC. Refusals are explained
[by code](errors.md).

| | |
|---|---|
${operations.map(({ name, method, path, summary }) => `| [\`${method} ${path}\`](#${name.toLowerCase()}) | ${summary} |`).join('\n')}

## Signing in

${Object.entries(entries(document.components['securitySchemes']))
  .map(([, scheme]) => `- ${securityLine(entries(scheme))}`)
  .join('\n')}

${operations.map((operation) => operationText(document, operation)).join('\n')}
## Documents

${Object.entries(entries(document.components['schemas']))
  .map(([name, schema]) => `### ${name}\n\n${schemaText(entries(schema))}`)
  .join('\n')}
## Headers of answers

| header | meaning |
|---|---|
${Object.entries(headers)
  .map(([name, header]) => `| \`${name}\` | ${cell(entries(header)['description'])} |`)
  .join('\n')}
`;
}

interface Endpoint {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly json: Json;
  readonly parameters: readonly Json[];
}

function operationsOf(document: ApiDocument): readonly Endpoint[] {
  return Object.entries(document.paths).flatMap(([path, item]) => {
    const { parameters: shared = [], ...methods } = entries(item);
    return Object.entries(methods).map(([method, value]): Endpoint => {
      const json = entries(value);
      const parameters = [...list(shared), ...list(json['parameters'] ?? [])].map((parameter) =>
        resolve(document, parameter),
      );
      return {
        name: String(json['operationId']),
        method: method.toUpperCase(),
        path,
        summary: String(json['summary']),
        json,
        parameters,
      };
    });
  });
}

function securityLine(scheme: Json): string {
  const where =
    scheme['type'] === 'apiKey'
      ? `\`${scheme['name']}\``
      : `\`Authorization: Bearer <${scheme['bearerFormat'] ?? 'token'}>\``;
  return `${where}: ${scheme['description']}`;
}

function operationText(document: ApiDocument, endpoint: Endpoint): string {
  const { name, method, path, summary, json, parameters } = endpoint;
  const body = json['requestBody'] === undefined ? null : entries(json['requestBody']);
  return [
    `## ${name}`,
    `\`${method} ${path}\``,
    `${summary}. ${json['description'] ?? ''}`.trim(),
    ...(parameters.length === 0 ? [] : [parameterTable(parameters)]),
    ...(body === null ? [] : [bodyText(body)]),
    `${responseTable(document, entries(json['responses']))}\n`,
  ].join('\n\n');
}

function parameterTable(parameters: readonly Json[]): string {
  return `| parameter | in | | meaning |
|---|---|---|---|
${parameters
  .map(
    (parameter) =>
      `| \`${parameter['name']}\` | ${parameter['in']} | ${typeText(entries(parameter['schema']))}${parameter['required'] ? ', required' : ''} | ${cell(parameter['description'])} |`,
  )
  .join('\n')}`;
}

function bodyText(body: Json): string {
  const content = entries(entries(body['content'])['application/json']);
  const examples = Object.values(entries(content['examples'] ?? {}));
  const optional = body['required'] === true ? '' : ' It may be absent.';
  return `Takes ${typeText(entries(content['schema']))}. ${body['description']}${optional}
${examples
  .map((example) => {
    const { value } = entries(example);
    return `\n\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
  })
  .join('\n')}`;
}

function responseTable(document: ApiDocument, responses: Json): string {
  const rows = Object.entries(responses).map(([status, value]) => {
    const response = resolve(document, value);
    const content = entries(entries(response['content'] ?? {})['application/json'] ?? {});
    if (Number(status) < 400) {
      const type = content['schema'] === undefined ? '' : typeText(entries(content['schema']));
      const headers = Object.keys(entries(response['headers'] ?? {})).map((name) => `\`${name}\``);
      const withHeaders = headers.length === 0 ? '' : ` Headers: ${headers.join(', ')}.`;
      return `| ${status} | ${type} | ${cell(response['description'])}${withHeaders} |`;
    }
    const codes = Object.keys(entries(content['examples'] ?? {}));
    const links = codes.map((code) => `[\`${code}\`](errors.md#${code})`).join(', ');
    return `| ${status} | [Problem](#problem) | ${links || cell(response['description'])} |`;
  });
  return `| status | answers | |\n|---|---|---|\n${rows.join('\n')}`;
}

/** The members of a document as a table, those of objects in it with their path. */
function schemaText(schema: Json): string {
  const rows = membersOf(schema, '');
  return `| member | type | meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
}

function membersOf(schema: Json, prefix: string): readonly string[] {
  const required = new Set(list(schema['required'] ?? []));
  return Object.entries(entries(schema['properties'] ?? {})).flatMap(([name, value]) => {
    const member = entries(value);
    const path = `${prefix}${name}`;
    const isOptional = !required.has(name);
    const type = `${typeText(member)}${isOptional ? ', optional' : ''}`;
    const row = `| \`${path}\` | ${type} | ${cell(member['description'] ?? '')} |`;
    const inner = innerObject(member);
    return [row, ...(inner === null ? [] : membersOf(inner.schema, `${path}${inner.suffix}`))];
  });
}

/** The object that a member is, may be, or is a list of; `null` without one that has members. */
function innerObject(schema: Json): { readonly schema: Json; readonly suffix: string } | null {
  if (schema['properties'] !== undefined) return { schema, suffix: '.' };
  if (schema['items'] !== undefined) {
    const inner = innerObject(entries(schema['items']));
    return inner === null ? null : { schema: inner.schema, suffix: `[]${inner.suffix}` };
  }
  for (const choice of list(schema['anyOf'] ?? [])) {
    const inner = innerObject(entries(choice));
    if (inner !== null) return inner;
  }
  return null;
}

function typeText(schema: Json): string {
  const { $ref, type, anyOf, items, enum: values, const: constant, format } = schema;
  if (typeof $ref === 'string') {
    const name = $ref.slice($ref.lastIndexOf('/') + 1);
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (anyOf !== undefined) {
    return list(anyOf)
      .map((choice) => typeText(entries(choice)))
      .join(' or ');
  }
  if (constant !== undefined) return `\`${JSON.stringify(constant)}\``;
  if (values !== undefined) {
    return list(values)
      .map((value) => `\`${JSON.stringify(value)}\``)
      .join(' or ');
  }
  if (type === 'array') {
    return items === undefined ? 'list' : `list of ${typeText(entries(items))}`;
  }
  if (format === 'date-time') return 'time';
  if (schema['minimum'] !== undefined && schema['maximum'] !== undefined) {
    return `${type}, ${schema['minimum']} to ${schema['maximum']}`;
  }
  // A schema without a type allows any JSON.
  return typeof type === 'string' ? type : 'any';
}

/** Resolves a reference into the components; returns anything else as it is. */
function resolve(document: ApiDocument, value: unknown): Json {
  const { $ref } = entries(value);
  if (typeof $ref !== 'string') return entries(value);
  const [, kind = '', name = ''] = /^#\/components\/(\w+)\/([\w-]+)$/.exec($ref) ?? [];
  return entries(entries(document.components[kind])[name], $ref);
}

function entries(value: unknown, where = 'the document'): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new Error(`Cannot describe ${where}: ${JSON.stringify(value)} is no object`);
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`Cannot describe the document: ${JSON.stringify(value)} is no list`);
}

/** Escapes a text for a cell of a table. */
function cell(value: unknown): string {
  return String(value ?? '')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replaceAll('\n', ' ');
}
