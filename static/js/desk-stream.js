/*
 * The line of a desk or a wall: server-sent events that come back by themselves (I20). After a break it asks for what it
 * missed by the id of the last event. Tells of lost and regained connections by "cim:offline" and "cim:online".
 */

const QUIET = 40000;
const PAUSES = [500, 1000, 2000, 4000, 5000];

export class Line {
  /** `hear(event, data)` is called for each of `events`; "hello" and "alive" keep the line itself informed. */
  constructor(address, events, hear) {
    this.address = address;
    this.events = events;
    this.hear = hear;
    this.last = null;
    this.failures = 0;
    this.stopped = true;
    this.lost = false;
    addEventListener("online", () => this.again());
    document.addEventListener("visibilitychange", () => { if (!document.hidden && this.lost) this.again(); });
  }

  start() {
    this.stopped = false;
    this.open();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.watch);
    if (this.source) this.source.close();
  }

  again() {
    if (this.stopped || !this.lost) return;
    clearTimeout(this.timer);
    this.open();
  }

  open() {
    if (this.source) this.source.close();
    const query = this.last === null ? "" : `?last_event_id=${this.last}`;
    const source = new EventSource(this.address + query);
    this.source = source;
    const take = (event) => {
      this.lives();
      if (event.lastEventId) this.last = event.lastEventId;
      this.hear(event.type, JSON.parse(event.data));
    };
    for (const name of this.events) source.addEventListener(name, take);
    source.addEventListener("alive", () => this.lives());
    source.addEventListener("open", () => this.lives());
    // EventSource gives up for good on an error of a proxy; this line never does.
    source.addEventListener("error", () => this.fail());
    this.lives(false);
  }

  lives(sure = true) {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => this.fail(), QUIET);
    if (!sure) return;
    this.failures = 0;
    if (this.lost) {
      this.lost = false;
      document.dispatchEvent(new CustomEvent("cim:online"));
    }
  }

  fail() {
    if (this.stopped) return;
    clearTimeout(this.watch);
    clearTimeout(this.timer);
    this.source.close();
    const pause = PAUSES[Math.min(this.failures, PAUSES.length - 1)];
    this.failures += 1;
    if (this.failures > 1 && !this.lost) {
      this.lost = true;
      document.dispatchEvent(new CustomEvent("cim:offline"));
    }
    if (this.failures % 5 === 0) this.askWhy();
    // Not all desks at once, when a server comes back.
    this.timer = setTimeout(() => this.open(), pause * (0.7 + Math.random() * 0.6));
  }

  /** A session that ended looks like a lost line; an ordinary request tells the difference. */
  async askWhy() {
    try {
      const response = await fetch("/api/v1/desk/", { credentials: "same-origin" });
      if (response.status === 401) location.reload();
    } catch {
      /* Still no connection. */
    }
  }
}
