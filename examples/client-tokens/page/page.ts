/** The page: creates a stream with the `livepeer` SDK, and reads it again with `fetch`. */

import { Livepeer } from 'livepeer';
import { HTTPClient } from 'livepeer/lib/http.js';
import { createEdgeFetch } from './edge-fetch.ts';

const element = (id: string) => document.getElementById(id) as HTMLElement;

const { name, edgeUrl } = await (await fetch('/session')).json();
element(name === null ? 'signed-out' : 'signed-in').hidden = false;
element('visitor').textContent = name;

let tokens = 0;
const edgeFetch = createEdgeFetch(async () => {
  const response = await fetch('/api-token', { method: 'POST' });
  if (!response.ok) throw new Error(`The backend gives no token: ${response.status}`);
  tokens += 1;
  element('tokens').textContent = String(tokens);
  return (await response.json()).token;
});

// The SDK has no API key of its own: `edgeFetch` sends the token.
const livepeer = new Livepeer({
  serverURL: `${edgeUrl}/api`,
  httpClient: new HTTPClient({ fetcher: edgeFetch }),
});

let streamId: string | undefined;

async function createStream(): Promise<string> {
  const { stream } = await livepeer.stream.create({ name: `Stream of ${name}` });
  streamId = stream?.id;
  return `Created ${stream?.name} (${stream?.id})`;
}

async function readStream(): Promise<string> {
  if (streamId === undefined) return 'Create a stream first';
  const response = await edgeFetch(`${edgeUrl}/api/stream/${streamId}`);
  const answer = await response.json();
  return response.ok ? `Read ${answer.name} (${answer.id})` : refusalOf(response, answer);
}

async function listStreams(): Promise<string> {
  const response = await edgeFetch(`${edgeUrl}/api/stream`);
  return response.ok ? 'Listed all streams' : refusalOf(response, await response.json());
}

function refusalOf(response: Response, { errors = [] }: { errors?: string[] }): string {
  return `${response.status} ${response.headers.get('X-Edge-Reason') ?? ''}: ${errors.join('; ')}`;
}

/** Runs an action for a click, and says how it ended. */
function onClick(id: string, act: () => Promise<string>): void {
  element(id).addEventListener('click', async () => {
    const status = element('status');
    status.textContent = 'Calling the edge';
    try {
      status.textContent = await act();
    } catch (error) {
      status.textContent = error instanceof Error ? error.message : String(error);
    }
  });
}

onClick('create', createStream);
onClick('read', readStream);
onClick('list', listStreams);
