/**
 * The examples after a key was made, as tabs, and the wait for its first request.
 */

import { make } from './make.js';

/** Shows one section at a time. https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ */
export function makeTabs(box) {
  const panels = [...box.querySelectorAll(':scope > [data-tab]')];
  const list = make('div', { className: 'tabs' });
  list.setAttribute('role', 'tablist');
  list.setAttribute('aria-label', box.dataset.tabs);
  const tabs = panels.map((panel) => {
    const tab = make('button', { type: 'button', textContent: panel.dataset.tab });
    tab.id = `${panel.id}-tab`;
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-controls', panel.id);
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', tab.id);
    panel.removeAttribute('aria-label');
    return tab;
  });
  const choose = (chosen) => {
    tabs.forEach((tab, index) => {
      const isChosen = tab === chosen;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      panels[index].hidden = !isChosen;
    });
  };
  list.addEventListener('click', ({ target }) => {
    const tab = target.closest('[role=tab]');
    if (tab !== null) choose(tab);
  });
  list.addEventListener('keydown', (event) => {
    const at = tabs.indexOf(document.activeElement);
    const last = tabs.length - 1;
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = tabs[(next + tabs.length) % tabs.length];
    choose(tab);
    tab.focus();
  });
  list.append(...tabs);
  panels[0]?.before(list);
  choose(tabs[0]);
}

const POLL_MS = 2000;
const POLLING_MS = 10 * 60 * 1000;

/** Says when the first request has arrived. Stops asking after ten minutes, or when the page is left. */
export function waitForFirstRequest(notice) {
  const link = notice.querySelector('a');
  const endMs = Date.now() + POLLING_MS;
  const say = (...content) => notice.replaceChildren(...content);
  say(make('span', { className: 'pulse' }), 'Waiting for the first request');
  let said = '';
  const ask = async () => {
    if (!notice.isConnected) return;
    if (Date.now() > endMs) {
      say(link);
      return;
    }
    const state = document.hidden ? null : await readState(notice).catch(() => null);
    if (state?.isUsed) {
      notice.classList.add('good');
      say('The first request has arrived. The key works.');
      return;
    }
    if (state?.refusal && state.refusal !== said) {
      said = state.refusal;
      notice.classList.add('warn');
      const code = make('a', {
        href: `/_edge/errors#${said}`,
        textContent: said,
        target: '_blank',
      });
      say('A request was refused: ', code, '. Waiting for one that is allowed');
    }
    setTimeout(ask, POLL_MS);
  };
  setTimeout(ask, POLL_MS);
}

async function readState({ dataset }) {
  const headers = { 'X-Edge-Form-Token': dataset.formToken };
  const response = await fetch(dataset.firstRequest, { headers });
  return response.ok && !response.redirected ? response.json() : null;
}
