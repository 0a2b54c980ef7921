/**
 * The edge that a command talks to: its URL, token, headers and time limit, from options, the
 * environment or the login file.
 */

import type { Command } from 'commander';
import { isLocalHttp } from '../core/isolation/local-http.ts';
import { createClient, type ManagementClient } from '../management-client/client.ts';
import { usageError } from './failures.ts';
import { type Login, loginFile, readLogin } from './login-file.ts';
import { headerOption, seconds } from './options.ts';
import type { Surroundings } from './surroundings.ts';

const URL_VARIABLE = 'EDGE_AUTHORIZER_URL';
const TOKEN_VARIABLE = 'EDGE_AUTHORIZER_TOKEN';

/** The part of every help text that says where credentials come from. */
export const environmentHelp = `
Environment:
  ${TOKEN_VARIABLE}   the admin token, or your own JWT. Never an argument: arguments show in ps
  ${URL_VARIABLE}     the edge, unless --url is given
  NO_COLOR                switches colours off
  Without these, the address and the token come from "edge-authorizer login"`;

/** The options of every command that calls the API. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly header?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly allowHttp?: true;
}

/** Adds these options to a command. */
export function withConnection(command: Command): Command {
  return command
    .option('--url <url>', 'the address of the edge, for example https://edge.example')
    .option(
      '--header <name: value>',
      'send this header too, such as the service token of Cloudflare Access; may be repeated',
      headerOption,
    )
    .option('--timeout <seconds>', 'how long to wait for an answer, 30 by default', seconds)
    .option('--allow-http', 'send the token unencrypted, to an edge in a network that you trust');
}

/** Makes the client. Throws a `CommandError` without a usable URL, or without a token for it. */
export async function connect(
  options: ConnectionOptions,
  { env, fetch }: Surroundings,
): Promise<ManagementClient> {
  const given = options.url ?? (env[URL_VARIABLE] || undefined);
  const source = options.url === undefined ? ` (${URL_VARIABLE})` : '';
  if (given !== undefined) checkUrl(given, options, source);
  const present = env[TOKEN_VARIABLE];
  // The file is not even read if it is not needed, so that a broken file does not matter then.
  const login = given === undefined || !present ? await readLogin(loginFile(env)) : null;
  const url = given ?? login?.url;
  if (url === undefined) {
    throw usageError(
      `Cannot tell where the edge is: give --url https://edge.example, set ${URL_VARIABLE}, or run edge-authorizer login. "npm run dev" serves it at http://127.0.0.1:8787`,
    );
  }
  checkUrl(url, options);
  const kept = isFor(login, url) ? login : null;
  const token = present || kept?.token;
  if (!token) throw usageError(noToken(login, url));
  return clientFor(
    { url, token, headers: { ...kept?.headers, ...options.header } },
    options,
    fetch,
  );
}

/** Makes the client of one login. */
export function clientFor(
  login: Login,
  { timeout }: ConnectionOptions,
  fetch: Surroundings['fetch'],
): ManagementClient {
  return createClient({ ...login, fetch, ...(timeout ? { timeoutMs: timeout * 1000 } : {}) });
}

/**
 * Throws a `CommandError` unless it is an absolute https URL, or http to this machine or with `--allow-http`.
 * `source` says where the URL is from.
 */
export function checkUrl(url: string, { allowHttp }: ConnectionOptions, source = ''): void {
  if (!URL.canParse(url)) {
    throw usageError(
      `Cannot use ${JSON.stringify(url)} as the URL of the edge: it is not a URL such as https://edge.example${source}`,
    );
  }
  if (!/^https?:$/.test(new URL(url).protocol)) {
    throw usageError(
      `Cannot use ${JSON.stringify(url)} as the URL of the edge: it must begin with http:// or https://${source}`,
    );
  }
  if (new URL(url).protocol === 'http:' && !isLocalHttp(url) && !allowHttp) {
    throw usageError(
      `Cannot send a token to ${new URL(url).origin}: anyone on the way could read it. Use https, or give --allow-http in a network that you trust${source}`,
    );
  }
}

/** Returns whether a stored token may be sent to a URL: only to the origin that it was stored for. */
function isFor(login: Login | null, url: string): boolean {
  return login !== null && new URL(login.url).origin === new URL(url).origin;
}

function noToken(login: Login | null, url: string): string {
  const other =
    login === null ? '' : `. The token of the login is for ${new URL(login.url).origin} alone`;
  return `Cannot sign in at ${new URL(url).origin}: set ${TOKEN_VARIABLE} to the admin token, or to your own JWT, or run edge-authorizer login${other}`;
}
