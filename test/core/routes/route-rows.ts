/**
 * The restricted route set, written out a second time and independently of `src`: the table that the
 * tests hold the code against.
 */

/** One allowed method and path. `{kind}` stands for an id. */
export interface AllowedRow {
  readonly method: string;
  readonly template: string;
}

/** Every allowed method and path, one by one. */
export const allowedRows: readonly AllowedRow[] = [
  'POST /api/stream',
  'GET /api/stream/{stream}',
  'PATCH /api/stream/{stream}',
  'GET /api/stream/{stream}/sessions',
  'GET /api/session/{session}',
  'POST /api/multistream/target',
  'GET /api/multistream/target/{target}',
  'PATCH /api/multistream/target/{target}',
  'POST /api/asset/request-upload',
  'POST /api/asset/url',
  'POST /api/asset/upload/url',
  'GET /api/asset/{asset}',
  'PATCH /api/asset/{asset}',
  'POST /api/asset/{asset}/export',
  'POST /api/asset/{asset}/transcode',
  'GET /api/task/{task}',
  'GET /data/views/{views}/total',
  'GET /api/data/views/{views}/total',
].map((row) => {
  const [method = '', template = ''] = row.split(' ');
  return { method, template };
});

/** Words in the place of an id that are no id, by kind of id. */
export const reservedWords: Readonly<Record<string, readonly string[]>> = {
  stream: ['hook', 'pull', 'job', 'sessions', 'user', 'key', 'playback', 'deactivate-many'],
  asset: ['upload', 'request-upload', 'migrate', 'import', 'transcode', 'url'],
  session: ['migrate', 'migrate2'],
  views: ['query', 'now', 'internal'],
  target: [],
  task: [],
};

/** Returns whether the table allows a method and a path, by a pattern for each row. */
export function isAllowedByTable(method: string, path: string): boolean {
  return allowedRows.some((row) => {
    if (row.method !== method) return false;
    const pattern = row.template.replace(/\{(\w+)\}/g, (_, kind: string) => {
      const words = reservedWords[kind] ?? [];
      const guard = words.length === 0 ? '' : `(?!(?:${words.map(anyCase).join('|')})(?:/|$))`;
      return `${guard}[A-Za-z0-9_-]{1,128}`;
    });
    return new RegExp(`^${pattern}$`).test(path);
  });
}

function anyCase(word: string): string {
  return word.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}
