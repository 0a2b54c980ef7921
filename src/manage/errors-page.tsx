/**
 * The page that explains every code, at `/_edge/errors`: the `type` of a problem leads to its section.
 *
 * Public, since whoever reads a refusal may need it. One document, without scripts or anything that
 * would have to be loaded. Problem types: https://www.rfc-editor.org/rfc/rfc9457#section-3.1.1
 */

import { raw } from 'hono/html';
import { type RejectionCode, rejectionKinds } from '../core/rejection.ts';
import { problemKinds } from './problems.ts';

/** What a refusal of the gateway means, and what to do about it, as sentences. */
const rejectionHelp: Readonly<
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
      'Check that it was copied whole. Whoever manages the key can see its state, and ask "explain" about the token.',
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
      'Add the origin, exactly as the message shows it, to the allowed origins of the key. Preview deployments often have an origin of their own; "https://*.example.com" allows every subdomain.',
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
  rate_limited: {
    meaning: 'There were too many requests in a short time.',
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
  internal_error: {
    meaning: 'Something went wrong at the edge. The request was not forwarded.',
    remedy: 'Tell the operator the request id, by which the reason is found in the logs.',
  },
};

const style = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; }
section { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding-block: 0.5rem; }
section:target { background: color-mix(in srgb, #fc0 18%, transparent); padding-inline: 1rem; }
h3 { margin-bottom: 0; }
code { font-size: 1.05em; overflow-wrap: anywhere; }
a { color: inherit; }
`;

/** The response with the page. */
export async function errorsPageResponse(): Promise<Response> {
  return new Response(`<!doctype html>${<ErrorsPage />}`, {
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': `default-src 'none'; style-src '${await hashOf(style)}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'public, max-age=300',
    },
  });
}

function ErrorsPage() {
  const managementOnly = Object.entries(problemKinds).filter(([code]) => !(code in rejectionKinds));
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Error codes</title>
        <style>{raw(style)}</style>
      </head>
      <body>
        <main>
          <h1>Error codes</h1>
          <p>
            Every refusal of the edge has a code: in the member <code>code</code> of its body and in
            the header <code>X-Edge-Reason</code>. Its detail says what was wrong with that one
            request.
          </p>
          <h2>Requests to the API</h2>
          {Object.entries(rejectionHelp).map(([code, help]) => {
            const { status, title } = rejectionKinds[code as RejectionCode];
            return <Code code={code} status={status} title={title} {...help} />;
          })}
          <h2>Management of keys</h2>
          {managementOnly.map(([code, kind]) => (
            <Code code={code} {...kind} />
          ))}
        </main>
      </body>
    </html>
  );
}

function Code(props: {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly meaning: string;
  readonly remedy: string;
}) {
  return (
    <section id={props.code} aria-labelledby={`${props.code}-title`}>
      <h3 id={`${props.code}-title`}>
        <a href={`#${props.code}`}>
          <code>{props.code}</code>
        </a>{' '}
        {props.status} {props.title}
      </h3>
      <p>{props.meaning}</p>
      <p>{props.remedy}</p>
    </section>
  );
}

/** The source expression that allows one inline style. https://www.w3.org/TR/CSP3/#grammardef-hash-source */
async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}
