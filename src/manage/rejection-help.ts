/**
 * What the gateway's refusals mean to people. The page of error codes and docs/errors.md both show this
 * table; management's own codes are explained in `problems.ts`.
 */

import type { RejectionCode } from '../core/decide/rejection.ts';

/** What a refusal of the gateway means, and what to do about it, as sentences. */
export const rejectionHelp: Readonly<
  Record<RejectionCode, { readonly meaning: string; readonly remedy: string }>
> = {
  missing_credentials: {
    meaning: 'The request came without an Authorization header.',
    remedy:
      'Send "Authorization: Bearer <API key>" with every request to the API, and "Authorization: Bearer <admin token>" to manage keys. A preflight needs none; browsers send it by themselves.',
  },
  malformed_credentials: {
    meaning: 'The Authorization header is not exactly one Bearer token.',
    remedy:
      'Write "Bearer", a blank, and the token: without quotes, commas or a second Authorization header.',
  },
  invalid_key: {
    meaning:
      'The token is not one of a key that works: it was mistyped, or its key was revoked, disabled or rolled, or has expired. Which of these it is, is not told to whoever shows the token.',
    remedy:
      'Check that it was copied whole. Whoever manages the key can see its state, and ask "explain" about the token: "keys explain --token-stdin" on the command line.',
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
    meaning: 'The Origin header holds something that no browser sends, or several origins.',
    remedy:
      'Do not set Origin by hand. If a proxy adds to it, let the proxy leave it as the browser sent it.',
  },
  cors_not_enabled: {
    meaning: 'A key that was made for backends was used from a page.',
    remedy:
      'The key stands in the source of that page, where anybody can read it: revoke it. For the page, create a key with CORS access that lists its origin.',
  },
  origin_not_allowed: {
    meaning: 'The key has CORS access, but does not list the origin of this page.',
    remedy:
      'Add the origin, exactly as the message shows it, to the allowed origins of the key. "https://*.example.com" allows every subdomain, and "https://my-app-*.vercel.app" the preview deployments of one site. A page with the origin "null" or "file://" needs a key that lists "*".',
  },
  route_not_allowed: {
    meaning:
      'The key may not call this endpoint: it is not among the few that a restricted key may call, or not in the rules of the key.',
    remedy:
      'Check method and path, letter by letter and without a trailing slash. Call the endpoint from a backend, or give the key a rule for it, or full access.',
  },
  origin_not_registered: {
    meaning:
      'A browser asked whether its page may call this API, and no key lists the origin of that page.',
    remedy:
      'Add the origin to the allowed origins of the key that the page uses. It takes effect within seconds.',
  },
  https_required: {
    meaning:
      'The request carried a key or an admin token over plain http, where anybody on the way can read it. It was refused before anything was looked up.',
    remedy:
      'Use https, and replace the token: it was sent in clear text. Operators: let Cloudflare redirect http to https ("Always Use HTTPS"). ALLOW_HTTP switches this refusal off.',
  },
  service_worker_not_allowed: {
    meaning:
      'A browser asked for the script of a service worker, on a host that also serves the management page. Such a worker could answer for the page.',
    remedy:
      'Operators: set MANAGE_HOST, which moves the page to a host of its own. The other hosts then serve service workers.',
  },
  rate_limited: {
    meaning: 'There were too many requests in a short time, or too many wrong tokens.',
    remedy: 'Wait as many seconds as the Retry-After header says, and send fewer.',
  },
  upstream_unreachable: {
    meaning: 'The request was allowed, but the API behind the edge could not be reached.',
    remedy: 'Try again. If it goes on, tell the operator the request id.',
  },
  upstream_timeout: {
    meaning: 'The request was allowed, but the API behind the edge did not answer in time.',
    remedy:
      'Find out whether the request had an effect before it is repeated. If it goes on, tell the operator the request id.',
  },
  unavailable: {
    meaning:
      'The edge cannot tell at the moment whether the request is allowed, so it does not let it through.',
    remedy: 'Try again after the seconds that the Retry-After header says.',
  },
  not_configured: {
    meaning:
      'A setting or binding that the edge cannot do without is absent, such as UPSTREAM_URL.',
    remedy: 'Set it in wrangler.toml, then run "npm run deploy". The detail names it.',
  },
  internal_error: {
    meaning: 'Something went wrong at the edge. The request was not forwarded.',
    remedy: 'Tell the operator the request id, by which the reason is found in the logs.',
  },
};
