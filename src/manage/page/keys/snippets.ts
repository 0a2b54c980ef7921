/**
 * The texts that use a new token: for a page, a shell, an environment and the `livepeer` SDK. Pure.
 */

import { EXAMPLE_ID, type ExampleRequest } from './example-request.ts';

/** One text, with the name of its tab. */
export interface Snippet {
  readonly id: 'fetch' | 'curl' | 'env' | 'livepeer';
  readonly label: string;
  readonly text: string;
}

/** Writes the texts. They work as printed: the key may send the request from this origin. */
export function snippetsFor(options: {
  /** The address of the edge. */
  readonly edge: string;
  readonly token: string;
  readonly example: ExampleRequest;
}): readonly Snippet[] {
  const { edge, token, example } = options;
  const sdk = sdkCallFor(example);
  return [
    { id: 'fetch', label: 'fetch', text: fetchText(edge, token, example) },
    { id: 'curl', label: 'curl', text: curlText(edge, token, example) },
    { id: 'env', label: '.env', text: `API_URL=${edge}\nAPI_KEY=${token}` },
    ...(sdk === null
      ? []
      : [{ id: 'livepeer' as const, label: 'livepeer SDK', text: sdkText(edge, token, sdk) }]),
  ];
}

function fetchText(edge: string, token: string, { method, path, origin }: ExampleRequest): string {
  const lines = [
    ...(origin === null ? [] : [`// In a page on ${origin}`]),
    `const response = await fetch('${edge}${path}', {`,
    ...(method === 'GET' ? [] : [`  method: '${method}',`]),
    `  headers: { Authorization: 'Bearer ${token}' },`,
    '});',
    'console.log(response.status, await response.text());',
  ];
  return lines.join('\n');
}

function curlText(edge: string, token: string, { method, path, origin }: ExampleRequest): string {
  const lines = [
    `curl -i${method === 'GET' ? '' : ` -X ${method}`} \\`,
    `  -H 'Authorization: Bearer ${token}' \\`,
    ...(origin === null ? [] : [`  -H 'Origin: ${origin}' \\`]),
    `  '${edge}${path}'`,
  ];
  return lines.join('\n');
}

/** The calls of the SDK that send a request of the default routes, by that request. */
const sdkCalls: Readonly<Record<string, string>> = {
  [`GET /api/stream/${EXAMPLE_ID}`]: `livepeer.stream.get('${EXAMPLE_ID}')`,
  [`GET /api/asset/${EXAMPLE_ID}`]: `livepeer.asset.get('${EXAMPLE_ID}')`,
  [`GET /api/session/${EXAMPLE_ID}`]: `livepeer.session.get('${EXAMPLE_ID}')`,
  [`GET /api/task/${EXAMPLE_ID}`]: `livepeer.task.get('${EXAMPLE_ID}')`,
  [`GET /api/playback/${EXAMPLE_ID}`]: `livepeer.playback.get('${EXAMPLE_ID}')`,
  'GET /api/stream': 'livepeer.stream.getAll()',
  'GET /api/asset': 'livepeer.asset.getAll()',
  'GET /api/task': 'livepeer.task.getAll()',
};

function sdkCallFor({ method, path }: ExampleRequest): string | null {
  return sdkCalls[`${method} ${path}`] ?? null;
}

function sdkText(edge: string, token: string, call: string): string {
  return [
    "import { Livepeer } from 'livepeer';",
    '',
    'const livepeer = new Livepeer({',
    `  serverURL: '${edge}/api',`,
    `  apiKey: '${token}',`,
    '});',
    `console.log(await ${call});`,
  ].join('\n');
}
