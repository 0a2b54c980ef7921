/**
 * The frame of every page.
 */

import type { Child } from 'hono/jsx';
import { FORM_TOKEN_FIELD } from '../access/csrf.ts';
import type { Visitor } from '../access/visitor.ts';
import type { PortalLook } from '../portal/look.ts';
import { BackLink } from '../portal/way-back.tsx';
import { iconUrl, scriptUrl, styleUrl } from './assets.ts';

/** A page for a visitor who is signed in. */
export function Layout(props: {
  readonly title: string;
  readonly section: 'keys' | 'overview' | 'audit' | 'events' | null;
  readonly visitor: Visitor;
  readonly children: Child;
}) {
  const { visitor } = props;
  const look = visitor.portal?.look;
  return (
    <Document title={props.title} look={look}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="bar">
        <div class="wide">
          <Brand look={look} />
          <nav aria-label="Sections">
            <a href="/_edge/" aria-current={props.section === 'keys' ? 'page' : undefined}>
              API keys
            </a>
            <a
              href="/_edge/overview"
              aria-current={props.section === 'overview' ? 'page' : undefined}
            >
              Overview
            </a>
            {visitor.may('listAudit') && (
              <a href="/_edge/audit" aria-current={props.section === 'audit' ? 'page' : undefined}>
                Audit
              </a>
            )}
            {visitor.seesEvents && (
              <a
                href="/_edge/events"
                aria-current={props.section === 'events' ? 'page' : undefined}
              >
                Events
              </a>
            )}
          </nav>
          <div class="who">
            {visitor.portal !== undefined && (
              <BackLink returnUrl={visitor.portal.session.returnUrl} />
            )}
            <span>
              {visitor.name}
              {visitor.scopes.length > 0 && ` (${visitor.scopes.join(', ')})`}
            </span>
            {visitor.signsOutAt === null ? (
              <form method="post" action="/_edge/sign-out">
                <FormToken visitor={visitor} />
                <button type="submit" class="plain">
                  Sign out
                </button>
              </form>
            ) : (
              <a href={visitor.signsOutAt}>Sign out</a>
            )}
          </div>
        </div>
      </header>
      <main class="wide" id="main" tabindex={-1}>
        {props.children}
      </main>
    </Document>
  );
}

/** A page for a visitor who is not signed in. */
export function BareLayout(props: {
  readonly title: string;
  /** The address to which the browser moves on by itself. */
  readonly refreshTo?: string;
  /** Default: the page's own. */
  readonly look?: PortalLook;
  readonly children: Child;
}) {
  return (
    <Document {...props}>
      <main class="sign-in" id="main">
        {props.children}
      </main>
    </Document>
  );
}

/** The name of the product with its mark, or the provider's, as a link to the list. */
export function Brand({ look }: { look?: PortalLook | undefined }) {
  const logoUrl = look?.logoUrl ?? null;
  return (
    <a class="brand" href="/_edge/">
      {logoUrl === null ? (
        <img src={iconUrl} width="26" height="26" alt="" />
      ) : (
        <img src={logoUrl} class="logo" height="28" alt="" referrerpolicy="no-referrer" />
      )}
      {look?.name ?? 'edge-authorizer'}
    </a>
  );
}

/** The proof that we showed a form. Each form that changes something needs it. */
export function FormToken({ visitor }: { visitor: Visitor }) {
  return <input type="hidden" name={FORM_TOKEN_FIELD} value={visitor.formToken} />;
}

/** The whole document as text. */
export function toHtml(page: { toString(): string | Promise<string> }): string {
  // No component of the page is asynchronous, so neither is the rendering.
  return `<!doctype html>${page.toString() as string}`;
}

function Document(props: {
  readonly title: string;
  readonly refreshTo?: string;
  readonly look?: PortalLook | undefined;
  readonly children: Child;
}) {
  const styleSheet = props.look?.styleSheet ?? null;
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{`${props.title} · ${props.look?.name ?? 'edge-authorizer'}`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        {props.refreshTo !== undefined && (
          <meta http-equiv="refresh" content={`0;url=${props.refreshTo}`} />
        )}
        <link rel="icon" href={iconUrl} type="image/svg+xml" />
        <link rel="stylesheet" href={styleUrl} />
        {styleSheet !== null && <link rel="stylesheet" href={styleSheet.url} />}
        <script type="module" src={scriptUrl} />
      </head>
      <body>{props.children}</body>
    </html>
  );
}
