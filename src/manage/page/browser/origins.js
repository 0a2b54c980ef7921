/**
 * The editor of origins.
 */

import { make } from './make.js';

/**
 * Replaces a text area of origins by a list to which they are added one by one, each checked by the
 * server at once. The area stays in the form and holds what is sent.
 */
export function editOrigins(area) {
  const origins = wordsOf(area.value);
  const editor = { area, origins, checks: 0, ...insertEditor(area) };
  const { input, add } = editor;
  add.addEventListener('click', () => addTyped(editor));
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    addTyped(editor);
  });
  input.addEventListener('input', () => showProblem(editor, null));
  // A field of one line would join pasted lines without a blank between them.
  input.addEventListener('paste', (event) => {
    const pasted = wordsOf(event.clipboardData?.getData('text') ?? '');
    if (pasted.length < 2) return;
    event.preventDefault();
    input.value = [...wordsOf(input.value), ...pasted].join(' ');
    addTyped(editor);
  });
  // Text that was typed and not added is sent too; the server checks it with the others.
  area.form.addEventListener('formdata', ({ formData }) => {
    if (area.disabled) return;
    formData.set(area.name, [...editor.origins, ...wordsOf(input.value)].join('\n'));
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

/** Adds what was typed or pasted: one origin, or several. Those that are refused stay in the field. */
async function addTyped(editor) {
  const { input, status } = editor;
  const typed = wordsOf(input.value);
  if (typed.length === 0) {
    showProblem(editor, 'Type an origin first, such as https://app.example.com.');
    return;
  }
  const refused = [];
  const added = [];
  let warnings = [];
  let reason = null;
  for (const origin of typed) {
    const checked = await checkOrigin(editor, origin);
    if (checked === null) return;
    if (checked.problem !== null) {
      refused.push(origin);
      reason ??= `${checked.problem.reason}. ${checked.problem.fix}.`;
      continue;
    }
    warnings = checked.warnings;
    added.push(checked.pattern);
    if (!editor.origins.includes(checked.pattern))
      editor.origins = [...editor.origins, checked.pattern];
  }
  input.value = refused.join(' ');
  showProblem(editor, reason);
  if (added.length > 0) {
    status.textContent = `On the list: ${added.join(', ')}.`;
    showOrigins(editor, warnings);
    editor.area.dispatchEvent(new Event('change', { bubbles: true }));
  }
  input.focus();
}

/** The words of a text, as people paste them. */
function wordsOf(text) {
  return text.split(/[\s,;]+/).filter((word) => word !== '');
}

async function removeOrigin(editor, origin) {
  const place = editor.origins.indexOf(origin);
  editor.origins = editor.origins.filter((other) => other !== origin);
  editor.status.textContent = `Removed ${origin}.`;
  showOrigins(editor);
  editor.area.dispatchEvent(new Event('change', { bubbles: true }));
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
