/**
 * A key as a page shows it, and the forms that do something to it.
 *
 * Every form carries the ETag of the key as it was shown, so that no action is carried out on a key that
 * another person has changed in the meantime.
 */

import type { Child } from 'hono/jsx';
import type { KeyDocument } from '../../documents.ts';
import type { Visitor } from '../access/visitor.ts';
import { FormToken } from '../parts/layout.tsx';
import { writeEditable } from './editable.ts';

/** A key as this visitor sees it. */
export interface Subject {
  readonly visitor: Visitor;
  readonly key: KeyDocument;
  readonly etag: string;
}

/** A form that does one thing to the key. */
export function ActionForm(props: {
  readonly subject: Subject;
  /** The last part of the address that the form is sent to. */
  readonly name: string;
  readonly children: Child;
}) {
  return (
    <form method="post" action={`/_edge/keys/${props.subject.key.id}/${props.name}`}>
      <HiddenFields subject={props.subject} />
      {props.children}
    </form>
  );
}

/** The fields against forgery, and against actions on a key that has changed. */
export function HiddenFields({ subject }: { subject: Subject }) {
  return (
    <>
      <FormToken visitor={subject.visitor} />
      <input type="hidden" name="etag" value={subject.etag} />
      <input type="hidden" name="was" value={writeEditable(subject.key)} />
    </>
  );
}
