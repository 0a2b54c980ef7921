/**
 * An API shaped like Livepeer Studio's, to put behind the edge while developing and testing.
 *
 * It checks no key. It believes `X-Edge-*`, because it verifies the edge's signed assertion, or because only
 * the edge can reach it and `EDGE_ASSERTION=off` says so. Everything lives in the memory of one isolate and
 * is gone when it restarts.
 */

import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { requireAssertion } from './assertion.ts';
import { assetRoutes } from './assets.ts';
import { echo } from './echo.ts';
import { nothingHere } from './errors.ts';
import { recordRequest, requestRoutes } from './requests.ts';
import { streamRoutes } from './streams.ts';
import { targetRoutes } from './targets.ts';
import { trapRoutes } from './traps.ts';
import { uploadRoutes } from './uploads.ts';
import { viewRoutes } from './views.ts';

const app = new Hono({ getPath: pathAsExpressReadsIt });

app.use(recordRequest);

// `wrangler dev` tells every Worker that its caller takes Brotli, and so has it from us even for
// `curl`, which does not and would show noise. It leaves alone what names an encoding, even though
// that name is superfluous: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
app.use(async (c, next) => {
  await next();
  if (c.res.body !== null) c.header('Content-Encoding', 'identity');
});

// Before the check of `Origin`: a browser sends files straight to these.
app.route('/', uploadRoutes);

app.use(requireAssertion);

// Studio answers 403 to any `Origin` that comes with a key it takes for a backend's. All keys are
// that here: the edge has already decided about origins, so none may get this far.
app.use(async (c, next) => {
  const origin = c.req.header('Origin');
  if (origin !== undefined) {
    return c.json({ errors: [`the upstream received the origin ${JSON.stringify(origin)}`] }, 403);
  }
  return next();
});

app.route('/', trapRoutes);
app.route('/', streamRoutes);
app.route('/', targetRoutes);
app.route('/', assetRoutes);
app.route('/', viewRoutes);
app.route('/', requestRoutes);
app.all('/echo/*', echo);

app.get('/api/busy', (c) =>
  c.json({ errors: ['too many requests, try again in 5 seconds'] }, 429, { 'Retry-After': '5' }),
);

app.notFound(nothingHere);

app.onError((error, c) => {
  if (error instanceof HTTPException) return c.json({ errors: [error.message] }, error.status);
  console.error(error);
  return c.json({ errors: ['internal server error'] }, 500);
});

export default app;

/**
 * Returns the path in lower case and without a trailing slash.
 *
 * Express, which the real upstream uses, ignores both: there `/api/stream/Deactivate-Many` runs the
 * bulk action and `/api/stream/` is the list. An upstream that is stricter would hide mistakes at
 * the edge. Ids lose their case too, which costs nothing as the ones made here have none.
 */
function pathAsExpressReadsIt(request: Request): string {
  const path = new URL(request.url).pathname.toLowerCase();
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
