/**
 * Fulfils the edge's contract for a forwarded request of any caller, without a decision: the headers both
 * ways, the timeout, and no use of Cloudflare's cache. The edge's extra time is the cost of deciding.
 */

const exposed =
  'Location, Link, ETag, Retry-After, X-Total-Count, WWW-Authenticate, X-Edge-Reason, X-Edge-Dropped-Headers, X-Request-Id, RateLimit, RateLimit-Policy, Upload-Offset, Upload-Length, Content-Range, Accept-Ranges';
const identity = {
  'x-edge-access': 'restricted',
  'x-edge-key-id': 'key_0123456789012345678901',
  'x-edge-owner': 'acct_bench',
  'x-forwarded-proto': 'http',
  'x-forwarded-host': '127.0.0.1:8080',
};
const neverCached = { cacheTtl: -1, cacheLevel: 'bypass' };
const TIMEOUT_MS = 30_000;

export default {
  async fetch(request, env) {
    const requestId = crypto.randomUUID();
    const upstreamHeaders = new Headers(request.headers);
    for (const name of request.headers.keys()) if (isRemoved(name)) upstreamHeaders.delete(name);
    for (const name in identity) upstreamHeaders.set(name, identity[name]);
    upstreamHeaders.set('x-request-id', requestId);

    const path = request.url.slice(request.url.indexOf('/', 'https://'.length));
    const answer = await withTimeout(
      fetch(env.UPSTREAM_URL + path, {
        method: request.method,
        headers: upstreamHeaders,
        redirect: 'manual',
        cf: neverCached,
      }),
    );

    const response = new Response(answer.body, answer);
    const { headers } = response;
    const foreign = [];
    headers.forEach((_, name) => {
      if (name.startsWith('access-control-')) foreign.push(name);
    });
    for (const name of foreign) headers.delete(name);
    headers.set('Access-Control-Allow-Origin', request.headers.get('origin'));
    headers.set('Access-Control-Expose-Headers', exposed);
    headers.append('Vary', 'Origin');
    headers.set('X-Content-Type-Options', 'nosniff');
    headers.set('X-Request-Id', requestId);
    return response;
  },
};

function isRemoved(name) {
  return name === 'authorization' || name === 'origin' || name.startsWith('x-edge-');
}

async function withTimeout(work) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(reject, TIMEOUT_MS, new Error('no response headers in time'));
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
