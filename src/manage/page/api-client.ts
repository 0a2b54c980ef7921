/**
 * The management API as the page calls it: in this isolate, in the visitor's name.
 *
 * The page decides nothing about keys itself. The API decides what may be shown and changed, checks
 * the fields and writes the audit, as it does for the same request of a program.
 */

import type { FieldProblem } from '../../core/field-problem.ts';
import type { Problem } from '../../problem.ts';
import type { Manager } from '../authenticate.ts';

/** An answer of the API: its document and ETag, or the problem. */
export type ApiAnswer<Document> =
  | { readonly ok: true; readonly document: Document; readonly etag: string | null }
  | { readonly ok: false; readonly problem: ApiProblem };

/** A problem's body; `problems` if fields are at fault. */
export type ApiProblem = Pick<Problem, 'code' | 'status' | 'title' | 'detail'> & {
  readonly problems?: readonly FieldProblem[];
};

/** One call of the API. */
export interface ApiCall {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/_edge/v1`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | null>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Calls the API. Rejects when the API throws, as it does when D1 is out of reach. */
export type ApiClient = <Document>(call: ApiCall) => Promise<ApiAnswer<Document>>;

/** A client that calls in the name of a visitor, within what the API admits them to. */
export function createApiClient(options: {
  readonly handle: (request: Request, visitor: Manager) => Promise<Response>;
  readonly origin: string;
  readonly visitor: Manager;
}): ApiClient {
  return async <Document>(call: ApiCall) => {
    const url = new URL(`/_edge/v1${call.path}`, options.origin);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== null) url.searchParams.set(name, value);
    }
    const hasBody = call.body !== undefined;
    const response = await options.handle(
      new Request(url, {
        method: call.method ?? 'GET',
        headers: {
          ...(hasBody ? { 'Content-Type': 'application/json' } : {}),
          ...call.headers,
        },
        ...(hasBody ? { body: JSON.stringify(call.body) } : {}),
      }),
      options.visitor,
    );
    const text = await response.text();
    const document: unknown = text === '' ? null : JSON.parse(text);
    // With a good status the API answers the document that it describes, and otherwise a problem.
    return response.ok
      ? { ok: true, document: document as Document, etag: response.headers.get('ETag') }
      : { ok: false, problem: document as ApiProblem };
  };
}
