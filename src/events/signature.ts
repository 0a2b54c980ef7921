/**
 * Signs events as Standard Webhooks ask for: HMAC with SHA-256 over the id, the time and the body.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
 */

/** The parts of an event that its signature covers. */
export interface SignedParts {
  readonly id: string;
  /** When the event is sent, in seconds. */
  readonly timestamp: string;
  readonly body: string;
}

/** Returns the value of `Webhook-Signature`. `secret`: `whsec_` and base64. Rejects if it is not. */
export async function signEvent(
  secret: string,
  { id, timestamp, body }: SignedParts,
): Promise<string> {
  const bytes = Uint8Array.from(atob(secret.replace(/^whsec_/, '')), (character) =>
    character.charCodeAt(0),
  );
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign']);
  const text = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const signature = new Uint8Array(await crypto.subtle.sign('HMAC', key, text));
  return `v1,${btoa(String.fromCharCode(...signature))}`;
}
