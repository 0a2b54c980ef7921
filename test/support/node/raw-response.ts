/**
 * Reads HTTP/1.1 responses piece by piece, keeping header lines as they were sent: order, case
 * and Latin-1 bytes. Grammar: RFC 9112, https://www.rfc-editor.org/rfc/rfc9112
 */

export type HeaderLines = [name: string, value: string][];

export type ParsedResponse = {
  status: number;
  reason: string;
  /** Every line in the order sent, values as Latin-1. */
  headers: HeaderLines;
  /** The value of the header, several lines joined by `, `; `null` if it is absent. */
  header(name: string): string | null;
  /** The part of the body that arrived, without its chunked framing. */
  body: Buffer;
  /** The 1xx responses that came before, in order. */
  interim: { status: number; headers: HeaderLines }[];
  /** Every byte received. */
  raw: Buffer;
};

type Framing =
  | { kind: 'none' }
  | { kind: 'length'; remainingBytes: number }
  | { kind: 'chunked'; state: 'size' | 'data' | 'data end' | 'trailer'; remainingBytes: number }
  | { kind: 'until close' };

/** Returns a parser for one response (and the interim ones before it). It never throws. */
export function createResponseParser() {
  const received: Buffer[] = [];
  const bodyPieces: Buffer[] = [];
  const interim: ParsedResponse['interim'] = [];
  let unread: Buffer = Buffer.alloc(0);
  let method = '';
  let head: { status: number; reason: string; headers: HeaderLines } | null = null;
  let framing: Framing = { kind: 'none' };
  let seen = '';

  return {
    /** Must be known before the response: the one to HEAD has no body, whatever its headers. */
    expectMethod(name: string): void {
      method = name;
    },

    /** Takes the next bytes. Returns whether the response is complete now. */
    push(bytes: Buffer): boolean {
      received.push(bytes);
      seen = '';
      unread = unread.byteLength === 0 ? bytes : Buffer.concat([unread, bytes]);
      if (head === null && !readHead()) return false;
      return readBody();
    },

    /** The connection has ended. Returns whether that completes the response. */
    end(): boolean {
      return head !== null && framing.kind === 'until close';
    },

    /** Returns whether the text occurs in all that was received. */
    sees(text: string): boolean {
      seen ||= Buffer.concat(received).toString('latin1');
      return seen.includes(text);
    },

    /** Returns the part that was read so far; `null` while the headers are incomplete. */
    result(): ParsedResponse | null {
      if (head === null) return null;
      const { headers } = head;
      return {
        ...head,
        header: (name) => joinedHeader(headers, name),
        body: Buffer.concat(bodyPieces),
        interim,
        raw: Buffer.concat(received),
      };
    },
  };

  function readHead(): boolean {
    while (head === null) {
      const end = unread.indexOf('\r\n\r\n');
      if (end === -1) return false;
      const parsed = parseHead(unread.toString('latin1', 0, end));
      // Not HTTP: there will be no result.
      if (parsed === null) return false;
      unread = unread.subarray(end + 4);
      // 101 is final: what follows belongs to the other protocol.
      if (parsed.status >= 100 && parsed.status < 200 && parsed.status !== 101) {
        interim.push({ status: parsed.status, headers: parsed.headers });
      } else {
        head = parsed;
        framing = framingOf(method, parsed.status, parsed.headers);
      }
    }
    return true;
  }

  function readBody(): boolean {
    switch (framing.kind) {
      case 'none':
        return true;
      case 'until close':
        take(unread.byteLength);
        return false;
      case 'length':
        framing.remainingBytes -= take(framing.remainingBytes);
        return framing.remainingBytes === 0;
      case 'chunked':
        return readChunks(framing);
    }
  }

  function readChunks(chunks: Framing & { kind: 'chunked' }): boolean {
    for (;;) {
      if (chunks.state === 'data') {
        chunks.remainingBytes -= take(chunks.remainingBytes);
        if (chunks.remainingBytes > 0) return false;
        chunks.state = 'data end';
      }
      const line = readLine();
      if (line === null) return false;
      if (chunks.state === 'trailer' && line === '') return true;
      if (chunks.state === 'data end') chunks.state = 'size';
      else if (chunks.state === 'size') {
        chunks.remainingBytes = Number.parseInt(line, 16);
        chunks.state = chunks.remainingBytes === 0 ? 'trailer' : 'data';
      }
    }
  }

  function readLine(): string | null {
    const end = unread.indexOf('\r\n');
    if (end === -1) return null;
    const line = unread.toString('latin1', 0, end);
    unread = unread.subarray(end + 2);
    return line;
  }

  /** Moves up to this many bytes to the body and returns how many there were. */
  function take(limitBytes: number): number {
    const piece = unread.subarray(0, limitBytes);
    if (piece.byteLength > 0) bodyPieces.push(piece);
    unread = unread.subarray(piece.byteLength);
    return piece.byteLength;
  }
}

/** Splits a head (without its final empty line) into what it says; `null` when it is not HTTP. */
function parseHead(text: string) {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const match = /^HTTP\/1\.\d (\d{3}) ?(.*)$/s.exec(statusLine);
  if (match === null) return null;
  const [, status = '', reason = ''] = match;
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
  });
  return { status: Number(status), reason, headers };
}

// RFC 9112 section 6.3, https://www.rfc-editor.org/rfc/rfc9112#section-6.3
function framingOf(method: string, status: number, headers: HeaderLines): Framing {
  if (method === 'HEAD' || status === 101 || status === 204 || status === 304) {
    return { kind: 'none' };
  }
  if (/chunked$/i.test(joinedHeader(headers, 'transfer-encoding') ?? '')) {
    return { kind: 'chunked', state: 'size', remainingBytes: 0 };
  }
  const length = joinedHeader(headers, 'content-length');
  if (length !== null) return { kind: 'length', remainingBytes: Number(length) };
  return { kind: 'until close' };
}

function joinedHeader(headers: HeaderLines, name: string): string | null {
  const values = headers
    .filter(([candidate]) => candidate.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value);
  return values.length === 0 ? null : values.join(', ');
}
