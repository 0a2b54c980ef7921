/**
 * Web Crypto that answers in the same turn of the event loop, for what it has computed before.
 *
 * Web Crypto works beside the event loop, so its answers come in no certain order; under a fake clock
 * that would be the one thing that is not repeatable. So what a world needs is computed first.
 */

/** Makes `crypto.subtle` remember what it hashed, signed, verified and imported. For test files of their own. */
export function rememberCrypto(): void {
  const { subtle } = crypto;
  const digest = subtle.digest.bind(subtle);
  const importKey = subtle.importKey.bind(subtle);
  const sign = subtle.sign.bind(subtle);
  const verify = subtle.verify.bind(subtle);
  const keyNumbers = new Map<CryptoKey, number>();
  const remembered = <Args extends unknown[], Result>(
    nameOf: (...args: Args) => string,
    compute: (...args: Args) => Promise<Result>,
  ) => {
    const results = new Map<string, Result>();
    return async (...args: Args): Promise<Result> => {
      const name = nameOf(...args);
      const known = results.get(name);
      if (known !== undefined) return known;
      const result = await compute(...args);
      results.set(name, result);
      return result;
    };
  };

  Object.assign(subtle, {
    digest: remembered((_algorithm, data) => textOf(data), digest),
    importKey: remembered(
      (format, secret, algorithm) => `${format}:${JSON.stringify(algorithm)}:${keyText(secret)}`,
      async (...args: Parameters<typeof importKey>) => {
        const key = await importKey(...args);
        keyNumbers.set(key, keyNumbers.size);
        return key;
      },
    ),
    sign: remembered((_algorithm, key, data) => `${keyNumbers.get(key)}:${textOf(data)}`, sign),
    verify: remembered(
      (_algorithm, key, signature, data) =>
        `${keyNumbers.get(key)}:${textOf(signature)}:${textOf(data)}`,
      verify,
    ),
  });
}

/** Returns whether `crypto.subtle` remembers. */
export function isCryptoRemembered(): boolean {
  return Object.hasOwn(crypto.subtle, 'digest');
}

/**
 * Gives `crypto.subtle` its own methods back. Files in workerd share a runtime, so the memory of one file
 * would answer the next one, which may import keys of other kinds.
 */
export function forgetCrypto(): void {
  const subtle: Partial<SubtleCrypto> = crypto.subtle;
  // They hide the methods of the prototype.
  delete subtle.digest;
  delete subtle.importKey;
  delete subtle.sign;
  delete subtle.verify;
}

function keyText(key: JsonWebKey | BufferSource): string {
  const isBytes = key instanceof ArrayBuffer || ArrayBuffer.isView(key);
  return isBytes ? textOf(key) : JSON.stringify(key);
}

function textOf(data: ArrayBuffer | ArrayBufferView): string {
  return String(ArrayBuffer.isView(data) ? data : new Uint8Array(data));
}
