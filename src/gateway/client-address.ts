/**
 * The address of the client, as Cloudflare reports it. Elsewhere the header may hold anything.
 * https://developers.cloudflare.com/fundamentals/reference/http-headers/#cf-connecting-ip
 */

import { type Address, parseAddress } from '../core/addresses/address.ts';
import type { Key } from '../core/key/key.ts';

/**
 * Returns the address that a key's blocks are compared with. It is read only for keys that have some,
 * because each header costs a call into the runtime. `null` also if the header holds no address.
 */
export function addressFor(key: Key, { headers }: Request): Address | null {
  return key.addresses === null ? null : parseAddress(headers.get('cf-connecting-ip') ?? '');
}
