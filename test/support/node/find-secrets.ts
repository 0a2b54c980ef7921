/**
 * Looks for secrets where none may be. A secret counts as found when any dozen of its characters in a
 * row are there, in any case, so that half of one does, and so does one in base64 or hexadecimal.
 */

/** What is searched, by the name under which a find is reported. */
export type Places = Record<string, readonly string[]>;

/** Secrets by the name under which they are reported. */
export type Secrets = Record<string, string>;

const windowLength = 12;

/**
 * Returns one line for each secret in each place, such as "the admin token in the logs", and the text
 * around it. Throws when a secret is too short to be told from other text.
 */
export function findSecrets(secrets: Secrets, places: Places): string[] {
  const found: string[] = [];
  for (const [placeName, texts] of Object.entries(places)) {
    for (const [secretName, secret] of Object.entries(secrets)) {
      const pieces = piecesOf(secretName, secret);
      for (const text of texts) {
        const at = indexOfAny(text.toLowerCase(), pieces);
        if (at === -1) continue;
        const excerpt = JSON.stringify(text.slice(Math.max(0, at - 40), at + 40));
        found.push(`${secretName} in ${placeName}: ${excerpt}`);
        break;
      }
    }
  }
  return found;
}

function piecesOf(name: string, secret: string): string[] {
  // The start of our tokens is no secret: it is the hint that people recognise a key by.
  const hidden = secret.replace(/^[a-z][a-z0-9]{0,15}_(?:sk|pk)_.{4}/, '');
  if (hidden.length < 2 * windowLength) throw new Error(`Cannot look for ${name}: it is too short`);
  const bytes = Buffer.from(hidden);
  const spellings = [hidden, bytes.toString('base64url'), bytes.toString('hex')];
  return spellings.flatMap((spelling) => {
    const count = spelling.length - windowLength + 1;
    return Array.from({ length: count }, (_, start) =>
      spelling.slice(start, start + windowLength).toLowerCase(),
    );
  });
}

function indexOfAny(text: string, pieces: string[]): number {
  for (const piece of pieces) {
    const at = text.indexOf(piece);
    if (at !== -1) return at;
  }
  return -1;
}
