/**
 * The measurements: every row is a pair, the same request to two servers, and the ratio that it must
 * reach.
 */

import type { LoadRequest } from './load.ts';

/**
 * The servers that rows name. `edge` holds a few keys, `edgeFull` 100,000 keys and origins; the two
 * that assert sign for the upstream, `ASSERTION=key` and `ASSERTION=request`.
 */
export type ServerName =
  | 'passthrough'
  | 'constant'
  | 'bare'
  | 'refusing'
  | 'edge'
  | 'edgeFull'
  | 'edgeAssertsKey'
  | 'edgeAssertsRequest'
  | 'recipe'
  | 'recipeInMemory'
  | 'betterAuth'
  | 'studio';

/** A request to one of the servers. */
export type RowSide = { server: ServerName; request: LoadRequest };

export type Row = {
  title: string;
  baseline: RowSide;
  contender: RowSide;
  connections: number;
  /** `true` if it is also measured when there is only a minute. */
  isQuick: boolean;
  /** The least throughput that is wanted, contender to baseline. `null`: the row is for information. */
  wanted: { throughput: number } | null;
};

/** Rows under one heading. */
export type RowGroup = { title: string; explanation: string; rows: Row[] };

/** The tokens that each of the servers accepts. */
export type Credentials = {
  edge: EdgeTokens;
  edgeFull: { rotating: readonly string[]; origins: readonly string[] };
  edgeAssertsKey: string;
  edgeAssertsRequest: string;
  recipe: string;
  recipeInMemory: string;
  betterAuth: string;
  studio: string;
};

type EdgeTokens = {
  restricted: string;
  full: string;
  clientToken: string;
  clientTokens: readonly string[];
  manyOrigins: string;
  rules16: string;
  rules120: string;
  planned: string;
  limited: string;
  mistyped: string;
  invented: string;
};

/** For asking which rows there are, before there is a server. */
export const noCredentials: Credentials = {
  edge: {
    restricted: '',
    full: '',
    clientToken: '',
    clientTokens: [],
    manyOrigins: '',
    rules16: '',
    rules120: '',
    planned: '',
    limited: '',
    mistyped: '',
    invented: '',
  },
  edgeFull: { rotating: [], origins: [] },
  edgeAssertsKey: '',
  edgeAssertsRequest: '',
  recipe: '',
  recipeInMemory: '',
  betterAuth: '',
  studio: '',
};

/** The address that measured keys with addresses list last. */
export const listedAddress = '203.0.113.7';

/** The origin that every measured key lists. */
export const listedOrigin = 'https://app.example.com';

const path = '/api/stream/f5eese9wwl88k4g8';

/** The headers that Chromium sends with a `fetch` across origins, beside Origin and Authorization. */
const browserHeaders = {
  'sec-ch-ua-platform': '"Linux"',
  'User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36',
  'sec-ch-ua': '"Chromium";v="153", "Not(A:Brand";v="24"',
  'sec-ch-ua-mobile': '?0',
  Accept: '*/*',
  'Sec-Fetch-Site': 'cross-site',
  'Sec-Fetch-Mode': 'cors',
  'Sec-Fetch-Dest': 'empty',
  Referer: `${listedOrigin}/`,
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  'Accept-Language': 'en-US,en;q=0.9',
};

/** Every row but the cold ones, which are not pairs of throughputs. */
export function rowGroups(tokens: Credentials): RowGroup[] {
  const { edge, edgeFull } = tokens;
  const crossOrigin = { Origin: listedOrigin };
  const plan = (
    name: string,
    token: string,
    { connections, least }: { connections: number; least: number | null },
  ): Row => {
    // Cloudflare sends the address with each request.
    const headers = { ...crossOrigin, 'CF-Connecting-IP': listedAddress };
    return {
      title: `hot key with ${name}, to hot key`,
      baseline: { server: 'edge', request: get(withToken(edge.restricted, headers)) },
      contender: { server: 'edge', request: get(withToken(token, headers)) },
      connections,
      isQuick: connections === 8 && least !== null,
      wanted: least === null ? null : { throughput: least },
    };
  };

  return [
    {
      title: 'Forwarding, against a Worker that only forwards',
      explanation:
        'The key is hot, which is the usual case: it was used in this isolate in the last minutes. For information: a Worker that keeps the same contract is as far behind.',
      rows: [
        ...[8, 64].map((connections) =>
          forward('hot key with Origin', edge.restricted, crossOrigin, {
            connections,
            isQuick: true,
          }),
        ),
        ...[8, 64].map((connections) =>
          forward(
            "hot key with Origin, a browser's headers",
            edge.restricted,
            { ...browserHeaders, ...crossOrigin },
            { connections },
          ),
        ),
        forward('hot key without Origin', edge.restricted, {}),
        forward('full-access key with Origin', edge.full, crossOrigin),
        forward('hot key with Origin, ASSERTION=key', tokens.edgeAssertsKey, crossOrigin, {
          server: 'edgeAssertsKey',
        }),
        forward('hot key with Origin, ASSERTION=request', tokens.edgeAssertsRequest, crossOrigin, {
          server: 'edgeAssertsRequest',
        }),
      ],
    },
    {
      title: 'Answers of the edge itself, against a Worker that answers a constant',
      explanation: 'The constant has a body of 15 bytes and one header, and is the same for all.',
      rows: [
        answer('preflight', 'OPTIONS', 204, {
          ...crossOrigin,
          'Access-Control-Request-Method': 'GET',
          'Access-Control-Request-Headers': 'authorization',
        }),
        answer('401, wrong checksum', 'GET', 401, withToken(edge.mistyped, crossOrigin)),
        answer('401, invented token', 'GET', 401, withToken(edge.invented, crossOrigin)),
        answer('403, route', 'GET', 403, withToken(edge.restricted, crossOrigin), '/api/user'),
      ],
    },
    {
      title: 'What deciding costs: against Workers that do the rest for everybody',
      explanation:
        'The rest is what the contract asks: headers both ways, the time-out and no cache; or the body, headers and log line of a refusal.',
      rows: [
        ...[8, 64].map((connections) => ({
          title: 'hot key with Origin, to forwarding with the same headers',
          baseline: {
            server: 'bare' as const,
            request: get(withToken(edge.restricted, crossOrigin)),
          },
          contender: {
            server: 'edge' as const,
            request: get(withToken(edge.restricted, crossOrigin)),
          },
          connections,
          isQuick: true,
          wanted: { throughput: 0.95 },
        })),
        {
          title: '401, wrong checksum, to saying and logging the same',
          baseline: { server: 'refusing', request: refusedWith(edge.mistyped) },
          contender: { server: 'edge', request: refusedWith(edge.mistyped) },
          connections: 8,
          isQuick: true,
          wanted: { throughput: 0.9 },
        },
      ],
    },
    {
      title: 'Client tokens, against the key of a page that may do the same',
      explanation:
        'Both sides are the edge. A hot token was verified in this isolate before. A first use is verified, while its key is in memory: more tokens than an isolate remembers come in rotation.',
      rows: [
        ...[8, 64].map((connections) => ({
          title: 'hot client token, to hot key',
          baseline: {
            server: 'edge' as const,
            request: get(withToken(edge.restricted, crossOrigin)),
          },
          contender: {
            server: 'edge' as const,
            request: get(withToken(edge.clientToken, crossOrigin)),
          },
          connections,
          isQuick: connections === 8,
          wanted: { throughput: 0.95 },
        })),
        {
          title: 'first use of a client token, to hot client token',
          baseline: { server: 'edge', request: get(withToken(edge.clientToken, crossOrigin)) },
          contender: { server: 'edge', request: rotateTokens(edge.clientTokens) },
          connections: 8,
          isQuick: false,
          wanted: null,
        },
      ],
    },
    {
      title: 'Plans, against a key without one',
      explanation:
        'Both sides are the edge, and the key is hot. It lists the most addresses that a key may have, of which the last one is that of the client, and its metadata and tags are forwarded. The row with a limit is for information: its counter is a simulator.',
      rows: [
        ...[8, 64].map((connections) => plan('a plan', edge.planned, { connections, least: 0.95 })),
        plan('a plan and a limit', edge.limited, { connections: 8, least: null }),
      ],
    },
    {
      title: 'Against others, on the same work',
      explanation:
        'A request with a key and an Origin, forwarded to the same upstream. The others are in `bench/contenders`.',
      rows: (
        [
          ['recipe', 'an afternoon with Hono, keys in KV', 1.8, [8, 64]],
          // 1.8 times of this one would be more than the Worker that only forwards.
          ['recipeInMemory', 'the same with keys in memory for ever', 1, [8, 64]],
          // At 64, a request to it takes longer than a round.
          ['betterAuth', 'better-auth on D1', 5, [8]],
          // For information: the way to the API's servers, which the edge saves, is not in the bench.
          ['studio', 'Express in Node', null, [8, 64]],
        ] as const
      ).flatMap(([server, title, throughput, loads]) =>
        loads.map((connections) => ({
          title: `the edge, to ${title}`,
          baseline: { server, request: get(withToken(tokens[server], crossOrigin)) },
          contender: { server: 'edge', request: get(withToken(edge.restricted, crossOrigin)) },
          connections,
          isQuick: false,
          wanted: throughput === null ? null : { throughput },
        })),
      ),
    },
    {
      title: 'Growth, against the edge with little to do',
      explanation:
        'Both sides are the edge. Where values are "in rotation", every request brings the next of them.',
      rows: [
        grow('1,000 keys in rotation, to 1', 'edge', rotateTokens([edge.restricted]), [
          'edgeFull',
          rotateTokens(edgeFull.rotating.slice(0, 1000)),
        ]),
        grow('100,000 keys in rotation, to 1', 'edge', rotateTokens([edge.restricted]), [
          'edgeFull',
          rotateTokens(edgeFull.rotating),
        ]),
        grow('200 origins on the key, to 1', 'edge', get(withToken(edge.restricted, crossOrigin)), [
          'edge',
          get(withToken(edge.manyOrigins, crossOrigin)),
        ]),
        grow('120 routes in the table, to 16', 'edge', get(withToken(edge.rules16, crossOrigin)), [
          'edge',
          get(withToken(edge.rules120, crossOrigin)),
        ]),
        grow(
          'preflight with 100,000 registered origins, 1,000 in rotation, to 1',
          'edge',
          rotateOrigins([listedOrigin]),
          ['edgeFull', rotateOrigins(edgeFull.origins.slice(0, 1000))],
        ),
      ],
    },
  ];

  function refusedWith(token: string): LoadRequest {
    return { ...get(withToken(token, crossOrigin)), status: 401 };
  }

  function forward(
    title: string,
    token: string,
    headers: Record<string, string>,
    {
      connections = 8,
      isQuick = false,
      server = 'edge',
    }: { connections?: number; isQuick?: boolean; server?: ServerName } = {},
  ): Row {
    const request = get(withToken(token, headers));
    return {
      title,
      baseline: { server: 'passthrough', request },
      contender: { server, request },
      connections,
      isQuick,
      wanted: null,
    };
  }
}

function answer(
  title: string,
  method: string,
  status: number,
  headers: Record<string, string>,
  askedPath = path,
): Row {
  const request = { method, path: askedPath, headers };
  return {
    title,
    baseline: { server: 'constant', request: { ...request, status: 200 } },
    contender: { server: 'edge', request: { ...request, status } },
    connections: 8,
    isQuick: status === 204,
    // A constant has nothing to log, so a refusal is held to the Worker that logs the same.
    wanted: status === 204 ? { throughput: 0.9 } : null,
  };
}

function grow(
  title: string,
  server: ServerName,
  request: LoadRequest,
  [grownServer, grownRequest]: readonly [ServerName, LoadRequest],
): Row {
  return {
    title,
    baseline: { server, request },
    contender: { server: grownServer, request: grownRequest },
    connections: 8,
    isQuick: false,
    wanted: { throughput: 0.9 },
  };
}

function get(headers: Record<string, string>): LoadRequest {
  return { method: 'GET', path, headers, status: 200 };
}

function withToken(token: string, headers: Record<string, string>): Record<string, string> {
  return { ...headers, Authorization: `Bearer ${token}` };
}

function rotateTokens(values: readonly string[]): LoadRequest {
  return {
    ...get({ Origin: listedOrigin, Authorization: 'Bearer %s' }),
    rotation: { header: 'Authorization', values },
  };
}

function rotateOrigins(values: readonly string[]): LoadRequest {
  return {
    method: 'OPTIONS',
    path,
    headers: { Origin: '%s', 'Access-Control-Request-Method': 'GET' },
    rotation: { header: 'Origin', values },
    status: 204,
  };
}
