/**
 * The meaning of the gateway's rejections, for people. The page of error codes and docs/errors.md both show
 * this table; `problems.ts` explains management's own codes.
 */

import type { RejectionCode } from '../core/decide/rejection.ts';

/** The meaning of each rejection, and what to do about it, as sentences. */
export const rejectionHelp: Readonly<
  Record<RejectionCode, { readonly meaning: string; readonly remedy: string }>
> = {
  missing_credentials: {
    meaning: 'The request has no Authorization header.',
    remedy:
      'Send "Authorization: Bearer <API key>" with every request to the API, and "Authorization: Bearer <admin token>" to manage keys. Browsers send preflights without one.',
  },
  malformed_credentials: {
    meaning: 'The Authorization header is not exactly one Bearer token.',
    remedy:
      'Write "Bearer", a space, and the token, without quotes or commas. Send only one Authorization header.',
  },
  invalid_key: {
    meaning:
      'The token does not belong to an active key. It may be mistyped, or the key may be revoked, disabled, rolled or expired. For security reasons, the response does not say which.',
    remedy:
      'Check that you copied the whole token. The owner of the key can see its state, and can run "keys explain --token-stdin" on the command line.',
  },
  subprotocol_required: {
    meaning:
      'A page opened a WebSocket with its token as the only subprotocol, so no response could satisfy the browser.',
    remedy:
      'Offer "edge-authorizer" beside the token: new WebSocket(url, ["edge-authorizer", "edge-authorizer.bearer.<token>"]).',
  },
  client_token_expired: {
    meaning:
      'The client token has reached its end, or the owner of its API key has voided the client tokens that were issued so far.',
    remedy: 'Fetch another client token from your backend, and send the request again.',
  },
  origin_required: {
    meaning:
      'A client token was used without an Origin header. Client tokens are for browser pages.',
    remedy:
      'From a backend, use the API key itself. For media elements of Safari, which send no Origin, set "originOptional" in the client tokens of the key.',
  },
  invalid_origin: {
    meaning: 'The Origin header holds several origins, or a value that no browser sends.',
    remedy:
      'Do not set Origin yourself. If a proxy changes it, configure the proxy to forward it unchanged.',
  },
  cors_not_enabled: {
    meaning: 'A page used a key that is for backends.',
    remedy:
      'Revoke the key: anybody can read it in the source of that page. For the page, create a key with CORS access that lists its origin.',
  },
  origin_not_allowed: {
    meaning: 'The key has CORS access, but does not list the origin of this page.',
    remedy:
      'Add the origin, exactly as the message shows it, to the allowed origins of the key. "https://*.example.com" allows every subdomain, and "https://my-app-*.vercel.app" the preview deployments of one site. A page with the origin "null" or "file://" needs a key that lists "*".',
  },
  address_not_allowed: {
    meaning:
      'The key may be used from some addresses alone, and the request came from another one.',
    remedy:
      'Call from one of the addresses of the key, or add the address that the detail names. "keys explain" shows the address that the edge sees.',
  },
  route_not_allowed: {
    meaning:
      'The key may not call this endpoint. It is not one of the restricted routes, or not in the rules of the key.',
    remedy:
      'Check the method and the path, letter by letter and without a trailing slash. Call the endpoint from a backend, or give the key a rule for it, or full access.',
  },
  origin_not_registered: {
    meaning:
      'A browser asked if its page may call this API, and no key lists the origin of that page.',
    remedy:
      'Add the origin to the allowed origins of the key that the page uses. It takes effect within seconds.',
  },
  https_required: {
    meaning:
      'The request carried a key or an admin token over plain http, where anybody on the network path can read it. The edge rejected it before any look-up.',
    remedy:
      'Use https, and replace the token: it was sent in clear text. Operators: let Cloudflare redirect http to https ("Always Use HTTPS"). ALLOW_HTTP switches this check off.',
  },
  service_worker_not_allowed: {
    meaning:
      'A browser asked for the script of a service worker, on a host that also serves the management page. Such a worker could answer for the page.',
    remedy:
      'Operators: set MANAGE_HOST, which moves the page to a host of its own. The other hosts then serve service workers.',
  },
  quota_exceeded: {
    meaning: 'The key has used up what it may be used in a day or a month of UTC.',
    remedy:
      'Wait until the time in "renewsAt", or ask the operator to raise the quota, which takes effect within seconds.',
  },
  rate_limited: {
    meaning:
      'There were too many requests in a short time, too many wrong tokens, or too many changes by one owner.',
    remedy: 'Wait for the seconds in the Retry-After header, and send fewer requests.',
  },
  upstream_unreachable: {
    meaning: 'The request was allowed, but the API behind the edge could not be reached.',
    remedy:
      'Try again in a few seconds; the request had no effect that the edge knows of. Operators: the API at UPSTREAM_URL is down, or its name, port or certificate is wrong. The log line with the request id names the cause.',
  },
  upstream_timeout: {
    meaning: 'The request was allowed, but the API behind the edge did not respond in time.',
    remedy:
      'Check if the request had an effect before you repeat it; GET and HEAD can be repeated at once. Operators: see how long the API takes, and UPSTREAM_TIMEOUT_MS. The log line with the request id names the key, and the row of the table that allowed the request.',
  },
  unavailable: {
    meaning:
      'The edge cannot check at the moment if the request is allowed, so it does not forward it.',
    remedy: 'Try again after the seconds in the Retry-After header.',
  },
  not_configured: {
    meaning:
      'A setting or binding that the edge cannot do without is absent, such as UPSTREAM_URL.',
    remedy: 'Set it in wrangler.toml, then run "npm run deploy". The detail names it.',
  },
  internal_error: {
    meaning: 'Something went wrong at the edge. The request was not forwarded.',
    remedy:
      'Try again once. If it fails again, this is a fault of the edge: report it with the request id. Operators: the log line with that id has the error.',
  },
};
