/**
 * The setting `EVENTS_SECRET`. Pure, no I/O.
 *
 * The form of a secret: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

import { type Fault, secret } from './values.ts';

/** The secret that signs events. */
export const eventsSecret = secret(checkSecret);

function checkSecret(written: string): readonly Omit<Fault, 'value'>[] {
  const encoded = written.replace(/^whsec_/, '');
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded);
  const bytes = (encoded.replace(/=+$/, '').length * 6) >> 3;
  const fix = 'Set what this prints: echo "whsec_$(openssl rand -base64 32)"';
  if (encoded === written) return [{ reason: 'it does not begin with "whsec_"', fix }];
  if (!isBase64) return [{ reason: 'it is not base64 after "whsec_"', fix }];
  return bytes >= 24 && bytes <= 64 ? [] : [{ reason: 'it has not 24 to 64 bytes', fix }];
}
