/**
 * The values of a chart, for the pointer and for the arrow keys.
 */

/** Shows the values of one bar at a time below the chart. */
export function readChart(chart) {
  const bars = [...chart.querySelectorAll('[data-values]')];
  const readout = chart.closest('figure').querySelector('[data-readout]');
  let shown = null;
  const show = (bar) => {
    shown?.classList.remove('shown');
    shown = bar;
    shown?.classList.add('shown');
    readout.textContent = bar?.dataset.values ?? '';
  };
  // The title would be shown a second time, and later.
  for (const title of chart.querySelectorAll('title')) title.remove();
  chart.setAttribute('tabindex', '0');
  chart.setAttribute('aria-keyshortcuts', 'ArrowLeft ArrowRight Home End');
  chart.addEventListener('pointermove', ({ target }) => {
    const bar = target.closest('[data-values]');
    if (bar !== null && bar !== shown) show(bar);
  });
  chart.addEventListener('pointerleave', () => show(null));
  chart.addEventListener('focus', () => show(shown ?? bars.at(-1)));
  chart.addEventListener('blur', () => show(null));
  chart.addEventListener('keydown', (event) => {
    const at = bars.indexOf(shown);
    const last = bars.length - 1;
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    show(bars[Math.min(last, Math.max(0, next))]);
  });
}
