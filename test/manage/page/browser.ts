/**
 * The page as a browser asks for it, without a browser: one request at a time, with cookies and the
 * headers that say who made it.
 */

import { expect } from 'vitest';
import type { Answer, Deployment, HeaderLine } from '../../contract/deployment.ts';

export type PageRequest = {
  /** Default: what a navigation inside the page sends. `null`: no such header. */
  site?: string | null;
  origin?: string;
  cookie?: string | null;
  /** Further headers. */
  headers?: Readonly<Record<string, string>>;
  form?: Form;
};

/** The fields of a form; a list stands for several of one name. */
export type Form = Readonly<Record<string, string | readonly string[]>>;

/** A visitor of the page. */
export type Visitor = {
  cookie: string | null;
  get(path: string, request?: PageRequest): Promise<Answer>;
  /** Sends a form as it is, without what a page would have put into it. */
  post(path: string, request?: PageRequest): Promise<Answer>;
  /** Fills in a form of a page: its hidden fields stay, and the given ones are typed. */
  submit(page: string, action: string, fields?: Form): Promise<Answer>;
};

let visitors = 0;

/** Returns a visitor with this cookie, or with these headers of a proxy. */
export function visitorOf(
  edge: Deployment,
  cookie: string | null = null,
  proxyHeaders: Readonly<Record<string, string>> = {},
): Visitor {
  // At an address of their own, since attempts to sign in are counted by address.
  visitors += 1;
  const address = `198.51.100.${visitors % 250}, ${visitors}`;
  const send = (method: string, path: string, request: PageRequest) => {
    const { site = 'same-origin', origin, form, headers = {} } = request;
    const sentCookie = request.cookie === undefined ? visitor.cookie : request.cookie;
    const lines = {
      'CF-Connecting-IP': address,
      ...(site === null ? {} : { 'Sec-Fetch-Site': site }),
      ...(origin === undefined ? {} : { Origin: origin }),
      ...(sentCookie === null ? {} : { Cookie: sentCookie }),
      ...(form === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' }),
      ...proxyHeaders,
      ...headers,
    };
    return edge.call({
      method,
      target: path,
      headers: Object.entries(lines) as HeaderLine[],
      ...(form === undefined ? {} : { body: new URLSearchParams(linesOf(form)).toString() }),
    });
  };
  const visitor: Visitor = {
    cookie,
    get: (path, request = {}) => send('GET', path, request),
    post: (path, request = {}) => send('POST', path, request),
    async submit(page, action, fields = {}) {
      const shown = await visitor.get(page);
      expect(shown.status, shown.body).toBe(200);
      return visitor.post(action, { form: { ...hiddenFields(shown.body, action), ...fields } });
    },
  };
  return visitor;
}

function linesOf(form: Form): string[][] {
  return Object.entries(form).flatMap(([name, value]) =>
    [value].flat().map((text) => [name, text]),
  );
}

/** The operator, signed in. */
export async function signIn(edge: Deployment, token = edge.adminToken): Promise<Visitor> {
  const visitor = visitorOf(edge);
  const answer = await visitor.post('/_edge/sign-in', { form: { token, to: '/_edge/' } });
  expect(answer.status, answer.body).toBe(303);
  visitor.cookie = cookieOf(answer);
  return visitor;
}

/** The name and value of the one cookie that an answer sets. */
export function cookieOf(answer: Answer): string {
  expect(answer.cookies).toHaveLength(1);
  const [cookie = ''] = answer.cookies;
  return cookie.split(';')[0] ?? '';
}

/** The hidden fields of the form on a page that is sent to this address. */
export function hiddenFields(html: string, action: string): Record<string, string> {
  const start = html.indexOf(`action="${action}"`);
  if (start === -1) throw new Error(`Cannot find a form for ${action} in ${html}`);
  const form = html.slice(start, html.indexOf('</form>', start));
  const inputs = form.match(/<input type="hidden"[^>]*>/g) ?? [];
  return Object.fromEntries(
    inputs.map((input) => [attributeOf(input, 'name'), attributeOf(input, 'value')]),
  );
}

function attributeOf(element: string, name: string): string {
  const [, value = ''] = new RegExp(` ${name}="([^"]*)"`).exec(element) ?? [];
  const characters = { '&quot;': '"', '&lt;': '<', '&gt;': '>', '&#39;': "'", '&amp;': '&' };
  return value.replaceAll(/&(?:quot|lt|gt|#39|amp);/g, (found) => {
    return characters[found as keyof typeof characters];
  });
}
