/*
 * The journey of a customer, attached to [data-journey]: what happened last and what is still open in words, the picture,
 * the same as a list, and the drill-down. The address holds accounts, topics and the span of time in view.
 */

import { read } from "./api.js";
import { Line } from "./desk-stream.js";
import { openMenu } from "./dialogs.js";
import { afterPause, el, fill, icon } from "./elements.js";
import { DetailPanel } from "./journey-panel.js";
import { momentWords, Picture } from "./journey-picture.js";
import { badges, channelOf, kindWords, stateWords, tile } from "./journey-words.js";
import { addKeys } from "./keys.js";
import { toLocalField, fromLocalField, count, formatRecent } from "./values.js";

const DAY = 24 * 3600;
const STARTING_DAYS = 90;
const FEW = 3;
const CHECK = 60000;
const SLACK = 1000;
const REFINE_PAUSE = 160;

const iso = (seconds) => new Date(Math.round(seconds) * 1000).toISOString().replace(".000Z", "Z");
const seconds = (text) => Math.floor(Date.parse(text) / 1000);

class Journey {
  constructor(place) {
    this.place = place;
    this.id = place.dataset.journey;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.topics = [];
    this.account = "";
    this.seen = new Map();
    this.picture = new Picture(
      { canvas: this.part("canvas"), lanes: this.part("lanes"), overview: this.part("overview") },
      { open: (id) => this.open(id), moved: () => this.moved(), announce: (text) => { this.part("announce").textContent = text; } },
    );
    this.panel = new DetailPanel(place, {
      previous: () => this.picture.step(-1, { opening: true }),
      next: () => this.picture.step(1, { opening: true }),
      closed: () => { this.picture.select(null); this.keepAddress(); this.part("canvas").focus(); },
      changed: () => this.load({ quiet: true }),
      topics: () => (this.data ? this.data.topics.map((one) => one.topic) : []),
    });
    this.refine = afterPause(REFINE_PAUSE, () => this.refineNow());
  }

  async start() {
    const wanted = location.hash.slice(1);
    this.readAddress();
    this.attach();
    const engine = this.picture.start(this.place.dataset.engine).catch(() => this.problem(gettext("The picture could not be drawn in this browser. The list has everything.")));
    await this.load();
    await engine;
    this.showWindow();
    this.place.dataset.ready = "true";
    if (/^[0-9a-f-]{36}$/.test(wanted)) this.open(wanted, { focus: false });
    this.watch();
  }

  /* The address */

  readAddress() {
    const query = new URLSearchParams(location.search);
    this.topics = query.getAll("topic").filter(Boolean);
    this.account = query.get("account") || "";
    this.span = query.get("from") && query.get("to") ? [seconds(query.get("from")), seconds(query.get("to"))] : null;
    if (this.span && (this.span.some(Number.isNaN) || this.span[0] >= this.span[1])) this.span = null;
    this.showList(query.get("shown") === "list");
  }

  conditions() {
    const query = new URLSearchParams();
    query.set("view", this.topics.length ? "topic" : this.account ? "account" : "default");
    this.topics.forEach((topic) => query.append("topic", topic));
    if (this.account) query.append("account", this.account);
    return query;
  }

  keepAddress() {
    const query = this.conditions();
    query.delete("view");
    if (this.span) { query.set("from", iso(this.span[0])); query.set("to", iso(this.span[1])); }
    if (!this.part("list").hidden) query.set("shown", "list");
    const text = query.toString();
    history.replaceState(null, "", `${location.pathname}${text ? `?${text}` : ""}${this.panel.id ? `#${this.panel.id}` : ""}`);
  }

  /* Data */

  async load({ quiet = false } = {}) {
    try {
      this.data = await read(`customers/${this.id}/journey/picture/?${this.conditions()}`);
    } catch (problem) {
      if (!quiet) this.problem(problem.message);
      return;
    }
    this.problem("");
    const { data } = this;
    const last = data.latest ? seconds(data.latest.start) : seconds(data.now);
    this.limits = [data.start ? seconds(data.start) : seconds(data.now) - DAY, Math.max(last, seconds(data.now))];
    if (quiet && this.span) {
      // Whoever looks at now goes on looking at now; whoever looks at the past is left alone.
      const before = this.picture.limits[1];
      if (this.span[1] >= before) this.span = [this.span[0], Math.max(this.span[1], this.limits[1] + (this.span[1] - before))];
    }
    if (!this.span) this.span = this.startingSpan();
    this.since = data.now;
    this.renderAccounts();
    this.renderTopics();
    this.renderLately();
    this.renderEmpty();
    this.picture.set(data.lanes, this.limits);
    this.picture.setOverview(data.overview);
    this.showWindow();
    this.keepAddress();
    this.refine();
  }

  startingSpan() {
    const room = (from, to) => [from - (to - from) * 0.03, to + (to - from) * 0.03];
    const [first, now] = this.limits;
    const marks = this.data.lanes.flatMap((lane) => lane.marks);
    const lately = marks.filter((mark) => mark[1] >= now - STARTING_DAYS * DAY).reduce((sum, mark) => sum + mark[2], 0);
    if (now - first > STARTING_DAYS * DAY && lately >= FEW) return room(now - STARTING_DAYS * DAY, now);
    const newest = this.data.end ? seconds(this.data.end) : now;
    // An old, short journey is not squeezed into a corner by the years since.
    const end = this.data.open_count === 0 && now - newest > 2 * Math.max(DAY, newest - first) ? newest : now;
    return room(Math.min(first, end - DAY), end);
  }

  showWindow() {
    if (!this.span) return;
    this.picture.setWindow(this.span[0], this.span[1], { tell: false });
    this.renderSummary();
  }

  moved() {
    this.span = [this.picture.from, this.picture.to];
    this.renderSummary();
    this.refine();
  }

  /** Ask for finer points of the span in view, where the server bundled them. */
  async refineNow() {
    this.keepAddress();
    if (this.data) this.loadList();
    if (!this.data || !this.data.lanes.some((lane) => lane.bundled)) return;
    const [from, to] = this.span;
    const room = (to - from) * 0.5;
    const query = this.conditions();
    query.set("from", iso(from - room));
    query.set("to", iso(to + room));
    query.set("only", "lanes");
    if (this.asking) this.asking.abort();
    this.asking = new AbortController();
    try {
      const { lanes } = await read(`customers/${this.id}/journey/picture/?${query}`, { signal: this.asking.signal });
      this.picture.setFine(lanes, from - room, to + room);
      this.renderSummary();
    } catch (problem) {
      if (problem.name !== "AbortError") this.problem(problem.message);
    }
  }

  /* What is new (J15) */

  watch() {
    const line = new Line(`/journey/stream/?customer=${this.id}`, ["hello", "moved"], () => this.askForNews());
    line.start();
    addEventListener("pagehide", () => line.stop());
    addEventListener("pageshow", (event) => { if (event.persisted) line.start(); });
    // A line that says nothing is trusted, but not for ever: contexts end by themselves, and a merge may move elements.
    setInterval(() => { if (!document.hidden) this.askForNews(); }, CHECK);
  }

  /** One question at a time: what comes meanwhile is asked for afterwards. */
  async askForNews() {
    this.isNewsDue = true;
    if (this.isAskingForNews || !this.data) return;
    this.isAskingForNews = true;
    while (this.isNewsDue) {
      this.isNewsDue = false;
      await this.takeNews();
    }
    this.isAskingForNews = false;
  }

  async takeNews() {
    let news;
    try {
      news = await read(`customers/${this.id}/journey/news/?since=${encodeURIComponent(this.since)}`);
    } catch (problem) {
      return;
    }
    const fresh = news.changed.filter((one) => this.seen.get(one.id) !== one.at && Date.parse(one.at) > Date.parse(this.data.now) - SLACK);
    news.changed.forEach((one) => this.seen.set(one.id, one.at));
    this.since = news.now;
    if (!fresh.length) return;
    await this.load({ quiet: true });
    const latest = fresh[0];
    this.part("announce").textContent = interpolate(ngettext("%(count)s change: %(what)s", "%(count)s changes, the latest: %(what)s", fresh.length), { count: fresh.length, what: [channelOf(latest.channel).one(), latest.topic].filter(Boolean).join(", ") }, true);
    if (this.panel.isOpen && this.panel.detail && fresh.some((one) => this.panel.detail.elements.some((member) => member.id === one.id))) this.panel.open(this.panel.id, { focus: false });
  }

  /* Words */

  problem(message) {
    fill(this.part("problem"), message ? el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, message)) : null);
  }

  renderSummary() {
    const { data } = this;
    if (!data) return;
    if (!data.start) { fill(this.part("summary")); return; }
    const inView = this.picture.countInView();
    const fact = (label, value) => el("span", {}, label, " ", el("strong", {}, value));
    fill(
      this.part("summary"),
      fact(gettext("Start"), momentWords(seconds(data.start))), fact(gettext("End"), momentWords(seconds(data.end))),
      el("span", {}, el("strong", {}, count(data.interactions)), " ", ngettext("interaction", "interactions", data.interactions), " ", interpolate(ngettext("in %s channel", "in %s channels", data.points.length), [data.points.length])),
      inView < data.interactions ? el("span", { class: "quiet" }, interpolate(ngettext("%s in view", "%s in view", inView), [count(inView)])) : null,
      data.missed_count ? el("span", { class: "bad-text" }, interpolate(ngettext("%s missed", "%s missed", data.missed_count), [count(data.missed_count)])) : null,
    );
    const days = (this.span[1] - this.span[0]) / DAY;
    for (const input of this.part("ranges").querySelectorAll("input")) {
      const wanted = Number(input.value);
      const fits = this.rangeOf(wanted);
      input.checked = Math.abs(fits[0] - this.span[0]) < days * DAY * 0.01 && Math.abs(fits[1] - this.span[1]) < days * DAY * 0.01;
    }
    if (document.activeElement !== this.part("from")) this.part("from").value = toLocalField(iso(this.span[0])).slice(0, 10);
    if (document.activeElement !== this.part("to")) this.part("to").value = toLocalField(iso(Math.min(this.span[1], Math.max(this.limits[1], this.span[0] + 60)))).slice(0, 10);
  }

  rangeOf(days) {
    const [first, now] = this.limits;
    const from = days ? now - days * DAY : Math.min(first, now - DAY);
    return [from - (now - from) * 0.03, now + (now - from) * 0.03];
  }

  renderLately() {
    const { data } = this;
    const chip = (element) => el(
      "button", { type: "button", class: `lately-one ${element.open ? "open" : ""}`.trim(), on: { click: () => this.open(element.id) } },
      tile(element.channel), el("span", { class: "words" }, el("strong", { class: "strong" }, kindWords(element)), element.topic ? ` ${element.topic}` : "", " ", el("span", { class: "quiet" }, [element.missed ? gettext("missed") : stateWords(element.status), formatRecent(element.start)].filter(Boolean).join(", "))),
    );
    const others = data.open.filter((element) => element.id !== data.latest.id).slice(0, 3);
    const rest = data.open_count - others.length - (data.latest && data.latest.open ? 1 : 0);
    fill(
      this.part("lately"),
      data.latest ? [el("span", { class: "lately-title" }, gettext("Last")), chip(data.latest)] : null,
      data.open_count
        ? [el("span", { class: "lately-title" }, el("span", { class: "badge warn" }, icon("clock"), interpolate(ngettext("%s still open", "%s still open", data.open_count), [count(data.open_count)]))), others.map(chip), rest > 0 ? el("span", { class: "quiet" }, interpolate(gettext("+%s more"), [count(rest)])) : null]
        : data.latest ? el("span", { class: "lately-title" }, el("span", { class: "badge ok" }, icon("circle-check"), gettext("Nothing is open"))) : null,
    );
  }

  renderEmpty() {
    const empty = !this.data.interactions;
    this.place.classList.toggle("is-empty", empty);
    const old = this.place.querySelector(".journey-empty");
    if (old) old.remove();
    if (!empty) return;
    const narrowed = this.topics.length || this.account;
    this.place.querySelector(".journey-body").append(el(
      "div", { class: "state journey-empty" }, el("span", { class: "tile huge" }, icon("route")),
      el("p", {}, narrowed ? gettext("Nothing on this journey fits. Remove a topic, or show all accounts.") : gettext("Nothing on the journey yet. Calls, mails, chats and outbound attempts appear here by themselves.")),
    ));
  }

  renderAccounts() {
    const { accounts, total } = this.data;
    const choices = [{ account: "", label: gettext("All accounts"), count: total }, ...accounts.map((one) => ({ ...one, label: one.account }))];
    this.part("accounts").hidden = accounts.length === 0;
    fill(this.part("accounts"), choices.map((one) => el(
      "label", { class: "account" },
      el("input", { type: "radio", name: "account", value: one.account, checked: one.account === this.account, on: { change: () => { this.account = one.account; this.load(); } } }),
      el("span", {}, one.label, " ", el("span", { class: "badge tabular" }, count(one.count))),
    )));
  }

  renderTopics() {
    fill(this.part("topics"), this.topics.map((topic) => el(
      "span", { class: "chip", role: "listitem" }, el("span", { class: "chip-open" }, el("strong", {}, topic)),
      el("button", { type: "button", class: "chip-off", "aria-label": interpolate(gettext("Remove the topic %s"), [topic]), on: { click: () => this.setTopics(this.topics.filter((one) => one !== topic)) } }, icon("x")),
    )));
    this.part("clear").hidden = !this.topics.length && !this.account;
  }

  setTopics(topics) {
    this.topics = topics;
    this.load();
  }

  /* The list, which says the same as the picture */

  showList(on) {
    this.part("list").hidden = !on;
    this.part("picture").hidden = on;
    const wanted = this.place.querySelector(`input[name=shown][value=${on ? "list" : "picture"}]`);
    if (wanted) wanted.checked = true;
    if (!on) this.picture.resize();
  }

  /** The conditions of the list: those of the picture, and the span in view unless that is everything. */
  listed() {
    const query = this.conditions();
    const [from, to] = this.span;
    if (from > this.limits[0]) query.set("from", iso(from));
    if (to < this.limits[1]) query.set("to", iso(to));
    return query;
  }

  async loadList() {
    const query = this.listed();
    try {
      const answer = await read(`customers/${this.id}/journey/list/?${query}`);
      if (String(query) !== String(this.listed())) return;
      this.nextPage = answer.next;
      fill(this.part("rows"), answer.results.map((element) => this.row(element)));
      this.part("older").hidden = !answer.next;
    } catch (problem) {
      this.problem(problem.message);
    }
  }

  async older() {
    const answer = await read(`customers/${this.id}/journey/list/?${this.listed()}&before=${encodeURIComponent(this.nextPage)}`);
    this.nextPage = answer.next;
    const rows = answer.results.map((element) => this.row(element));
    this.part("rows").append(...rows);
    this.part("older").hidden = !answer.next;
    if (rows.length) rows[0].querySelector("button").focus();
  }

  row(element) {
    return el(
      "li", {},
      el(
        "button", { type: "button", class: "point-row", on: { click: () => this.open(element.id) } },
        tile(element.channel), el("strong", { class: "strong" }, kindWords(element)), badges(element).slice(2), el("span", { class: "what" }, element.topic || ""),
        el("span", { class: "quiet" }, [stateWords(element.status), element.account].filter(Boolean).join(", ")), el("time", { class: "tabular quiet", datetime: element.start }, formatRecent(element.start)),
      ),
    );
  }

  /* Opening a point */

  async open(id, { focus = false } = {}) {
    const detail = await this.panel.open(id, { focus });
    if (!detail) return;
    const path = detail.elements.map((one) => [one.channel || "", seconds(one.start)]).sort((a, b) => a[1] - b[1]);
    this.picture.select(detail.id, path);
    this.part("announce").textContent = [kindWords(detail), detail.topic, stateWords(detail.status), momentWords(seconds(detail.start))].filter(Boolean).join(", ");
    this.keepAddress();
  }

  attach() {
    this.part("ranges").addEventListener("change", (event) => {
      const [from, to] = this.rangeOf(Number(event.target.value));
      this.picture.setWindow(from, to);
    });
    for (const name of ["from", "to"]) {
      this.part(name).addEventListener("change", () => {
        const from = this.part("from").value && seconds(fromLocalField(`${this.part("from").value}T00:00`));
        const to = this.part("to").value && seconds(fromLocalField(`${this.part("to").value}T23:59`));
        if (from && to && from < to) this.picture.setWindow(from, to);
      });
    }
    this.place.querySelectorAll("input[name=shown]").forEach((input) => input.addEventListener("change", () => { this.showList(input.value === "list"); this.keepAddress(); }));
    this.part("topic").addEventListener("click", (event) => this.chooseTopic(event.currentTarget));
    this.part("clear").addEventListener("click", () => { this.account = ""; this.setTopics([]); });
    this.part("older").addEventListener("click", () => this.older());
    this.part("print").addEventListener("click", () => window.print());
    this.part("closer").addEventListener("click", () => this.picture.zoom(0.6));
    this.part("wider").addEventListener("click", () => this.picture.zoom(1.7));
    addKeys([
      { keys: ["j"], label: gettext("Next point"), run: () => this.picture.step(1, { opening: this.panel.isOpen }) },
      { keys: ["k"], label: gettext("Previous point"), run: () => this.picture.step(-1, { opening: this.panel.isOpen }) },
      { keys: ["Enter"], label: gettext("Open the point"), run: (event) => this.enter(event) },
      { keys: ["+", "="], label: gettext("Closer"), run: () => this.picture.zoom(0.6) },
      { keys: ["-"], label: gettext("Wider"), run: () => this.picture.zoom(1.7) },
      { keys: ["["], label: gettext("Earlier"), run: () => this.picture.pan(-0.4) },
      { keys: ["]"], label: gettext("Later"), run: () => this.picture.pan(0.4) },
      { keys: ["Escape"], label: gettext("Close the details"), run: () => this.panel.close() },
    ]);
  }

  enter(event) {
    const own = event.target.closest("button, a, input, select, [role=menuitem]");
    if (own) own.click();
    else this.picture.enterCursor();
  }

  chooseTopic(anchor) {
    const free = (this.data ? this.data.topics : []).filter((one) => !this.topics.includes(one.topic));
    const items = free.slice(0, 30).map((one) => ({ label: one.topic, end: count(one.count), run: () => this.setTopics([...this.topics, one.topic]) }));
    openMenu(anchor, items.length ? items : [{ label: gettext("There is no other topic"), run: () => {} }], { label: gettext("Topics") });
  }
}

for (const place of document.querySelectorAll("[data-journey]")) new Journey(place).start();
