/**
 * Conveniences beyond links and forms. The page works without this script, only more plainly: the
 * dialog is then a page of its own, and origins are lines in a text area.
 */

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

/**
 * Replaces a text area of origins by a list to which they are added one by one, each checked by the
 * server at once. The area stays in the form and holds what is sent.
 */
function editOrigins(area) {
  const origins = area.value.split('\n').filter((line) => line.trim() !== '');
  const editor = { area, origins, checks: 0, ...insertEditor(area) };
  const { input, add } = editor;
  add.addEventListener('click', () => addTyped(editor));
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    addTyped(editor);
  });
  input.addEventListener('input', () => showProblem(editor, null));
  // Text that was typed and not added is sent too; the server checks it with the others.
  area.form.addEventListener('formdata', ({ formData }) => {
    if (area.disabled) return;
    const typed = input.value.trim();
    formData.set(area.name, [...editor.origins, ...(typed === '' ? [] : [typed])].join('\n'));
  });
  showOrigins(editor);
  if (origins.length > 0) {
    checkOrigin(editor, '').then((checked) => {
      if (checked !== null) showOrigins(editor, checked.warnings);
    });
  }
}

/** Puts the controls of the list in place of the text area, with the label and hints of the area. */
function insertEditor(area) {
  const field = area.closest('.field');
  const input = make('input', {
    id: `${area.id}-new`,
    type: 'text',
    className: 'mono-input',
    inputMode: 'url',
    autocapitalize: 'off',
    autocomplete: 'off',
    spellcheck: false,
    placeholder: 'https://app.example.com',
  });
  const add = make('button', { type: 'button', textContent: 'Add origin' });
  const problem = make('p', { id: `${area.id}-problem`, className: 'error', hidden: true });
  const list = make('ul', { className: 'origin-list' });
  const status = make('p', { className: 'unseen' });
  status.setAttribute('role', 'status');
  problem.setAttribute('role', 'alert');
  list.setAttribute('aria-label', 'Origins so far');
  list.setAttribute('role', 'list');
  const described = area.getAttribute('aria-describedby');
  input.setAttribute('aria-describedby', [problem.id, described].filter(Boolean).join(' '));
  if (area.getAttribute('aria-invalid') === 'true') input.setAttribute('aria-invalid', 'true');
  if (area.hasAttribute('data-focus')) input.setAttribute('data-focus', '');
  area.removeAttribute('data-focus');

  const adder = make('div', { className: 'origin-adder' });
  adder.append(input, add);
  area.hidden = true;
  area.after(adder, problem, list, status);
  field.querySelector('label').htmlFor = input.id;
  field.querySelector('[data-plain]')?.remove();
  return { input, add, problem, list, status };
}

async function addTyped(editor) {
  const { input, status } = editor;
  const typed = input.value.trim();
  if (typed === '') {
    showProblem(editor, 'Type an origin first, such as https://app.example.com.');
    return;
  }
  const checked = await checkOrigin(editor, typed);
  if (checked === null) return;
  if (checked.problem !== null) {
    showProblem(editor, `${checked.problem.reason}. ${checked.problem.fix}.`);
    return;
  }
  status.textContent = editor.origins.includes(checked.pattern)
    ? `${checked.pattern} is on the list already.`
    : `Added ${checked.pattern}.`;
  if (!editor.origins.includes(checked.pattern))
    editor.origins = [...editor.origins, checked.pattern];
  input.value = '';
  showProblem(editor, null);
  showOrigins(editor, checked.warnings);
  input.focus();
}

async function removeOrigin(editor, origin) {
  const place = editor.origins.indexOf(origin);
  editor.origins = editor.origins.filter((other) => other !== origin);
  editor.status.textContent = `Removed ${origin}.`;
  showOrigins(editor);
  const buttons = editor.list.querySelectorAll('button');
  (buttons[Math.min(place, editor.origins.length - 1)] ?? editor.input).focus();
  const checked = await checkOrigin(editor, '');
  if (checked !== null) showOrigins(editor, checked.warnings, true);
}

/** Asks the server about one more origin; `null` if a later question overtook this one. */
async function checkOrigin(editor, typed) {
  editor.checks += 1;
  const mine = editor.checks;
  const body = new FormData();
  body.set('form_token', editor.area.form.elements.form_token.value);
  body.set('origin', typed);
  body.set('others', editor.origins.join('\n'));
  try {
    const response = await fetch('/_edge/origins', { method: 'POST', body });
    if (!response.ok) throw new Error(`answered ${response.status}`);
    const checked = await response.json();
    return mine === editor.checks ? checked : null;
  } catch {
    const problem = {
      reason: 'Cannot check the origin at the moment',
      fix: 'Check your connection, and that you are still signed in',
    };
    return { pattern: null, problem, warnings: [] };
  }
}

/** Shows the list with these warnings, and keeps the focus on the button that has it if asked to. */
function showOrigins(editor, warnings = [], keepsFocus = false) {
  const { area, list, origins } = editor;
  const focused = keepsFocus
    ? [...list.querySelectorAll('button')].indexOf(document.activeElement)
    : -1;
  list.replaceChildren(
    ...origins.map((origin) =>
      originItem(
        origin,
        warnings.filter(({ pattern }) => pattern === origin),
        () => removeOrigin(editor, origin),
      ),
    ),
  );
  if (focused >= 0) list.querySelectorAll('button')[focused]?.focus();
  area.value = origins.join('\n');
}

function originItem(origin, warnings, remove) {
  const item = make('li', {});
  const button = make('button', { type: 'button', className: 'plain', textContent: 'Remove' });
  button.setAttribute('aria-label', `Remove ${origin}`);
  button.addEventListener('click', remove);
  item.append(make('code', { textContent: origin }), button);
  for (const { warning } of warnings) {
    item.append(make('p', { className: 'warning', textContent: `${warning}.` }));
  }
  return item;
}

function showProblem({ input, problem }, text) {
  problem.hidden = text === null;
  problem.textContent = text ?? '';
  if (text === null) {
    input.removeAttribute('aria-invalid');
    return;
  }
  input.setAttribute('aria-invalid', 'true');
  input.focus();
}

function make(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
