/**
 * Looks for secrets where none may be. A secret counts as found when any dozen of its characters in a
 * row are there, in any case, so that half of one does, and so does one in base64, in hexadecimal, or
 * one in hexadecimal as the bytes that it stands for.
 */

/** The texts to search, by the name under which a find is reported. Bytes are given as Latin-1. */
export type Places = Record<string, readonly string[]>;

/** Secrets by the name under which they are reported. */
export type Secrets = Record<string, string>;

const windowLength = 12;

/**
 * Returns one line for each secret in each place, such as "the admin token in the logs", and the text
 * around it. Throws if a secret is too short to be distinguished from other text.
 */
export function findSecrets(secrets: Secrets, places: Places): string[] {
  const namesOfPieces = indexPieces(secrets);
  return Object.entries(places).flatMap(([placeName, texts]) => {
    const finds = new Map<string, string>();
    for (const text of texts) {
      // One pass for all secrets: files are large, and there are thousands of pieces.
      const lowerCase = text.toLowerCase();
      for (let at = 0; at + windowLength <= lowerCase.length; at++) {
        for (const name of namesOfPieces.get(lowerCase.slice(at, at + windowLength)) ?? []) {
          if (finds.has(name)) continue;
          finds.set(name, JSON.stringify(text.slice(Math.max(0, at - 40), at + 40)));
        }
      }
    }
    return Object.keys(secrets).flatMap((name) => {
      const excerpt = finds.get(name);
      return excerpt === undefined ? [] : [`${name} in ${placeName}: ${excerpt}`];
    });
  });
}

/** The names of the secrets that a piece of text belongs to, by the piece in lower case. */
function indexPieces(secrets: Secrets): Map<string, Set<string>> {
  const namesOfPieces = new Map<string, Set<string>>();
  for (const [name, secret] of Object.entries(secrets)) {
    for (const piece of piecesOf(name, secret)) {
      namesOfPieces.set(piece, (namesOfPieces.get(piece) ?? new Set()).add(name));
    }
  }
  return namesOfPieces;
}

function piecesOf(name: string, secret: string): string[] {
  // The start of our tokens is no secret: it is the hint that people recognise a key by.
  const hidden = secret.replace(/^[a-z][a-z0-9]{0,15}_(?:sk|pk)_.{4}/, '');
  if (hidden.length < 2 * windowLength) throw new Error(`Cannot look for ${name}: it is too short`);
  const bytes = Buffer.from(hidden);
  const spellings = [
    hidden,
    bytes.toString('hex'),
    // Base64 takes three bytes at a time, so it looks different behind one or two others.
    ...[0, 1, 2].map((before) => bytes.subarray(before).toString('base64url')),
    ...(/^(?:[0-9a-f]{2})+$/i.test(hidden) ? [Buffer.from(hidden, 'hex').toString('latin1')] : []),
  ];
  return spellings.flatMap((spelling) => {
    const count = Math.max(0, spelling.length - windowLength + 1);
    return Array.from({ length: count }, (_, start) =>
      spelling.slice(start, start + windowLength).toLowerCase(),
    );
  });
}
