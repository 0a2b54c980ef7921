import { describe, expect, it } from 'vitest';
import { readBody } from '../../src/manage/request-body.ts';

const MAX = 1_000;

async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Response(text).body?.pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const read = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  readBody(
    new Request('https://edge.test/', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body,
    }),
    { maxBytes: MAX },
  );

describe('readBody()', () => {
  it.each(['gzip', 'x-gzip', 'GZIP'])('inflates %s', async (coding) => {
    const reading = await read(await gzip('{"a":1}'), { 'Content-Encoding': coding });
    expect(reading).toMatchObject({ ok: true, text: '{"a":1}', document: { a: 1 } });
  });

  it('holds its bound for what it inflates to', async () => {
    const bomb = await gzip(' '.repeat(1024 * 1024));
    expect(bomb.length).toBeLessThan(2 * MAX);
    const reading = await read(await gzip(' '.repeat(MAX + 1)), { 'Content-Encoding': 'gzip' });
    expect(reading).toMatchObject({ ok: false, problem: { status: 413 } });
  });

  it('refuses what is not gzip as a body that cannot be read', async () => {
    const reading = await read('{}', { 'Content-Encoding': 'gzip' });
    expect(reading).toMatchObject({ ok: false, problem: { status: 400, code: 'malformed_json' } });
    const cut = (await gzip('{"a":1}')).slice(0, -4);
    expect(await read(cut, { 'Content-Encoding': 'gzip' })).toMatchObject({ ok: false });
  });

  it.each(['br', 'deflate', 'gzip, gzip', 'zstd'])(
    'refuses the coding %s, and names gzip',
    async (coding) => {
      const reading = await read('{}', { 'Content-Encoding': coding });
      expect(reading).toMatchObject({
        ok: false,
        problem: { status: 415, code: 'unsupported_media_type' },
        headers: { 'Accept-Encoding': 'gzip' },
      });
    },
  );

  it.each(['utf-8', 'UTF-8', '"utf-8"', 'utf8'])('reads the charset %s', async (charset) => {
    const type = { 'Content-Type': `application/json; charset=${charset}` };
    expect(await read('{}', type)).toMatchObject({ ok: true });
  });

  it.each(['iso-8859-1', 'utf-16', '"UTF-16LE"'])('refuses the charset %s', async (charset) => {
    const type = { 'Content-Type': `application/json;charset=${charset}` };
    const reading = await read('{}', type);
    expect(reading).toMatchObject({ ok: false, problem: { status: 415 } });
  });
});
