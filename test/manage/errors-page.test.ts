import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rejectionKinds } from '../../src/core/decide/rejection.ts';
import { restrictedRoutes } from '../../src/core/routes/restricted-routes.ts';
import { problemKinds } from '../../src/manage/problems.ts';
import type { Answer, Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';

let edge: Deployment;
let page: Answer;

beforeAll(async () => {
  // Also where management is off: the gateway's refusals lead here.
  edge = await deploy({ vars: { ADMIN_TOKEN: '' } });
  page = await edge.call({ target: '/_edge/errors' });
});

afterAll(() => edge.dispose());

describe('the page of error codes', () => {
  it.each(Object.entries({ ...problemKinds, ...rejectionKinds }))(
    'has one section for %s, to which the type of the problem leads',
    (code, { status, title }) => {
      expect(page.body.split(`id="${code}"`)).toHaveLength(2);
      const section =
        page.body.slice(page.body.indexOf(`id="${code}"`)).split('</section>')[0] ?? '';
      expect(section).toContain(`${status} ${title}`);
      // What it means, and what to do.
      expect(section.match(/<p>[^<]{10,}<\/p>/g)).toHaveLength(2);
    },
  );

  it('lists the endpoints of a restricted key, for callers that were refused', async () => {
    const listOf = ({ body }: Answer) => {
      const [, section = ''] = body.split('<section id="route_not_allowed"');
      const list = section.split('</section>')[0] ?? '';
      return [...list.matchAll(/<li><code>(.*?)<\/code>/g)].map(([, line]) => line);
    };
    expect(listOf(page)).toHaveLength(restrictedRoutes.routes.length);
    expect(listOf(page)).toContain('GET, PATCH /api/stream/{id}');

    const routes = [{ methods: ['GET'], path: '/v2/thing/{thing}' }];
    const other = await deploy({ vars: { RESTRICTED_ROUTES: JSON.stringify({ routes }) } });
    const answer = await other.call({ target: '/_edge/errors' });
    await other.dispose();
    expect(listOf(answer)).toEqual(['GET /v2/thing/{id}']);
  });

  it('takes no other method', async () => {
    const edge = await deploy({});
    const answer = await edge.call({ method: 'POST', target: '/_edge/errors' });
    await edge.dispose();
    expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it('allows nothing but its own style', async () => {
    expect(page.status).toBe(200);
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page.body) ?? [];
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style));
    const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
    expect(page.headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(page.body).not.toMatch(/<script|<link|<img|style="| on\w+=/);
  });

  it('is a page, with a language, a title and headings in order', () => {
    expect(page.body).toMatch(/^<!doctype html><html lang="en">/);
    expect(page.body).toContain('<title>Error codes</title>');
    expect(page.body.match(/<h1>/g)).toHaveLength(1);
  });

  it.each(['POST', 'PUT', 'DELETE'])('does not take %s', async (method) => {
    expect((await edge.call({ method, target: '/_edge/errors' })).status).toBeGreaterThanOrEqual(
      400,
    );
  });
});
