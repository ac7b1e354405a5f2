/** Buttons, choices, the typed line and the proposed answer: what the person asks of the clone. */

import { byId } from './dom.js';

const SETTLE_MS = 1000;

/** `visit` carries the wishes. `muting(on)` is told before the clone is deaf, `refused()` when a wish could not be sent. */
export class Controls {
  #visit;
  #refused;
  #muting;
  #muted = false;
  #pressedAt = -Infinity;
  #chosen = {};
  #real = false;
  #proposed = '';

  constructor(visit, { muting, refused }) {
    this.#visit = visit;
    this.#muting = muting;
    this.#refused = refused;
    byId('mute').addEventListener('click', () => this.mute());
    byId('stop').addEventListener('click', () => this.stop());
    byId('real').addEventListener('click', () => this.real());
    byId('choices').addEventListener('change', ({ target }) => this.#choose({ [target.name]: target.value }));
    byId('choices').addEventListener('submit', (event) => event.preventDefault());
    byId('line').addEventListener('submit', (event) => this.#type(event));
    byId('proposal').addEventListener('submit', (event) => this.#speak(event));
    byId('proposal-edit').addEventListener('click', () => this.#edit());
    byId('proposal-drop').addEventListener('click', () => this.#decide({ action: 'drop' }));
    byId('proposal-text').addEventListener('input', fit);
    byId('proposal-text').addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !event.shiftKey) this.#speak(event);
    });
  }

  get muted() {
    return this.#muted;
  }

  mute(on = !this.#muted) {
    this.#muting(on);
    this.#pressedAt = performance.now();
    if (this.#send('mute', { on })) this.#pressed('mute', (this.#muted = on));
  }

  stop() {
    this.#send('stop');
  }

  real(on = !this.#real) {
    if (!byId('real').hidden && this.#send('real', { on })) this.#pressed('real', (this.#real = on));
  }

  /** Whether the person's own face and voice can be asked for. */
  offerReal(possible) {
    byId('real').hidden = !possible;
    byId('keys-real').hidden = !possible;
  }

  /** Ask a new call for what was chosen in the one before. */
  repeat() {
    if (Object.keys(this.#chosen).length) this.#send('configure', this.#chosen);
    if (this.#muted) this.mute(true);
  }

  /** What holds now, by the edge's word. */
  obey(state) {
    // What was said before the button was pressed must not open the microphone again.
    if (state.muted !== this.#muted && performance.now() - this.#pressedAt > SETTLE_MS) {
      this.#muting(state.muted);
      this.#pressed('mute', (this.#muted = state.muted));
    }
    this.#pressed('real', (this.#real = state.real));
    for (const name of ['mode', 'patience', 'respond']) {
      const choice = document.querySelector(`input[name=${name}][value=${state[name]}]`);
      if (choice) choice.checked = true;
    }
  }

  /** An answer waits for a decision; empty: none does. */
  propose(text) {
    this.#proposed = text;
    const field = byId('proposal-text');
    const editing = !field.readOnly;
    byId('proposal').hidden = !text;
    field.readOnly = true;
    field.value = text;
    fit();
    if (editing && !text) byId('line-text').focus();
  }

  /** Go to the typed line. */
  focus() {
    byId('line-text').focus();
  }

  #choose(choice) {
    if (this.#send('configure', choice)) Object.assign(this.#chosen, choice);
  }

  #type(event) {
    event.preventDefault();
    const field = byId('line-text');
    const text = field.value.trim();
    if (text && this.#send(byId('line-exact').checked ? 'say' : 'type', { text })) field.value = '';
  }

  #edit() {
    const field = byId('proposal-text');
    field.readOnly = false;
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }

  #speak(event) {
    event.preventDefault();
    const text = byId('proposal-text').value.trim();
    if (text) this.#decide({ action: 'speak', text: text === this.#proposed.trim() ? '' : text });
  }

  #decide(decision) {
    if (this.#send('decide', decision)) this.propose('');
  }

  #send(type, fields) {
    const sent = this.#visit.send(type, fields);
    if (!sent) this.#refused();
    return sent;
  }

  #pressed(id, on) {
    byId(id).setAttribute('aria-pressed', String(on));
  }
}

/** As high as its text. */
function fit() {
  const field = byId('proposal-text');
  field.style.height = 'auto';
  field.style.height = `${field.scrollHeight}px`;
}
