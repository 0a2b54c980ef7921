/** The limit of an answer that is made at the edge: a Worker that says the same to everybody. */
export default {
  fetch() {
    return new Response('{"status":"ok"}', { headers: { 'Content-Type': 'application/json' } });
  },
};
