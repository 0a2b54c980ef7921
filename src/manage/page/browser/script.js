/**
 * Conveniences beyond links and forms. The page works without this script, only more plainly: the
 * dialog is then a page of its own, and origins are lines in a text area.
 */

import { editOrigins } from './origins.js';

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

function enhance(root) {
  for (const area of root.querySelectorAll('textarea[data-origins]')) editOrigins(area);
  for (const select of root.querySelectorAll('select[data-reveals]')) revealOther(select);
  for (const reveals of root.querySelectorAll('.reveals')) leaveOutHidden(reveals);
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
  for (const time of root.querySelectorAll('time')) {
    time.title = new Date(time.dateTime).toLocaleString(undefined, { timeZoneName: 'short' });
  }
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

/** Leaves out of the form what an unticked box hides: unticking the box withdraws it. */
function leaveOutHidden(reveals) {
  const box = reveals.querySelector(':scope > .check > input');
  const follow = () => {
    for (const field of reveals.querySelectorAll(':scope > .revealed [name]')) {
      field.disabled = !box.checked;
    }
  };
  box.addEventListener('change', follow);
  follow();
}
