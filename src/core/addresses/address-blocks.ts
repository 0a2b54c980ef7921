/**
 * Blocks of addresses (CIDR), by which a key says where it may be used from: read when they are written,
 * and compared with the client's address on each request. Pure, no I/O.
 *
 * https://www.rfc-editor.org/rfc/rfc4632#section-3.1, https://www.rfc-editor.org/rfc/rfc4291#section-2.3
 */

import type { FieldProblem } from '../field-problem.ts';
import {
  ADDRESS_MAX_LENGTH,
  type Address,
  addressText,
  mappedIpv4,
  parseWritten,
  type Words,
} from './address.ts';

/** Blocks ready to be compared. */
export type AddressSet = readonly CompiledBlock[];

/** The bits that an address must have, and which of its bits are compared. */
interface CompiledBlock {
  readonly words: Words;
  readonly masks: Words;
}

/** A block in canonical form, or the reason why a text is not a block. */
export type BlockResult =
  | { readonly ok: true; readonly block: string }
  | ({ readonly ok: false } & Pick<FieldProblem, 'reason' | 'fix'>);

const MAPPED_BITS = 96;
const example = '"203.0.113.0/24", "2001:db8::/32" or a single address';

/**
 * Brings a block into canonical form: the network's address and the length of its prefix. An address
 * alone is the block of that address. An IPv4-mapped block is the IPv4 block that it maps. Never throws.
 */
export function canonicalizeBlock(text: string): BlockResult {
  const [, written = '', length] =
    text.length > ADDRESS_MAX_LENGTH ? [] : (/^([^/]*)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? []);
  if (written.includes('%')) {
    return refuse(
      'it names a zone, which is an interface of one machine',
      'Write the address without "%" and what follows it',
    );
  }
  const words = parseWritten(written);
  if (words === null) {
    return refuse('it is neither an address nor a CIDR block', `Write ${example}`);
  }
  const bits = 32 * words.length;
  const prefix = length === undefined ? bits : Number(length);
  if (prefix > bits) {
    return refuse(`its prefix is longer than the ${bits} bits of the address`, `Write ${example}`);
  }
  const mapped = mappedIpv4(words);
  if (mapped === null) return { ok: true, block: blockText(words, prefix) };
  if (prefix < MAPPED_BITS) {
    return refuse(
      `it is an IPv4-mapped address with a prefix shorter than ${MAPPED_BITS} bits, which covers no IPv4 addresses alone`,
      `Write the IPv4 block, such as "${addressText(mapped)}/24"`,
    );
  }
  return { ok: true, block: blockText(mapped, prefix - MAPPED_BITS) };
}

/** Compiles blocks in canonical form. A text in another form admits no address. */
export function compileBlocks(blocks: readonly string[]): AddressSet {
  return blocks.flatMap((text) => {
    const [written = '', length] = text.split('/');
    const words = parseWritten(written);
    return words === null || length === undefined ? [] : [compileBlock(words, Number(length))];
  });
}

/** Returns whether an address is in one of the blocks. `null`, an address that is not known, is in no block. */
export function admitsAddress(blocks: AddressSet, address: Address | null): boolean {
  return address !== null && blocks.some((block) => isIn(block, address.words));
}

function isIn({ words, masks }: CompiledBlock, address: Words): boolean {
  // Families differ in the number of words.
  if (address.length !== words.length) return false;
  for (let at = 0; at < words.length; at++) {
    if (((address[at] ?? 0) & (masks[at] ?? 0)) >>> 0 !== words[at]) return false;
  }
  return true;
}

function compileBlock(address: Words, prefix: number): CompiledBlock {
  const masks = address.map((_, index) => maskOf(prefix - 32 * index));
  const words = address.map((word, index) => (word & (masks[index] ?? 0)) >>> 0);
  return { words, masks };
}

/** A word whose first bits are set: all for 32 and more, none for 0 and less. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffff_ffff : (0xffff_ffff << (32 - bits)) >>> 0;
}

function blockText(address: Words, prefix: number): string {
  return `${addressText(compileBlock(address, prefix).words)}/${prefix}`;
}

function refuse(reason: string, fix: string): BlockResult {
  return { ok: false, reason, fix };
}
