/**
 * Everything of the platform that `core` may use. `src/core/tsconfig.json` compiles core against these seven
 * names and the language alone, so that I/O, timers and the types of Workers are compile errors.
 *
 * `URL`, `TextEncoder` and `TextDecoder` are pure. Of `crypto`, core uses digests, signatures and the keys
 * for them; randomness is passed in.
 */

declare class URL {
  constructor(url: string, base?: string);
  static parse(url: string, base?: string): URL | null;
  static canParse(url: string, base?: string): boolean;
  readonly href: string;
  readonly origin: string;
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
}

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(encoding: 'utf-8', options: { fatal: boolean; ignoreBOM: boolean });
  decode(bytes: Uint8Array): string;
}

interface CryptoKey {
  readonly type: string;
}

declare const crypto: {
  readonly subtle: {
    digest(algorithm: string, bytes: Uint8Array): Promise<ArrayBuffer>;
    sign(algorithm: string, key: CryptoKey, bytes: Uint8Array): Promise<ArrayBuffer>;
    importKey(
      format: 'raw' | 'pkcs8',
      bytes: Uint8Array,
      algorithm: string | { readonly name: string; readonly hash: string },
      extractable: boolean,
      usages: string[],
    ): Promise<CryptoKey>;
    importKey(
      format: 'jwk',
      key: Readonly<Record<string, string>>,
      algorithm: string,
      extractable: boolean,
      usages: string[],
    ): Promise<CryptoKey>;
    verify(
      algorithm: string,
      key: CryptoKey,
      signature: Uint8Array,
      bytes: Uint8Array,
    ): Promise<boolean>;
    deriveBits(
      algorithm: Readonly<Record<string, unknown>>,
      key: CryptoKey,
      bits: number,
    ): Promise<ArrayBuffer>;
    exportKey(format: 'jwk', key: CryptoKey): Promise<unknown>;
  };
};

declare function atob(base64: string): string;
declare function btoa(bytes: string): string;
