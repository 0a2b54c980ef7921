/**
 * The deployment that the conformance tables run against: the Worker in the Workers test pool, or the
 * production bundle on bare workerd. Both represent bytes as strings, one character a byte (Latin-1).
 */

export type HeaderLine = readonly [name: string, value: string];

/** A request, sent exactly as written. */
export interface Call {
  /** Default: GET. */
  readonly method?: string;
  /** The request target on the wire. Default: `/`. */
  readonly target?: string;
  /**
   * The path of `request.url` that workerd makes of that target, if it differs. The pool starts with
   * it, since no socket is involved.
   */
  readonly seen?: string;
  /** Default: `edge.test`. */
  readonly host?: string;
  /** Default: https in the pool. On bare workerd it is http in any case. */
  readonly scheme?: 'http';
  readonly headers?: readonly HeaderLine[];
  readonly body?: string;
}

/** Headers by name in lower case; several lines of one name joined by a comma and a blank. */
export type HeaderMap = Readonly<Record<string, string>>;

/** A response. Headers that only frame the body (`Content-Length` and the like) are left out. */
export interface Answer {
  readonly status: number;
  readonly headers: HeaderMap;
  /** One entry a line, since these must not be joined. */
  readonly cookies: readonly string[];
  readonly body: string;
}

/** A request as the upstream got it, without `Host` and what frames the body. */
export interface Received {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderMap;
  readonly body: string;
}

/** How the upstream behaves. */
export type Behaviour =
  | {
      readonly kind: 'reply';
      readonly status?: number;
      readonly headers?: readonly HeaderLine[];
      readonly body?: string;
    }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'hang' };

/** A key as the management API created it. */
export interface CreatedKey {
  readonly id: string;
  readonly token: string;
}

/** One Worker with its own empty storage and its own upstream. */
export interface Deployment {
  call(call: Call): Promise<Answer>;
  /** Everything that reached the upstream, oldest first. */
  readonly received: readonly Received[];
  behaviour: Behaviour;
  /** The lines that the Worker logged. On bare workerd they arrive a moment later. */
  readonly logs: readonly string[];
  readonly adminToken: string;
  createKey(document: Readonly<Record<string, unknown>>): Promise<CreatedKey>;
  /** Runs one statement on the Worker's D1. */
  query(statement: string, ...values: readonly (string | number)[]): Promise<readonly Row[]>;
  /** The Worker's KV, by key. */
  copies(): Promise<Readonly<Record<string, string>>>;
  /** Empties the Worker's KV. */
  forgetCopies(): Promise<void>;
  dispose(): Promise<void>;
}

export type Row = Readonly<Record<string, unknown>>;

/** The variables of a deployment, on top of a working configuration. */
export type Vars = Readonly<Record<string, string>>;

/** Sets a deployment up. `upstreamPath` is put behind the upstream's address in `UPSTREAM_URL`. */
export type Deploy = (options?: {
  readonly vars?: Vars;
  readonly upstreamPath?: string;
}) => Promise<Deployment>;

/**
 * Takes the options of a deployment while tests are collected, and returns the call that sets it up. So the
 * deployments of a file are all known before the first one starts.
 */
export type Prepare = (...options: Parameters<Deploy>) => () => ReturnType<Deploy>;

/** Headers that frame a message, or belong to its connection: the runtime's, and none of our rules. */
const framingHeaders = new Set([
  'connection',
  'content-length',
  'date',
  'host',
  'keep-alive',
  'transfer-encoding',
]);

/** Joins header lines into a map, without what frames the message. */
export function toHeaderMap(lines: Iterable<HeaderLine>): HeaderMap {
  const map: Record<string, string> = {};
  for (const [writtenName, value] of lines) {
    const name = writtenName.toLowerCase();
    if (framingHeaders.has(name) || name === 'set-cookie') continue;
    map[name] = Object.hasOwn(map, name) ? `${map[name]}, ${value}` : value;
  }
  return map;
}

/** The values of all Set-Cookie lines. */
export function cookiesOf(lines: Iterable<HeaderLine>): string[] {
  return [...lines]
    .filter(([name]) => name.toLowerCase() === 'set-cookie')
    .map(([, value]) => value);
}
