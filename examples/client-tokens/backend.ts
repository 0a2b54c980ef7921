/**
 * The backend of a page: signs visitors in, and gives each of them client tokens. It holds the API key. The
 * page never sees that key, and calls the edge without passing through here.
 */

import { createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mintClientToken } from 'edge-authorizer/client-tokens';
import { type Context, Hono } from 'hono';
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import { csrf } from 'hono/csrf';
import { secureHeaders } from 'hono/secure-headers';

/** The settings of the backend. */
export interface BackendOptions {
  readonly edgeUrl: string;
  /** A backend key with `access.clientTokens` that lists the origin of the page. */
  readonly apiKey: string;
  /** The bundled script of the page. */
  readonly script: string;
  /** Lifetime of a token. Short by default, so that a reader sees the page renew one. */
  readonly ttlSeconds?: number;
  /** The clock. */
  readonly now?: () => Date;
}

const COOKIE = 'session';
const NAME_MAX_LENGTH = 40;
const TTL_DEFAULT_SECONDS = 60;

/** Returns the backend as a Hono app. Its sessions end when it is restarted. */
export function createBackend(options: BackendOptions): Hono {
  const { edgeUrl, apiKey, script, ttlSeconds = TTL_DEFAULT_SECONDS } = options;
  const now = options.now ?? (() => new Date());
  const secret = randomBytes(32).toString('base64url');
  const visitorOf = (c: Context) => getSignedCookie(c, secret, COOKIE);

  const app = new Hono();
  app.use(headersFor(edgeUrl));
  // Another site can neither sign a visitor in nor fetch a token for them.
  app.use(csrf());

  app.get('/', async (c) => c.html(await textOf('index.html')));
  app.get('/style.css', async (c) =>
    c.body(await textOf('style.css'), 200, { 'Content-Type': 'text/css; charset=utf-8' }),
  );
  app.get('/page.js', (c) =>
    c.body(script, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }),
  );

  // Your own sign-in replaces this one, which believes every name.
  app.post('/sign-in', async (c) => {
    const { name } = await c.req.parseBody();
    if (typeof name !== 'string' || name.trim() === '' || name.length > NAME_MAX_LENGTH) {
      return c.text(`A name of 1 to ${NAME_MAX_LENGTH} characters is required`, 422);
    }
    await setSignedCookie(c, COOKIE, name.trim(), secret, {
      path: '/',
      httpOnly: true,
      sameSite: 'Strict',
      secure: new URL(c.req.url).protocol === 'https:',
    });
    return c.redirect('/', 303);
  });

  app.post('/sign-out', (c) => {
    deleteCookie(c, COOKIE, { path: '/' });
    return c.redirect('/', 303);
  });

  app.get('/session', async (c) => {
    const name = (await visitorOf(c)) || null;
    return c.json({ name, edgeUrl });
  });

  app.post('/api-token', async (c) => {
    const name = await visitorOf(c);
    if (!name) return c.json({ error: 'Sign in first' }, 401);
    const token = await mintClientToken(apiKey, {
      ttlSeconds,
      sub: opaqueId(name, secret),
      issuedAt: now(),
    });
    return c.json({ token });
  });
  return app;
}

/** The page may call its backend and the edge, and run no script of another origin. */
function headersFor(edgeUrl: string) {
  return secureHeaders({
    referrerPolicy: 'no-referrer',
    // For https hosts: this one listens on the loopback address alone.
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ['data:'],
      connectSrc: ["'self'", edgeUrl],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
  });
}

/** Names a visitor to the edge and its logs without their name. */
function opaqueId(name: string, secret: string): string {
  return `visitor-${createHmac('sha256', secret).update(name).digest('hex').slice(0, 16)}`;
}

/** Reads a file of the page each time, so that a reload shows an edit. */
function textOf(file: string): Promise<string> {
  return readFile(join(import.meta.dirname, 'page', file), 'utf8');
}
