/** The limit: a Worker that forwards and does nothing else. */
export default {
  fetch(request, env) {
    const path = request.url.slice(request.url.indexOf('/', 8));
    return fetch(new Request(env.UPSTREAM_URL + path, request));
  },
};
