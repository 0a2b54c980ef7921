/**
 * The settings of a key that cannot be changed, or not by this visitor.
 */

import type { KeyDocument } from '../../documents.ts';
import { sayClientRights } from './plan-words.ts';
import { toRulesText } from './rules-text.ts';

/** Shows what the form to edit a key would show. */
export function SettingsView(props: {
  readonly document: KeyDocument;
  /** A sentence that says why there is no form; `null`: the page says so already. */
  readonly reason: string | null;
}) {
  const { access } = props.document;
  const origins = access?.cors?.allowedOrigins;
  const clientTokens = access?.clientTokens;
  const rules = access?.rules;
  return (
    <section class="panel padded stack" aria-labelledby="settings-heading">
      <h2 id="settings-heading">Settings</h2>
      {props.reason !== null && <p class="quiet">{props.reason}</p>}
      {origins === undefined ? (
        <p>A backend key: no page may use it.</p>
      ) : (
        <Lines id="origins-heading" title="Allowed origins" lines={origins} />
      )}
      {access?.ruleSet !== undefined ? (
        <p>
          It may call the endpoints of the rule set <code>{access.ruleSet}</code>.
        </p>
      ) : rules == null ? (
        <p>
          {origins === undefined || access?.cors?.fullAccess
            ? 'It may call every endpoint.'
            : 'It may call the restricted endpoints.'}
        </p>
      ) : (
        <Lines
          id="rules-heading"
          title="It may call"
          lines={rules.map((rule) => toRulesText([rule]))}
        />
      )}
      {clientTokens !== undefined && (
        <>
          <Lines
            id="client-origins-heading"
            title="Origins of pages with client tokens"
            lines={clientTokens.allowedOrigins}
          />
          <p>Client tokens: {sayClientRights(clientTokens)}.</p>
        </>
      )}
    </section>
  );
}

function Lines(props: {
  readonly id: string;
  readonly title: string;
  readonly lines: readonly string[];
}) {
  return (
    <div>
      <h3 id={props.id} class="label">
        {props.title}
      </h3>
      <ul class="origin-list" aria-labelledby={props.id}>
        {props.lines.map((line) => (
          <li>
            <code>{line}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}
