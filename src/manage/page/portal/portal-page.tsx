/**
 * The pages of the portal for a customer whose session is not open: the welcome with the button, and what
 * is said of a link or a session that opens nothing.
 */

import type { PortalConfig } from '../../../config/config.ts';
import type { Portal } from '../../portal/portal.ts';
import { allowImages } from '../access/security-headers.ts';
import { BareLayout, Brand } from '../parts/layout.tsx';
import { pageResponse } from '../parts/respond.ts';
import { lookOf } from './look.ts';
import { BackLink } from './way-back.tsx';

/** The reasons why a link opens nothing. */
export type Refused = 'used' | 'expired' | 'unknown';

/** The messages by their reasons. */
const notices: Readonly<
  Record<Refused | 'limited' | 'ended' | 'signed-out', readonly [title: string, text: string]>
> = {
  used: [
    'This link was used already',
    'Each link opens this page once. Go back, and open the page from there again.',
  ],
  expired: [
    'This link has expired',
    'Links are valid for a minute. Go back, and open the page from there again.',
  ],
  unknown: [
    'This link is not valid',
    'It may be incomplete, or too old. Open the page again from the site that led you here.',
  ],
  limited: [
    'Too many attempts',
    'Too many links from your network were not valid. Wait a minute, and open the page again from the site that led you here.',
  ],
  ended: [
    'Your session has ended',
    'Nothing that you sent after its end was carried out. Open the page again from the site that led you here.',
  ],
  'signed-out': ['You are signed out', 'This page is closed for this browser now.'],
};

/** Shows a message, and the way back if there is one. */
export function PortalNotice(props: {
  readonly config: PortalConfig;
  readonly notice: keyof typeof notices;
  readonly returnUrl: string;
}) {
  const look = lookOf(props.config);
  const [title, text] = notices[props.notice];
  return (
    <BareLayout title={title} look={look}>
      <Brand look={look} />
      <div class="panel padded stack">
        <h1>{title}</h1>
        <p>{text}</p>
        <p>
          <BackLink returnUrl={props.returnUrl} isButton />
        </p>
      </div>
    </BareLayout>
  );
}

/** Names the owner whose keys the link opens, and asks to continue. */
export function PortalWelcome(props: {
  readonly config: PortalConfig;
  readonly owner: string;
  readonly returnUrl: string;
  readonly field: { readonly name: string; readonly value: string };
}) {
  const look = lookOf(props.config);
  return (
    <BareLayout title="Manage API keys" look={look}>
      <Brand look={look} />
      <form method="post" action="/_edge/portal" class="panel padded stack" data-sends-once>
        <h1>Manage API keys</h1>
        <p>
          You are about to open the API keys of <strong>{props.owner}</strong>. If that is not your
          account, go back.
        </p>
        <input type="hidden" name={props.field.name} value={props.field.value} />
        <div class="actions">
          <BackLink returnUrl={props.returnUrl} isButton />
          <button type="submit" class="primary" autofocus>
            Continue
          </button>
        </div>
      </form>
    </BareLayout>
  );
}

/** A response with a page in the provider's look, whose policy permits the provider's logo. */
export function portalResponse(
  { config }: Pick<Portal, 'config'>,
  ...page: Parameters<typeof pageResponse>
): Response {
  const response = pageResponse(...page);
  if (config.logo !== null) allowImages(response.headers, config.logo.source);
  return response;
}
