/*
 * The agent's desk, attached to [data-desk]: open all day. Interactions come and go by the line; each is a `Call` with its
 * own parts. One of several is shown, chosen by its tab.
 */

import { post, read } from "./api.js";
import { Call } from "./desk-call.js";
import { Line } from "./desk-stream.js";
import { OneTab } from "./desk-tabs.js";
import { button, el, fill, icon } from "./elements.js";
import { addKeys } from "./keys.js";
import { toast } from "./toasts.js";

const TITLE = document.title;

class Desk {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.agent = place.dataset.agent;
    this.calls = new Map();
    this.shown = null;
    this.idle = { title: gettext("No call"), text: this.part("idle-text").textContent, actions: Array.from(this.part("idle-actions").childNodes) };
    this.state = document.querySelector("[data-desk-state]");
    this.line = new Line("/desk/stream/", ["hello", "pop", "update", "end"], (event, data) => this.hear(event, data));
    for (const opener of place.querySelectorAll("[data-call-me]")) opener.addEventListener("click", () => this.callMe(opener));
    setInterval(() => this.tick(), 1000);
    // Out of a field again, so that the keys of the desk work without a pointer; what is typed stays.
    place.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented && event.target.matches("input, textarea")) event.target.blur();
    });
    addKeys([
      { keys: ["Escape"], label: gettext("Leave a field"), run: () => {} },
      { keys: ["n"], label: gettext("Type a note"), run: () => this.shown && this.shown.focusNote() },
      { keys: ["w"], label: gettext("Choose a wrap-up"), run: () => this.shown && this.shown.focusWrapUp() },
      { keys: ["l"], label: gettext("Link to somebody else"), run: () => this.shown && this.shown.focusSearch() },
      { keys: ["o"], label: gettext("Open the profile"), run: () => this.shown && this.shown.openProfile() },
      { keys: ["Ctrl Enter"], label: gettext("Finish"), run: () => this.shown && this.shown.finish() },
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => ({ keys: [String(digit)], label: digit === 1 ? gettext("Apply a wrap-up by its number") : "", run: () => this.shown && this.shown.wrapUpBy(digit) })),
    ]);
    this.tab = new OneTab("cim-desk", (active) => this.take(active));
  }

  take(active) {
    if (active) {
      this.line.start();
      this.render();
    } else {
      this.line.stop();
      for (const call of this.calls.values()) call.leave();
      this.calls.clear();
      this.shown = null;
      this.render();
    }
  }

  hear(event, data) {
    if (event === "hello") {
      this.place.dataset.ready = "true";
      this.catchUp(new Set(data.interactions));
      return;
    }
    const known = this.calls.get(data.interaction);
    if (event === "end") {
      if (known) known.end(data);
    } else if (known) {
      known.update(data);
    } else {
      this.add(data, event === "pop");
    }
    this.render();
  }

  add(data, pops) {
    const call = new Call(data, this.agent, {
      changed: () => this.renderTabs(),
      finished: () => this.remove(call),
    });
    this.calls.set(data.interaction, call);
    // What rings comes to the front, unless the agent is typing elsewhere: then its tab announces it.
    if (!this.shown || (pops && !this.shown.isBusy())) this.show(call);
    return call;
  }

  remove(call) {
    call.leave();
    this.calls.delete(call.id);
    if (this.shown === call) this.show(Array.from(this.calls.values()).at(-1) || null);
    this.render();
  }

  /** After a connection: what is over went meanwhile, what is left to wrap up comes back. */
  async catchUp(running) {
    for (const call of this.calls.values()) if (!running.has(call.id) && !call.over) call.end(null);
    try {
      const desk = await read("desk/");
      for (const item of desk.wrap_up) {
        const known = this.calls.get(item.interaction);
        if (known) known.end(item);
        else this.add(item, false).end(item);
      }
    } catch {
      /* The line tells of lost connections. */
    }
    this.render();
  }

  show(call) {
    this.shown = call;
    fill(this.part("call"), call ? call.element : null);
    if (call) call.shownNow();
    this.render();
  }

  render() {
    const waits = !this.tab || this.tab.active;
    const idle = this.part("idle");
    idle.hidden = this.shown !== null;
    fill(this.part("idle-title"), waits ? this.idle.title : gettext("Your desk is open in another tab"));
    fill(this.part("idle-text"), waits ? this.idle.text : gettext("Calls appear there. Choose this tab to move the desk here."));
    fill(this.part("idle-actions"), waits ? this.idle.actions : button(gettext("Use this tab"), { classes: "primary" }, () => this.tab.claim()));
    this.renderTabs();
  }

  renderTabs() {
    const tabs = this.part("tabs");
    const calls = Array.from(this.calls.values());
    tabs.hidden = calls.length < 2;
    fill(tabs, calls.length < 2 ? null : calls.map((call) => el(
      "button",
      { type: "button", role: "tab", class: "desk-tab", "aria-selected": String(call === this.shown), tabindex: call === this.shown ? "0" : "-1", on: { click: () => this.show(call) } },
      icon(call.icon), el("span", {}, call.name), call.badge(),
    )));
    const ringing = calls.find((call) => call.isRinging);
    document.title = ringing ? `${gettext("Ringing:")} ${ringing.name} · CIM` : TITLE;
    this.tick();
  }

  tick() {
    for (const call of this.calls.values()) call.tick();
    const call = this.shown;
    if (this.state) fill(this.state, call ? [el("span", { class: `dot ${call.tone}` }), call.stateName, " ", el("span", { class: "tabular" }, call.clock)] : [el("span", { class: "dot tone-ok" }), gettext("At the desk")]);
  }

  async callMe(opener) {
    opener.disabled = true;
    try {
      await post(opener.dataset.callMe);
      toast(gettext("A call is on its way to you."));
    } catch (problem) {
      fill(this.part("idle-text"), problem.message);
    }
    setTimeout(() => { opener.disabled = false; }, 5000);
  }
}

for (const place of document.querySelectorAll("[data-desk]")) new Desk(place);
