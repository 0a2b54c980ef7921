/**
 * Livepeer Studio's way: Express in Node, `cors` and a router of path rules, with the key cached in
 * memory, in front of the same upstream over connections that are kept.
 *
 * JavaScript, because its packages are installed by the bench and not beside the project's types.
 * Prints the port that it listens on.
 */

import { randomUUID } from 'node:crypto';
import { Agent, request as forward } from 'node:http';
import cors from 'cors';
import express from 'express';

const upstream = new URL(process.env.UPSTREAM_URL);
const agent = new Agent({ keepAlive: true });
const exposedHeaders = ['Location', 'Link', 'ETag', 'X-Total-Count', 'X-Request-Id'];

const keys = new Map([
  [
    'studio-token-0123456789-0123456789-0123456789',
    { id: 'key_studio', userId: 'acct_bench', allowedOrigins: ['https://app.example.com'] },
  ],
]);

// The restricted routes, matched by a router of Express as Studio does it.
const rules = express.Router();
const allow = (request, _response, next) => {
  request.isAllowed = true;
  next();
};
rules.post('/api/stream', allow);
rules.get('/api/stream/:id', allow);
rules.patch('/api/stream/:id', allow);
rules.get('/api/stream/:id/sessions', allow);
rules.get('/api/session/:id', allow);
rules.post('/api/multistream/target', allow);
rules.get('/api/multistream/target/:id', allow);
rules.patch('/api/multistream/target/:id', allow);
rules.post('/api/asset/request-upload', allow);
rules.post('/api/asset/url', allow);
rules.post('/api/asset/upload/url', allow);
rules.get('/api/asset/:id', allow);
rules.patch('/api/asset/:id', allow);
rules.post('/api/asset/:id/export', allow);
rules.post('/api/asset/:id/transcode', allow);
rules.get('/api/task/:id', allow);
rules.get('/data/views/:id/total', allow);
rules.get('/api/data/views/:id/total', allow);

const app = express();
app.disable('x-powered-by');
app.use(
  cors((request, done) => {
    const key = keys.get(tokenOf(request));
    done(null, { origin: key?.allowedOrigins ?? [], exposedHeaders, maxAge: 7200 });
  }),
);
app.use((request, response, next) => {
  const key = keys.get(tokenOf(request));
  if (key === undefined) return response.status(401).json({ errors: ['API key not valid'] });
  const { origin } = request.headers;
  if (origin !== undefined && !key.allowedOrigins.includes(origin)) {
    return response.status(403).json({ errors: ['Origin not allowed'] });
  }
  request.key = key;
  next();
});
app.use(rules);
app.use((request, response) => {
  if (!request.isAllowed) return response.status(403).json({ errors: ['Endpoint not allowed'] });
  const requestId = randomUUID();
  const { authorization, origin, host, connection, ...headers } = request.headers;
  const forwarded = forward(
    {
      agent,
      host: upstream.hostname,
      port: upstream.port,
      method: request.method,
      path: request.originalUrl,
      headers: {
        ...headers,
        'x-key-id': request.key.id,
        'x-owner': request.key.userId,
        'x-request-id': requestId,
      },
    },
    (answer) => {
      const { connection: _connection, 'keep-alive': _keepAlive, ...kept } = answer.headers;
      response.writeHead(answer.statusCode, { ...kept, 'x-request-id': requestId });
      answer.pipe(response);
    },
  );
  forwarded.on('error', () => response.status(502).json({ errors: ['API not reachable'] }));
  request.pipe(forwarded);
});

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));

function tokenOf(request) {
  return request.headers.authorization?.slice('Bearer '.length);
}
