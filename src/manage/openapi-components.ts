/**
 * The parameters, headers and security schemes of the OpenAPI document, to which its operations refer.
 */

type Json = Readonly<Record<string, unknown>>;

/** Parameters, by the names that operations refer to. */
export const sharedParameters: Json = {
  KeyId: {
    name: 'id',
    in: 'path',
    required: true,
    description: 'The id of a key.',
    schema: { type: 'string', pattern: '^key_[0-9A-Za-z]{22}$' },
    example: 'key_0A1b2C3d4E5f6G7h8I9j0K',
  },
  EventId: {
    name: 'id',
    in: 'path',
    required: true,
    description: 'The id of an event.',
    schema: { type: 'string', pattern: '^evt_[0-9a-f]{32}$' },
    example: 'evt_0123456789abcdef0123456789abcdef',
  },
  GitHubKeyIdentifier: {
    name: 'Github-Public-Key-Identifier',
    in: 'header',
    required: true,
    description: 'Which of the keys that GitHub publishes the body is signed with.',
    schema: { type: 'string' },
    example: 'bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c',
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'A random text, such as a UUID. The same request with the same key within 24 hours is not carried out again and gets the same answer, its token included: that is kept encrypted, under a key that is derived from this text and the admin token, and can no longer be shown when the admin token was changed (409). Only success is kept.',
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' },
    example: '0d7b4a34-8f4e-4c0a-9a52-5b7c0a8f2f10',
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    required: false,
    description:
      'An ETag that is known, or `*`. A GET is answered 304 if it is the present one; a change is refused then.',
    schema: { type: 'string' },
    example: '"3-m0x2k8sg-0"',
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    required: false,
    description:
      'The ETag of the key as you read it. The change is rejected if the key has another one now.',
    schema: { type: 'string' },
    example: '"3-m0x2k8sg-0"',
  },
};

const text: Json = { type: 'string' };

/** Headers of answers. */
export const sharedHeaders: Json = {
  ETag: {
    description: 'The version of the key, for If-Match.',
    schema: text,
    example: '"3-m0x2k8sg-0"',
  },
  Location: {
    description: 'The path of the key.',
    schema: text,
    example: '/_edge/v1/keys/key_0A1b2C3d4E5f6G7h8I9j0K',
  },
  'X-Request-Id': { description: 'Finds the request in the logs.', schema: text },
  'X-Edge-Reason': { description: 'The code of the problem.', schema: text },
  'WWW-Authenticate': { description: 'How to sign in.', schema: text },
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' } },
  'Idempotency-Replayed': {
    description: '"true" on an answer that was kept from an earlier request.',
    schema: text,
  },
};

/** The ways to sign in. */
export const securitySchemes: Json = {
  adminToken: { type: 'http', scheme: 'bearer', description: 'ADMIN_TOKEN of the deployment.' },
  operatorToken: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A token of ADMIN_TOKENS. The roles of each operation are the scopes that suffice: read, keys, everything.',
  },
  personToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'A token of the issuer that MANAGE_JWT_ISSUER names. With the claim that MANAGE_JWT_OPERATOR_CLAIM names, its roles are the scopes in that claim.',
  },
  apiKey: {
    type: 'http',
    scheme: 'bearer',
    description: 'The token of an API key, or a client token of one.',
  },
  gitHubSignature: {
    type: 'apiKey',
    in: 'header',
    name: 'Github-Public-Key-Signature',
    description:
      'ECDSA over P-256 with SHA-256, of the body as it is, in DER and base64. See docs/secret-scanning.md.',
  },
  accessAssertion: {
    type: 'apiKey',
    in: 'header',
    name: 'Cf-Access-Jwt-Assertion',
    description: 'The token that Cloudflare Access adds.',
  },
};
