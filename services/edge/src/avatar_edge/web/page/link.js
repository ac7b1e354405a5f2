/** The state of the link: between the edge and its services, and between the edge and this browser. */

import { byId, make, write } from './dom.js';
import { bitrate, milliseconds } from './words.js';

const panel = byId('link');
const list = byId('link-rows');
const rows = new Map();

function show(name, value, title) {
  if (!rows.has(name)) {
    const field = make('dd');
    rows.set(name, field);
    list.append(make('div', { title }, make('dt', { text: name }), field));
  }
  write(rows.get(name), value);
}

/** What the edge says of its own link. */
export function linked(link) {
  const picture = link.fps ? `${link.fps.toFixed(1)} fps` : 'no picture';
  write(byId('link-short'), link.connected ? `${milliseconds(link.rtt_ms)} · ${picture}` : 'bus away');
  if (!panel.open) return;
  show('Bus', link.connected ? 'connected' : 'away', 'The way between the edge and its services');
  show('Round trip to the voice', milliseconds(link.rtt_ms), 'Median');
  show('Sound held', milliseconds(link.buffer_ms), 'Held back against the jitter of the link');
  show('Picture from the face', `${picture} · ${bitrate(link.kbps)}`, 'Over the last seconds');
  show('Asked of the face', link.asked_kbps ? bitrate(link.asked_kbps) : '–', 'As much as the link carries');
  show('Pictures lost', String(link.lost), 'On the way from the face, in this call');
  show('Lips against sound', link.skew_ms == null ? '–' : `± ${milliseconds(link.skew_ms)}`, '95th percentile in this call');
}

/** What this browser measures itself; see `Media.stats`. */
export async function browser(media) {
  if (!panel.open) return;
  const { picture, pair, codec } = await media.stats();
  if (!picture) return;
  const size = picture.frameWidth ? ` · ${picture.frameWidth}×${picture.frameHeight}` : '';
  show('Picture here', `${picture.framesPerSecond ?? 0} fps${size} · ${codec?.split('/').pop() ?? '–'}`, 'Decoded by this browser');
  show('Dropped here', String(picture.framesDropped ?? 0), 'Decoded too late to be shown');
  if (pair?.currentRoundTripTime != null)
    show('Round trip to this browser', milliseconds(pair.currentRoundTripTime * 1000), 'Between the edge and this page');
}
