/** The provider's colours and logo: what is refused, and what people can read. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  accentFor,
  barFor,
  CONTRAST_MIN,
  type Color,
  contrastOf,
  readColor,
  textOn,
  writeColor,
} from '../../../src/core/portal/colors.ts';
import { readLogo } from '../../../src/core/portal/logo.ts';
import { runs } from '../../support/runs.ts';

describe('readColor()', () => {
  test.each([
    '',
    '#',
    '#12',
    '#1234',
    '#12345g',
    '#12345678',
    '123456',
    'red',
    'rgb(0,0,0)',
    '#123456;}',
    '#123;background:url(//evil.example)',
    ' #123456',
    '#123456\n',
    '#１２３',
  ])('refuses %j', (text) => {
    expect(readColor(text)).toBeNull();
  });

  test.each([
    ['#abc', '#aabbcc'],
    ['#0A7F5a', '#0a7f5a'],
  ])('reads %j as %j', (text, written) => {
    const color = readColor(text);
    expect(color && writeColor(color)).toBe(written);
  });
});

describe('contrastOf()', () => {
  test.each([
    ['#000', '#fff', 21],
    ['#fff', '#fff', 1],
    // From the tools of WCAG.
    ['#767676', '#ffffff', 4.54],
    ['#0000ff', '#ffffff', 8.59],
  ])('is that of %s and %s: %d', (left, right, contrast) => {
    expect(contrastOf(readColor(left)!, readColor(right)!)).toBeCloseTo(contrast, 2);
  });
});

describe('the colours that the page derives', () => {
  const part = fc.integer({ min: 0, max: 255 });
  const anyColor = fc.tuple(part, part, part);
  // The surfaces of style.css, which the end-to-end test looks at.
  const surfaces = {
    light: ['#ffffff', '#f5f6f8', '#f3f4f7'],
    dark: ['#171a20', '#0f1115', '#111419'],
  };

  test('can be read on every ground, whatever the provider chose', () => {
    fc.assert(
      fc.property(anyColor, (color: Color) => {
        for (const scheme of ['light', 'dark'] as const) {
          const { accent, onAccent, accentGround, accentHover } = accentFor(color, scheme);
          const grounds = [...surfaces[scheme].map((text) => readColor(text)!), accentGround];
          for (const ground of grounds) {
            expect(contrastOf(accent, ground)).toBeGreaterThanOrEqual(CONTRAST_MIN);
          }
          expect(contrastOf(onAccent, accent)).toBeGreaterThanOrEqual(CONTRAST_MIN);
          expect(contrastOf(onAccent, accentHover)).toBeGreaterThanOrEqual(CONTRAST_MIN);
        }
        const bar = barFor(color);
        expect(contrastOf(bar.text, bar.ground)).toBeGreaterThanOrEqual(CONTRAST_MIN);
        expect(contrastOf(bar.text, bar.marked)).toBeGreaterThanOrEqual(CONTRAST_MIN);
      }),
      { numRuns: runs(2_000) },
    );
  });

  test('leave a colour that can be read as it is', () => {
    expect(writeColor(accentFor(readColor('#0b5c3f')!, 'light').accent)).toBe('#0b5c3f');
    expect(writeColor(textOn(readColor('#ffd400')!))).toBe('#000000');
  });
});

describe('readLogo()', () => {
  const longest = 'data:image/png;base64,'.padEnd(5_000, 'A');

  test.each([
    'logo.png',
    '/logo.png',
    '//cdn.example/logo.png',
    'http://cdn.example/logo.png',
    'https://user:pass@cdn.example/logo.png',
    'https://cdn.example/logo.png#a',
    "https://cdn.example/logo.png; script-src 'unsafe-inline'",
    'https://cdn.example/a;script-src *',
    'https://cdn.example/a,script-src *',
    'https://cdn.example/"onload="alert(1)',
    "https://cdn.example/'",
    'https://*.example/logo.png',
    'https://cdn.example\\logo.png',
    'javascript:alert(1)',
    'blob:https://cdn.example/1',
    'data:text/html;base64,PHNjcmlwdD4=',
    'data:image/svg+xml,<svg onload="alert(1)"/>',
    'data:image/png;base64,',
    'data:image/png;base64,AA" onerror="x',
    'data:image/png;charset=x;base64,AAAA',
    ' data:image/png;base64,AAAA',
    'javascript:alert(1)//data:image/png;base64,AAAA',
    'https://cdn.example/data:image/png;base64,AAAA',
    longest.padEnd(5_001, 'A'),
    `https://cdn.example/${'a'.repeat(5_000)}`,
  ])('refuses %j, and says why and what to do', (text) => {
    const reading = readLogo(text);
    expect(reading).toEqual({
      ok: false,
      fault: { reason: expect.stringMatching(/^it /), fix: expect.stringMatching(/^[A-Z]/) },
    });
  });

  test.each([
    ['https://cdn.example/a/logo.svg', 'https://cdn.example/a/logo.svg'],
    ['https://CDN.example:8443/logo?v=2', 'https://cdn.example:8443/logo'],
    ['https://cdn.example', 'https://cdn.example/'],
    ['data:image/png;base64,iVBORw0KGgo=', 'data:'],
    ['data:image/svg+xml;base64,PHN2Zy8+', 'data:'],
    [longest, 'data:'],
  ])('permits %j by the source %j', (text, source) => {
    const reading = readLogo(text);
    expect(reading.ok && reading.logo.source).toBe(source);
  });
});
