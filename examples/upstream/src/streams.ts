/** Livestreams and their sessions. */

import { type Context, Hono } from 'hono';
import { optionalString, orNotFound, readJsonObject, requiredString } from './errors.ts';
import { type Session, type Stream, sessions, shortId, streams } from './store.ts';

export const streamRoutes = new Hono()
  .post('/api/stream', async (c) => {
    const name = requiredString(await readJsonObject(c), 'name');
    const stream = streams.put({
      id: crypto.randomUUID(),
      userId: ownerOf(c),
      name,
      createdAt: Date.now(),
      isActive: false,
      playbackId: shortId(),
      streamKey: shortId(),
    });
    sessions.put(aFirstSession(stream));
    return c.json(stream, 201, { Location: `/api/stream/${stream.id}` });
  })
  .get('/api/stream/:id', (c) => c.json(streamOf(c.req.param('id'))))
  .patch('/api/stream/:id', async (c) => {
    const stream = streamOf(c.req.param('id'));
    streams.put({ ...stream, name: optionalString(await readJsonObject(c), 'name', stream.name) });
    return c.body(null, 204);
  })
  .get('/api/stream/:id/sessions', (c) => {
    const stream = streamOf(c.req.param('id'));
    const found = sessions.all().filter((session) => session.parentId === stream.id);
    return c.json(found, 200, { 'X-Total-Count': String(found.length) });
  })
  .get('/api/session/:id', (c) => c.json(orNotFound(sessions.get(c.req.param('id')), 'session')));

/** Returns the account that the edge says is calling. */
export function ownerOf(c: Context): string {
  return c.req.header('X-Edge-Owner') ?? 'anonymous';
}

function streamOf(id: string): Stream {
  return orNotFound(streams.get(id), 'stream');
}

/** A new stream gets a session at once, because no client broadcasts here and examples read one. */
function aFirstSession(stream: Stream): Session {
  return {
    id: crypto.randomUUID(),
    parentId: stream.id,
    name: `session of ${stream.name}`,
    createdAt: stream.createdAt,
    sourceBytes: 0,
  };
}
