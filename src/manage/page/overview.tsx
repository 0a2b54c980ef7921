/**
 * The overview: requests and refusals of all keys, or of those of an owner, and the keys that need a decision.
 */

import type { KeyDocument } from '../documents.ts';
import { isOwner } from '../key-members.ts';
import type { KeyListDocument } from '../list-keys.ts';
import type { UsageOverviewDocument } from '../usage-overview.ts';
import type { View } from './access/guards.tsx';
import type { Visitor } from './access/visitor.ts';
import type { ApiAnswer, ApiClient } from './api-client.ts';
import { HowToSendEvents } from './events/events.tsx';
import { listUrl, readListQuery, toApiQuery } from './keys/list-query.ts';
import { Layout } from './parts/layout.tsx';
import { pageResponse } from './parts/respond.ts';
import {
  type Counted,
  partOf,
  periodInWords,
  periodSeries,
  RefusalsByCode,
  totalOf,
  UsageChart,
} from './parts/usage-chart.tsx';
import { TopEndpoints, TopRefusedOrigins } from './parts/usage-names.tsx';
import { PeriodChoice, periodIn } from './parts/usage-period.tsx';
import { count, countOf, Time } from './parts/words.tsx';

/** One question about keys: a filter of the list, and the words for what it finds. */
interface Question {
  readonly id: string;
  readonly title: string;
  /** The filter, as it is in the address of the list. */
  readonly filter: { readonly age: string; readonly state: string };
  readonly none: string;
  /** The time that a row shows; `null`: it has no such time. */
  readonly timeOf: (key: KeyDocument) => string | null;
}

const questions: readonly Question[] = [
  {
    id: 'expiring',
    title: 'Expire within 30 days',
    filter: { age: 'expires-30', state: 'live' },
    none: 'No key expires within 30 days.',
    timeOf: ({ expiresAt }) => expiresAt,
  },
  {
    id: 'unused',
    title: 'Never used, or not for 30 days',
    filter: { age: 'unused-30', state: 'live' },
    none: 'Every key was used or made within 30 days.',
    timeOf: ({ lastUsedAt }) => lastUsedAt,
  },
];

/** Keys of a question that the overview names. The list shows the others. */
const KEYS_SHOWN = 8;

/** Shows the overview. */
export const showOverview: View = async ({ visitor, api }, context) => {
  const nowMs = context.env.management.now();
  const { searchParams } = new URL(context.req.url);
  const period = periodIn(searchParams);
  // People see their own account alone, whatever the address says.
  const asked = searchParams.get('owner')?.trim() ?? '';
  const owner = visitor.owner === null && isOwner(asked) ? asked : null;
  const [usage, ...answers] = await Promise.all([
    api<UsageOverviewDocument>({ path: '/usage', query: { period, owner } }),
    ...questions.map(({ filter }) => ask(api, filter, owner, nowMs)),
  ]);
  return pageResponse(
    <Layout title="Overview" section="overview" visitor={visitor}>
      <div class="head">
        <div>
          <h1>Overview</h1>
          <p>{visitor.owner === null ? scopeInWords(owner) : 'Requests with your keys.'}</p>
        </div>
        {visitor.owner === null && <OwnerFilter owner={owner} period={period} />}
      </div>
      <section class="panel padded stack" aria-labelledby="usage-heading" id="usage">
        <div class="ranges">
          <h2 id="usage-heading">Requests in {periodInWords[period]}</h2>
          <PeriodChoice path="/_edge/overview" period={period} parameters={{ owner }} />
        </div>
        {usage.ok ? <Usage overview={usage.document} /> : <Failed text={usage.problem.detail} />}
      </section>
      {usage.ok && (
        <div class="halves">
          <TopEndpoints overview={usage.document} />
          <TopRefusedOrigins overview={usage.document} />
        </div>
      )}
      <div class="halves">
        {questions.map((question, index) => (
          <QuestionPanel
            question={question}
            answer={answers[index]}
            owner={owner}
            visitor={visitor}
            nowMs={nowMs}
          />
        ))}
      </div>
      {visitor.may('listEvents') && !visitor.seesEvents && (
        <p class="quiet small">
          <HowToSendEvents />
        </p>
      )}
    </Layout>,
  );
};

function scopeInWords(owner: string | null): string {
  return owner === null
    ? 'Requests of the whole deployment.'
    : `Requests with the keys of ${owner}.`;
}

function Usage({ overview }: { overview: UsageOverviewDocument }) {
  return (
    <>
      <Sums usage={overview.usage} />
      <UsageChart series={periodSeries(overview)} />
      <RefusalsByCode usage={overview.usage} />
    </>
  );
}

/** The numbers to see first. Nothing without requests. */
function Sums({ usage }: { usage: readonly Counted[] }) {
  // A granted preflight is the browser's question, and not a request to the API.
  const requests = usage.filter(({ outcome }) => partOf(outcome) !== 'preflights');
  const total = totalOf(requests);
  if (total === 0) return null;
  const sumOf = (part: string) =>
    totalOf(requests.filter(({ outcome }) => partOf(outcome) === part));
  const sums: readonly (readonly [label: string, sum: number])[] = [
    ['Allowed', sumOf('allowed')],
    ['Refused', sumOf('denied')],
    ['Upstream failed', sumOf('failed')],
  ];
  return (
    <dl class="sums">
      <div>
        <dt>Requests</dt>
        <dd>{count(total)}</dd>
      </div>
      {sums.map(([label, sum]) => (
        <div>
          <dt>{label}</dt>
          <dd>
            {count(sum)} <span class="quiet small">{share(sum, total)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A share in percent. One that is not zero never reads as zero, and one that is not all never as all. */
function share(part: number, whole: number): string {
  const percent = (100 * part) / whole;
  if (percent > 0 && percent < 0.1) return 'under 0.1 %';
  if (percent < 100 && percent > 99.9) return 'over 99.9 %';
  return `${Number(percent.toFixed(1))} %`;
}

/** Limits the overview to the keys of an owner. */
function OwnerFilter({ owner, period }: { owner: string | null; period: string }) {
  return (
    <form class="row" method="get" action="/_edge/overview">
      <input type="hidden" name="period" value={period} />
      <label class="unseen" for="overview-owner">
        Owner
      </label>
      <input
        id="overview-owner"
        name="owner"
        value={owner ?? ''}
        placeholder="Owner"
        autocomplete="off"
        spellcheck={false}
      />
      <button type="submit">Show</button>
      {owner !== null && <a href={`/_edge/overview?period=${period}`}>All owners</a>}
    </form>
  );
}

function Failed({ text }: { text: string }) {
  return <p class="notice bad">{text}.</p>;
}

function ask(
  api: ApiClient,
  filter: Question['filter'],
  owner: string | null,
  nowMs: number,
): Promise<ApiAnswer<KeyListDocument>> {
  const query = toApiQuery(readListQuery(new URLSearchParams({ ...filter })), nowMs);
  return api({
    path: '/keys',
    query: { ...query, owner, limit: String(KEYS_SHOWN), total: 'true' },
  });
}

function QuestionPanel(props: {
  readonly question: Question;
  readonly answer: ApiAnswer<KeyListDocument> | undefined;
  readonly owner: string | null;
  readonly visitor: Visitor;
  readonly nowMs: number;
}) {
  const { question, answer } = props;
  const { id, title, none } = question;
  return (
    <section class="panel padded stack" aria-labelledby={`${id}-heading`}>
      <h2 id={`${id}-heading`}>{title}</h2>
      {answer?.ok ? (
        <Found
          question={question}
          found={answer.document}
          owner={props.owner}
          nowMs={props.nowMs}
        />
      ) : (
        <Failed text={answer?.problem.detail ?? none} />
      )}
    </section>
  );
}

function Found(props: {
  readonly question: Question;
  readonly found: KeyListDocument;
  readonly owner: string | null;
  readonly nowMs: number;
}) {
  const { question, found, nowMs } = props;
  const { keys, nextCursor, total = keys.length, totalIsExact = true } = found;
  if (keys.length === 0 && nextCursor === null) return <p class="quiet">{question.none}</p>;
  return (
    <>
      <ul class="origin-list">
        {keys.map((key) => {
          const time = question.timeOf(key);
          return (
            <li>
              <a class="key-name" href={`/_edge/keys/${key.id}`}>
                {key.name}
              </a>
              <span class="quiet small">
                {time === null ? 'Never used' : <Time value={time} nowMs={nowMs} />}
              </span>
            </li>
          );
        })}
      </ul>
      {/* The list has no filter by owner alone. */}
      {(nextCursor !== null || total > keys.length) && (
        <p>
          <a href={listUrl({ ...question.filter, search: props.owner })}>
            Show all{totalIsExact ? ` ${countOf(total, 'key')}` : ''}
          </a>
        </p>
      )}
    </>
  );
}
