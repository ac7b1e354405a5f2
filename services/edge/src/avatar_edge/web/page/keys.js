/** The keyboard, except while somebody types. */

import { byId } from './dom.js';

const dialog = byId('keys');

/** `actions`: a function per key in lower case. */
export function bind(actions) {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || dialog.open) return;
    const typing = event.target.closest?.('input[type=text], textarea, [contenteditable]');
    if (typing && !typing.readOnly) {
      if (event.key === 'Escape') typing.blur();
      return;
    }
    const action = event.key === '?' ? help : actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
  byId('help').addEventListener('click', help);
  byId('keys-close').addEventListener('click', () => dialog.close());
}

function help() {
  dialog.showModal();
}
