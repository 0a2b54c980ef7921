/**
 * An ordinary Hono app. It knows nothing of keys and CORS: the edge has accepted every request that
 * arrives here, and says for which account.
 */

import { Hono } from 'hono';

interface Note {
  readonly owner: string;
  readonly text: string;
}

/** In the memory of one isolate, which is enough for an example. */
const notes = new Map<string, Note>();
const LONGEST_NOTE_CHARACTERS = 10_000;
const NOTES_KEPT = 1000;

/** The routes of the app. */
export const app = new Hono<{ Variables: { owner: string } }>();

app.get('/about', (c) => c.text('An app that keeps notes.'));

app.use('/notes/*', async (c, next) => {
  const owner = c.req.header('X-Edge-Owner');
  if (owner === undefined) return c.json({ errors: ['this key has no owner'] }, 403);
  c.set('owner', owner);
  return next();
});

app.post('/notes', async (c) => {
  const text = await c.req.text();
  if (text.length > LONGEST_NOTE_CHARACTERS) return c.json({ errors: ['too long'] }, 413);
  const id = crypto.randomUUID();
  notes.set(id, { owner: c.var.owner, text });
  const [oldest] = notes.keys();
  if (notes.size > NOTES_KEPT && oldest !== undefined) notes.delete(oldest);
  return c.json({ id }, 201, { Location: `/notes/${id}` });
});

app.get('/notes', (c) =>
  c.json([...notes].filter(([, { owner }]) => owner === c.var.owner).map(([id]) => id)),
);

app.get('/notes/:id', (c) => {
  const note = notes.get(c.req.param('id'));
  // Other people's notes are not there, rather than forbidden.
  if (note?.owner !== c.var.owner) return c.json({ errors: ['no such note'] }, 404);
  return c.text(note.text);
});
