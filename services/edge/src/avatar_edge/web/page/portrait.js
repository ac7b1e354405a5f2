/** The frame round the face: what the clone is doing, and how loud it is meanwhile. */

import { byId, write } from './dom.js';
import { STATES } from './words.js';

const LOOK_MS = 50;
const QUIET_DB = -58;
const LOUD_DB = -18;
const FALL = 0.75;

const portrait = byId('portrait');

/** Show a state: a key of `STATES`. */
export function show(state) {
  document.body.dataset.state = state;
  write(byId('state'), STATES[state] ?? state);
}

/** Shape the frame as the picture is. */
export function shape(width, height) {
  portrait.style.setProperty('--ratio', (width / height).toFixed(4));
}

/** The levels of both voices, looked at 20 times a second; drawn as the strength of the ring's light. */
export class Levels {
  #context = null;
  #sources = {};
  #timer = 0;
  #level = 0;

  /** Call it in a click: an audio context may not begin by itself. */
  start() {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    this.#context ??= new AudioContext({ latencyHint: 'playback' });
    this.#context.resume().catch(() => {});
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  stop() {
    clearInterval(this.#timer);
    for (const name of Object.keys(this.#sources)) this.watch(name, null);
    this.#context?.close();
    this.#context = null;
    this.#draw(0);
  }

  /** `name`: person or clone; a MediaStream with sound, or null. */
  watch(name, stream) {
    this.#sources[name]?.node.disconnect();
    delete this.#sources[name];
    if (!stream?.getAudioTracks().length || !this.#context) return;
    const meter = new AnalyserNode(this.#context, { fftSize: 1024 });
    const node = this.#context.createMediaStreamSource(new MediaStream(stream.getAudioTracks()));
    node.connect(meter);
    this.#sources[name] = { node, meter, samples: new Float32Array(meter.fftSize) };
  }

  #look() {
    if (document.hidden) return;
    const source = this.#sources[document.body.dataset.state === 'speaking' ? 'clone' : 'person'];
    let level = 0;
    if (source) {
      source.meter.getFloatTimeDomainData(source.samples);
      const power = source.samples.reduce((sum, sample) => sum + sample * sample, 0) / source.samples.length;
      level = Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-12) - QUIET_DB) / (LOUD_DB - QUIET_DB)));
    }
    this.#draw(Math.max(level, this.#level * FALL));
  }

  #draw(level) {
    const shown = level < 0.02 ? 0 : level;
    if (shown !== 0 && Math.abs(shown - this.#level) < 0.02) return;
    if (shown === this.#level) return;
    this.#level = shown;
    portrait.style.setProperty('--level', shown.toFixed(2));
  }
}
