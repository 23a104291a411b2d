/*
 * The live wall, attached to [data-wall]: who is on which interaction, and who waits (I25). Cards are re-ordered at most
 * every five seconds, and never under the focus; timers tick without effects.
 */

import { Line } from "./desk-stream.js";
import { el, fill, icon } from "./elements.js";
import { hue, withPhones } from "./values.js";

const ORDER_EVERY = 5000;
const LIMITS = { ringing: 30, active: 1200, held: 120, wrap_up: 180 };
const WAIT_LIMIT = 120;
const STATES = {
  active: ["acc", () => gettext("Talking")], ringing: ["cy", () => gettext("Ringing")], held: ["warn", () => gettext("On hold")],
  wrap_up: ["vio", () => gettext("Wrap-up")], free: ["", () => gettext("At the desk")],
};
const ICONS = { voice: ["phone", "phone"], video: ["video", ""], email: ["mail", "email"], sms: ["message-square-text", "warn"], chat: ["message-circle", "chat"], social: ["share-2", "social"], messaging: ["messages-square", "messaging"], web: ["globe", ""] };

const two = (number) => String(number).padStart(2, "0");
const secondsSince = (since) => Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 1000));
const clock = (seconds) => (seconds >= 3600 ? `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}` : `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`);
const initials = (name) => name.split(/\s+/).filter(Boolean).slice(0, 2).map((word) => Array.from(word)[0].toUpperCase()).join("") || "?";

class Wall {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.picture = { agents: [], queues: [] };
    this.cards = new Map();
    this.only = "";
    this.ordered = 0;
    this.line = new Line("/wall/stream/", ["wall"], (_event, picture) => this.take(picture));
    place.addEventListener("change", (event) => {
      if (event.target.name === "order") this.order(true);
      if (event.target.name === "only") { this.only = event.target.value; this.filter(); }
    });
    document.addEventListener("cim:offline", () => { this.part("live").textContent = gettext("Not live: the connection is lost"); });
    setInterval(() => this.tick(), 1000);
    this.line.start();
  }

  take(picture) {
    this.picture = picture;
    this.place.dataset.ready = "true";
    fill(this.part("live"), el("span", { class: "dot tone-ok" }), " ", gettext("Live"));
    this.renderQueues();
    this.renderAgents();
    this.renderFilter();
    this.order(false);
    this.tick();
  }

  renderQueues() {
    fill(this.part("queues"), this.picture.queues.map((queue) => el(
      "li", { class: "card wall-queue", dataset: { longest: queue.longest || "" } },
      el("strong", { class: "strong" }, queue.name),
      el("div", { class: "wall-queue-row" },
        el("span", { class: "wall-count tabular" }, String(queue.waiting)),
        el("span", { class: "quiet" }, gettext("waiting"), el("br"), gettext("longest"), " ", el("span", { class: "tabular", dataset: { since: queue.longest || "" } }, "–")),
        el("span", { class: "quiet tabular" }, interpolate(gettext("%s talking"), [queue.talking]))),
    )));
  }

  renderAgents() {
    const list = this.part("agents");
    const present = new Set();
    for (const agent of this.picture.agents) {
      present.add(agent.id);
      const card = this.cards.get(agent.id) || el("li", { class: "card wall-agent", tabindex: "0" });
      if (!this.cards.has(agent.id)) { this.cards.set(agent.id, card); list.append(card); }
      this.fillCard(card, agent);
    }
    for (const [id, card] of this.cards) if (!present.has(id)) { card.remove(); this.cards.delete(id); }
    this.part("empty").hidden = this.picture.agents.length > 0;
    const busy = this.picture.agents.filter((agent) => agent.status !== "free").length;
    this.part("sum").textContent = interpolate(gettext("%(busy)s of %(all)s agents are on an interaction"), { busy, all: this.picture.agents.length }, true);
    this.filter();
  }

  fillCard(card, agent) {
    const [tone, name] = STATES[agent.status] || STATES.free;
    const first = agent.interactions[0];
    card.dataset.agent = agent.id;
    card.dataset.status = agent.status;
    card.dataset.since = agent.since || "";
    const [symbol, tile] = first ? ICONS[first.channel] || ["circle-dot", ""] : ["headphones", ""];
    const who = first ? first.customer_name || [gettext("No Name"), " ", el("span", { class: "ltr" }, withPhones(first.address || ""))] : gettext("No interaction");
    fill(
      card,
      el("div", { class: "wall-agent-name" }, el("span", { class: `avatar hue-${hue(agent.id)}`, "aria-hidden": "true" }, initials(agent.name)), el("strong", { class: "strong" }, agent.name)),
      el("div", { class: "wall-agent-state" }, el("span", { class: `badge ${tone}` }, name()), agent.since ? el("span", { class: "wall-timer tabular", dataset: { since: agent.since } }) : null),
      el("div", { class: "wall-agent-who" }, el("span", { class: `tile ${tile}` }, icon(symbol)), first && first.customer ? el("a", { href: `/customers/${first.customer}/` }, who) : el("span", {}, who)),
      el("p", { class: "quiet" }, [first && first.queue, agent.interactions.length > 1 ? interpolate(gettext("%s more"), [agent.interactions.length - 1]) : null].filter(Boolean).join(", ")),
    );
  }

  renderFilter() {
    const counts = new Map();
    for (const agent of this.picture.agents) counts.set(agent.status, (counts.get(agent.status) || 0) + 1);
    const choices = [["", gettext("All"), this.picture.agents.length], ...Object.entries(STATES).map(([status, [, name]]) => [status, name(), counts.get(status) || 0])];
    const box = this.part("filter");
    if (!box.childElementCount) {
      fill(box, choices.map(([value, name]) => el("label", {}, el("input", { type: "radio", name: "only", value, checked: value === this.only }), el("span", {}, name, " ", el("span", { class: "tabular", dataset: { count: value || "all" } })))));
    }
    for (const [value, , count] of choices) box.querySelector(`[data-count="${value || "all"}"]`).textContent = String(count);
  }

  filter() {
    for (const card of this.cards.values()) card.hidden = this.only !== "" && card.dataset.status !== this.only;
  }

  isPast(card) {
    const limit = LIMITS[card.dataset.status];
    return Boolean(limit && card.dataset.since && secondsSince(card.dataset.since) > limit);
  }

  order(now) {
    if (!now && Date.now() - this.ordered < ORDER_EVERY) return;
    const list = this.part("agents");
    if (!now && list.contains(document.activeElement)) return;
    this.ordered = Date.now();
    const byName = (one, other) => one.querySelector("strong").textContent.localeCompare(other.querySelector("strong").textContent);
    const rank = (card) => (this.isPast(card) ? 0 : card.dataset.status === "free" ? 2 : 1);
    const pressing = (one, other) => rank(one) - rank(other) || (one.dataset.since || "z").localeCompare(other.dataset.since || "z") || byName(one, other);
    const chosen = this.place.querySelector("[name=order]:checked").value === "name" ? byName : pressing;
    const sorted = Array.from(this.cards.values()).sort(chosen);
    if (sorted.some((card, place) => list.children[place] !== card)) list.append(...sorted);
  }

  tick() {
    for (const timer of this.place.querySelectorAll("[data-since]:not(.wall-agent)")) if (timer.dataset.since) timer.textContent = clock(secondsSince(timer.dataset.since));
    for (const card of this.cards.values()) card.classList.toggle("past", this.isPast(card));
    for (const queue of this.part("queues").children) queue.classList.toggle("past", Boolean(queue.dataset.longest) && secondsSince(queue.dataset.longest) > WAIT_LIMIT);
    this.order(false);
  }
}

for (const place of document.querySelectorAll("[data-wall]")) new Wall(place);
