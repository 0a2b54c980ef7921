/**
 * An API that checks no key. It can believe what the edge says in `X-Edge-*`, because only the edge can
 * call it.
 */

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    const [, id] = /^\/api\/task\/([\w-]+)$/.exec(pathname) ?? [];
    if (request.method !== 'GET' || id === undefined) {
      return Response.json({ errors: ['there is nothing here'] }, { status: 404 });
    }
    return Response.json({ id, owner: request.headers.get('X-Edge-Owner') });
  },
} satisfies ExportedHandler;
