/**
 * The look of the portal: the provider's name, logo and colours.
 *
 * Colours are in a style sheet of the page's own, written from numbers, so that the policy allows no inline
 * styles and no text of a setting becomes CSS.
 */

import type { PortalConfig } from '../../../config/config.ts';
import { accentFor, barFor, type Color, writeColor } from '../../../core/portal/colors.ts';
import type { PageContext } from '../dashboard.ts';
import { type Asset, asset, assetResponse } from '../parts/assets.ts';

/** The provider's look. */
export interface PortalLook {
  readonly name: string;
  /** `null`: the page's own icon. */
  readonly logoUrl: string | null;
  /** `null`: the page's own colours. */
  readonly styleSheet: Asset | null;
}

const looks = new WeakMap<PortalConfig, PortalLook>();

/** The look of a configuration, made once. */
export function lookOf(config: PortalConfig): PortalLook {
  const known = looks.get(config);
  if (known !== undefined) return known;
  const css = styleOf(config);
  const look = {
    name: config.name ?? 'edge-authorizer',
    logoUrl: config.logo?.url ?? null,
    styleSheet: css === '' ? null : asset('portal', 'css', 'text/css; charset=utf-8', css),
  };
  looks.set(config, look);
  return look;
}

/** Answers with the style sheet. */
export function servePortalStyle(context: PageContext): Response | Promise<Response> {
  const { portal } = context.env.management;
  const styleSheet = portal && lookOf(portal.config).styleSheet;
  return styleSheet === null
    ? context.notFound()
    : assetResponse(styleSheet, context.req.param('file') ?? '');
}

function styleOf({ accentColor, barColor }: PortalConfig): string {
  return [
    ...(accentColor === null ? [] : [accentStyle(accentColor)]),
    ...(barColor === null ? [] : [barStyle(barColor)]),
  ].join('\n');
}

function accentStyle(color: Color): string {
  const [light, dark] = [accentFor(color, 'light'), accentFor(color, 'dark')];
  const both = (name: 'accent' | 'onAccent' | 'accentGround' | 'accentHover') =>
    `light-dark(${writeColor(light[name])}, ${writeColor(dark[name])})`;
  return `:root {
  --accent: ${both('accent')};
  --on-accent: ${both('onAccent')};
  --accent-ground: ${both('accentGround')};
  --accent-hover: ${both('accentHover')};
}`;
}

function barStyle(color: Color): string {
  const { ground, text, marked } = barFor(color);
  const ink = writeColor(text);
  return `.bar {
  --ink: ${ink};
  --quiet: ${ink};
  --accent: ${ink};
  --sunken: ${writeColor(marked)};
  border-color: ${writeColor(marked)};
  background: ${writeColor(ground)};
  color: ${ink};
}`;
}
