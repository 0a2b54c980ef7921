/**
 * Rows of fields, of which the form has a few to spare: a button that adds another one.
 */

import { make } from './make.js';

/** Puts the button after a list of rows. */
export function addRows(list) {
  const add = make('button', { type: 'button', textContent: 'Add a row' });
  add.addEventListener('click', () => {
    const row = list.lastElementChild.cloneNode(true);
    const place = list.children.length + 1;
    for (const input of row.querySelectorAll('input')) {
      input.value = '';
      input.removeAttribute('id');
      input.ariaLabel = input.ariaLabel.replace(/\d+/, place);
    }
    list.append(row);
    row.querySelector('input').focus();
  });
  list.after(add);
}
