/* The drill-down of one point: every status change with the newest on top, rating, links, data, topic (J13). Not modal. */

import { post, read } from "./api.js";
import { button, el, fill, freshId, icon } from "./elements.js";
import { badges, kindWords, stateWords, tile } from "./journey-words.js";
import { language, may, timeZone } from "./page.js";
import { toast } from "./toasts.js";
import { formatDuration, formatMoment } from "./values.js";

const TONES = {
  closed: "ok", ended: "", wrapped_up: "vio", held: "warn", queued: "warn", waiting: "warn", offered: "cy", answered: "acc", resumed: "acc", no_answer: "bad",
  dial_failed: "bad", transferred: "", note: "", topic: "vio",
};
const LINK_ICONS = { recording: "mic", transcript: "file-text", link: "link" };
const second = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone });
const day = new Intl.DateTimeFormat(language, { weekday: "long", day: "2-digit", month: "short", year: "numeric", timeZone });

export class DetailPanel {
  constructor(place, { previous, next, closed, changed, topics }) {
    Object.assign(this, { place, previous, next, closed, changed, topics });
    this.panel = null;
    this.id = null;
  }

  get isOpen() {
    return this.panel !== null;
  }

  /** Show an element; the focus goes to the panel only when it was asked for. Returns what is shown. */
  async open(id, { focus = true } = {}) {
    this.id = id;
    if (!this.panel) this.make();
    // What is only brought up to date stays readable meanwhile.
    if (!this.detail || this.detail.id !== id) this.panel.dataset.waiting = "true";
    try {
      const detail = await read(`journeys/elements/${id}/`);
      if (this.id !== id || !this.panel) return null;
      this.detail = detail;
      this.show(detail);
      if (focus) this.panel.querySelector("h2").focus();
      return detail;
    } catch (problem) {
      if (this.id === id && this.panel) fill(this.body, el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, problem.message)));
      return null;
    } finally {
      if (this.panel) delete this.panel.dataset.waiting;
    }
  }

  close() {
    if (!this.panel) return;
    this.panel.remove();
    this.panel = null;
    this.id = null;
    this.place.classList.remove("with-panel");
    this.closed();
  }

  make() {
    const title = freshId("detail");
    this.head = el("div", { class: "words" });
    this.body = el("div", { class: "panel-body", tabindex: "0", role: "region", "aria-labelledby": title });
    this.titleId = title;
    this.mark = el("span", {});
    this.panel = el(
      "aside", { class: "panel detail", "aria-labelledby": title },
      el("div", { class: "panel-head" }, this.mark, this.head, el("button", { type: "button", class: "btn quiet icon-only", "aria-label": gettext("Close"), on: { click: () => this.close() } }, icon("x"))),
      this.body,
      el("div", { class: "panel-foot" }, button(gettext("Previous"), { key: "K" }, () => this.previous()), button(gettext("Next"), { key: "J" }, () => this.next())),
    );
    this.place.append(this.panel);
    this.place.classList.add("with-panel");
  }

  show(detail) {
    const start = Date.parse(detail.start);
    const length = detail.end ? interpolate(gettext("%s from start to end"), [formatDuration(Date.parse(detail.end) - start)]) : gettext("not over yet");
    fill(this.mark, tile(detail.channel, "large"));
    fill(
      this.head,
      el("h2", { id: this.titleId, tabindex: "-1" }, detail.topic ? interpolate(gettext("%(kind)s: %(topic)s"), { kind: kindWords(detail), topic: detail.topic }, true) : kindWords(detail)),
      el("p", { class: "hint tabular" }, `${day.format(start)} ${second.format(start).slice(0, 5)}, ${length}`),
      el("div", { class: "badges" }, badges(detail), detail.status ? el("span", { class: "badge" }, stateWords(detail.status)) : null, detail.account ? el("span", { class: "badge" }, detail.account) : null),
    );
    fill(this.body, this.topic(detail), this.changes(detail), this.rating(detail), this.links(detail), this.members(detail), this.data(detail));
  }

  topic(detail) {
    const source = { given: gettext("told by the channel"), default: gettext("language and service"), corrected: gettext("corrected by hand") }[detail.topic_source] || "";
    const shown = el("p", {}, el("strong", { class: "strong" }, detail.topic || gettext("No topic")), " ", el("span", { class: "hint" }, source));
    const place = el("section", { class: "detail-part" }, el("h3", {}, gettext("Topic")), shown);
    if (may("wrap_up")) shown.append(" ", button(gettext("Correct"), { classes: "quiet small", icon: "pencil" }, () => this.correct(place, detail)));
    const history = detail.corrections.map((one) => el("li", {}, interpolate(gettext("%(before)s became %(after)s, %(by)s, %(at)s"), { before: one.before || gettext("No topic"), after: one.after || gettext("No topic"), by: one.by, at: formatMoment(one.at) }, true)));
    if (history.length) place.append(el("ul", { class: "hint corrections" }, history));
    return place;
  }

  correct(place, detail) {
    const list = freshId("topics");
    const input = el("input", { class: "input small", id: freshId("topic"), list, value: detail.topic || "", maxlength: "255" });
    const said = el("p", { class: "error", role: "alert", hidden: true });
    const save = async (event) => {
      event.preventDefault();
      try {
        const { data } = await post(`journeys/elements/${detail.id}/topic/`, { topic: input.value.trim() });
        this.detail = data;
        this.show(data);
        toast(gettext("The topic is corrected."));
        this.changed();
      } catch (problem) {
        said.hidden = false;
        fill(said, icon("circle-alert"), problem.message);
      }
    };
    const form = el(
      "form", { class: "topic-form", on: { submit: save } },
      el("label", { class: "unseen", for: input.id }, gettext("Topic")), input, el("datalist", { id: list }, this.topics().map((topic) => el("option", { value: topic }))),
      el("button", { class: "btn primary small" }, gettext("Save")), button(gettext("Cancel"), { classes: "small" }, () => this.show(detail)), said,
    );
    fill(place, el("h3", {}, gettext("Topic")), form);
    input.focus();
    input.select();
  }

  changes(detail) {
    if (!detail.changes.length) return el("section", { class: "detail-part" }, el("h3", {}, gettext("Status changes")), el("p", { class: "quiet" }, gettext("None was told.")));
    let before = "";
    const lines = detail.changes.map((change, place) => {
      const date = day.format(Date.parse(change.at));
      const isNewDay = date !== before;
      before = date;
      const words = [change.detail, change.agent, change.touchpoint].filter((text) => text && text !== change.label);
      return [
        isNewDay && (place > 0 || date !== day.format(Date.parse(detail.start))) ? el("li", { class: "change-day hint" }, date) : null,
        el(
          "li", { class: `change ${place === 0 ? "latest" : ""}`.trim() },
          el("time", { class: "tabular", datetime: change.at }, second.format(Date.parse(change.at))),
          el("span", { class: "change-mark", "aria-hidden": "true" }),
          el("span", { class: "change-words" }, el("span", { class: `badge ${TONES[change.status] || ""}`.trim() }, change.label), " ", words.join(", "), change.note ? el("q", { class: "change-note" }, change.note) : null),
        ),
      ];
    });
    return el("section", { class: "detail-part" }, el("h3", {}, gettext("Status changes"), " ", el("span", { class: "hint" }, gettext("newest first"))), el("ol", { class: "changes-line" }, lines));
  }

  rating(detail) {
    if (!detail.rating) return null;
    const { value, symbol } = detail.rating;
    const words = symbol ? interpolate(gettext("%s of 11"), [value]) : String(value);
    return el("section", { class: "detail-part rating" }, el("h3", {}, gettext("Rating")), symbol ? el("span", { class: `rating-symbol ${symbol}` }, icon(symbol, "large")) : null, el("strong", { class: "strong tabular" }, words));
  }

  links(detail) {
    if (!detail.links.length) return null;
    const line = (link) => el("li", {}, el("span", { class: "tile" }, icon(LINK_ICONS[link.kind] || "link")), el("a", { href: link.url, target: "_blank", rel: "noopener noreferrer" }, link.label), el("span", { class: "hint tabular" }, link.at ? formatMoment(link.at) : ""));
    return el("section", { class: "detail-part" }, el("h3", {}, gettext("Links")), el("ul", { class: "detail-links" }, detail.links.map(line)));
  }

  members(detail) {
    if (detail.elements.length < 2) return null;
    const line = (one) => el("li", {}, tile(one.channel), el("span", {}, kindWords(one)), el("span", { class: "hint tabular" }, formatMoment(one.start)));
    return el("section", { class: "detail-part" }, el("h3", {}, gettext("In this work request")), el("ul", { class: "detail-links" }, detail.elements.map(line)));
  }

  data(detail) {
    const pairs = Object.entries(detail.data);
    const written = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value ?? "–"));
    const rows = [[gettext("Work request"), detail.work_request_id], ...pairs];
    return el("section", { class: "detail-part" }, el("h3", {}, gettext("Data")), el("dl", { class: "facts" }, rows.map(([key, value]) => [el("dt", {}, key), el("dd", { class: "tabular" }, written(value))])));
  }
}
