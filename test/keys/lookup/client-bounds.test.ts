/**
 * The cost of client tokens that no key minted: invented ones, and variants of one that was copied from a
 * page. None of them may reach D1, however many come.
 */

import { beforeAll, describe, expect, inject, test } from 'vitest';
import { toBase64Url } from '../../../src/core/client-token/base64url.ts';
import type { ClientClaims } from '../../../src/core/client-token/claims.ts';
import { signClientToken } from '../../../src/core/client-token/signature.ts';
import {
  hashToken,
  importTagKey,
  type MintingToken,
  makeToken,
  mintingTokenOf,
} from '../../../src/core/key/token.ts';
import { MISS_SECONDS } from '../../../src/keys/limits.ts';
import { RequestScope } from '../../../src/keys/lookup/request-scope.ts';
import { MODEL_TAG_KEY_HEX } from '../../keys-model/truth.ts';
import { aStoredKey, Edge, type EdgeIsolate } from '../edge.ts';

/** Tokens of each kind. The nightly run sends a million in all. */
const FLOOD = inject('isNightly') ? 100_000 : 500;

interface Parent {
  readonly hash: string;
  readonly minting: MintingToken;
}

let parent: Parent;
/** A token of this deployment that D1 does not have any more. */
let gone: Parent;

beforeAll(async () => {
  [parent, gone] = await Promise.all([aParent(), aParent()]);
});

async function aParent(): Promise<Parent> {
  const tagKey = await importTagKey(MODEL_TAG_KEY_HEX);
  const fillRandom = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);
  const options = { prefix: 'ea', kind: 'backend', tagKey, fillRandom } as const;
  const token = await makeToken({ ...options, mintsClientTokens: true });
  const minting = await mintingTokenOf(token, tagKey);
  if (minting === null) throw new Error('The token does not mint');
  return { hash: await hashToken(token), minting };
}

function claimsAt(edge: Edge, differences: Partial<ClientClaims> = {}): ClientClaims {
  const iat = Math.floor(edge.time.nowMs / 1000) - 60;
  return { iat, exp: iat + 600, ...differences };
}

function minted(claims: ClientClaims, { minting }: Parent = parent): Promise<string> {
  return signClientToken({ ...minting, claims }, minting.randomPart);
}

function edgeWithParent(): Edge {
  const edge = new Edge();
  const clientTokens = {
    allowedOrigins: ['https://app.example'],
    rules: [{ methods: ['get'], resources: ['/api/asset/:id'] }],
    maxTtlSeconds: 600,
    originOptional: false,
    endConnectionsAtExpiry: true,
  };
  const { hash, minting } = parent;
  edge.truth.create(aStoredKey({ clientTokens }), hash, false, minting);
  return edge;
}

async function find(edge: Edge, isolate: EdgeIsolate, token: string) {
  const scope = new RequestScope(edge.time.nowMs, (work) => void work);
  return (
    isolate.directory.recall(token, scope) ?? (await isolate.directory.find(token, null, scope))
  );
}

/** The parts of a token, to be put together in another way. */
function partsOf(token: string) {
  const [head = '', payload = '', signature = ''] = token.slice('ea_ct_'.length).split('.');
  return { head, payload, signature };
}

const text = (value: object) => toBase64Url(new TextEncoder().encode(JSON.stringify(value)));
const headOf = (kid: string) => text({ alg: 'Ed25519', typ: 'edge-ct+jwt', kid });
/** Numbers as characters of base64url, from the end of a text of that length. */
const padded = (number: number, length: number) => number.toString(36).padStart(length, 'A');
/** A signature that can be one: both halves are small. */
function aSignature(number: number): string {
  const bytes = new Uint8Array(64);
  new DataView(bytes.buffer).setUint32(4, number + 1);
  new DataView(bytes.buffer).setUint32(36, number + 1);
  return toBase64Url(bytes);
}

/** By what an attacker does: the number-th token of this kind, from one that was copied. */
const variants: Readonly<
  Record<string, (edge: Edge, copied: string, number: number) => string | Promise<string>>
> = {
  'changes its claims': (edge, copied, number) => {
    const { head, signature } = partsOf(copied);
    return `ea_ct_${head}.${text(claimsAt(edge, { sub: `visitor-${number}` }))}.${signature}`;
  },
  'changes its signature': (_edge, copied, number) => {
    const { head, payload } = partsOf(copied);
    return `ea_ct_${head}.${payload}.${aSignature(number)}`;
  },
  'signs other claims with another key': (edge, _copied, number) => {
    const { kid } = parent.minting;
    const claims = claimsAt(edge, { sub: `visitor-${number}` });
    return signClientToken({ prefix: 'ea', kid, claims }, gone.minting.randomPart);
  },
  'gives it a longer life': (_edge, copied, number) => {
    const { head, signature } = partsOf(copied);
    const iat = 1_700_000_000 + number;
    return `ea_ct_${head}.${text({ iat, exp: iat + 3_000_000_000 })}.${signature}`;
  },
  'changes the name in its kid': (_edge, copied, number) => {
    const { payload, signature } = partsOf(copied);
    const kid = `${padded(number, 21)}A${parent.minting.kid.slice(-8)}`;
    return `ea_ct_${headOf(kid)}.${payload}.${signature}`;
  },
  'changes the tag in its kid': (_edge, copied, number) => {
    const { payload, signature } = partsOf(copied);
    const kid = parent.minting.kid.slice(0, -8) + padded(number, 8);
    return `ea_ct_${headOf(kid)}.${payload}.${signature}`;
  },
  'changes its prefix': (_edge, copied, number) =>
    copied.replace('ea_ct_', `e${padded(number, 6).toLowerCase()}_ct_`),
  'adds a member to its header': (_edge, copied, number) => {
    const { payload, signature } = partsOf(copied);
    const head = text({ alg: 'Ed25519', typ: 'edge-ct+jwt', kid: parent.minting.kid, n: number });
    return `ea_ct_${head}.${payload}.${signature}`;
  },
  'invents everything': (edge, _copied, number) =>
    `ea_ct_${headOf(`${padded(number, 21)}Q${padded(number, 8)}`)}.${text(claimsAt(edge))}.${aSignature(number)}`,
};

describe(`of ${FLOOD} client tokens of each kind, none reaches D1 or KV, if a caller`, () => {
  test.for(Object.entries(variants))('%s', async ([, variantOf]) => {
    const edge = edgeWithParent();
    const isolate = edge.isolate();
    const copied = await minted(claimsAt(edge));
    // The isolate knows the parent by a visitor's request.
    const known = await isolate.request(copied);
    expect(known.outcome).toBe('found');
    edge.takeCalls();

    for (let number = 0; number < FLOOD; number++) {
      const variant = await variantOf(edge, copied, number);
      const found = await find(edge, isolate, variant);
      if (found.outcome !== 'unknown') throw new Error(`${found.outcome} for ${variant}`);
    }

    expect(edge.takeCalls()).toEqual({});
    // Nothing of them stays, and the visitor is still accepted.
    expect(isolate.directory.stats()).toMatchObject({ clientTokens: 1, misses: 0 });
    expect((await find(edge, isolate, copied)).outcome).toBe('found');
    expect(edge.takeCalls()).toEqual({});
  });

  test('has copied one whose key D1 holds no more: one look-up in some seconds', async () => {
    const edge = edgeWithParent();
    const isolate = edge.isolate();
    await isolate.request(await minted(claimsAt(edge)));
    edge.takeCalls();
    const { head } = partsOf(await minted(claimsAt(edge), gone));
    const flood = async () => {
      for (let number = 0; number < FLOOD; number++) {
        const payload = text(claimsAt(edge, { sub: `visitor-${number}` }));
        const found = await find(edge, isolate, `ea_ct_${head}.${payload}.${aSignature(number)}`);
        if (found.outcome !== 'unknown') throw new Error(found.outcome);
      }
    };
    // The first one asks, and its answer is remembered.
    const first = `ea_ct_${head}.${text(claimsAt(edge))}.${aSignature(0)}`;
    expect((await isolate.request(first, { isAllowed: false })).outcome).toBe('unknown');
    expect(edge.takeCalls()).toEqual({ replicaReads: 1, database: 1 });
    await flood();
    expect(edge.takeCalls()).toEqual({});
    await edge.time.advance(MISS_SECONDS * 1000);
    await isolate.request(first, { isAllowed: false });
    await flood();
    expect(edge.takeCalls()).toMatchObject({ replicaReads: 1, database: 1 });
  });

  test('sends them to an isolate that has just started: by what its first read tells', async () => {
    const edge = edgeWithParent();
    const isolate = edge.isolate();
    const copied = await minted(claimsAt(edge));
    await isolate.request(await variants['changes its claims']!(edge, copied, 0), {
      isAllowed: false,
    });
    expect(edge.takeCalls().database).toBe(1);
    for (let number = 1; number < FLOOD; number++) {
      await find(edge, isolate, await variants['changes its claims']!(edge, copied, number));
      await find(edge, isolate, await variants['invents everything']!(edge, copied, number));
    }
    expect(edge.takeCalls()).toEqual({});
  });

  test('invents one, and another isolate of the data centre has read the log', async () => {
    const edge = edgeWithParent();
    const copied = await minted(claimsAt(edge));
    await edge.isolate().request(copied);
    edge.takeCalls();
    const invented = await variants['invents everything']!(edge, copied, 1);
    const found = await edge.isolate().request(invented, { isAllowed: false });
    expect(found).toMatchObject({ outcome: 'unknown', cause: 'client token: wrong tag' });
    expect(edge.takeCalls().database).toBeUndefined();
  });
});
