/**
 * Writes `src/management-client/schema.ts`, the types of the management API, from its OpenAPI document.
 *
 * Documents are turned into types by json-schema-to-typescript. Paths are written here, in the shape
 * that openapi-fetch reads. Beyond what the document's schemas say, a refusal of an endpoint has one of
 * the codes that its examples name, so that a `switch` over them can be exhaustive.
 */

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { loadUntyped } from './load-untyped.ts';

/** An OpenAPI document, as far as it is read here. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const file = fileURLToPath(new URL('../src/management-client/schema.ts', import.meta.url));

/**
 * The text of the types, formatted. Throws where the document holds what this does not know to write.
 */
export async function generateClient(document: ApiDocument): Promise<string> {
  const types = await typesOfDocuments(document);
  return format(`/**
 * The documents and endpoints of the management API, as types.
 *
 * Made from its OpenAPI document by \`npm run generate:client\`; changes belong there.
 */

${types}
/** A refusal with one of these codes. */
export type ProblemOf<Code extends string> = Problem & { code: Code };

/** Every endpoint below \`/_edge/v1\`, in the shape that openapi-fetch reads. */
export interface paths {
${Object.entries(document.paths)
  .map(([path, item]) => `${quote(path)}: ${pathType(document, item)};`)
  .join('\n')}
}
`);
}

const described: Readonly<Record<string, string>> = {
  Key: 'A key, without its token.',
  KeyWithToken: 'A key with its token, which is shown this once.',
  Problem: 'A refusal.',
};

async function typesOfDocuments({ components }: ApiDocument): Promise<string> {
  const schemas = Object.entries(components['schemas'] ?? {}).map(([name, schema]) => {
    const of = name.replace(/(?:Request|Answer)$/, '');
    const operation = `${of.charAt(0).toLowerCase()}${of.slice(1)}`;
    const role = name.endsWith('Request') ? 'body' : 'answer';
    const description = described[name] ?? `The ${role} of \`${operation}\`.`;
    return [name, { ...(schema as JSONSchema), title: name, description }] as const;
  });
  const whole = JSON.stringify({ title: 'Unused', definitions: Object.fromEntries(schemas) });
  const linked = whole.replaceAll('#/components/schemas/', '#/definitions/');
  const types = await compile(JSON.parse(linked, withUnknown), 'Unused', {
    bannerComment: '',
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    unknownAny: true,
    unreachableDefinitions: true,
    format: false,
  });
  return (
    types
      .replace(/export interface Unused \{[^}]*\}\n/, '')
      // How the library came by a type is of no interest here.
      .replaceAll(/(?:\s*\*)*\s*This interface was referenced by[^*]*\*[^*]*(?=\*\/)/g, '\n ')
  );
}

/** A schema that allows anything, for which the library would write an object. */
function withUnknown(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const names = Object.keys(value);
  const isAnything = names.length === 1 && typeof Reflect.get(value, 'description') === 'string';
  return isAnything ? { ...value, tsType: 'unknown' } : value;
}

function pathType(document: ApiDocument, item: Readonly<Record<string, unknown>>): string {
  const shared = parametersIn(document, item['parameters']);
  const operations = Object.entries(item).filter(([name]) => name !== 'parameters');
  return `{
${operations.map(([method, operation]) => operationType(document, method, operation as Operation, shared)).join('\n')}
}`;
}

interface Operation {
  readonly summary?: string;
  readonly parameters?: unknown;
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, unknown>>;
}
type Content = Readonly<Record<string, { readonly schema: Schema; readonly examples?: object }>>;
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

function operationType(
  document: ApiDocument,
  method: string,
  operation: Operation,
  shared: readonly Parameter[],
): string {
  const { summary, requestBody } = operation;
  const parameters = [...shared, ...parametersIn(document, operation.parameters)];
  const body = requestBody ? `requestBody: { content: ${jsonType(requestBody.content)} };\n` : '';
  return `${summary ? `/** ${summary}. */\n` : ''}${method}: {
parameters: { ${['query', 'header', 'path'].map((place) => placeType(place, parameters)).join('')} };
${body}responses: {
${Object.entries(operation.responses)
  .map(([status, response]) => `${status}: ${responseType(document, response)};`)
  .join('\n')}
};
};`;
}

/** The parameters in one place. openapi-fetch asks for them where one of them is required. */
function placeType(place: string, parameters: readonly Parameter[]): string {
  const found = parameters.filter((parameter) => parameter.in === place);
  if (found.length === 0) return `${place}?: never;\n`;
  const members = found.map(
    ({ name, required, description, schema }) =>
      `${description ? `/** ${description} */\n` : ''}${quote(name)}${required ? '' : '?'}: ${scalarType(schema)};`,
  );
  const isOptional = !found.some(({ required }) => required);
  return `${place}${isOptional ? '?' : ''}: {\n${members.join('\n')}\n};\n`;
}

function responseType(document: ApiDocument, value: unknown): string {
  const response = resolve(document, value) as { readonly content?: Content };
  const { content } = response;
  return content ? `{ content: ${jsonType(content)} }` : '{ content?: never }';
}

function jsonType(content: Content): string {
  const json = content['application/json'];
  if (!json) throw new Error(`Cannot describe a body of ${Object.keys(content)}: JSON is wanted`);
  const type = json.schema.$ref ? nameIn(json.schema.$ref) : scalarType(json.schema);
  const codes = Object.keys(json.examples ?? {});
  const isProblem = type === 'Problem' && codes.length > 0;
  const narrow = isProblem ? `ProblemOf<${codes.map(quote).join(' | ')}>` : type;
  return `{ 'application/json': ${narrow} }`;
}

function scalarType(schema: Schema): string {
  if (schema.enum) return schema.enum.map(quote).join(' | ');
  switch (schema.type) {
    case 'string':
    case 'boolean':
      return schema.type;
    case 'integer':
    case 'number':
      return 'number';
    case 'object':
      return 'Record<string, unknown>';
    default:
      throw new Error(`Cannot describe ${JSON.stringify(schema)}: a scalar is wanted`);
  }
}

function parametersIn(document: ApiDocument, list: unknown): readonly Parameter[] {
  return ((list ?? []) as readonly unknown[]).map(
    (parameter) => resolve(document, parameter) as Parameter,
  );
}

/** Resolves a reference into the components; returns anything else as it is. */
function resolve({ components }: ApiDocument, value: unknown): unknown {
  const { $ref } = value as Schema;
  if ($ref === undefined) return value;
  const [, kind = '', name = ''] = /^#\/components\/(\w+)\/([\w-]+)$/.exec($ref) ?? [];
  const found = components[kind]?.[name];
  if (found === undefined) throw new Error(`Cannot find ${JSON.stringify($ref)} in the document`);
  return found;
}

function nameIn(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

function quote(text: string): string {
  return `'${text}'`;
}

/** As `npm run format` would leave it, so that it is never changed afterwards. */
function format(text: string): Promise<string> {
  const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
  return new Promise((done, fail) => {
    const args = [biome, 'format', `--stdin-file-path=${file}`];
    const child = execFile(process.execPath, args, (error, formatted, stderr) => {
      if (error) fail(new Error(`Cannot format the client: ${stderr}`));
      else done(formatted);
    });
    child.stdin?.end(text);
  });
}

if (import.meta.main) {
  const { operations } = await loadUntyped('src/manage/api.ts');
  const { describeApi } = await loadUntyped('src/manage/openapi.ts');
  await writeFile(file, await generateClient(describeApi(operations)));
}
