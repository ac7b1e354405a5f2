/** Where the milliseconds of the last answer went, and how the answers before it did. */

import { byId, make, write } from './dom.js';
import { milliseconds, STAGES } from './words.js';

const KEPT = 24;
const GAP = 0.35;
const SVG = 'http://www.w3.org/2000/svg';

const bar = byId('latency-bar');
const legend = byId('latency-legend');
const totals = [];

for (const { key, name, what } of STAGES) {
  bar.append(make('span', { className: key, title: `${name}: ${what}` }));
  const value = make('b', { text: '–' });
  legend.append(make('li', { className: key, title: what }, make('i'), make('span', { text: name }), value));
}

/** A finished turn, if the clone was heard. */
export function measured(turn) {
  const { total } = turn.stages_ms;
  if (total == null) return;
  const words = [];
  STAGES.forEach(({ key, name }, index) => {
    const spent = turn.stages_ms[key] ?? 0;
    bar.children[index].style.flexGrow = spent;
    write(legend.children[index].lastElementChild, key in turn.stages_ms ? milliseconds(spent) : '–');
    words.push(`${name} ${milliseconds(spent)}`);
  });
  bar.classList.add('known');
  bar.setAttribute('aria-label', `${milliseconds(total)} until the first sound: ${words.join(', ')}`);
  write(byId('latency-total'), milliseconds(total));
  totals.push(total);
  if (totals.length > KEPT) totals.shift();
  draw();
}

/** A clean sheet for a new call. */
export function reset() {
  totals.length = 0;
  byId('history').hidden = true;
}

function draw() {
  const svg = byId('history-bars');
  const most = Math.max(...totals, 1);
  svg.setAttribute('viewBox', `0 0 ${KEPT} 100`);
  svg.replaceChildren(
    ...totals.map((total, index) => {
      const rect = document.createElementNS(SVG, 'rect');
      const height = Math.max(6, (100 * total) / most);
      const place = { x: index + GAP / 2, y: 100 - height, width: 1 - GAP, height };
      for (const [name, value] of Object.entries(place)) rect.setAttribute(name, value.toFixed(2));
      if (index === totals.length - 1) rect.setAttribute('class', 'newest');
      return rect;
    }),
  );
  const sorted = totals.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  write(byId('history-words'), `median ${milliseconds(middle)} of ${totals.length}`);
  byId('history').hidden = totals.length < 2;
}
