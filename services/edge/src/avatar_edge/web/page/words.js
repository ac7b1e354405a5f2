/** What the page says, in one place. */

export const STATES = {
  connecting: 'Connecting',
  reconnecting: 'Reconnecting',
  offline: 'Out of reach',
  waiting: 'Waiting',
  listening: 'Listening',
  hearing: 'Hearing you',
  thinking: 'Thinking',
  speaking: 'Speaking',
  real: 'You are live',
  ended: 'Ended',
};

/** What a turn was not answered for. */
export const DECLINED = {
  not_addressed: 'it was not for the clone',
  silent: 'the clone was told not to answer',
  loop: 'the talk goes in circles',
};

export const CANCELLED = {
  barge_in: 'interrupted before it began',
  stop: 'silence was asked for',
  superseded: 'a newer turn came first',
  dropped: 'the answer was dropped',
};

/** Stages of an answer in the order they come in, as `TurnReport.stages_ms` names them. */
export const STAGES = [
  { key: 'asr', name: 'Ears', what: 'from your last sound until it knew that you were done, and the words' },
  { key: 'llm_first_token', name: 'Mind', what: 'until the first word of the answer' },
  { key: 'llm_first_sentence', name: 'Sentence', what: 'until the first clause was complete' },
  { key: 'tts', name: 'Voice', what: 'until the first sound of the voice' },
  { key: 'playout', name: 'Playout', what: 'until that sound, with its lips, left for you' },
];

const MICROPHONE = {
  NotAllowedError: [
    'The microphone was refused.',
    'Allow it in the browser’s address bar and press Talk again. Until then you can type.',
  ],
  NotFoundError: ['There is no microphone.', 'Plug one in and press Talk again. Until then you can type.'],
  NotReadableError: ['The microphone cannot be opened.', 'Another program may hold it. Until then you can type.'],
  SecurityError: [
    'The browser gives no microphone to this address.',
    'It does so on https and on localhost only. You can type.',
  ],
};

/** A refused microphone as [what happened, what to do]. */
export function microphoneWords(error) {
  return MICROPHONE[error?.name] ?? ['The microphone failed.', `${error?.message ?? error}. You can type.`];
}

/** A sentence of the edge as one that stands alone. */
export function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) || !whole ? whole : `${whole}.`;
}

/** "a, b and c". */
export function listed(words) {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

export function milliseconds(value) {
  return value == null ? '–' : `${Math.round(value)} ms`;
}

export function bitrate(kbps) {
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
