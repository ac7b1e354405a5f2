/** What went wrong, in words, until it is read. */

import { byId, make } from './dom.js';

const SHOWN = 3;
const STAY_MS = 15_000;

const board = byId('notices');

/** Say what happened and what to do; `key` keeps one of a kind. */
export function notice(message, hint = '', { key = message, stays = false } = {}) {
  drop(key);
  const close = make('button', { text: '×', title: 'Close' });
  close.type = 'button';
  close.setAttribute('aria-label', 'Close');
  const words = make('p', {}, make('strong', { text: message }), hint ? ` ${hint}` : '');
  const card = make('div', { className: 'notice' }, words, close);
  card.dataset.key = key;
  close.addEventListener('click', () => card.remove());
  board.append(card);
  while (board.children.length > SHOWN) board.firstElementChild.remove();
  if (!stays) setTimeout(() => card.remove(), STAY_MS);
}

/** It is over. */
export function drop(key) {
  for (const card of [...board.children]) if (card.dataset.key === key) card.remove();
}
