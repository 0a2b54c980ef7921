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
}

export interface ManagedEdge {
  edgeUrl: string;
  adminToken: string;
}

interface WantedKey {
  name: string;
  access: { cors: { allowedOrigins: string[]; fullAccess: boolean } } | null;
}

const devKeySchema = v.object({ id: v.string(), token: v.string() });

const keysFileSchema = v.object({
  backend: devKeySchema,
  restricted: devKeySchema,
  fullAccess: devKeySchema,
});

const managedKeySchema = v.object({
  enabled: v.boolean(),
  access: v.nullish(
    v.object({ cors: v.nullish(v.object({ allowedOrigins: v.array(v.string()) })) }),
  ),
});

/**
 * Returns one key of each kind: those of the file as far as the edge still knows them and they are
 * for these origins, new ones otherwise. Writes the file, readable for its owner alone.
 *
 * Throws when the edge refuses to make a key.
 */
export async function ensureDevKeys(
  keysFile: string,
  edge: ManagedEdge,
  pageOrigins: string[],
): Promise<DevKeys> {
  const known = await readKeysFile(keysFile);
  const ensure = async (wanted: WantedKey, candidate: DevKey | undefined): Promise<DevKey> =>
    candidate !== undefined && (await isUsable(edge, candidate, wanted))
      ? candidate
      : await createKey(edge, wanted);

  const cors = (fullAccess: boolean) => ({ cors: { allowedOrigins: pageOrigins, fullAccess } });
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
  };
  await writeKeysFile(keysFile, keys);
  return keys;
}

/** Returns `null` when there is no such file or it holds something else. */
async function readKeysFile(keysFile: string): Promise<DevKeys | null> {
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

  const origins = (access: { cors?: { allowedOrigins: string[] } | null | undefined } | null) =>
    JSON.stringify(access?.cors?.allowedOrigins.toSorted() ?? null);
  if (origins(found.output.access ?? null) !== origins(wanted.access)) return false;

  // The key may have been rolled in the dashboard, and our token with it. Any answer but a 401 says
  // that the token is known: a restricted key gets a 403 here.
  const probe = await fetch(`${edge.edgeUrl}/echo`, {
    headers: { Authorization: `Bearer ${key.token}` },
  });
  await probe.body?.cancel();
  return probe.status !== 401;
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
