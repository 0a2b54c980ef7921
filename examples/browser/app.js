/**
 * A Web application with a restricted key, with every call laid open. Plain JavaScript and
 * no library, so that it can be read from top to bottom.
 */

const element = (id) => document.getElementById(id);

const MADE_UP_FILE_BYTES = 16 * 1024 * 1024;

// Set by the first upload.
let lastTaskId = null;

element('page-origin').textContent = location.origin;
element('create-stream').addEventListener('click', whileBusy(createStream));
element('upload').addEventListener('click', whileBusy(uploadFile));
element('read-task').addEventListener('click', whileBusy(readTask));
element('show-refusal').addEventListener('click', whileBusy(showRefusal));
element('try-backend-key').addEventListener('click', whileBusy(tryBackendKey));
await prefillSettings();

async function createStream() {
  const answer = await callEdge('POST', '/api/stream', { body: { name: 'From a browser' } });
  show(answer, answer.status === 201 && 'Created. Location says where to read it again.');
}

async function uploadFile() {
  const file = element('file').files[0] ?? new Blob([new Uint8Array(MADE_UP_FILE_BYTES)]);
  const name = file.name ?? 'zeros.bin';

  const requested = await callEdge('POST', '/api/asset/request-upload', { body: { name } });
  show(
    requested,
    requested.status === 200 &&
      'The asset exists and waits for its file at "url"; "task" says how far it is.',
  );
  if (requested.status !== 200) return;

  const { url, asset, task } = requested.json;
  lastTaskId = task.id;
  element('task-hint').textContent = `GET /api/task/${task.id}`;

  const sent = await sendFile(url, file);
  show(sent, sent.status === 200 && 'Sent straight to the upload address, past the edge.');

  const read = await callEdge('GET', `/api/asset/${asset.id}`);
  show(read, read.status === 200 && `The asset is ${read.json.status.phase}.`);
}

async function readTask() {
  const answer = await callEdge('GET', `/api/task/${lastTaskId}`);
  show(answer, answer.status === 200 && `The task is ${answer.json.status.phase}.`);
}

async function showRefusal() {
  show(await callEdge('GET', '/api/stream'));
}

async function tryBackendKey() {
  show(await callEdge('GET', '/api/stream', { token: element('backend-token').value.trim() }));
}

/**
 * Calls the edge and returns what the page could see of the answer. Status 0 when the browser gave
 * it nothing. Without `token`, the restricted one is used.
 */
async function callEdge(method, path, { body, token } = {}) {
  const url = new URL(path, element('edge-url').value.trim()).href;
  const headers = { authorization: `Bearer ${token ?? element('restricted-token').value.trim()}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const request = { method, url, headers, body };

  const startedAt = performance.now();
  try {
    const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    return {
      request,
      status: response.status,
      // The browser hands over only the headers that the edge exposes, and a few harmless ones.
      headers: [...response.headers],
      ...readBody(text),
      durationMs: performance.now() - startedAt,
    };
  } catch (error) {
    return { ...nothingSeen(request, error), durationMs: performance.now() - startedAt };
  }
}

/** Sends the file and shows how far it is. `fetch` cannot tell that, XMLHttpRequest can. */
function sendFile(url, file) {
  const request = {
    method: 'PUT',
    url,
    headers: { 'content-type': 'application/octet-stream' },
    bodyNote: `${file.size.toLocaleString('en')} bytes`,
  };
  const progress = element('upload-progress');
  const state = element('upload-state');
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    const finish = (answer) => {
      progress.hidden = true;
      resolve({ request, ...answer, durationMs: performance.now() - startedAt });
    };
    xhr.upload.addEventListener('progress', ({ loaded, total }) => {
      progress.value = total === 0 ? 1 : loaded / total;
      state.textContent = `${Math.round(progress.value * 100)} % of ${total.toLocaleString('en')} bytes`;
    });
    xhr.addEventListener('load', () => {
      state.textContent = xhr.status === 200 ? `Sent ${request.bodyNote}.` : 'The upload failed.';
      finish({
        status: xhr.status,
        headers: readHeaderLines(xhr.getAllResponseHeaders()),
        ...readBody(xhr.responseText),
      });
    });
    xhr.addEventListener('error', () => {
      state.textContent = 'The upload failed.';
      finish(nothingSeen(request, 'network error'));
    });
    progress.value = 0;
    progress.hidden = false;
    xhr.open('PUT', url);
    xhr.setRequestHeader('content-type', 'application/octet-stream');
    xhr.send(file);
  });
}

function nothingSeen(request, error) {
  return {
    request,
    status: 0,
    headers: [],
    text: `${error}\n\nThe browser shows this page nothing of the answer: nobody answers at that address, or this page's origin was not granted. The browser's console tells which.`,
    json: undefined,
  };
}

function readBody(text) {
  try {
    const json = JSON.parse(text);
    return { json, text: JSON.stringify(json, null, 2) };
  } catch {
    return { json: undefined, text };
  }
}

function readHeaderLines(lines) {
  return lines
    .split('\r\n')
    .filter((line) => line.includes(':'))
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
}

/** Puts the call on top of the list. A refusal's meaning is what its body says. */
function show(answer, meaningOfSuccess) {
  const { request, status, headers, text, json, durationMs } = answer;
  const call = element('call-template').content.cloneNode(true);
  const find = (selector) => call.querySelector(selector);

  find('.status').textContent = status === 0 ? 'no answer' : status;
  find('.status').classList.add(status >= 200 && status < 400 ? 'good' : 'bad');
  find('.target').textContent = `${request.method} ${pathOf(request.url)}`;
  find('.duration').textContent = `${Math.round(durationMs)} ms`;
  find('.meaning').textContent = meaningOfSuccess || json?.detail || json?.errors?.[0] || '';

  fillList(find('.request dl'), [
    ['URL', request.url],
    ['origin', `${location.origin} (added by the browser)`],
    ...Object.entries(request.headers).map(([name, value]) => [name, withoutSecret(value)]),
    ...(request.body ? [['body', JSON.stringify(request.body)]] : []),
    ...(request.bodyNote ? [['body', request.bodyNote]] : []),
  ]);
  fillList(find('.headers dl'), headers);
  find('.headers').hidden = headers.length === 0;
  find('.body pre').textContent = text;
  find('.body').hidden = text === '';

  element('no-calls').hidden = true;
  element('calls').prepend(call);
}

function fillList(list, entries) {
  for (const [name, value] of entries) {
    const term = document.createElement('dt');
    const description = document.createElement('dd');
    term.textContent = name;
    description.textContent = value;
    term.classList.toggle('notable', name.startsWith('x-'));
    list.append(term, description);
  }
}

function pathOf(url) {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/** A screenshot of this page should not give a key away. */
function withoutSecret(headerValue) {
  return headerValue.replace(/^(Bearer \S{0,10})\S*$/, '$1…');
}

/** Wraps an action so that no button starts another meanwhile, and so that mistakes are shown. */
function whileBusy(action) {
  return async () => {
    if (!settingsAreComplete()) return;
    setBusy(true);
    try {
      await action();
    } catch (error) {
      element('settings-note').textContent = String(error);
    } finally {
      setBusy(false);
      // On a phone the list is far below the buttons.
      element('calls').firstElementChild?.scrollIntoView({ block: 'nearest' });
    }
  };
}

function settingsAreComplete() {
  const required = [element('edge-url'), element('restricted-token')];
  const wrong = required.find((input) => !input.checkValidity());
  if (wrong === undefined) return true;
  // The browser can point at the field only where it is visible.
  element('settings').open = true;
  wrong.reportValidity();
  return false;
}

function setBusy(isBusy) {
  for (const button of document.querySelectorAll('button')) button.disabled = isBusy;
  element('read-task').disabled = isBusy || lastTaskId === null;
}

/** Takes the settings from `npm run dev`, when that is what serves this page. */
async function prefillSettings() {
  const note = element('settings-note');
  try {
    const config = await (await fetch('config.json')).json();
    element('edge-url').value = config.edgeUrl;
    element('restricted-token').value = config.restrictedToken;
    element('backend-token').value = config.backendToken;
    note.textContent = 'Filled in by npm run dev.';
    element('settings').open = false;
  } catch {
    note.textContent = `Paste the edge's URL and the token of a restricted key that lists ${location.origin}.`;
  }
}
