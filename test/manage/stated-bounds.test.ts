/**
 * The bounds that the OpenAPI document states are those that the server enforces: for each member of each
 * request, and each parameter, a value just outside of each bound is refused, and the problem names it.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, type Document } from './client.ts';

let edge: Deployment;
let operator: Client;
let api: Document;
let keyId = '';

beforeAll(async () => {
  // Without this setting, the portal's endpoint is not there.
  edge = await deploy({ vars: { PORTAL_RETURN_URLS: 'https://app.example.com' } });
  operator = clientOf(edge);
  api = (await operator('GET', '/openapi.json')).body;
  keyId = (await operator('POST', '/keys', { body: { name: 'a key' } })).body.id;
});

afterAll(() => edge.dispose());

/** A value outside of one bound of a schema. */
interface Violation {
  readonly bound: string;
  readonly value: unknown;
}

function violationsOf(schema: Document): readonly Violation[] {
  const { maxLength, minLength, pattern, maximum, minimum, maxItems, minItems } = schema;
  const found: Violation[] = [];
  const add = (bound: string, value: unknown) => found.push({ bound, value });
  if (maxLength !== undefined) add('maxLength', 'a'.repeat(maxLength + 1));
  if (minLength > 0) add('minLength', 'a'.repeat(minLength - 1));
  if (pattern !== undefined) add('pattern', '\u0001 ');
  if (maximum !== undefined) add('maximum', maximum + 1);
  if (minimum !== undefined) add('minimum', minimum - 1);
  if (maxItems !== undefined) {
    add('maxItems', Array(maxItems + 1).fill(schema.items.type === 'object' ? {} : 'a'));
  }
  if (minItems > 0) add('minItems', Array(minItems - 1).fill('a'));
  if (schema.enum !== undefined) add('enum', 'no such word');
  if (schema.format === 'date-time') add('format', '2030-01-01');
  return found;
}

/** The schemas inside of a request, with their places as problems name them. */
function* membersOf(schema: Document, place = ''): Generator<readonly [string, Document]> {
  const whole = schema.$ref ? api.components.schemas[schema.$ref.split('/').at(-1)] : schema;
  for (const choice of whole.anyOf ?? []) yield* membersOf({ ...choice }, place);
  yield [place, whole];
  for (const [name, member] of Object.entries<Document>(whole.properties ?? {})) {
    yield* membersOf(member, place === '' ? name : `${place}.${name}`);
  }
  if (whole.items?.properties) yield* membersOf(whole.items, `${place}[0]`);
}

/** A document with a value at a place, and little else. */
function documentWith(place: string, value: unknown): Document {
  const root: Document = {};
  let parent = root;
  const names = place.replaceAll('[0]', '.0').split('.');
  for (const [index, name] of names.entries()) {
    if (index === names.length - 1) parent[name] = value;
    else {
      parent[name] ??= names[index + 1] === '0' ? [] : {};
      parent = parent[name];
    }
  }
  return root;
}

const operations = () =>
  Object.entries<Document>(api.paths).flatMap(([path, item]) =>
    Object.entries<Document>(item)
      .filter(
        ([method, { security }]) =>
          method !== 'parameters' &&
          (security ?? api.security).some((scheme: object) => 'adminToken' in scheme),
      )
      .map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );

describe('a bound that the OpenAPI document states', () => {
  it('of a body is enforced', async () => {
    let count = 0;
    for (const { path, method, operation } of operations()) {
      const content = operation.requestBody?.content['application/json'];
      if (content === undefined) continue;
      for (const [place, schema] of membersOf(content.schema)) {
        for (const { bound, value } of violationsOf(schema)) {
          const said = `${method} ${path}: ${bound} of ${place}`;
          const answer = await operator(method, path.replace('{id}', keyId), {
            body: documentWith(place, value),
          });
          expect(answer.status, `${said} ${answer.text.slice(0, 300)}`).toBe(422);
          const paths = answer.body.problems.map((problem: Document) => problem.path);
          expect(
            paths.some((at: string) => at.startsWith(place)),
            `${said}: ${paths}`,
          ).toBe(true);
          count += 1;
        }
      }
    }
    expect(count).toBeGreaterThan(60);
  });

  it('of a parameter is enforced', async () => {
    let count = 0;
    for (const { path, method, operation } of operations()) {
      for (const parameter of operation.parameters ?? []) {
        if (parameter.in !== 'query') continue;
        for (const { bound, value } of violationsOf(parameter.schema)) {
          const said = `${method} ${path}: ${bound} of ${parameter.name}`;
          const query = `${parameter.name}=${encodeURIComponent(String(value))}`;
          const answer = await operator(method, `${path.replace('{id}', keyId)}?${query}`);
          expect(answer.status, said).toBe(422);
          const paths = answer.body.problems.map((problem: Document) => problem.path);
          expect(paths, said).toEqual([parameter.name]);
          count += 1;
        }
      }
    }
    expect(count).toBeGreaterThan(20);
  });
});

describe('each member', () => {
  it('of a request has a bound, except for those that the size of the body bounds', () => {
    const unbounded = new Set<string>();
    for (const { operation } of operations()) {
      const content = operation.requestBody?.content['application/json'];
      if (content === undefined) continue;
      for (const [place, schema] of membersOf(content.schema)) {
        const isBounded =
          violationsOf(schema).length > 0 || schema.type === 'boolean' || 'const' in schema;
        const isText = schema.type === 'string' && !isBounded;
        const isList = schema.type === 'array' && schema.maxItems === undefined;
        if (isText || isList) unbounded.add(`${operation.operationId} ${place}`);
      }
    }
    // A token that is too long is explained like any other.
    expect([...unbounded].toSorted()).toEqual(['explainRequest token']);
  });

  it('has a description', () => {
    const without: string[] = [];
    const look = (schema: Document, place: string): void => {
      for (const [name, member] of Object.entries<Document>(schema?.properties ?? {})) {
        if (!member.description && !member.$ref) without.push(`${place}.${name}`);
        look(member, `${place}.${name}`);
      }
      if (schema?.items) look(schema.items, `${place}[]`);
      for (const choice of schema?.anyOf ?? []) look(choice, place);
    };
    for (const [name, schema] of Object.entries<Document>(api.components.schemas)) {
      look(schema, name);
    }
    expect(without).toEqual([]);
  });
});
