/**
 * The page: joins the visit, its sound and picture, and what is shown.
 *
 * Phases, in `body[data-phase]`: opening (no word from the edge yet), before (somebody may press Talk), call, panel
 * (of the call on this machine), over (there is no call, and why). `body[data-link]`: away while the edge is.
 */

import { Controls } from './controls.js';
import { byId, write } from './dom.js';
import { bind } from './keys.js';
import { measured, reset } from './latency.js';
import { browser, linked } from './link.js';
import { Media } from './media.js';
import { drop, notice } from './notices.js';
import { Levels, shape, show } from './portrait.js';
import * as transcript from './transcript.js';
import { Visit } from './visit.js';
import { clock, listed, microphoneWords, sentence } from './words.js';

const REST_MS = 120_000;
const REST_HIDDEN_MS = 15_000;
const STUBBORN = 3;

const page = document.body;
const video = byId('face');
const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
const visit = new Visit(`${scheme}://${location.host}/call`);
const media = new Media((sdp) => visit.send('offer', { sdp }));
const levels = new Levels();
const controls = new Controls(visit, {
  muting: (on) => media.mute(on),
  refused: () => notice('Not sent.', 'The edge is away just now.', { key: 'unsent' }),
});

let phase = 'opening';
let hello = null;
let state = null;
let steers = false;
let beganAt = 0;
let resting = 0;

// --- the visit -----------------------------------------------------------------------------------------------------

visit.addEventListener('hello', ({ detail }) => {
  const first = !hello;
  hello = detail;
  page.dataset.link = 'here';
  shape(hello.width, hello.height);
  controls.offerReal(hello.real);
  disclose(hello.disclosure);
  steers = !hello.media;
  if (steers) {
    transcript.clear(); // the edge tells all turns again
    reset();
    enter('panel');
  } else if (phase === 'call') {
    if (!first && beganAt) transcript.remark('The connection was lost: this is a new call, which knows nothing of the one before.');
    controls.repeat();
    media.connect(hello.ice);
  } else {
    enter('before');
    // A line the person must hear first is not spoken to a page nobody listens to yet.
    if (hello.disclosure) rest();
    else media.connect(hello.ice);
  }
});

visit.addEventListener('answer', ({ detail }) => media.answer(detail.sdp));

visit.addEventListener('state', ({ detail }) => {
  state = detail;
  controls.obey(state);
  linked(state.link);
  tell();
});

visit.addEventListener('caption', ({ detail }) => phase === 'before' || transcript.caption(detail.who, detail.text));

visit.addEventListener('turn', ({ detail }) => {
  transcript.finished(detail.turn);
  measured(detail.turn);
});

visit.addEventListener('proposal', ({ detail }) => controls.propose(detail.text));

visit.addEventListener('problem', ({ detail }) => notice(sentence(detail.message), sentence(detail.hint)));

visit.addEventListener('bye', ({ detail }) => {
  finish();
  invite({
    eyebrow: 'No call',
    title: detail.again ? 'Not just now.' : 'Goodbye.',
    text: sentence(detail.reason),
    button: detail.again ? 'Try again' : '',
    talks: false,
  });
});

visit.addEventListener('away', ({ detail: { seconds, tries } }) => {
  state = null;
  page.dataset.link = 'away';
  media.disconnect();
  transcript.hush();
  controls.propose('');
  const again = `trying again in ${Math.ceil(seconds)} s`;
  write(byId('status'), hello ? `Connection lost, ${again}` : `The edge does not answer, ${again}`);
  byId('retry-now').hidden = false;
  if (tries === STUBBORN && !hello)
    notice('The edge cannot be reached.', 'Is it running? If it asks for a token, open the address that it printed.', { key: 'edge' });
  show('reconnecting');
});

visit.addEventListener('open', () => {
  drop('edge');
  byId('retry-now').hidden = true;
  write(byId('status'), 'Connecting …');
});

byId('retry-now').addEventListener('click', () => visit.retry());

// --- sound and picture ---------------------------------------------------------------------------------------------

// Not before: a video that waits for its first picture keeps the browser from taking the page for loaded.
media.addEventListener('agreed', () => (video.srcObject = media.stream));

media.addEventListener('gone', () => {
  video.srcObject = null;
  delete page.dataset.face;
});

video.addEventListener('playing', () => (page.dataset.face = 'moving'));

media.addEventListener('connected', () => {
  drop('media');
  if (phase !== 'call') return;
  levels.watch('clone', media.stream);
  tell();
});

media.addEventListener('lost', ({ detail: { tries } }) => {
  tell();
  if (tries === STUBBORN)
    notice('Sound and picture do not get through.', 'A firewall may block UDP between this browser and the edge.', { key: 'media' });
});

media.addEventListener('failed', ({ detail }) => notice(detail, 'Use a current Chrome, Edge, Safari or Firefox.', { stays: true }));

media.addEventListener('unplugged', () => {
  media.deafen();
  notice('The microphone is gone.', 'Press the microphone button to choose another one; you can type.', { key: 'microphone' });
  page.dataset.deaf = 'true';
});


// --- the call ------------------------------------------------------------------------------------------------------

byId('talk').addEventListener('click', talk);
byId('leave').addEventListener('click', hangUp);
byId('mute').addEventListener(
  'click',
  (event) => {
    if (phase !== 'call' || !page.dataset.deaf) return;
    event.stopImmediatePropagation();
    hear();
  },
  { capture: true },
);

async function talk() {
  clearTimeout(resting);
  if (steers) {
    enter('opening');
    visit.open();
    return;
  }
  transcript.clear();
  reset();
  levels.start();
  video.muted = false;
  beganAt = 0;
  enter('call');
  if (visit.connected) media.connected && levels.watch('clone', media.stream);
  else visit.open();
  video.play().catch(() => {}); // begins by itself once there is a picture
  await hear();
}

/** Take the microphone. Without one the call goes on: lines can be typed. */
async function hear() {
  try {
    await media.listen();
    media.mute(controls.muted);
    delete page.dataset.deaf;
    levels.watch('person', media.microphone);
    drop('microphone');
  } catch (error) {
    page.dataset.deaf = 'true';
    notice(...microphoneWords(error), { key: 'microphone', stays: true });
  }
  if (phase !== 'call') media.deafen(); // it was hung up meanwhile
}

function hangUp() {
  const lasted = beganAt ? `You talked for ${clock((performance.now() - beganAt) / 1000)}. ` : '';
  finish();
  invite({ eyebrow: 'The call has ended', title: 'See you.', text: `${lasted}The microphone is off.`, button: 'Talk again' });
}

/** Let everything of the call go. */
function finish() {
  visit.close();
  media.disconnect();
  media.deafen();
  levels.stop();
  video.muted = true;
  state = null;
  hello = null;
  transcript.hush();
  controls.propose('');
  drop('microphone');
  enter('over');
}

/** Give the seat back while nobody talks: a forgotten tab must not keep others out. */
function rest() {
  if (phase !== 'before') return;
  clearTimeout(resting);
  visit.close();
  media.disconnect();
  state = null;
  tell();
}

document.addEventListener('visibilitychange', () => {
  if (phase !== 'before') return;
  clearTimeout(resting);
  resting = setTimeout(rest, document.hidden ? REST_HIDDEN_MS : REST_MS);
});

// --- what is shown -------------------------------------------------------------------------------------------------

function enter(next) {
  if (next !== phase) scrollTo(0, 0);
  phase = next;
  page.dataset.phase = next;
  page.dataset.link = 'here';
  clearTimeout(resting);
  if (next === 'before') resting = setTimeout(rest, REST_MS);
  byId('retry-now').hidden = true;
  tell();
}

function invite({ eyebrow, title, text, button, talks = true }) {
  write(byId('invitation-eyebrow'), eyebrow);
  write(byId('invitation-title'), title);
  write(byId('invitation-text'), text);
  write(byId('talk-word'), button);
  byId('talk').hidden = !button;
  byId('talk-icon').toggleAttribute('hidden', !talks);
  byId('talk-hint').hidden = true;
  byId('talk').focus({ preventScroll: true });
}

function disclose(line) {
  byId('disclosure').hidden = !line;
  write(byId('disclosure'), line);
}

/** The state and the connection in words. */
function tell() {
  if (page.dataset.link === 'away') return;
  if (phase === 'over') {
    show('ended');
    write(byId('status'), 'No call');
    return;
  }
  if (phase === 'opening' || (phase === 'call' && !state)) {
    show('connecting');
    write(byId('status'), 'Connecting …');
    return;
  }
  if (!state) {
    show('listening');
    write(byId('status'), 'Ready');
    return;
  }
  const joined = phase !== 'call' || media.connected;
  if (phase === 'call' && joined && !beganAt) beganAt = performance.now();
  show(joined ? state.state : beganAt ? 'reconnecting' : 'connecting');
  write(byId('status'), condition(joined));
}

function condition(joined) {
  if (state.state === 'offline') return 'The message bus is away';
  if (state.missing.length) return `Waiting for ${listed(state.missing)}`;
  if (phase === 'panel') return 'The call on this machine';
  if (phase === 'before') return 'Ready';
  if (!joined) return beganAt ? 'Sound and picture were lost, reconnecting …' : 'Connecting sound and picture …';
  const deaf = page.dataset.deaf ? ', no microphone' : state.muted ? ', muted' : '';
  return `In a call ${clock((performance.now() - beganAt) / 1000)}${deaf}`;
}

setInterval(() => {
  if (phase === 'call') tell();
  browser(media).catch(() => {}); // the connection may be closed just then
}, 1000);
byId('link').addEventListener('toggle', () => state && linked(state.link));

const steering = (act) => () => (phase === 'call' || phase === 'panel') && act();
bind({
  m: steering(() => byId('mute').click()),
  s: steering(() => controls.stop()),
  escape: steering(() => controls.stop()),
  r: steering(() => controls.real()),
  t: steering(() => controls.focus()),
});

addEventListener('pagehide', () => visit.close());
history.replaceState(null, '', '/'); // a token in the address has done its work: it is in a cookie now
visit.open();
