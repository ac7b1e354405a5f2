/** Sound and picture by WebRTC: the clone's to here, the microphone's to there. */

const GATHER_MS = 1000;
/**
 * The picture is held back as long as the sound takes through the browser's own buffer, and a little more for its way
 * to the loudspeaker. Left alone the lips begin 80 ms early, and after every hiccup the browser needs ten seconds to
 * bring both together.
 */
const FOLLOW_MS = 500;
const SOUND_MS = 40;
const LOUDSPEAKER_MS = 20;
const MOST_MS = 400;
const ANSWER_MS = 8000;
const SILENT_MS = 3000;
const AGAIN_MS = [500, 1000, 2000, 4000];
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };

/** The edge passes H.264 on as it comes from the face, so nothing else may be agreed on. */
function pictureCodecs() {
  const all = RTCRtpReceiver.getCapabilities?.('video')?.codecs ?? [];
  const h264 = all.filter(
    ({ mimeType, sdpFmtpLine = '' }) =>
      mimeType === 'video/H264' && /packetization-mode=1/.test(sdpFmtpLine) && /profile-level-id=42e0/i.test(sdpFmtpLine),
  );
  return h264.length ? [...h264, ...all.filter(({ mimeType }) => mimeType === 'video/rtx')] : [];
}

function gathered(connection) {
  return new Promise((done) => {
    const finish = () => {
      clearTimeout(timer);
      done();
    };
    const timer = setTimeout(finish, GATHER_MS);
    connection.addEventListener('icegatheringstatechange', () => connection.iceGatheringState === 'complete' && finish());
    if (connection.iceGatheringState === 'complete') finish();
  });
}

/**
 * Dispatches `agreed` when there is something to show, `connected` when it comes, `gone` when the connection is given
 * up, `lost` with the number of tries when it broke and is made again, `failed` with the reason in words when it cannot
 * be made at all, and `unplugged` when the microphone is gone.
 */
export class Media extends EventTarget {
  /** The microphone, a MediaStream, or null. */
  microphone = null;
  /** What the clone says and looks like. */
  stream = new MediaStream();
  #connection = null;
  #sender = null;
  #ice = [];
  #offer = null;
  #answered = null;
  #again = 0;
  #following = 0;
  #failures = 0;

  /** `offer(sdp)` sends an offer to the edge and returns whether it went. */
  constructor(offer) {
    super();
    this.#offer = offer;
  }

  get connected() {
    return this.#connection?.connectionState === 'connected';
  }

  /** Make the connection; one there was is replaced. */
  async connect(ice = this.#ice) {
    this.disconnect();
    this.#ice = ice;
    const codecs = pictureCodecs();
    if (!codecs.length) {
      this.#tell('failed', 'This browser cannot show H.264 video, which the face is sent as.');
      return;
    }
    const connection = new RTCPeerConnection({ iceServers: ice.map((urls) => ({ urls })), bundlePolicy: 'max-bundle' });
    this.#connection = connection;
    const voice = connection.addTransceiver('audio', { direction: 'sendrecv' });
    const face = connection.addTransceiver('video', { direction: 'recvonly' });
    face.setCodecPreferences?.(codecs);
    this.#sender = voice.sender;
    for (const [{ receiver }, target] of [[voice, 0], [face, SOUND_MS + LOUDSPEAKER_MS]]) {
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = target;
      this.stream.addTrack(receiver.track);
    }
    this.#follow(voice.receiver, face.receiver);
    connection.addEventListener('connectionstatechange', () => this.#changed(connection));
    try {
      await voice.sender.replaceTrack(this.microphone?.getAudioTracks()[0] ?? null);
      await connection.setLocalDescription(await connection.createOffer());
      await gathered(connection);
      const answer = await this.#ask(connection.localDescription.sdp);
      if (connection !== this.#connection) return;
      await connection.setRemoteDescription({ type: 'answer', sdp: answer });
      this.#tell('agreed');
    } catch {
      if (connection === this.#connection) this.#retry();
    }
  }

  /** The edge's answer to the last offer. */
  answer(sdp) {
    this.#answered?.(sdp);
  }

  disconnect() {
    clearTimeout(this.#again);
    clearInterval(this.#following);
    this.#answered = null;
    const connection = this.#connection;
    this.#connection = null;
    this.#sender = null;
    if (!connection) return;
    connection.close();
    this.#tell('gone');
    for (const track of this.stream.getTracks()) this.stream.removeTrack(track);
  }

  /** Ask for the microphone and send it; rejects with a DOMException when there is none or it is refused. */
  async listen() {
    const devices = navigator.mediaDevices;
    if (!devices) throw new DOMException('not a secure context', 'SecurityError');
    const stream = await devices.getUserMedia({ audio: MICROPHONE });
    this.deafen();
    this.microphone = stream;
    const [track] = stream.getAudioTracks();
    track.addEventListener('ended', () => this.microphone === stream && this.#tell('unplugged'));
    await this.#sender?.replaceTrack(track);
    // A page that may not listen hides its addresses; where that kept the connection from being made, this will do it.
    if (this.#failures && !this.connected) await this.connect();
  }

  /** Let the microphone go. */
  deafen() {
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.microphone = null;
    this.#sender?.replaceTrack(null).catch(() => {});
  }

  /** Silence the microphone where it is, before anything leaves this browser. */
  mute(on) {
    for (const track of this.microphone?.getAudioTracks() ?? []) track.enabled = !on;
  }

  /** What this browser knows of the connection, empty while there is none. */
  async stats() {
    const found = {};
    if (!this.#connection) return found;
    const reports = await this.#connection.getStats();
    for (const report of reports.values()) {
      if (report.type === 'inbound-rtp' && report.kind === 'video') found.picture = report;
      if (report.type === 'inbound-rtp' && report.kind === 'audio') found.sound = report;
      if (report.type === 'candidate-pair' && report.nominated) found.pair = report;
    }
    if (found.picture) found.codec = reports.get(found.picture.codecId)?.mimeType;
    return found;
  }

  /** Hold the picture back as long as the sound is. */
  #follow(voice, face) {
    if (!('jitterBufferTarget' in face)) return;
    let delay = 0;
    let emitted = 0;
    this.#following = setInterval(async () => {
      for (const report of (await voice.getStats()).values()) {
        if (report.type !== 'inbound-rtp' || !(report.jitterBufferEmittedCount > emitted)) continue;
        const heldMs = (1000 * (report.jitterBufferDelay - delay)) / (report.jitterBufferEmittedCount - emitted);
        ({ jitterBufferDelay: delay, jitterBufferEmittedCount: emitted } = report);
        face.jitterBufferTarget = Math.min(MOST_MS, Math.max(SOUND_MS, heldMs) + LOUDSPEAKER_MS);
      }
    }, FOLLOW_MS);
  }

  #ask(sdp) {
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error('no answer')), ANSWER_MS);
      this.#answered = (answer) => {
        clearTimeout(timer);
        done(answer);
      };
      if (!this.#offer(sdp)) fail(new Error('not sent'));
    });
  }

  #changed(connection) {
    if (connection !== this.#connection) return;
    if (connection.connectionState === 'connected') {
      clearTimeout(this.#again);
      this.#failures = 0;
      this.#tell('connected');
    }
    if (connection.connectionState === 'failed') this.#retry();
    // A browser takes half a minute to give up what has been silent for a few seconds.
    if (connection.connectionState === 'disconnected') this.#retry(SILENT_MS);
  }

  #retry(wait = AGAIN_MS[Math.min(this.#failures, AGAIN_MS.length - 1)]) {
    this.#failures += 1;
    this.#tell('lost', { tries: this.#failures });
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#connection && this.connect(), wait);
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
