/*
 * Deliveries to a CRM, attached to [data-crm-deliveries]: by state, searched, with the reason and every try of each, and
 * replayed one by one or together (M14). The state of the page is in its address.
 */

import { post, read } from "./api.js";
import { problemNote, stateBadge, stateNames, stateTone, typeName } from "./crm-words.js";
import { afterPause, button, el, fill, icon } from "./elements.js";
import { may } from "./page.js";
import { showPager } from "./pager.js";
import { toast } from "./toasts.js";
import { count, formatRecent, formatRecently } from "./values.js";

const EVERY = 4000;
const CHANNELS = { voice: "phone", video: "video", email: "mail", sms: "message-square-text", chat: "message-circle", social: "share-2", messaging: "message-circle", web: "globe" };

class Deliveries {
  constructor(place) {
    this.place = place;
    this.id = place.dataset.crmDeliveries;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    const query = new URLSearchParams(location.search);
    this.state = query.get("state") || "";
    this.page = Number(query.get("page")) || 1;
    this.size = Number(query.get("page_size")) || 50;
    this.chosen = new Set();
    this.open = "";
    this.part("q").value = query.get("q") || "";
    this.part("age").value = query.get("age") || "";
    this.may = may("integrations.edit");
  }

  start() {
    this.part("q").addEventListener("input", afterPause(250, () => this.go(1)));
    this.part("age").addEventListener("change", () => this.go(1));
    this.part("all").addEventListener("change", (event) => { for (const row of this.rows) if (event.target.checked) this.chosen.add(row.id); else this.chosen.delete(row.id); this.draw(); });
    this.part("replay").addEventListener("click", () => this.replay({ deliveries: Array.from(this.chosen) }));
    this.part("stop").addEventListener("click", () => this.stop());
    this.part("replay-failed").addEventListener("click", () => this.replay({ configuration: this.id }));
    this.pause = document.querySelector("[data-crm-pause]");
    document.addEventListener("crm:status", (event) => this.showPause(event.detail));
    this.pause.addEventListener("click", () => this.hold());
    this.load();
  }

  query() {
    const query = new URLSearchParams({ configuration: this.id, page: this.page, page_size: this.size });
    if (this.state) query.set("state", this.state);
    if (this.part("q").value.trim()) query.set("q", this.part("q").value.trim());
    const hours = Number(this.part("age").value);
    if (hours) query.set("from", new Date(Date.now() - hours * 3600 * 1000).toISOString());
    return query;
  }

  go(page) {
    this.page = page;
    const shown = new URLSearchParams();
    for (const [name, value] of [["state", this.state], ["q", this.part("q").value.trim()], ["age", this.part("age").value], ["page", this.page > 1 ? this.page : ""], ["page_size", this.size === 50 ? "" : this.size]]) if (value) shown.set(name, value);
    history.replaceState(null, "", `${location.pathname}${shown.size ? `?${shown}` : ""}`);
    this.load();
  }

  async load() {
    clearTimeout(this.timer);
    try {
      this.answer = await read(`crm/deliveries/?${this.query()}`);
      this.rows = this.answer.results;
      fill(this.part("problem"));
      this.draw();
    } catch (problem) {
      if (problem.status === 404 && this.page > 1) { this.go(1); return; }
      fill(this.part("problem"), problemNote(problem));
    }
    this.place.dataset.ready = "true";
    this.timer = setTimeout(() => (document.hidden || this.place.contains(document.activeElement) && document.activeElement.closest("tbody") ? this.later() : this.load()), EVERY);
  }

  /** Rows do not move under the pointer or the focus. */
  later() {
    this.timer = setTimeout(() => this.load(), EVERY);
  }

  draw() {
    const names = stateNames();
    const { states } = this.answer;
    const all = Object.values(states).reduce((sum, number) => sum + number, 0);
    const pill = (state, label, number) => el(
      "button", { type: "button", class: "crm-pill", "aria-pressed": String(this.state === state), on: { click: () => { this.state = state; this.chosen.clear(); this.go(1); } } },
      state ? el("span", { class: `dot tone-${stateTone(state)}` }) : null, el("strong", {}, count(number)), " ", label,
    );
    fill(this.part("states"), pill("", gettext("All"), all), Object.entries(names).filter(([state]) => state !== "sending" || states.sending).map(([state, label]) => pill(state, label, states[state])));
    this.part("replay-failed").hidden = !states.failed || !this.may;
    fill(this.part("replay-failed"), icon("refresh-cw"), interpolate(ngettext("Replay the failed one", "Replay all %s failed", states.failed), [count(states.failed)]));
    fill(this.part("rows"), this.rows.flatMap((row) => this.row(row)));
    this.part("none").hidden = this.rows.length > 0;
    this.part("none-text").textContent = all ? gettext("None fits. Take a condition away.") : gettext("Contacts are written as soon as a mapping says what.");
    this.part("all").checked = this.rows.length > 0 && this.rows.every((row) => this.chosen.has(row.id));
    this.part("selection").textContent = this.chosen.size ? interpolate(ngettext("%s selected", "%s selected", this.chosen.size), [this.chosen.size]) : "";
    this.part("selection-actions").hidden = !this.chosen.size || !this.may;
    showPager(this.part("pager"), this.answer, { go: (page) => this.go(page), resize: (size) => { this.size = size; this.go(1); } });
  }

  row(row) {
    const who = row.customer_name || gettext("Nobody known");
    const tick = el("input", { type: "checkbox", class: "tick", checked: this.chosen.has(row.id), "aria-label": interpolate(gettext("Choose the delivery for %s"), [who]), on: { change: (event) => { if (event.target.checked) this.chosen.add(row.id); else this.chosen.delete(row.id); this.draw(); } } });
    const opened = this.open === row.id;
    const reason = row.reason || (row.state === "delivered" ? interpolate(gettext("Written in %s ms"), [row.took_ms]) : "");
    const again = row.state === "retrying" || row.state === "waiting" ? gettext("Send now") : gettext("Replay");
    const line = el(
      "tr", { class: opened ? "crm-open" : undefined },
      el("td", {}, tick), el("td", {}, stateBadge(row)), el("td", { class: "tabular" }, formatRecent(row.created_at)),
      el("td", {}, el("span", { class: "crm-who" }, icon(CHANNELS[row.channel] || "phone"), row.customer ? el("a", { href: `/customers/${row.customer}/` }, who) : who)),
      el("td", {}, typeName(row.entity_type)), el("td", { class: "num" }, String(row.tries)),
      el("td", { class: row.state === "failed" ? "bad-text crm-reason" : "crm-reason" }, reason, row.cut.length ? el("span", { class: "badge warn" }, gettext("cut")) : null),
      el(
        "td", { class: "crm-row-actions" },
        row.record_url ? el("a", { class: "btn quiet icon-only small", href: row.record_url, target: "_blank", rel: "noopener", "aria-label": interpolate(gettext("Open the record of %s in the CRM"), [who]) }, icon("external-link")) : null,
        this.may && row.state !== "sending" && row.state !== "delivered" ? button(again, { icon: "refresh-cw", classes: "small", "aria-label": interpolate(gettext("%(label)s: %(words)s"), { label: again, words: who }, true) }, () => this.replayOne(row)) : null,
        el("button", { type: "button", class: "btn quiet icon-only small", "aria-expanded": String(opened), "aria-label": interpolate(gettext("Details of the delivery for %s"), [who]), on: { click: () => this.toggle(row.id) } }, icon(opened ? "chevron-up" : "chevron-down")),
      ),
    );
    return opened ? [line, el("tr", { class: "crm-open" }, el("td", { colspan: "8" }, this.details || el("span", { class: "bone" })))] : [line];
  }

  async toggle(id) {
    this.open = this.open === id ? "" : id;
    this.details = null;
    this.draw();
    if (!this.open) return;
    try {
      const one = await read(`crm/deliveries/${id}/`);
      const outcomes = { ...stateNames(), retry: gettext("to be tried again") };
      this.details = el(
        "div", { class: "crm-details" },
        el("div", {}, el("h3", {}, gettext("What became of it")), el("p", {}, one.reason || stateNames()[one.state]), one.due_at ? el("p", { class: "quiet" }, interpolate(gettext("Next try %s"), [formatRecently(one.due_at)])) : null, one.replayed_by ? el("p", { class: "quiet" }, interpolate(gettext("Replayed by %(name)s, %(time)s"), { name: one.replayed_by, time: formatRecent(one.replayed_at) }, true)) : null, el("p", {}, el("a", { href: `/crm/sent/${one.id}/` }, gettext("Whole texts")))),
        el("div", {}, el("h3", {}, gettext("What was sent")), el("dl", { class: "facts" }, Object.entries(one.fields).flatMap(([name, text]) => [el("dt", { class: "mono" }, name), el("dd", {}, text.length > 200 ? `${text.slice(0, 200)}…` : text)]))),
        el("div", {}, el("h3", {}, gettext("Tries")), one.history.length ? el("ol", { class: "crm-tries", reversed: true }, one.history.slice().reverse().slice(0, 8).map((step) => el("li", {}, el("span", { class: "tabular quiet" }, formatRecent(step.at)), " ", step.reason ? interpolate(gettext("%(label)s: %(words)s"), { label: outcomes[step.outcome] || step.outcome, words: step.reason }, true) : outcomes[step.outcome] || step.outcome))) : el("p", { class: "quiet" }, gettext("None yet"))),
      );
    } catch (problem) {
      this.details = problemNote(problem);
    }
    this.draw();
    const opener = Array.from(this.part("rows").querySelectorAll("button[aria-expanded=true]"))[0];
    if (opener) opener.focus();
  }

  async replayOne(row) {
    await this.act(() => post(`crm/deliveries/${row.id}/replay/`), gettext("It goes out again."));
  }

  async replay(body) {
    await this.act(async () => { const { data } = await post("crm/deliveries/replay/", body); this.chosen.clear(); return data; }, gettext("They go out again, the oldest first."));
  }

  async stop() {
    await this.act(async () => { await post("crm/deliveries/stop/", { deliveries: Array.from(this.chosen) }); this.chosen.clear(); }, gettext("They are kept, and no longer tried."));
  }

  async act(call, said) {
    try {
      await call();
      toast(said);
    } catch (problem) {
      fill(this.part("problem"), problemNote(problem));
      return;
    }
    this.load();
  }

  showPause(configuration) {
    this.paused = configuration.paused;
    this.pause.hidden = !this.may;
    fill(this.pause, icon(this.paused ? "play" : "square"), this.paused ? gettext("Let deliveries go on") : gettext("Hold deliveries back"));
  }

  async hold() {
    try {
      const { data } = await post(`crm/configurations/${this.id}/${this.paused ? "resume" : "pause"}/`);
      this.showPause(data);
      document.querySelector("[data-crm-status]").dispatchEvent(new CustomEvent("crm:again"));
    } catch (problem) {
      fill(this.part("problem"), problemNote(problem));
    }
  }
}

for (const place of document.querySelectorAll("[data-crm-deliveries]")) new Deliveries(place).start();
