/** The edge in front of another Worker, by a service binding instead of a URL. */

import { env } from 'cloudflare:workers';
import { createAuthorizer } from 'edge-authorizer';
import type { Env } from 'edge-authorizer/env';

interface Bindings extends Env {
  readonly API: Fetcher;
}

const { API } = env as Bindings;

export default createAuthorizer({ upstream: API });
