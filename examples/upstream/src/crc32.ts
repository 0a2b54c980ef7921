/** CRC-32 as gzip and zlib compute it: https://www.rfc-editor.org/rfc/rfc1952#section-8 */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  }
  return remainder;
});

/** The checksum of the bytes, or of all bytes so far when that of those before is given. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let remainder = ~before;
  // A byte is below 256, so the table holds an entry for it.
  for (const byte of bytes) remainder = (remainder >>> 8) ^ TABLE[(remainder ^ byte) & 0xff]!;
  return ~remainder >>> 0;
}
