/** `npm run browser`, with which a machine without a browser opens a page. */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../support/node/build-bundle.ts';

// Read with fetch, as a page with a key does: Playwright does not count an EventSource as a request.
const page = `<!doctype html><title>Streams</title><p>Waiting</p><script type="module">
  const { body } = await fetch('/events');
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    document.querySelector('p').textContent = chunk;
  }
</script>`;

let server: Server;
let origin: string;
beforeAll(async () => {
  server = createServer(({ url }, response) => {
    const isStream = url === '/events';
    response.writeHead(200, { 'Content-Type': isStream ? 'text/event-stream' : 'text/html' });
    if (isStream) response.write('an event');
    else response.end(page);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function open(url: string): Promise<{ code: unknown; output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: unknown; output: string }>();
  const script = join(projectRoot, 'scripts/browser.ts');
  execFile(process.execPath, [script, url], (error, stdout, stderr) => {
    resolve({ code: error?.code ?? 0, output: stdout + stderr });
  });
  return promise;
}

test('prints a page whose event stream stays open', async () => {
  expect(await open(`${origin}/`)).toEqual({
    code: 0,
    output: expect.stringContaining('Streams\n\nan event'),
  });
});

test('says in one line that a page cannot be opened', async () => {
  const { code, output } = await open('http://127.0.0.1:1/');
  expect(code).toBe(1);
  expect(output).toMatch(/^page\.goto: net::\S+ at http:\/\/127\.0\.0\.1:1\/\n$/);
});
