/**
 * Reads the token from an `Authorization` header.
 *
 * Pure, no I/O. Grammar: RFC 6750 section 2.1 with the list rules of RFC 9110 section 11.6.2,
 * https://www.rfc-editor.org/rfc/rfc6750#section-2.1
 */

import { type Rejection, reject } from './rejection.ts';

/** The token, or the rejection. */
export type BearerResult =
  | { readonly ok: true; readonly token: string }
  | { readonly ok: false; readonly rejection: Rejection };

// credentials = "Bearer" 1*( SP / HTAB ) token68, with blanks allowed after it. RFC 6750 says one SP;
// RFC 9110 says 1*SP; the tab is leniency for hand-written clients and is not ambiguous.
const bearerPattern = /^bearer[ \t]+([A-Za-z0-9\-._~+/]+=*)[ \t]*$/i;
// Bearer anywhere in a list: two headers of one name arrive joined by a comma.
const bearerSchemePattern = /(?:^|,)[ \t]*bearer(?:[ \t,]|$)/i;

/**
 * Reads the token from an `Authorization` header value.
 *
 * Returns a `missing_credentials` rejection when the header is absent or blank, and a
 * `malformed_credentials` rejection when it is anything else than exactly one Bearer token; two
 * headers arrive joined by a comma, which no token68 holds. Never throws.
 */
export function readBearer(authorization: string | null): BearerResult {
  const token = authorization === null ? undefined : bearerPattern.exec(authorization)?.[1];
  if (token !== undefined) return { ok: true, token };
  if (authorization === null || /^[ \t]*$/.test(authorization)) {
    return refuse(
      reject(
        'missing_credentials',
        'Cannot authorize the request: it has no Authorization header. Send "Authorization: Bearer <API key>"',
      ),
    );
  }
  if (bearerSchemePattern.test(authorization)) {
    return refuse(
      reject(
        'malformed_credentials',
        'Cannot read the Authorization header: it must be exactly one "Bearer <API key>", without quotes, commas or further parameters',
      ),
    );
  }
  return refuse(
    reject(
      'malformed_credentials',
      'Cannot read the Authorization header: the scheme must be Bearer. Send "Authorization: Bearer <API key>"',
      // Another scheme is "an unsupported authentication method", for which RFC 6750 section 3.1
      // asks for a challenge without an error code.
      { challenge: 'Bearer' },
    ),
  );
}

function refuse(rejection: Rejection): BearerResult {
  return { ok: false, rejection };
}
