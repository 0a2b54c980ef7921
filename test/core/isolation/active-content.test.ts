/** Which responses a browser could execute as a document: the table, and what no table thinks of. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fateOfPolicy,
  isActiveContent,
  SANDBOX_POLICY,
} from '../../../src/core/isolation/active-content.ts';

const active: readonly (string | null)[] = [
  null,
  '',
  ' ',
  'text/html',
  'TEXT/HTML',
  'text/html;',
  'text/html; charset=utf-8',
  ' text/html ',
  'text/html\t;charset=x',
  'text/html;charset="',
  'application/xhtml+xml',
  'application/xhtml+xml; charset=utf-8',
  'image/svg+xml',
  'IMAGE/SVG+XML',
  'text/xml',
  'application/xml',
  'text/xsl',
  'application/xslt',
  'application/xslt+xml',
  'application/rss+xml',
  'application/atom+xml',
  'application/xml-dtd',
  'text/xml-external-parsed-entity',
  'application/xml-external-parsed-entity',
  'application/mathml+xml',
  'application/vnd.mozilla.xul+xml',
  'application/vnd.wap.xhtml+xml',
  'application/anything.of.tomorrow+xml',
  'text/rdf',
  'multipart/x-mixed-replace',
  'multipart/x-mixed-replace; boundary=x',
  'multipart/related',
  'multipart/mixed',
  'message/rfc822',
  'unknown/unknown',
  'application/unknown',
  '*/*',
  '*/html',
  // Not to be parsed.
  'html',
  'text',
  'text/',
  'text; charset=utf-8',
  '/html',
  'text//html',
  'text /html',
  'text/ html',
  'text/html charset=utf-8',
  'text/html(comment)',
  'text/plain text/html',
  'text/plän',
  '"text/html"',
  // Lists: of several header lines, or in one. Browsers disagree about which type holds.
  'text/plain, text/html',
  'text/html, text/plain',
  'application/json,text/html',
  'application/json, ',
  ', application/json',
  'application/json; a=b, image/svg+xml',
  'application/json; a="b, c", text/html',
  'application/json; a="b\\", text/html',
  'application/json; a="b\\\\", text/html',
  'application/json; a="b\\',
  'text/plain; a="x, text/html',
];

const inert: readonly string[] = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json;',
  'application/problem+json',
  'application/ld+json',
  'text/plain',
  'text/plain; charset=utf-8',
  'text/plain; a="b, text/html"',
  'text/plain; a="b\\", text/html"',
  'text/plain; a="b\\\\"; c="d, text/html"',
  'text/plain; a="b", text/css; c="d"',
  'text/plain; charset=utf-8; x',
  'text/css',
  'text/csv',
  'text/event-stream',
  'text/javascript',
  'application/javascript',
  'application/octet-stream',
  'application/pdf',
  'application/zip',
  'application/wasm',
  'application/vnd.apple.mpegurl',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/dash+json',
  'image/png',
  'image/jpeg',
  'video/mp4',
  'audio/mpeg',
  'font/woff2',
  'application/json, text/plain',
  'application/grpc-web+proto',
];

describe('isActiveContent()', () => {
  test.each(active)('%j is active', (contentType) => {
    expect(isActiveContent(contentType)).toBe(true);
  });

  test.each(inert)('%j is not', (contentType) => {
    expect(isActiveContent(contentType)).toBe(false);
  });

  test('no type beside an inert one, no case and no parameter makes an active type inert', () => {
    const activeType = fc.constantFrom('text/html', 'image/svg+xml', 'application/xml');
    const parameter = fc.stringMatching(/^; ?[a-z]{1,4}=(?:[a-z]{1,4}|"[a-z,; ]{0,6}")$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...inert), parameter)),
        activeType,
        parameter,
        fc.boolean(),
        fc.nat(),
        (others, type, own, isUpper, place) => {
          const items = others.map(([inertType, more]) => inertType.replace(/;$/, '') + more);
          items.splice(place % (items.length + 1), 0, (isUpper ? type.toUpperCase() : type) + own);
          expect(isActiveContent(items.join(', '))).toBe(true);
        },
      ),
    );
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(typeof isActiveContent(text)).toBe('boolean');
      }),
    );
  });
});

describe('fateOfPolicy()', () => {
  test.each([
    [200, 'text/html', 'sandboxed'],
    [200, null, 'sandboxed'],
    [404, 'image/svg+xml', 'sandboxed'],
    [302, null, 'sandboxed'],
    [206, 'application/pdf', 'kept'],
    [200, 'application/json', 'kept'],
    // A cache keeps what it stored.
    [304, null, 'removed'],
    [304, 'application/pdf', 'removed'],
    [304, 'application/json', 'removed'],
    // A cache may take over the type.
    [304, 'text/html', 'sandboxed'],
    [304, 'text/plain, text/html', 'sandboxed'],
    [304, '', 'sandboxed'],
  ] as const)('of a %d with the type %j is %s', (status, contentType, fate) => {
    expect(fateOfPolicy(status, contentType)).toBe(fate);
  });
});

test('the policy permits what a page needs, and never the origin', () => {
  expect(SANDBOX_POLICY.split(' ')).toEqual([
    'sandbox',
    'allow-scripts',
    'allow-forms',
    'allow-popups',
    'allow-modals',
    'allow-downloads',
  ]);
});
