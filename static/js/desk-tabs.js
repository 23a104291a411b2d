/*
 * One desk per browser: of several tabs only one shows pops, the one that was opened or chosen last (I20). The others
 * wait, and take over when it goes, or falls silent.
 */

const BEAT = 2000;
const SILENT = 7000;

export class OneTab {
  /** `act(isActive)` is called whenever this tab becomes the desk, or stops being it. */
  constructor(name, act) {
    this.act = act;
    this.id = `${Date.now()}-${Math.random()}`;
    this.active = false;
    this.heard = Date.now();
    this.channel = new BroadcastChannel(name);
    this.channel.addEventListener("message", (event) => this.hear(event.data));
    addEventListener("pagehide", () => { if (this.active) this.say("gone"); });
    addEventListener("pageshow", (event) => { if (event.persisted) this.claim(); });
    setInterval(() => this.beat(), BEAT);
    this.claim();
  }

  say(what) {
    this.channel.postMessage({ what, id: this.id });
  }

  claim() {
    this.say("claim");
    if (!this.active) {
      this.active = true;
      this.act(true);
    }
  }

  hear({ what }) {
    this.heard = Date.now();
    if (what === "claim" && this.active) {
      this.active = false;
      this.act(false);
    } else if (what === "gone" && !this.active) {
      // Several wait: whoever is first claims, the others hear it.
      setTimeout(() => { if (!this.active && Date.now() - this.heard > 80) this.claim(); }, 100 + Math.random() * 400);
    }
  }

  beat() {
    if (this.active) this.say("beat");
    else if (Date.now() - this.heard > SILENT) this.claim();
  }
}
