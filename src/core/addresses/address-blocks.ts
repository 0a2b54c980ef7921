/**
 * Blocks of addresses (CIDR), by which a key says where it may be used from: read when they are written,
 * and compared with the client's address on each request. Pure, no I/O.
 *
 * https://www.rfc-editor.org/rfc/rfc4632#section-3.1, https://www.rfc-editor.org/rfc/rfc4291#section-2.3
 */

import ipaddr from 'ipaddr.js';
import type { FieldProblem } from '../field-problem.ts';
import {
  ADDRESS_MAX_LENGTH,
  type Address,
  type ParsedAddress,
  parseWritten,
  wordsOf,
} from './address.ts';

/** Blocks ready to be compared. */
export type AddressSet = readonly CompiledBlock[];

/** The bits that an address must have, and which of its bits are compared. */
interface CompiledBlock {
  readonly words: readonly number[];
  readonly masks: readonly number[];
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
  const address = parseWritten(written);
  if (address === null) {
    return refuse('it is neither an address nor a CIDR block', `Write ${example}`);
  }
  const bits = address instanceof ipaddr.IPv6 ? 128 : 32;
  const prefix = length === undefined ? bits : Number(length);
  if (prefix > bits) {
    return refuse(`its prefix is longer than the ${bits} bits of the address`, `Write ${example}`);
  }
  if (!(address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress())) {
    return { ok: true, block: blockText(address, prefix) };
  }
  const mapped = address.toIPv4Address();
  if (prefix < MAPPED_BITS) {
    return refuse(
      `it is an IPv4-mapped address with a prefix shorter than ${MAPPED_BITS} bits, which covers no IPv4 addresses alone`,
      `Write the IPv4 block, such as "${mapped.toString()}/24"`,
    );
  }
  return { ok: true, block: blockText(mapped, prefix - MAPPED_BITS) };
}

/** Compiles blocks in canonical form. A text in another form admits no address. */
export function compileBlocks(blocks: readonly string[]): AddressSet {
  return blocks.flatMap((text) => {
    const [written = '', length] = text.split('/');
    const address = parseWritten(written);
    return address === null || length === undefined ? [] : [compileBlock(address, Number(length))];
  });
}

/** Returns whether an address is in one of the blocks. `null`, an address that is not known, is in no block. */
export function admitsAddress(blocks: AddressSet, address: Address | null): boolean {
  return address !== null && blocks.some((block) => isIn(block, address.words));
}

function isIn({ words, masks }: CompiledBlock, address: readonly number[]): boolean {
  // Families differ in the number of words.
  if (address.length !== words.length) return false;
  for (let at = 0; at < words.length; at++) {
    if (((address[at] ?? 0) & (masks[at] ?? 0)) >>> 0 !== words[at]) return false;
  }
  return true;
}

function compileBlock(address: ParsedAddress, prefix: number): CompiledBlock {
  const masks = wordsOf(address).map((_, index) => maskOf(prefix - 32 * index));
  const words = wordsOf(address).map((word, index) => (word & (masks[index] ?? 0)) >>> 0);
  return { words, masks };
}

/** A word whose first bits are set: all for 32 and more, none for 0 and less. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffff_ffff : (0xffff_ffff << (32 - bits)) >>> 0;
}

function blockText(address: ParsedAddress, prefix: number): string {
  const text = `${address.toString()}/${prefix}`;
  const network =
    address instanceof ipaddr.IPv6
      ? ipaddr.IPv6.networkAddressFromCIDR(text)
      : ipaddr.IPv4.networkAddressFromCIDR(text);
  return `${network.toString()}/${prefix}`;
}

function refuse(reason: string, fix: string): BlockResult {
  return { ok: false, reason, fix };
}
