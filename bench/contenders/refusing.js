/** A refusal of the edge without a decision: the same body, headers and log line for every caller. */

const detail =
  'Cannot authorize the request: the API key is not valid. Check that you copied the whole key, and that it is not revoked, disabled or expired';
const exposed =
  'Location, Link, ETag, Retry-After, X-Total-Count, WWW-Authenticate, X-Edge-Reason, X-Edge-Dropped-Headers, X-Request-Id, RateLimit, RateLimit-Policy, Upload-Offset, Upload-Length, Content-Range, Accept-Ranges';

export default {
  fetch(request) {
    const requestId = crypto.randomUUID();
    const origin = request.headers.get('origin');
    const line = {
      event: 'refused',
      code: 'invalid_key',
      cause: 'wrong checksum',
      requestId,
      method: request.method,
      origin,
      country: request.cf?.country,
      durationMs: 0,
      keySource: 'memory',
      keyDurationMs: 0,
    };
    console.log(JSON.stringify(line));
    const body = {
      type: '/_edge/errors#invalid_key',
      title: 'API key not valid',
      status: 401,
      detail,
      code: 'invalid_key',
      errors: [detail],
      requestId,
    };
    const response = new Response(JSON.stringify(body), { status: 401 });
    const { headers } = response;
    headers.set('Content-Type', 'application/json');
    headers.set('Cache-Control', 'no-store');
    headers.set('X-Edge-Reason', 'invalid_key');
    headers.set('X-Request-Id', requestId);
    headers.set('WWW-Authenticate', 'Bearer error="invalid_token"');
    headers.set('Access-Control-Allow-Origin', origin);
    headers.set('Access-Control-Expose-Headers', exposed);
    headers.set('Vary', 'Origin');
    return response;
  },
};
