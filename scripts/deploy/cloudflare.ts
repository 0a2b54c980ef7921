/** Cloudflare's API, by the credentials that wrangler has: an API token, an API key, or its login. */

import { captureWrangler } from './wrangler.ts';

/** A refusal of the API. */
export class CloudflareError extends Error {
  override readonly name = 'CloudflareError';
  readonly status: number;
  readonly codes: readonly number[];
  constructor(message: string, status: number, codes: readonly number[]) {
    super(message);
    this.status = status;
    this.codes = codes;
  }
}

/** Calls below `/accounts/<id>`. */
export interface Cloudflare {
  accountId: string;
  /** The `result` of an answer. Throws a `CloudflareError` that names the permission it may need. */
  call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown>;
}

/** Signs in. Throws if there are no credentials, or if the account is not clear. */
export async function connectToCloudflare(configured: string | undefined): Promise<Cloudflare> {
  const headers = { ...(await credentials()), 'Content-Type': 'application/json' };
  const accountId = process.env['CLOUDFLARE_ACCOUNT_ID'] || configured || (await onlyAccount());
  const base = process.env['CLOUDFLARE_API_BASE_URL'] || 'https://api.cloudflare.com/client/v4';
  return {
    accountId,
    async call(method, path, body) {
      const response = await fetch(`${base}/accounts/${accountId}${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer = (await response.json().catch(() => null)) as Answer | null;
      if (answer?.success) return answer.result;
      throw refusal(method, path, response.status, answer?.errors ?? []);
    },
  };
}

interface Answer {
  success: boolean;
  result: unknown;
  errors?: { code: number; message: string }[];
}

const permissions: readonly (readonly [path: RegExp, permission: string])[] = [
  [/^\/d1\//, 'D1: Edit'],
  [/^\/storage\/kv\//, 'Workers KV Storage: Edit'],
  [/^\/queues/, 'Queues: Edit'],
  [/^\/workers\//, 'Workers Scripts: Edit'],
];

function refusal(
  method: string,
  path: string,
  status: number,
  errors: readonly { code: number; message: string }[],
): CloudflareError {
  const [, permission] = permissions.find(([pattern]) => pattern.test(path)) ?? [];
  const isForbidden = status === 401 || status === 403;
  const why = errors.map(({ code, message }) => `${message} (${code})`).join('; ') || 'no reason';
  const fix = isForbidden && permission ? `. The API token needs the permission ${permission}` : '';
  return new CloudflareError(
    `Cannot ${method} ${path}: Cloudflare answered ${status}, ${why}${fix}`,
    status,
    errors.map(({ code }) => code),
  );
}

async function credentials(): Promise<Record<string, string>> {
  const { CLOUDFLARE_API_TOKEN: fromEnvironment } = process.env;
  if (fromEnvironment) return { Authorization: `Bearer ${fromEnvironment}` };
  const { exitCode, stdout } = await captureWrangler(['auth', 'token', '--json']);
  if (exitCode !== 0) {
    throw new Error(
      'Cannot sign in to Cloudflare: run npx wrangler login, or set CLOUDFLARE_API_TOKEN',
    );
  }
  const found = JSON.parse(stdout) as { token?: string; key?: string; email?: string };
  if (found.token) return { Authorization: `Bearer ${found.token}` };
  return { 'X-Auth-Key': found.key ?? '', 'X-Auth-Email': found.email ?? '' };
}

/** The account of the login. A login with several accounts must name one. */
async function onlyAccount(): Promise<string> {
  const { stdout } = await captureWrangler(['whoami', '--json']);
  const { accounts = [] } = parse(stdout);
  const [first] = accounts;
  if (accounts.length === 1 && first !== undefined) return first.id;
  const list = accounts.map(({ id, name }) => `\n  ${id}  ${name}`).join('');
  throw new Error(
    `Cannot tell the account: set CLOUDFLARE_ACCOUNT_ID${list && ` to one of${list}`}`,
  );
}

function parse(text: string): { accounts?: { id: string; name: string }[] } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
