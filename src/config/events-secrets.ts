/**
 * The setting `EVENTS_SECRET`: one secret, or two during a rotation. Pure, no I/O.
 *
 * The form of a secret: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

import { type Fault, type Setting, secret } from './values.ts';

/** The secrets that sign events, the new one first; `null` after the value was reported to be no text. */
export const eventsSecrets: Setting<readonly string[] | null> = {
  read: (written, report) => secret(checkSecrets).read(written, report)?.split(BLANKS) ?? null,
};

type Faults = readonly Omit<Fault, 'value'>[];

const BLANKS = /\s+/;
const EXAMPLE = 'echo "whsec_$(openssl rand -base64 32)"';
const FIX_OF_TWO =
  'Set the new secret and the present one with a blank between them, or one of them alone';

function checkSecrets(value: string): Faults {
  const secrets = value.split(BLANKS);
  // A shell variable that is not set leaves a blank in the place of a secret.
  if (secrets.includes('')) {
    return [{ reason: 'it begins or ends with a blank', fix: FIX_OF_TWO }];
  }
  if (secrets.length > 2) return [{ reason: 'it holds more than two secrets', fix: FIX_OF_TWO }];
  const [first = '', second] = secrets;
  if (second === undefined) return checkSecret(first, 'it', `Set what this prints: ${EXAMPLE}`);
  if (first === second) return [{ reason: 'it holds the same secret twice', fix: FIX_OF_TWO }];
  const fix = `${FIX_OF_TWO}, each as this prints it: ${EXAMPLE}`;
  return [
    ...checkSecret(first, 'the first secret', fix),
    ...checkSecret(second, 'the second secret', fix),
  ];
}

/** Checks one secret, which the reason calls `subject`. */
function checkSecret(written: string, subject: string, fix: string): Faults {
  const encoded = written.replace(/^whsec_/, '');
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded);
  const bytes = (encoded.replace(/=+$/, '').length * 6) >> 3;
  if (encoded === written) return [{ reason: `${subject} does not begin with "whsec_"`, fix }];
  if (!isBase64) return [{ reason: `${subject} is not base64 after "whsec_"`, fix }];
  return bytes >= 24 && bytes <= 64 ? [] : [{ reason: `${subject} has not 24 to 64 bytes`, fix }];
}
