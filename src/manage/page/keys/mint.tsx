/**
 * Minting a client token by hand, to try one out. The backend key is typed in, because the edge stores
 * no token: it goes to the API in this isolate, and into no page, log or store.
 */

import { type ClientBounds, compileBounds } from '../../../core/client-token/rights.ts';
import type { FieldProblem } from '../../../core/field-problem.ts';
import { type ClientTokenAccess, rulesOfSet } from '../../../core/key/key.ts';
import { findMinter } from '../../client-tokens.ts';
import type { KeyDocument } from '../../documents.ts';
import { readMintRequest } from '../../mint-document.ts';
import type { Management } from '../../operation.ts';
import { API_KEY_FIELD } from '../access/resume.ts';
import type { Visit } from '../access/visitor.ts';
import type { ApiProblem } from '../api-client.ts';
import type { PageContext } from '../dashboard.ts';
import { textOf } from '../parts/form-data.ts';
import { Layout } from '../parts/layout.tsx';
import { pageResponse } from '../parts/respond.ts';
import { ExactTime } from '../parts/words.tsx';
import { edgeAddressOf } from './edge-address.ts';
import { exampleRequestOf } from './example-request.ts';
import { apiPathOf, type KeyAction, type Refused, refusedBy } from './key-action.tsx';
import { type MintValues, readMintValues, toMintRequest } from './mint-values.ts';
import { Copyable, Snippets } from './token-panel.tsx';

/** The answer of the endpoint that mints. */
interface MintedToken {
  readonly token: string;
  readonly expiresAt: string;
}

/** Mints a token, and shows it. */
export const mint: KeyAction = async (visit, form, context) => {
  const { management } = context.env;
  const found = await visit.api<KeyDocument>({ path: apiPathOf(context) });
  if (!found.ok) return refusedBy(found.problem, form);
  const key = found.document;
  const clientTokens = key.access?.clientTokens;
  if (clientTokens == null) {
    return { status: 409, failure: 'No token was minted: the key gives no client tokens.' };
  }
  const values = readMintValues(form);
  const { document, mistakes } = toMintRequest(values);
  const headers = holderHeaders(textOf(form, API_KEY_FIELD).trim(), context.req.raw);
  const reading = readMintRequest(document, {
    parent: boundsOf(clientTokens, management),
    prefix: management.tokenPrefix,
    nowMs: management.now(),
  });
  const problems = [
    ...(await problemsOfApiKey(headers, key.id, context)),
    ...mistakes,
    ...(reading.ok ? [] : reading.problems),
  ];
  if (headers === null || problems.length > 0) return refusedWith(values, problems);

  const minted = await visit.api<MintedToken>({
    method: 'POST',
    path: '/client-tokens',
    body: document,
    headers,
  });
  if (!minted.ok) return refusedLate(values, minted.problem);
  return mintedResponse(visit, context, { key, clientTokens, document, minted: minted.document });
};

/** The headers of a holder of the API key at the visitor's address; `null` if it cannot be in a header. */
function holderHeaders(apiKey: string, request: Request): Record<string, string> | null {
  if (!/^[\x21-\x7e]+$/.test(apiKey)) return null;
  const address = request.headers.get('cf-connecting-ip');
  return {
    Authorization: `Bearer ${apiKey}`,
    ...(address === null ? {} : { 'CF-Connecting-IP': address }),
  };
}

/** Finds what is wrong with the API key. It has to be a token of this key, and one that mints. */
async function problemsOfApiKey(
  headers: Record<string, string> | null,
  keyId: string,
  context: PageContext,
): Promise<readonly FieldProblem[]> {
  if (headers === null) {
    return [
      {
        path: 'apiKey',
        value: null,
        reason: 'it is missing, or holds characters that no API key has',
        fix: 'Paste the token that was shown when the key was made or rolled',
      },
    ];
  }
  const request = new Request(context.req.url, { headers });
  const minter = await findMinter({ management: context.env.management, request });
  if (!minter.ok) return [atApiKey(minter.problem)];
  if (minter.held.key.id === keyId) return [];
  return [
    {
      path: 'apiKey',
      value: null,
      reason: 'it is the token of another key',
      fix: 'Paste a token of this key',
    },
  ];
}

/** A refusal of the API key, at its field: its first sentence is the reason. */
function atApiKey({ detail }: Pick<ApiProblem, 'detail'>): FieldProblem {
  const [, reason = detail, fix = 'Paste a token of this key'] =
    /^(.+?)\. (.+)$/.exec(detail) ?? [];
  return { path: 'apiKey', value: null, reason, fix };
}

function refusedWith(values: MintValues, problems: readonly FieldProblem[]): Refused {
  return {
    status: 422,
    failure: 'No token was minted. Fix the errors shown below.',
    mint: { values, problems },
  };
}

/** The refusal of the API after the checks: too many requests, or a change of the key in between. */
function refusedLate(values: MintValues, problem: ApiProblem): Refused {
  const { status, problems = [], detail } = problem;
  if (problems.length > 0) return refusedWith(values, problems);
  return { status, failure: `${detail}.`, mint: { values, problems: [] } };
}

/** The opt-in as the API shows it. */
type ShownClientTokens = NonNullable<NonNullable<KeyDocument['access']>['clientTokens']>;

function boundsOf(
  access: ShownClientTokens,
  { restrictedRoutes, restrictedTable }: Management,
): ClientBounds {
  const rules = access.ruleSet === undefined ? access.rules : rulesOfSet(access.ruleSet);
  return compileBounds({ ...access, rules }, restrictedRoutes, restrictedTable);
}

/** The only page that shows the token. It is stored nowhere. */
function mintedResponse(
  { visitor }: Visit,
  context: PageContext,
  made: {
    readonly key: KeyDocument;
    readonly clientTokens: ShownClientTokens;
    readonly document: Record<string, unknown>;
    readonly minted: MintedToken;
  },
): Response {
  const { key, clientTokens, document, minted } = made;
  const { management } = context.env;
  const {
    origins: allowedOrigins = clientTokens.allowedOrigins,
    rules = clientTokens.rules,
    sub,
  } = document as Partial<Pick<ClientTokenAccess, 'rules'>> & {
    readonly origins?: readonly string[];
    readonly sub?: string;
  };
  const cors = { allowedOrigins: [...allowedOrigins], fullAccess: false };
  const ownRules = rules?.map(({ methods, resources }) => ({
    methods: [...methods],
    resources: [...resources],
  }));
  const { ruleSet } = clientTokens;
  const access = {
    cors,
    ...(ownRules ? { rules: ownRules } : ruleSet === undefined ? {} : { ruleSet }),
  };
  const title = 'Client token minted';
  return pageResponse(
    <Layout title={title} section="keys" visitor={visitor}>
      <div class="panel padded narrow stack">
        <h1>{title}</h1>
        <p>
          {sub === undefined ? (
            'A token for any visitor'
          ) : (
            <>
              A token for the visitor <code>{sub}</code>
            </>
          )}
          , made with <strong>{key.name}</strong>. It expires{' '}
          <ExactTime value={minted.expiresAt} nowMs={management.now()} />.
        </p>
        <p class="notice warn">
          Copy it now. It is shown this once and stored nowhere. Anyone who has it can use it until
          it expires.
        </p>
        <div class="field">
          <span class="label">Client token</span>
          <Copyable id="token-value" what="client token">
            {minted.token}
          </Copyable>
        </div>
        <Snippets
          edge={edgeAddressOf(context)}
          token={minted.token}
          example={exampleRequestOf({ access }, management.restrictedRoutes)}
          ids={['fetch', 'curl', 'livepeer']}
        />
        <div class="actions">
          <a class="button" href={`/_edge/keys/${key.id}#mint`}>
            Mint another one
          </a>
          <a class="button primary" href={`/_edge/keys/${key.id}`}>
            Done
          </a>
        </div>
      </div>
    </Layout>,
    201,
  );
}
