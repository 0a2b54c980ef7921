/**
 * A token, shown once: after a key is made or rolled.
 */

import type { Child } from 'hono/jsx';
import type { KeyWithToken } from '../../documents.ts';
import type { Visit, Visitor } from '../access/visitor.ts';
import type { PageContext } from '../dashboard.ts';
import { Layout } from '../parts/layout.tsx';
import { pageResponse } from '../parts/respond.ts';
import { type EdgeAddress, edgeAddressOf } from './edge-address.ts';
import { EXAMPLE_ID, type ExampleRequest, exampleRequestOf } from './example-request.ts';
import { type Snippet, snippetsFor } from './snippets.ts';

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
          edge={edgeAddressOf(context)}
          example={exampleRequestOf(key, context.env.management.restrictedRoutes)}
          keyUrl={`/_edge/keys/${key.id}`}
          waits={key.lastUsedAt === null ? visitor : null}
        >
          <p>{made.message}</p>
        </TokenPanel>
      </div>
    </Layout>,
    made.status,
  );
}

/** A new token, shown this once, with examples that use it. */
function TokenPanel(props: {
  readonly title: string;
  /** Heading level 2 inside the dialog. */
  readonly inDialog: boolean;
  readonly token: string;
  readonly edge: EdgeAddress;
  readonly example: ExampleRequest;
  readonly keyUrl: string;
  /** The visitor, if the page waits for the first request; `null`: the key was used before. */
  readonly waits: Visitor | null;
  readonly children: Child;
}) {
  const { keyUrl, waits } = props;
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
      <Snippets {...props} />
      {waits !== null && <FirstRequest keyUrl={keyUrl} visitor={waits} />}
      <div class="actions">
        <a class="button" href={keyUrl}>
          Open the key
        </a>
        <a class="button primary" href="/_edge/">
          Done
        </a>
      </div>
    </div>
  );
}

/** The examples, one below the other. The script makes tabs of them. */
export function Snippets(props: {
  readonly edge: EdgeAddress;
  readonly token: string;
  readonly example: ExampleRequest;
  /** The examples to show. Default: all. */
  readonly ids?: readonly Snippet['id'][];
}) {
  const { edge, token, example } = props;
  const snippets = snippetsFor({ edge: edge.url, token, example }).filter(
    ({ id }) => props.ids?.includes(id) ?? true,
  );
  return (
    <div class="field" data-tabs="Use it">
      <span class="label">Use it</span>
      {snippets.map(({ id, label, text }) => (
        <section data-tab={label} id={`snippet-${id}`} aria-label={label}>
          <Copyable id={`${id}-value`} what={`text for ${label}`}>
            {text}
          </Copyable>
        </section>
      ))}
      {edge.isExample && (
        <p class="help">
          Write the address of your API in place of <code>{edge.url}</code>. The operator can set it
          once, as <code>API_URL</code>.
        </p>
      )}
      {example.hasExampleId && (
        <p class="help">
          The edge forwards this request as it is. For an answer with data, write an id of yours in
          place of <code>{EXAMPLE_ID}</code>.
        </p>
      )}
    </div>
  );
}

/** Says if the key was used. Without script, a link leads to the answer. */
function FirstRequest({ keyUrl, visitor }: { keyUrl: string; visitor: Visitor }) {
  return (
    <p
      class="notice first-request"
      role="status"
      data-first-request={`${keyUrl}/first-request`}
      data-form-token={visitor.formToken}
    >
      <a href={keyUrl}>See if the first request has arrived</a>
    </p>
  );
}

/** A text, with a button that copies it. */
export function Copyable({ id, what, children }: { id: string; what: string; children: string }) {
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
