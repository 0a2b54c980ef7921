/** Multistream targets: other places that a stream is sent on to. */

import { Hono } from 'hono';
import { optionalString, orNotFound, readJsonObject, requiredString } from './errors.ts';
import { targets } from './store.ts';
import { ownerOf } from './streams.ts';

export const targetRoutes = new Hono()
  .post('/api/multistream/target', async (c) => {
    const body = await readJsonObject(c);
    // Wanted and not kept, as with Studio: it holds the stream key of another service.
    requiredString(body, 'url');
    const target = targets.put({
      id: crypto.randomUUID(),
      userId: ownerOf(c),
      name: optionalString(body, 'name', 'a target'),
      createdAt: Date.now(),
      disabled: false,
    });
    return c.json(target, 201, { Location: `/api/multistream/target/${target.id}` });
  })
  .get('/api/multistream/target/:id', (c) => c.json(targetOf(c.req.param('id'))))
  .patch('/api/multistream/target/:id', async (c) => {
    const target = targetOf(c.req.param('id'));
    const body = await readJsonObject(c);
    const { disabled } = body;
    targets.put({
      ...target,
      name: optionalString(body, 'name', target.name),
      disabled: typeof disabled === 'boolean' ? disabled : target.disabled,
    });
    return c.body(null, 204);
  });

function targetOf(id: string) {
  return orNotFound(targets.get(id), 'multistream target');
}
