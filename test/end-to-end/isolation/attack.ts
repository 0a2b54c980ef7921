/**
 * The attempts of hostile content of the API against the management page on its host: read a form
 * token, call the management API, change a key, stay as a service worker, read cookies and storage.
 */

/** The result of each attempt. `TAKEN` must never be among them. */
export type Loot = {
  /** The origin of the document, `null` when it was sandboxed. */
  origin: string;
  attempts: Record<string, string>;
};

/** The knowledge that the script starts with, in the worst case: a form with its token. */
export type Knowledge = {
  /** The origin of the page; empty if it is the document's own. */
  base: string;
  action: string;
  fields: Record<string, string>;
  /** True if the attempts that open frames and windows or wait are left out. */
  isQuick: boolean;
};

/** Runs in the hostile document, so it refers to nothing outside. */
async function attack(knowledge: Knowledge): Promise<void> {
  const attempts: Record<string, string> = {};
  const target = `${knowledge.base}/_edge/keys/new`;
  const holdsToken = (text: string) => (text.includes('form_token') ? 'TAKEN' : 'nothing');
  const make = (name: string) => document.createElementNS('http://www.w3.org/1999/xhtml', name);
  const attempt = async (name: string, work: () => unknown): Promise<void> => {
    if (knowledge.isQuick && /frame|window|service worker/.test(name)) return;
    const timeout = new Promise((resolve) => setTimeout(resolve, 4_000, 'no answer'));
    try {
      attempts[name] = String(await Promise.race([work(), timeout]));
    } catch (error) {
      attempts[name] = `failed: ${(error as Error).name}`;
    }
  };

  await attempt('fetch of a view', async () => {
    const response = await fetch(target, { credentials: 'include' });
    return holdsToken(await response.text());
  });
  await attempt('call of the API', async () => {
    const response = await fetch(`${knowledge.base}/_edge/v1/keys`, { credentials: 'include' });
    return response.ok ? 'TAKEN' : 'nothing';
  });
  await attempt('change by the API', async () => {
    const response = await fetch(`${knowledge.base}/_edge/v1/keys`, {
      method: 'POST',
      credentials: 'include',
      headers: { 'Content-Type': 'application/json' },
      body: '{"name":"stolen by the API"}',
    });
    return response.ok ? 'TAKEN' : 'nothing';
  });
  await attempt('frame', async () => {
    const frame = make('iframe') as HTMLIFrameElement;
    frame.src = target;
    const isLoaded = new Promise((resolve) => frame.addEventListener('load', resolve));
    document.documentElement.append(frame);
    await isLoaded;
    return holdsToken(frame.contentDocument?.documentElement.innerHTML ?? '');
  });
  await attempt('window', async () => {
    const opened = open(target);
    for (let count = 0; count < 20; count++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const text = opened?.document.documentElement?.innerHTML ?? '';
      if (text.includes('form_token')) return 'TAKEN';
    }
    return 'nothing';
  });
  await attempt('cookies', () => (document.cookie === '' ? 'nothing' : 'TAKEN'));
  await attempt('storage', () => {
    localStorage.setItem('a', 'b');
    return 'TAKEN';
  });
  await attempt('service worker', async () => {
    await navigator.serviceWorker.register('/public/worker', { scope: '/' });
    return 'TAKEN';
  });
  const body = new URLSearchParams(knowledge.fields);
  await attempt('form by fetch', async () => {
    await fetch(knowledge.base + knowledge.action, {
      method: 'POST',
      mode: 'no-cors',
      credentials: 'include',
      body,
    });
    return 'sent';
  });
  await attempt('form in a frame', async () => {
    const frame = make('iframe') as HTMLIFrameElement;
    frame.name = 'form-target';
    const form = make('form') as HTMLFormElement;
    form.method = 'post';
    form.action = knowledge.base + knowledge.action;
    form.target = 'form-target';
    for (const [name, value] of Object.entries(knowledge.fields)) {
      const input = make('input') as HTMLInputElement;
      input.name = name;
      input.value = value;
      form.append(input);
    }
    document.documentElement.append(frame, form);
    form.submit();
    await new Promise((resolve) => setTimeout(resolve, 500));
    return 'sent';
  });
  const loot = JSON.stringify({ origin: self.origin, attempts });
  document.documentElement.setAttribute('data-loot', loot);
}

/** The script for an element of a page. */
export function attackScript(knowledge: Knowledge): string {
  return `(${attack.toString()})(${JSON.stringify(knowledge)});`;
}

export type HostileDocument = {
  /** The `Content-Type` that it is sent with; `null` for none. */
  readonly contentType: string | null;
  readonly wrap: (script: string) => string;
  /** True if Chromium runs it at all. The rest is kept for other browsers. */
  readonly runs: boolean;
  /** True for one of each kind: a page, a list of types, XML, an image, no type. The rest is for the night. */
  readonly isByDay?: true;
};

/** Documents that carry the script. */
export const documents: readonly HostileDocument[] = [
  { contentType: 'text/html', wrap: html, runs: true, isByDay: true },
  { contentType: 'text/html;', wrap: html, runs: true },
  { contentType: 'text/plain, text/html', wrap: html, runs: true, isByDay: true },
  { contentType: 'application/xhtml+xml', wrap: xhtml, runs: true },
  { contentType: 'application/xml', wrap: xhtml, runs: true, isByDay: true },
  { contentType: 'text/xml', wrap: xhtml, runs: true },
  { contentType: 'application/anything+xml', wrap: xhtml, runs: false },
  { contentType: 'image/svg+xml', wrap: svg, runs: true, isByDay: true },
  { contentType: 'text/xsl', wrap: xhtml, runs: false },
  { contentType: null, wrap: html, runs: false, isByDay: true },
  { contentType: 'nonsense', wrap: html, runs: false },
];

function html(script: string): string {
  return `<!doctype html><link rel="icon" href="data:,"><title>x</title><script>${script}</script>`;
}

function xhtml(script: string): string {
  return `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body><script><![CDATA[${script}]]></script></body></html>`;
}

function svg(script: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg"><script><![CDATA[${script}]]></script></svg>`;
}
