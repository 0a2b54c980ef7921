/** The `livepeer` SDK through an edge. */

import { Livepeer } from 'livepeer';
import { SDKError } from 'livepeer/models/errors/index.js';
import { type Refusal, readRefusal } from './refusal.ts';

/** The SDK, which adds its paths to the URL: hence `/api`. It tries again what may pass by waiting. */
export function livepeerAt(edge: string, key: string): Livepeer {
  return new Livepeer({
    serverURL: `${edge}/api`,
    apiKey: key,
    retryConfig: {
      strategy: 'backoff',
      backoff: { initialInterval: 500, maxInterval: 60_000, exponent: 1.5, maxElapsedTime: 60_000 },
    },
  });
}

/** The rejection in the response; `null` if the page could not read it, or after another failure. */
export function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof SDKError)) return null;
  const { headers } = error.rawResponse;
  return readRefusal(error.statusCode, (name) => headers.get(name), error.body);
}
