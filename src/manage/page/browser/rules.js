/**
 * The editor of access rules: a box for each method, a field for the paths, and a request to try, which
 * the server judges while it is typed.
 */

import { make } from './make.js';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Replaces a text area of rules by a list. The area stays in the form and holds what is sent. */
export function editRules(area) {
  const list = make('ol', { className: 'rule-list' });
  list.setAttribute('role', 'list');
  const add = make('button', { type: 'button', textContent: 'Add a rule' });
  const mistakes = make('p', { className: 'error', hidden: true });
  mistakes.setAttribute('role', 'alert');
  const trial = makeTrial(area.id);
  const editor = { area, list, mistakes, trial, checks: 0, timer: null };

  const box = make('div', { className: 'rules' }, list, add, mistakes, trial.box);
  area.hidden = true;
  area.after(box);
  const field = area.closest('.field');
  field.querySelector('[data-plain]')?.remove();
  // The area is no longer a control that a label can name.
  const label = field.querySelector('label');
  label.replaceWith(make('span', { className: 'label', textContent: label.textContent }));

  const lines = area.value.split('\n').filter((line) => line.trim() !== '');
  for (const line of lines.length > 0 ? lines : ['GET ']) addRule(editor, line);
  const first = list.querySelector('input[type=text]');
  if (area.hasAttribute('data-focus')) first.setAttribute('data-focus', '');
  // The first field of the form with a problem has the focus.
  if (area.form.querySelector('[autofocus]') === area) first.focus();
  add.addEventListener('click', () => {
    const rule = addRule(editor, 'GET ');
    rule.querySelector('input[type=text]').focus();
    follow(editor);
  });
  box.addEventListener('input', () => follow(editor));
  area.form.addEventListener('formdata', ({ formData }) => {
    if (!area.disabled) formData.set(area.name, textOf(editor));
  });
  if (lines.length > 0) follow(editor);
}

/** Adds a rule to the end of the list. */
function addRule(editor, line) {
  const words = line.split(/[\s,]+/).filter((word) => word !== '');
  const first = words.findIndex((word) => word.includes('/'));
  const listed = (first < 0 ? words : words.slice(0, first)).map((word) => word.toUpperCase());
  const paths = first < 0 ? [] : words.slice(first);

  const chips = make('fieldset', { className: 'chips' }, make('legend', { className: 'unseen' }));
  for (const method of methods) {
    const isOn = listed.includes(method) || listed.includes('*');
    const box = make('input', { type: 'checkbox', value: method, checked: isOn });
    chips.append(make('label', { className: 'chip' }, box, method));
  }
  const path = make('input', {
    type: 'text',
    className: 'mono-input',
    value: paths.join(' '),
    placeholder: '/api/asset/:id',
    autocapitalize: 'off',
    autocomplete: 'off',
    spellcheck: false,
  });
  const remove = make('button', { type: 'button', className: 'plain', textContent: 'Remove' });
  const item = make('li', {}, chips, path, remove);
  remove.addEventListener('click', () => {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    (next ?? editor.list.parentElement).querySelector('input, button').focus();
    number(editor);
    follow(editor);
  });
  editor.list.append(item);
  number(editor);
  return item;
}

/** Names the controls of each rule after its place. */
function number({ list }) {
  [...list.children].forEach((item, index) => {
    item.querySelector('legend').textContent = `Methods of rule ${index + 1}`;
    item.querySelector('input[type=text]').setAttribute('aria-label', `Paths of rule ${index + 1}`);
    item.querySelector('button').setAttribute('aria-label', `Remove rule ${index + 1}`);
  });
}

/** The rules as lines of text, without those that are empty. */
function textOf({ list }) {
  return [...list.children]
    .map((item) => {
      const chosen = [...item.querySelectorAll('input[type=checkbox]:checked')];
      const names = chosen.length === methods.length ? ['*'] : chosen.map(({ value }) => value);
      const paths = item.querySelector('input[type=text]').value.trim();
      return paths === '' ? '' : `${names.join(', ')} ${paths}`;
    })
    .filter((line) => line !== '')
    .join('\n');
}

/** Keeps the area up to date, and asks the server about the rules once nothing more is typed. */
function follow(editor) {
  const { area } = editor;
  const text = textOf(editor);
  if (area.value !== text) {
    area.value = text;
    area.dispatchEvent(new Event('change', { bubbles: true }));
  }
  clearTimeout(editor.timer);
  editor.timer = setTimeout(() => check(editor), 300);
}

async function check(editor) {
  const { area, mistakes, trial, list } = editor;
  editor.checks += 1;
  const mine = editor.checks;
  for (const item of list.children) item.classList.remove('covers');
  if (area.value === '') {
    mistakes.hidden = true;
    trial.answer.textContent = '';
    return;
  }
  const body = new FormData();
  body.set('form_token', area.form.elements.form_token.value);
  body.set('rules', area.value);
  body.set('method', trial.method.value);
  body.set('path', trial.path.value);
  let answer = null;
  try {
    const response = await fetch('/_edge/rules', { method: 'POST', body });
    if (response.ok && !response.redirected) answer = await response.json();
  } catch {
    // The form itself says so when it is sent.
  }
  if (answer === null || mine !== editor.checks) return;
  mistakes.hidden = answer.mistakes.length === 0;
  mistakes.textContent = answer.mistakes
    .map(({ rule, text }) => (rule === null ? text : `Rule ${rule + 1}: ${text}`))
    .join(' ');
  showCoverage(editor, answer.coveredBy);
}

function showCoverage({ trial, list }, coveredBy) {
  const { answer, method, path } = trial;
  answer.className = 'help';
  answer.textContent = '';
  if (coveredBy === null) return;
  const isCovered = coveredBy >= 0;
  answer.className = isCovered ? 'help covered' : 'error';
  answer.textContent = isCovered
    ? `Rule ${coveredBy + 1} covers ${method.value} ${path.value.trim()}.`
    : `No rule covers ${method.value} ${path.value.trim()}: the key is refused there.`;
  list.children[coveredBy]?.classList.add('covers');
}

/** The request to try. Its fields have no names, so they are not sent with the form. */
function makeTrial(id) {
  const method = make('select', { id: `${id}-try-method` });
  method.setAttribute('aria-label', 'Method to try');
  for (const name of methods) method.append(make('option', { textContent: name }));
  const path = make('input', {
    id: `${id}-try-path`,
    type: 'text',
    className: 'mono-input',
    placeholder: '/api/asset/abc123',
    autocapitalize: 'off',
    autocomplete: 'off',
    spellcheck: false,
  });
  // Enter asks at once; it does not send the form.
  path.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') event.preventDefault();
  });
  const answer = make('p', { className: 'help' });
  answer.setAttribute('role', 'status');
  const label = make('label', { textContent: 'Try a request', htmlFor: path.id });
  const row = make('div', { className: 'trial' }, method, path);
  return { method, path, answer, box: make('div', { className: 'field' }, label, row, answer) };
}
