/** The memory of the example upstream. Each collection forgets its oldest beyond a bound. */

export interface Stream {
  id: string;
  userId: string;
  name: string;
  createdAt: number;
  isActive: boolean;
  playbackId: string;
  /** A client that knows this may broadcast to the stream. */
  streamKey: string;
}

export interface Session {
  id: string;
  parentId: string;
  name: string;
  createdAt: number;
  sourceBytes: number;
}

export interface Target {
  id: string;
  userId: string;
  name: string;
  createdAt: number;
  disabled: boolean;
}

export interface Asset {
  id: string;
  userId: string;
  name: string;
  createdAt: number;
  playbackId: string;
  source: { type: 'directUpload' | 'url'; url?: string };
  /** Bytes received. Absent until the file is there: the SDK takes no `null`. */
  size?: number;
  /** The checksum of what was received, so that a caller can compare it. Absent like `size`. */
  hash?: { algorithm: 'crc32'; hash: string }[];
  status: { phase: 'waiting' | 'ready'; updatedAt: number };
  /** Counts changes; the entity tag is made of it. */
  revision: number;
}

export interface Task {
  id: string;
  /** Studio's names, as its SDK knows them. An import is an upload there. */
  type: 'upload' | 'export' | 'transcode-file';
  createdAt: number;
  inputAssetId?: string;
  outputAssetId?: string;
  status: { phase: 'pending' | 'completed'; progress: number; updatedAt: number };
}

const RECORDS_KEPT = 1000;

export const streams = collection<Stream>();
export const sessions = collection<Session>();
export const targets = collection<Target>();
export const assets = collection<Asset>();
export const tasks = collection<Task>();

export interface Collection<T extends { id: string }> {
  /** Keeps the record, in place of an older one with its id. Returns it. */
  put: (record: T) => T;
  /** `undefined` if it does not exist, or no longer. */
  get: (id: string) => T | undefined;
  /** Everything, oldest first. */
  all: () => T[];
}

function collection<T extends { id: string }>(): Collection<T> {
  const records = new Map<string, T>();
  return {
    put(record) {
      records.set(record.id, record);
      if (records.size > RECORDS_KEPT) {
        // A Map iterates in the order of insertion: the first is the oldest.
        for (const oldest of records.keys()) {
          records.delete(oldest);
          break;
        }
      }
      return record;
    },
    get: (id) => records.get(id),
    all: () => [...records.values()],
  };
}

/** Returns 16 random characters of the kind that Studio uses for playback ids and stream keys. */
export function shortId(): string {
  return crypto.randomUUID().replaceAll('-', '').slice(0, 16);
}
