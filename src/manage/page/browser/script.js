/**
 * Conveniences beyond links and forms. The page works without this script, only more plainly: the
 * dialog is then a page of its own, and origins are lines in a text area.
 */

import { readChart } from './chart.js';
import { editOrigins } from './origins.js';
import { addRows } from './rows.js';
import { editRules } from './rules.js';
import { makeTabs, waitForFirstRequest } from './snippets.js';

/** The elements that the script improves, each with the function that does it. */
const improvements = [
  ['textarea[data-origins]', editOrigins],
  ['textarea[data-rules]', editRules],
  ['[data-rows]', addRows],
  ['[data-chart]', readChart],
  ['[data-tabs]', makeTabs],
  ['[data-first-request]', waitForFirstRequest],
  ['select[data-reveals]', revealOther],
  ['.reveals', leaveOutHidden],
  ['.needs-cors', followCors],
];

/** Forms with values that were not saved. */
const unsaved = new Set();

for (const link of document.querySelectorAll('a[data-dialog]')) {
  const dialog = document.getElementById(link.dataset.dialog);
  link.addEventListener('click', (event) => {
    // A click that asks for a new tab opens the page in it.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    dialog.showModal();
  });
}

enhance(document);
sendOnce(document.querySelector('form[data-sends-once]'));
closeMenus();
warnOfUnsavedChanges();
explainSignIn(document.querySelector('form[action="/_edge/sign-in"]'));

/**
 * Explains why signing in leads back to the form, if the server cannot know the reason: a browser that
 * keeps no cookie looks to the server like a visitor who has not signed in yet.
 */
function explainSignIn(form) {
  const sentAt = Number(sessionStorage.getItem('sign-in-sent-at'));
  sessionStorage.removeItem('sign-in-sent-at');
  if (form === null) return;
  const isLocal = /^(?:(?:.+\.)?localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);
  form.querySelector('[data-plain-http]').hidden = location.protocol !== 'http:' || isLocal;
  // Another message says so already if the token was wrong or the session has ended.
  const isExplained = form.querySelector('#sign-in-failure, [role=status]') !== null;
  const isFresh = Date.now() - sentAt < 60 * 1000;
  form.querySelector('[data-cookie-lost]').hidden = isExplained || !isFresh;
  form.addEventListener('submit', () => sessionStorage.setItem('sign-in-sent-at', Date.now()));
}

/** Keeps one menu open at most. A click elsewhere and Escape close it. */
function closeMenus() {
  const close = (other) => {
    for (const menu of document.querySelectorAll('details.menu[open]')) {
      if (menu !== other) menu.open = false;
    }
  };
  document.addEventListener('click', ({ target }) => close(target.closest('details.menu')));
  document.addEventListener('keydown', (event) => {
    const menu = document.activeElement?.closest('details.menu[open]');
    if (event.key !== 'Escape' || !menu) return;
    menu.open = false;
    menu.querySelector('summary').focus();
  });
}

/** Has the browser ask before a page is left with a form that was filled in and not sent. */
function warnOfUnsavedChanges() {
  // The events of the editors come from their controls, some of which have no name.
  for (const event of ['input', 'change']) {
    document.addEventListener(event, ({ target }) => noteUnsaved(target.closest('form')));
  }
  document.addEventListener('submit', ({ target }) => unsaved.delete(target));
  addEventListener('beforeunload', (event) => {
    if ([...unsaved].some((form) => form.isConnected)) event.preventDefault();
  });
}

function noteUnsaved(form) {
  const isKept = form?.method !== 'post' || form.getAttribute('action') === '/_edge/sign-in';
  if (!isKept) unsaved.add(form);
}

function enhance(root) {
  // What was refused is not saved either.
  for (const field of root.querySelectorAll('[aria-invalid=true]')) noteUnsaved(field.form);
  for (const [selector, improve] of improvements) {
    for (const element of root.querySelectorAll(selector)) improve(element);
  }
  for (const button of root.querySelectorAll('button[data-copy]')) {
    button.hidden = false;
    button.addEventListener('click', () => copy(button));
  }
  for (const button of root.querySelectorAll('dialog button[data-close]')) {
    button.hidden = false;
    button.addEventListener('click', () => button.closest('dialog').close());
  }
  for (const form of root.querySelectorAll('dialog form')) {
    form.addEventListener('submit', (event) => sendInPlace(event, form));
  }
  // Filters that are not set stay out of the address.
  for (const form of root.querySelectorAll('[data-filters]')) {
    form.addEventListener('formdata', ({ formData }) => {
      for (const [name, value] of [...formData]) if (value === '') formData.delete(name);
    });
  }
  for (const time of root.querySelectorAll('time')) {
    time.title = new Date(time.dateTime).toLocaleString(undefined, { timeZoneName: 'short' });
  }
}

/** Keeps a double click from sending a form twice. */
function sendOnce(form) {
  if (form === null) return;
  const button = form.querySelector('button[type=submit]');
  form.addEventListener('submit', () => {
    button.disabled = true;
  });
  // The browser may show the page as it was left.
  addEventListener('pageshow', () => {
    button.disabled = false;
  });
}

/** Sends the dialog's form and shows the answer where the form was. */
async function sendInPlace(event, form) {
  event.preventDefault();
  const dialog = form.closest('dialog');
  const button = form.querySelector('button[type=submit]');
  button.disabled = true;
  try {
    const response = await fetch(form.action, { method: 'POST', body: new FormData(form) });
    const answer = new DOMParser().parseFromString(await response.text(), 'text/html');
    const replacement = answer.getElementById(`${dialog.id}-content`);
    // Signed out, refused or broken: the answer is a page of its own.
    if (replacement === null) {
      form.submit();
      return;
    }
    const content = document.getElementById(`${dialog.id}-content`);
    content.replaceWith(replacement);
    enhance(dialog);
    // A token is shown once, so Escape must not close the dialog.
    if (replacement.hasAttribute('data-once')) {
      dialog.closedBy = 'none';
      dialog.addEventListener('cancel', (cancellation) => cancellation.preventDefault());
    }
    replacement.querySelector('[data-focus]')?.focus();
  } catch {
    button.disabled = false;
    noteUnsaved(form);
    const notice = form.querySelector('[data-failure]');
    notice.hidden = false;
    notice.textContent = 'Cannot reach the server. Check your connection and try again.';
  }
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const status = document.getElementById(`${button.dataset.copy}-status`);
  try {
    await navigator.clipboard.writeText(source.textContent);
    status.textContent = 'Copied to the clipboard.';
  } catch {
    getSelection().selectAllChildren(source);
    status.textContent = 'Selected. Copy it with your keyboard or menu.';
  }
}

/** Shows the further field of a choice while its last option is chosen. */
function revealOther(select) {
  const other = document.getElementById(select.dataset.reveals);
  const follow = () => {
    other.hidden = select.value !== 'at';
  };
  select.addEventListener('change', follow);
  follow();
}

/** Leaves out of the form what a box or a choice hides: taking it back withdraws what it revealed. */
function leaveOutHidden(reveals) {
  const box = reveals.querySelector(':scope > .check > input');
  const form = box.form;
  const follow = () => {
    for (const field of reveals.querySelectorAll(':scope > .revealed [name]')) {
      // A choice inside of another one that is hidden is left out as well.
      field.disabled = !box.checked || box.disabled;
    }
  };
  // A choice is not notified if another one is made in its place.
  form.addEventListener('change', follow);
  follow();
}

/** Withdraws the choice of full access together with CORS access. */
function followCors(dependent) {
  const choice = dependent.querySelector('input');
  const cors = choice.form.elements.cors;
  const follow = () => {
    choice.disabled = !cors.checked;
    if (cors.checked || !choice.checked) return;
    choice.form.querySelector('[name=reach][value=standard]').checked = true;
  };
  cors.addEventListener('change', follow);
  follow();
}
