/** The page: a form that creates a stream, and a line that says how it went. */

import { createStream } from './api.ts';

const form = document.querySelector('form');
const status = document.querySelector('[role=status]');

form?.addEventListener('submit', async (event) => {
  event.preventDefault();
  const name = String(new FormData(form).get('name'));
  const say = (text: string) => status?.replaceChildren(text);
  say('Creating');
  try {
    const stream = await createStream(name);
    say(`Created ${stream.name} (${stream.id})`);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
});
