/*
 * The note that is being typed: kept on the server while it is typed, so that it goes along with a transfer, and in this
 * browser while there is no connection (I22).
 */

import { read, send } from "./api.js";
import { afterPause } from "./elements.js";

const PAUSE = 600;
const key = (interaction) => `cim-draft-${interaction}`;

export class Draft {
  /** `told(state)` hears "typing", "saved" or "kept" (in this browser only). */
  constructor(interaction, told) {
    this.interaction = interaction;
    this.told = told;
    this.text = localStorage.getItem(key(interaction)) || "";
    this.sent = "";
    this.last = Promise.resolve();
    this.isOnServer = false;
    this.later = afterPause(PAUSE, () => this.save());
    addEventListener("pagehide", () => this.flush());
    document.addEventListener("cim:online", () => { if (this.text !== this.sent) this.save(); });
  }

  /** What was typed before, here or in another browser; typed text that never reached the server comes first. */
  async load() {
    if (this.text) {
      this.save();
      return this.text;
    }
    try {
      const known = (await read(`interactions/${this.interaction}/draft/`)).text;
      if (!this.text) { this.text = this.sent = known; this.isOnServer = known !== ""; }
    } catch {
      /* Typing goes on without it. */
    }
    return this.text;
  }

  type(text) {
    this.text = text;
    localStorage.setItem(key(this.interaction), text);
    this.told("typing");
    this.later();
  }

  /** Requests go one after the other: an older text must not arrive after a newer one. */
  put(text) {
    const sending = this.last.catch(() => {}).then(() => send("PUT", `interactions/${this.interaction}/draft/`, { body: { text } }));
    this.last = sending;
    return sending;
  }

  async save() {
    const text = this.text;
    if (text === this.sent) return;
    this.isOnServer = true;
    try {
      await this.put(text);
      this.sent = text;
      if (this.text === text) localStorage.removeItem(key(this.interaction));
      this.told("saved");
    } catch (problem) {
      if (problem.status === 0) this.later();
      this.told("kept");
    }
  }

  /** The page goes: one last request that outlives it. */
  flush() {
    if (this.text === this.sent) return;
    const token = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
    fetch(`/api/v1/interactions/${this.interaction}/draft/`, {
      method: "PUT", keepalive: true, credentials: "same-origin", body: JSON.stringify({ text: this.text }),
      headers: { "Content-Type": "application/json", "X-CSRFToken": token ? decodeURIComponent(token.slice(10)) : "" },
    }).catch(() => {});
  }

  /** The text has become a note. A draft that is still on its way must not come back after it. */
  async clear() {
    this.text = this.sent = "";
    localStorage.removeItem(key(this.interaction));
    if (!this.isOnServer) return;
    this.isOnServer = false;
    await this.put("").catch(() => {});
  }
}
