/**
 * "Would this request work?": the form, and the API's answer step by step.
 */

import type { Child } from 'hono/jsx';
import type { ExplainStep, Explanation } from '../../../core/decide/explain.ts';
import type { FieldProblem } from '../../../core/field-problem.ts';
import type { ApiClient, ApiProblem } from '../api-client.ts';
import type { PageContext } from '../dashboard.ts';
import { Field } from '../parts/field.tsx';

/** The request in question. */
interface ExplainQuery {
  readonly method: string;
  readonly path: string;
  /** Empty: a request without an Origin, as a backend sends it. */
  readonly origin: string;
  /** Empty: the visitor's own. */
  readonly address: string;
}

/** A question that was asked, and its answer; `null`: nothing was asked. */
export interface ExplainState {
  readonly query: ExplainQuery;
  readonly result: Explanation | ApiProblem | null;
}

/** Answers what the form asked about this key, if it was sent. */
export async function explain(
  api: ApiClient,
  keyId: string,
  context: PageContext,
): Promise<ExplainState> {
  const query = queryOf(context);
  if (query === null) return { query: emptyQuery, result: null };
  const { origin, address, ...request } = query;
  const own = context.req.header('CF-Connecting-IP');
  const answer = await api<Explanation>({
    method: 'POST',
    path: '/explain',
    body: {
      keyId,
      ...request,
      ...(origin === '' ? {} : { origin }),
      ...(address === '' ? {} : { address }),
    },
    headers: own === undefined ? {} : { 'CF-Connecting-IP': own },
  });
  return { query, result: answer.ok ? answer.document : answer.problem };
}

/** Reads the question of the form; `null` if it was not sent. */
function queryOf(context: PageContext): ExplainQuery | null {
  const query = new URL(context.req.url).searchParams;
  const path = query.get('path');
  if (path === null) return null;
  return {
    method: query.get('method') ?? 'GET',
    path: path.trim(),
    origin: query.get('origin')?.trim() ?? '',
    address: query.get('address')?.trim() ?? '',
  };
}

const emptyQuery: ExplainQuery = { method: 'GET', path: '', origin: '', address: '' };

const fieldNames = ['method', 'path', 'origin', 'address'] as const;
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** The form that asks which rule decides about a request, and its answer. */
export function ExplainPanel(props: ExplainState & { readonly keyId: string }) {
  const { query, result } = props;
  const failure = result !== null && !('steps' in result) ? result : null;
  const problemsOf = (name: keyof ExplainQuery) =>
    (failure?.problems ?? []).filter(({ path }) => path === name);
  const isSaidAtFields = fieldNames.some((name) => problemsOf(name).length > 0);
  return (
    <section class="panel padded stack" aria-labelledby="explain-heading" id="explain">
      <div>
        <h2 id="explain-heading">Explain a request</h2>
        <p class="quiet">Asks the same rules that judge requests. Nothing is sent to your API.</p>
      </div>
      <form method="get" action={`/_edge/keys/${props.keyId}#explain`} class="stack">
        <div class="explain-fields">
          <Field id="explain-method" label="Method" problems={problemsOf('method')}>
            {(attributes) => (
              <select {...attributes} name="method">
                {methods.map((method) => (
                  <option selected={method === query.method}>{method}</option>
                ))}
              </select>
            )}
          </Field>
          <TextField
            name="path"
            label="Path"
            value={query.path}
            problems={problemsOf('path')}
            placeholder="/api/asset/abc123"
            isRequired
          />
          <TextField
            name="origin"
            label={
              <>
                Origin <span class="optional">(empty: from a backend)</span>
              </>
            }
            value={query.origin}
            problems={problemsOf('origin')}
            placeholder="https://app.example.com"
          />
          <TextField
            name="address"
            label={
              <>
                Address of the client <span class="optional">(empty: yours)</span>
              </>
            }
            value={query.address}
            problems={problemsOf('address')}
            placeholder="203.0.113.7"
          />
        </div>
        <div>
          <button type="submit">Explain</button>
        </div>
      </form>
      {result !== null && 'steps' in result && <Answer {...result} />}
      {failure !== null && !isSaidAtFields && <Problem problem={failure} />}
    </section>
  );
}

function TextField(props: {
  readonly name: 'path' | 'origin' | 'address';
  readonly label: Child;
  readonly value: string;
  readonly problems: readonly FieldProblem[];
  readonly placeholder: string;
  readonly isRequired?: boolean;
}) {
  const { name, label, value, problems, placeholder, isRequired = false } = props;
  return (
    <Field id={`explain-${name}`} label={label} problems={problems}>
      {(attributes) => (
        <input
          {...attributes}
          type="text"
          name={name}
          class="mono-input"
          required={isRequired}
          {...(name === 'origin' ? { inputmode: 'url' } : {})}
          value={value}
          placeholder={placeholder}
          autocapitalize="off"
          spellcheck={false}
        />
      )}
    </Field>
  );
}

function Problem({ problem }: { problem: ApiProblem }) {
  return (
    <p class="notice bad" role="alert">
      {problem.detail}.
    </p>
  );
}

function Answer(explanation: Explanation) {
  const { allowed, status, code, preflight, address } = explanation;
  return (
    <div class="stack" role="status">
      <div class={`notice ${allowed ? 'good' : 'bad'}`}>
        <p>
          <strong>{allowed ? 'This request is forwarded.' : 'This request is refused.'}</strong>
          {code !== null && (
            <>
              {' '}
              {status} <a href={`/_edge/errors#${code}`}>{code}</a>
            </>
          )}
        </p>
        {!allowed && <p>{explanation.detail}.</p>}
      </div>
      <p class="quiet">
        {address === null ? (
          'The edge cannot read the address of the client.'
        ) : (
          <>
            Address of the client, as the edge compares it: <code>{address}</code>
          </>
        )}
      </p>
      <ol class="steps">
        {explanation.steps.map(({ step, outcome, detail }) => (
          <li class="step">
            <span class={`badge ${outcome}`}>{outcomes[outcome]}</span>
            <span>
              <strong>{stepNames[step]}</strong>
              <span class="quiet">{detail}</span>
            </span>
          </li>
        ))}
      </ol>
      {preflight !== null && (
        <HeaderList
          title={`Answer to the preflight: ${preflight.status}${preflight.code === null ? '' : ` ${preflight.code}`}`}
          headers={preflight.headers}
        />
      )}
      <HeaderList title="Headers that the edge adds to the answer" headers={explanation.headers} />
    </div>
  );
}

const stepNames: Readonly<Record<ExplainStep, string>> = {
  target: 'Path',
  origin: 'Origin header',
  preflight: 'Preflight',
  public_route: 'Public route',
  key: 'Key',
  allowed_origins: 'Allowed origins',
  address: 'Address',
  route: 'Endpoint',
  quota: 'Quota',
};

const outcomes = { passed: 'Passed', failed: 'Refused', skipped: 'Skipped' } as const;

function HeaderList({ title, headers }: { title: string; headers: Explanation['headers'] }) {
  const lines = Object.entries(headers);
  if (lines.length === 0) return null;
  return (
    <details>
      <summary>{title}</summary>
      <dl class="headers">
        {lines.map(([name, value]) => (
          <div>
            <dt>
              <code>{name}</code>
            </dt>
            <dd>
              <code>{value}</code>
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
