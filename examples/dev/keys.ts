/** The keys of local development: made through the edge's own management API, and remembered. */

import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';

/** A key and the token that only its making showed. */
export interface DevKey {
  id: string;
  token: string;
}

export interface DevKeys {
  backend: DevKey;
  restricted: DevKey;
  fullAccess: DevKey;
  /** A backend key that gives client tokens. */
  clientTokens: DevKey;
}

export interface ManagedEdge {
  edgeUrl: string;
  adminToken: string;
}

/** The origins of the pages that use the keys. */
export interface PageOrigins {
  page: string[];
  /** Those of pages with client tokens. */
  tokensPage: string[];
}

interface WantedKey {
  name: string;
  access:
    | { cors: { allowedOrigins: string[]; fullAccess: boolean } }
    | { clientTokens: { allowedOrigins: string[] } }
    | null;
}

const devKeySchema = v.object({ id: v.string(), token: v.string() });

const keysFileSchema = v.object({
  backend: devKeySchema,
  restricted: devKeySchema,
  fullAccess: devKeySchema,
  // Files of older versions lack it.
  clientTokens: v.optional(devKeySchema),
});

const originsSchema = v.nullish(v.object({ allowedOrigins: v.array(v.string()) }));
const accessSchema = v.nullish(v.object({ cors: originsSchema, clientTokens: originsSchema }));
const managedKeySchema = v.object({ enabled: v.boolean(), access: accessSchema });

/**
 * Returns one key of each kind: those of the file as far as the edge still knows them and they are
 * for these origins, new ones otherwise. Writes the file, readable for its owner alone.
 *
 * Throws when the edge refuses to make a key.
 */
export async function ensureDevKeys(
  keysFile: string,
  edge: ManagedEdge,
  pageOrigins: PageOrigins,
): Promise<DevKeys> {
  const known = await readKeysFile(keysFile);
  const ensure = async (wanted: WantedKey, candidate: DevKey | undefined): Promise<DevKey> =>
    candidate !== undefined && (await isUsable(edge, candidate, wanted))
      ? candidate
      : await createKey(edge, wanted);

  const cors = (fullAccess: boolean) => ({
    cors: { allowedOrigins: pageOrigins.page, fullAccess },
  });
  const keys = {
    backend: await ensure({ name: 'Local backend', access: null }, known?.backend),
    restricted: await ensure(
      { name: 'Local page, restricted', access: cors(false) },
      known?.restricted,
    ),
    fullAccess: await ensure(
      { name: 'Local page, full access', access: cors(true) },
      known?.fullAccess,
    ),
    clientTokens: await ensure(
      {
        name: 'Local backend, with client tokens',
        access: { clientTokens: { allowedOrigins: pageOrigins.tokensPage } },
      },
      known?.clientTokens,
    ),
  };
  await writeKeysFile(keysFile, keys);
  return keys;
}

/** Returns `null` when there is no such file or it holds something else. */
async function readKeysFile(
  keysFile: string,
): Promise<v.InferOutput<typeof keysFileSchema> | null> {
  try {
    return v.parse(keysFileSchema, JSON.parse(await readFile(keysFile, 'utf8')));
  } catch {
    return null;
  }
}

async function writeKeysFile(keysFile: string, keys: DevKeys): Promise<void> {
  await mkdir(dirname(keysFile), { recursive: true });
  await writeFile(keysFile, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600 });
  // The mode above counts only when the file is new.
  await chmod(keysFile, 0o600);
}

async function isUsable(edge: ManagedEdge, key: DevKey, wanted: WantedKey): Promise<boolean> {
  const response = await manage(edge, 'GET', `/_edge/v1/keys/${encodeURIComponent(key.id)}`);
  if (!response.ok) return false;
  const found = v.safeParse(managedKeySchema, await response.json());
  if (!found.success || !found.output.enabled) return false;

  if (originsOf(found.output.access) !== originsOf(wanted.access)) return false;

  // The key may have been rolled in the dashboard, and our token with it. The edge answers this by itself:
  // an API that refuses everything must not look like a key that does not work.
  const probe = await fetch(`${edge.edgeUrl}/_edge/v1/self`, {
    headers: { Authorization: `Bearer ${key.token}` },
  });
  await probe.body?.cancel();
  return probe.ok;
}

/** Returns the origins as one text, to be compared. */
function originsOf(access: v.InferOutput<typeof accessSchema>): string {
  const { cors, clientTokens } = access ?? {};
  return JSON.stringify(
    [cors, clientTokens].map((part) => part?.allowedOrigins.toSorted() ?? null),
  );
}

async function createKey(edge: ManagedEdge, wanted: WantedKey): Promise<DevKey> {
  const response = await manage(edge, 'POST', '/_edge/v1/keys', { ...wanted, owner: 'acct_local' });
  if (response.status !== 201) {
    throw new Error(
      `Cannot make the key "${wanted.name}": the edge answered ${response.status} ${await response.text()}`,
    );
  }
  return v.parse(devKeySchema, await response.json());
}

function manage(
  edge: ManagedEdge,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<Response> {
  return fetch(`${edge.edgeUrl}${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${edge.adminToken}`,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
