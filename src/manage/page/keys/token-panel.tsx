/**
 * A token, shown once: after a key is made or rolled.
 */

import type { Child } from 'hono/jsx';
import type { RouteList } from '../../../core/routes/route-table.ts';
import type { KeyWithToken } from '../../documents.ts';
import { pathOf } from '../../endpoint-list.tsx';
import type { Visit } from '../access/visitor.ts';
import type { PageContext } from '../dashboard.ts';
import { Layout } from '../parts/layout.tsx';
import { pageResponse } from '../parts/respond.ts';

/** The only page that shows the token. It is stored nowhere. */
export function tokenResponse(
  { visitor }: Visit,
  form: FormData,
  context: PageContext,
  made: {
    readonly key: KeyWithToken;
    readonly title: string;
    readonly status: 200 | 201;
    readonly message: Child;
  },
): Response {
  const { key, title } = made;
  return pageResponse(
    <Layout title={title} section="keys" visitor={visitor}>
      <div class="panel padded narrow">
        <TokenPanel
          title={title}
          inDialog={form.has('in_dialog')}
          token={key.token}
          curl={curlFor({
            origin: new URL(context.req.url).origin,
            endpoint: exampleEndpoint(context.env.management.restrictedRoutes),
            token: key.token,
          })}
          keyUrl={`/_edge/keys/${key.id}`}
        >
          <p>{made.message}</p>
        </TokenPanel>
      </div>
    </Layout>,
    made.status,
  );
}

/** A new token, shown this once, with the line to try it. */
function TokenPanel(props: {
  readonly title: string;
  /** Heading level 2 inside the dialog. */
  readonly inDialog: boolean;
  readonly token: string;
  readonly curl: string;
  readonly keyUrl: string;
  readonly children: Child;
}) {
  const Heading = props.inDialog ? 'h2' : 'h1';
  return (
    <div id="create-content" class="stack" data-once>
      <Heading id="create-title" tabindex={-1} data-focus>
        {props.title}
      </Heading>
      {props.children}
      <p class="notice warn">
        Copy and secure the value now. It is shown this once and cannot be looked up later. It is
        the only secret that requests need, so share and store it with caution.
      </p>
      <div class="field">
        <span class="label" id="token-label">
          Token
        </span>
        <Copyable id="token-value" what="token">
          {props.token}
        </Copyable>
      </div>
      <div class="field">
        <span class="label">Use it</span>
        <Copyable id="curl-value" what="command">
          {props.curl}
        </Copyable>
        {props.curl.includes('{id}') && (
          <p class="help">
            Write an id of yours in place of <code>{'{id}'}</code>.
          </p>
        )}
      </div>
      <div class="actions">
        <a class="button" href={props.keyUrl}>
          Open the key
        </a>
        <a class="button primary" href="/_edge/">
          Done
        </a>
      </div>
    </div>
  );
}

/** The line that calls the API with a token. The example endpoint is one that the key may call. */
function curlFor(options: {
  readonly origin: string;
  readonly endpoint: { readonly method: string; readonly path: string };
  readonly token: string;
}): string {
  const { method, path } = options.endpoint;
  return [
    `curl -X ${method} \\`,
    `  -H 'Authorization: Bearer ${options.token}' \\`,
    `  '${options.origin}${path}'`,
  ].join('\n');
}

/** An endpoint that every key may call, for the example. */
function exampleEndpoint({ routes }: RouteList): { method: string; path: string } {
  const row = routes.find(({ methods }) => methods.includes('GET'));
  return { method: 'GET', path: row === undefined ? '/' : pathOf(row) };
}

function Copyable({ id, what, children }: { id: string; what: string; children: string }) {
  return (
    <>
      <div class="secret">
        <pre id={id}>{children}</pre>
        <button type="button" data-copy={id} hidden>
          Copy<span class="unseen"> the {what}</span>
        </button>
      </div>
      <p class="help" role="status" id={`${id}-status`} />
    </>
  );
}
