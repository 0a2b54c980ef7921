/**
 * The page that explains every code, at `/_edge/errors`: the `type` of a problem leads to its section.
 *
 * Public, because any reader of a refusal may need it. One document, without scripts or anything else
 * that would have to be loaded. Problem types: https://www.rfc-editor.org/rfc/rfc9457#section-3.1.1
 */

import { raw } from 'hono/html';
import type { Child } from 'hono/jsx';
import { type RejectionCode, rejectionKinds } from '../core/decide/rejection.ts';
import type { RouteList } from '../core/routes/route-table.ts';
import { brand } from '../problem-page.ts';
import { EndpointList } from './endpoint-list.tsx';
import { problemKinds } from './problems.ts';
import { rejectionHelp } from './rejection-help.ts';

const style = `
:root { color-scheme: light dark; font: 15px/1.55 system-ui, sans-serif; background: light-dark(#f5f6f8, #0f1115); color: light-dark(#171a20, #e7e9ee); }
body { max-width: 46rem; margin: 0 auto; padding: clamp(1.2rem, 5vh, 3rem) 1rem; }
header { display: flex; align-items: center; gap: 0.6rem; margin-bottom: 1.1rem; font-weight: 650; }
h1 { font-size: 1.6rem; line-height: 1.25; letter-spacing: -0.018em; }
h2 { margin-top: 2.5rem; }
section { margin-top: 0.8rem; padding: 0.2rem 1.2rem 0.8rem; border: 1px solid light-dark(#e2e5eb, #292e37); border-radius: 10px; background: light-dark(#fff, #171a20); }
section:target { border-color: light-dark(#2450b8, #91b1ff); background: light-dark(#eaf0fd, #1a2540); }
h3 { margin-bottom: 0; }
ul { margin-block: 0.5rem; padding-left: 1.25rem; }
code { font: 0.93em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
a { color: inherit; }
`;

/** The response with the page, which lists the routes that a restricted key may call. */
export async function errorsPageResponse(restrictedRoutes: RouteList): Promise<Response> {
  return new Response(`<!doctype html>${<ErrorsPage restrictedRoutes={restrictedRoutes} />}`, {
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': `default-src 'none'; style-src '${await hashOf(style)}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'public, max-age=300',
    },
  });
}

function ErrorsPage({ restrictedRoutes }: { restrictedRoutes: RouteList }) {
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
        <header>{raw(brand)}</header>
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
            return (
              <Code code={code} status={status} title={title} {...help}>
                {code === 'route_not_allowed' && (
                  <EndpointList
                    summary="What a restricted key may call here"
                    table={restrictedRoutes}
                  />
                )}
              </Code>
            );
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
  readonly children?: Child;
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
      {props.children}
    </section>
  );
}

/** The source expression that allows one inline style. https://www.w3.org/TR/CSP3/#grammardef-hash-source */
async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}
