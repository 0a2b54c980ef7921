/**
 * The colours of a provider, and those that the page derives from them. Every text keeps a contrast of
 * at least 4.5 to its ground, whatever the provider chose. Pure, no I/O.
 *
 * Contrast: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
 */

/** Red, green and blue, each from 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number];

const BLACK: Color = [0, 0, 0];
const WHITE: Color = [255, 255, 255];

/** The contrast that text of normal size needs. https://www.w3.org/TR/WCAG22/#contrast-minimum */
export const CONTRAST_MIN = 4.5;

/** The grounds of the page's style sheet that text in the accent colour is on. */
const schemes = {
  light: {
    surface: [255, 255, 255],
    others: [
      [245, 246, 248],
      [243, 244, 247],
    ],
    tint: 0.08,
    toward: BLACK,
  },
  dark: {
    surface: [23, 26, 32],
    others: [
      [15, 17, 21],
      [17, 20, 25],
    ],
    tint: 0.14,
    toward: WHITE,
  },
} as const;

/** Reads `#rgb` or `#rrggbb`; `null` for any other text. */
export function readColor(text: string): Color | null {
  const digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text)?.[1];
  if (digits === undefined) return null;
  const pairs = digits.length === 3 ? digits.replaceAll(/./g, '$&$&') : digits;
  const [red, green, blue] = [0, 2, 4].map((at) => Number.parseInt(pairs.slice(at, at + 2), 16));
  // Six hexadecimal digits are three numbers.
  return [red!, green!, blue!];
}

/** Writes a colour as `#rrggbb`. */
export function writeColor(color: Color): string {
  return `#${color.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}

/** The contrast of two colours, from 1 to 21. */
export function contrastOf(left: Color, right: Color): number {
  const [darker, lighter] = [luminanceOf(left), luminanceOf(right)].sort((a, b) => a - b);
  return (lighter! + 0.05) / (darker! + 0.05);
}

/** Black or white, whichever is easier to read on this ground. The contrast is at least 4.5. */
export function textOn(ground: Color): Color {
  return contrastOf(ground, WHITE) >= contrastOf(ground, BLACK) ? WHITE : BLACK;
}

/** The colours that the page derives from one accent, for one scheme. */
export interface Accent {
  /** For links, and as the ground of the main buttons. */
  readonly accent: Color;
  /** For text on the accent. */
  readonly onAccent: Color;
  /** A ground for text in the accent. */
  readonly accentGround: Color;
  /** The ground of a main button under the pointer. */
  readonly accentHover: Color;
}

/** Derives the colours of a scheme: the accent is darkened or lightened until it can be read. */
export function accentFor(color: Color, scheme: 'light' | 'dark'): Accent {
  const { surface, others, tint, toward } = schemes[scheme];
  for (let percent = 0; ; percent += 2) {
    const accent = mix(color, toward, percent / 100);
    const accentGround = mix(surface, accent, tint);
    const isLegible = [surface, ...others, accentGround].every(
      (ground) => contrastOf(accent, ground) >= CONTRAST_MIN,
    );
    // Black and white are legible, so that this ends.
    if (isLegible || percent >= 100) {
      const onAccent = textOn(accent);
      return { accent, onAccent, accentGround, accentHover: awayFrom(onAccent, accent) };
    }
  }
}

/** The ground and text of the bar, and of what is marked in it. */
export function barFor(color: Color): { ground: Color; text: Color; marked: Color } {
  const text = textOn(color);
  return { ground: color, text, marked: awayFrom(text, color) };
}

/** A shade of a ground that its text can be read on even better. */
function awayFrom(text: Color, ground: Color): Color {
  return mix(ground, text === WHITE ? BLACK : WHITE, 0.18);
}

function mix(from: Color, to: Color, share: number): Color {
  const part = (index: 0 | 1 | 2) => Math.round(from[index] + (to[index] - from[index]) * share);
  return [part(0), part(1), part(2)];
}

function luminanceOf(color: Color): number {
  const [red, green, blue] = color.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
