/** The visit: one WebSocket to the edge, opened again when it breaks. */

const WAITS_S = [0.5, 1, 2, 4, 8];
const OPEN_MS = 8000;

/**
 * Dispatches an event for every message of the edge, named by its type, with the message as `detail`; and
 * `away` with the seconds until the next try, every second, and `open`.
 */
export class Visit extends EventTarget {
  #address;
  #socket = null;
  #tries = 0;
  #timer = 0;
  #wanted = false;

  constructor(address) {
    super();
    this.#address = address;
    addEventListener('online', () => this.retry());
  }

  /** The socket carries messages now. */
  get connected() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  open() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#tries = 0;
    this.#connect();
  }

  /** End the visit, and its call with it. */
  close() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  /** Try now instead of waiting. */
  retry() {
    if (!this.#wanted || this.#socket) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  /** Whether it was sent: what is said while the edge is away is not kept for later. */
  send(type, fields = {}) {
    if (!this.connected) return false;
    this.#socket.send(JSON.stringify({ type, ...fields }));
    return true;
  }

  #connect() {
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    const patience = setTimeout(() => socket.close(), OPEN_MS);
    socket.onopen = () => {
      clearTimeout(patience);
      this.#tell('open');
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      const message = JSON.parse(data);
      if (message.type === 'hello') this.#tries = 0;
      if (message.type === 'bye') this.#wanted = false;
      this.#tell(message.type, message);
    };
    socket.onclose = () => {
      clearTimeout(patience);
      if (socket !== this.#socket) return;
      this.#socket = null;
      if (this.#wanted) this.#wait(WAITS_S[Math.min(this.#tries++, WAITS_S.length - 1)]);
    };
  }

  #wait(seconds) {
    if (seconds <= 0) {
      this.#connect();
      return;
    }
    this.#tell('away', { seconds, tries: this.#tries });
    const step = Math.min(1, seconds);
    this.#timer = setTimeout(() => this.#wait(seconds - step), step * 1000);
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
