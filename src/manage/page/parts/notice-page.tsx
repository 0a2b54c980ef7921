/**
 * A page with a message alone, such as a refusal or a failure.
 */

import type { Child } from 'hono/jsx';
import type { Visitor } from '../access/visitor.ts';
import { BareLayout, Brand, Layout } from './layout.tsx';

/** Shows a message and a way forward. */
export function NoticePage(props: {
  readonly title: string;
  readonly children: Child;
  readonly back?: { readonly href: string; readonly label: string };
  /** The address to which the browser moves on by itself. */
  readonly refreshTo?: string;
  /** A visitor who is signed in, and sees the frame of every other page. */
  readonly visitor?: Visitor;
}) {
  const { title, back = { href: '/_edge/', label: 'Go to the API keys' }, refreshTo } = props;
  const notice = (
    <div class="panel padded stack">
      <h1>{title}</h1>
      <p>{props.children}</p>
      <p>
        <a class="button" href={refreshTo ?? back.href}>
          {back.label}
        </a>
      </p>
    </div>
  );
  if (props.visitor !== undefined) {
    return (
      <Layout title={title} section={null} visitor={props.visitor}>
        {notice}
      </Layout>
    );
  }
  return (
    <BareLayout title={title} {...(refreshTo === undefined ? {} : { refreshTo })}>
      <Brand />
      {notice}
    </BareLayout>
  );
}
