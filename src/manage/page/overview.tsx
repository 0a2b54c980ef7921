/**
 * The overview: the keys that need a decision, because they are about to expire or are not used.
 */

import type { KeyDocument } from '../documents.ts';
import type { KeyListDocument } from '../list-keys.ts';
import type { View } from './access/guards.tsx';
import type { ApiAnswer, ApiClient } from './api-client.ts';
import { HowToSendEvents } from './events/events.tsx';
import { listUrl, readListQuery, toApiQuery } from './keys/list-query.ts';
import { Layout } from './parts/layout.tsx';
import { pageResponse } from './parts/respond.ts';
import { countOf, Time } from './parts/words.tsx';

/** One question about keys: a filter of the list, and the words for what it finds. */
interface Question {
  readonly id: string;
  readonly title: string;
  /** The filter, as it is in the address of the list. */
  readonly filter: { readonly age: string; readonly state: string; readonly sort?: string };
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
    title: 'Unused for 90 days',
    filter: { age: 'unused-90', state: 'live' },
    none: 'Every key was used or made within 90 days.',
    timeOf: ({ lastUsedAt }) => lastUsedAt,
  },
];

/** Keys of a question that the overview names. The list shows the others. */
const KEYS_SHOWN = 8;

/** Shows the overview. */
export const showOverview: View = async ({ visitor, api }, context) => {
  const nowMs = context.env.management.now();
  const answers = await Promise.all(questions.map(({ filter }) => ask(api, filter, nowMs)));
  return pageResponse(
    <Layout title="Overview" section="overview" visitor={visitor}>
      <div class="head">
        <div>
          <h1>Overview</h1>
          <p>Keys that work and may need a decision.</p>
        </div>
      </div>
      <div class="halves">
        {questions.map((question, index) => {
          const answer = answers[index];
          return <QuestionPanel question={question} answer={answer} nowMs={nowMs} />;
        })}
      </div>
      {visitor.may('listEvents') && !visitor.seesEvents && (
        <p class="quiet small">
          <HowToSendEvents />
        </p>
      )}
    </Layout>,
  );
};

function ask(
  api: ApiClient,
  filter: Question['filter'],
  nowMs: number,
): Promise<ApiAnswer<KeyListDocument>> {
  const query = toApiQuery(readListQuery(new URLSearchParams({ ...filter })), nowMs);
  return api({ path: '/keys', query: { ...query, limit: String(KEYS_SHOWN), total: 'true' } });
}

function QuestionPanel(props: {
  readonly question: Question;
  readonly answer: ApiAnswer<KeyListDocument> | undefined;
  readonly nowMs: number;
}) {
  const { question, answer } = props;
  const { id, title, none } = question;
  return (
    <section class="panel padded stack" aria-labelledby={`${id}-heading`}>
      <h2 id={`${id}-heading`}>{title}</h2>
      {answer?.ok ? (
        <Found question={question} found={answer.document} nowMs={props.nowMs} />
      ) : (
        <p class="notice bad">{answer?.problem.detail ?? none}.</p>
      )}
    </section>
  );
}

function Found(props: {
  readonly question: Question;
  readonly found: KeyListDocument;
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
      {(nextCursor !== null || total > keys.length) && (
        <p>
          <a href={listUrl(question.filter)}>
            Show all{totalIsExact ? ` ${countOf(total, 'key')}` : ''}
          </a>
        </p>
      )}
    </>
  );
}
