/** Captions as they form, and the transcript of what was said. */

import { byId, make, write } from './dom.js';
import { CANCELLED, DECLINED, milliseconds, sentence } from './words.js';

const KEPT = 300;
const FADE_MS = 4000;

const list = byId('transcript');
const lines = { person: byId('caption-person'), clone: byId('caption-clone') };
const fading = { person: 0, clone: 0 };
const live = { person: null, clone: null };
let following = true;

list.addEventListener('scroll', () => (following = atEnd()));
new ResizeObserver(() => settle(following)).observe(list);

/** What `who` is saying just now; empty: nothing more. The line stays a little, the transcript's row until the turn comes. */
export function caption(who, text) {
  clearTimeout(fading[who]);
  if (text) {
    lines[who].classList.remove('past');
    write(lines[who], text);
    if (who === 'person') write(lines.clone, '');
    row(who, text);
    return;
  }
  lines[who].classList.add('past');
  fading[who] = setTimeout(() => write(lines[who], ''), FADE_MS);
}

function row(who, text) {
  const stay = atEnd();
  if (!live[who]) {
    live[who] = { said: [], element: entry(who, '', { className: 'live' }) };
    list.append(live[who].element);
  }
  const { said, element } = live[who];
  // The person's caption is the whole line so far; the clone's is one sentence after the other.
  if (who === 'person' || !said.length || text.startsWith(said.at(-1))) said.splice(-1, 1, text);
  else if (said.at(-1) !== text) said.push(text);
  write(element.querySelector('.text'), said.join(' '));
  settle(stay);
}

/** A finished turn: what was formed live gives way to what was really heard. */
export function finished(turn) {
  const stay = atEnd();
  live.clone?.element.remove();
  live.clone = null;
  // While the person is speaking the live row is already the next turn's.
  if (live.person && !(lines.person.textContent && !lines.person.classList.contains('past'))) {
    live.person.element.remove();
    live.person = null;
  }
  const rows = [];
  if (!turn.verbatim) rows.push(entry('person', turn.heard, { note: turn.typed ? 'typed' : '' }));
  rows.push(answer(turn));
  for (const error of turn.errors) rows.push(make('li', { className: 'note error', text: sentence(error) }));
  for (const each of rows) list.insertBefore(each, live.person?.element ?? null);
  while (list.children.length > KEPT) list.firstElementChild.remove();
  settle(stay);
}

function answer(turn) {
  if (turn.declined) return note(`Not answered: ${DECLINED[turn.declined] ?? turn.declined}`);
  if (!turn.reply) return note(`Not answered: ${CANCELLED[turn.cancelled] || turn.cancelled || 'nothing was said'}`);
  const notes = [];
  if (turn.first_audio_ms != null) notes.push(`after ${milliseconds(turn.first_audio_ms)}`);
  if (turn.speculated) notes.push('thought ahead');
  if (turn.verbatim) notes.push('as it was written');
  if (turn.resumes) notes.push('paused for you');
  if (turn.interrupted) notes.push(turn.cancelled === 'stop' ? 'stopped' : 'interrupted');
  const said = entry('clone', turn.reply, { note: notes.join(' · ') });
  const unsaid = turn.interrupted && turn.text.startsWith(turn.reply) ? turn.text.slice(turn.reply.length) : '';
  if (unsaid.trim()) said.querySelector('.text').append(make('del', { text: unsaid, title: 'It was cut off here' }));
  return said;
}

/** A remark between the lines. */
export function remark(text) {
  const stay = atEnd();
  list.append(note(text));
  settle(stay);
}

/** Nothing is being said any more: the call is over, or gone. */
export function hush() {
  for (const who of ['person', 'clone']) {
    live[who]?.element.classList.remove('live');
    live[who] = null;
    caption(who, '');
  }
}

/** A clean sheet for a new call. */
export function clear() {
  hush();
  list.replaceChildren();
}

function entry(who, text, { note: words = '', className = '' } = {}) {
  const name = make('span', { className: 'who', text: who === 'person' ? 'You' : 'Clone' });
  const item = make('li', { className: `${who} ${className}` }, name, make('p', { className: 'text', text }));
  if (words) item.append(make('small', { text: words }));
  return item;
}

function note(text) {
  return make('li', { className: 'note', text });
}

function atEnd() {
  return list.scrollHeight - list.scrollTop - list.clientHeight < 48;
}

/** Follow the talk, unless somebody has scrolled up to read. */
function settle(stay) {
  if (stay) list.scrollTop = list.scrollHeight;
}
