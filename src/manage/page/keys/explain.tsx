/**
 * "Would this request work?": the form, and the API's answer step by step.
 */

import type { ExplainStep, Explanation } from '../../../core/decide/explain.ts';
import type { ApiProblem } from '../api-client.ts';
import { Field } from '../parts/field.tsx';

/** What is asked about. */
export interface ExplainQuery {
  readonly method: string;
  readonly path: string;
  /** Empty: a request without an Origin, as a backend sends it. */
  readonly origin: string;
}

const fieldNames = ['method', 'path', 'origin'] as const;
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** The form that asks which rule decides about a request, and its answer. */
export function ExplainPanel(props: {
  readonly keyId: string;
  readonly query: ExplainQuery;
  readonly result: Explanation | ApiProblem | null;
}) {
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
          <Field id="explain-path" label="Path" problems={problemsOf('path')}>
            {(attributes) => (
              <input
                {...attributes}
                type="text"
                name="path"
                class="mono-input"
                required
                value={query.path}
                placeholder="/api/asset/abc123"
                autocapitalize="off"
                spellcheck={false}
              />
            )}
          </Field>
          <Field
            id="explain-origin"
            label={
              <>
                Origin <span class="optional">(empty: from a backend)</span>
              </>
            }
            problems={problemsOf('origin')}
          >
            {(attributes) => (
              <input
                {...attributes}
                type="text"
                name="origin"
                class="mono-input"
                inputmode="url"
                value={query.origin}
                placeholder="https://app.example.com"
                autocapitalize="off"
                spellcheck={false}
              />
            )}
          </Field>
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

function Problem({ problem }: { problem: ApiProblem }) {
  return (
    <p class="notice bad" role="alert">
      {problem.detail}.
    </p>
  );
}

function Answer(explanation: Explanation) {
  const { allowed, status, code, preflight } = explanation;
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
  route: 'Endpoint',
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
