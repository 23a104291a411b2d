/*
 * The failed rows of an import in a grid: the wrong cells are marked, every cell can be put right, and the ticked rows
 * are imported again, those alone. Enter and the arrows go up and down, Tab goes on, Ctrl Enter sends.
 */

import { idempotencyKey, post, read } from "./api.js";
import { button, el, fill, icon } from "./elements.js";
import { count } from "./values.js";

const MOST = 50;
/** How many columns that are right are shown beside the wrong ones, to know whose row it is. */
const NAMING = 2;

export class FailedRows {
  constructor(place, id, said) {
    this.place = place;
    this.id = id;
    this.said = said;
    this.rows = [];
    this.all = false;
  }

  /** Load the first rows; false where there is nothing to put right, or no longer. */
  async load() {
    this.rows = [];
    const found = await this.page(0);
    this.columns = found.columns;
    this.corrections = found.corrections;
    this.render();
    return this.rows.length > 0;
  }

  async page(after) {
    const found = await read(`imports/${this.id}/failed/?limit=${MOST}&after=${after}`);
    this.rows.push(...found.rows.map((row) => ({ ...row, given: row.cells.slice(), send: false })));
    this.next = found.next;
    return found;
  }

  shown() {
    const places = this.columns.map((column, place) => place);
    if (this.all) return places;
    const wrong = new Set(this.rows.flatMap((row) => row.wrong));
    const others = places.filter((place) => !wrong.has(place) && this.columns[place].attribute).slice(0, NAMING);
    const chosen = new Set([...wrong, ...others]);
    return places.filter((place) => chosen.has(place));
  }

  render() {
    const places = this.shown();
    const all = el("input", { type: "checkbox", checked: this.all, on: { change: () => { this.all = all.checked; this.render(); } } });
    this.button = button("", { classes: "primary", "data-send": true, "data-key": "Ctrl Enter" }, () => this.send());
    fill(
      this.place,
      el("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": gettext("Rows to put right") }, el(
        "table", { class: "table failed-rows" },
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, gettext("Again")), el("th", { scope: "col", class: "num" }, gettext("Line")), el("th", { scope: "col" }, gettext("What is wrong")), places.map((place) => el("th", { scope: "col" }, this.columns[place].header)))),
        el("tbody", { on: { keydown: (event) => this.move(event) } }, this.rows.map((row) => this.row(row, places))),
      )),
      el(
        "div", { class: "failed-foot" },
        places.length < this.columns.length || this.all ? el("label", { class: "check" }, all, el("span", {}, interpolate(gettext("All %s columns"), [this.columns.length]))) : null,
        this.next ? button(gettext("Show more rows"), {}, async () => { await this.page(this.next); this.render(); }) : null,
        el("span", { class: "under end" }, gettext("What you change is ticked. Only ticked rows are imported, with the options of this import.")),
        this.button,
      ),
    );
    this.tell();
  }

  row(row, places) {
    const reason = `reason-${row.line}`;
    const tick = el("input", { type: "checkbox", checked: row.send, "aria-label": interpolate(gettext("Import line %s again"), [row.line]), on: { change: () => { row.send = tick.checked; this.tell(); } } });
    const cell = (place) => {
      const wrong = row.wrong.includes(place);
      const value = row.given[place];
      // An input would lose the line breaks.
      const lines = /[\r\n]/.test(value);
      const field = el(lines ? "textarea" : "input", {
        class: "input small", value, rows: lines ? 2 : null, spellcheck: "false", autocomplete: "off", dir: "auto",
        "aria-label": interpolate(gettext("%(column)s, line %(line)s"), { column: this.columns[place].header, line: row.line }, true),
        "aria-invalid": wrong ? "true" : null, "aria-describedby": wrong ? reason : null, dataset: { place },
        on: { input: () => { row.given[place] = field.value; row.send = row.given.some((text, at) => text !== row.cells[at]); tick.checked = row.send; this.tell(); } },
      });
      return el("td", { class: wrong ? "wrong" : "" }, field);
    };
    return el("tr", { dataset: { line: row.line } }, el("td", {}, tick), el("td", { class: "num quiet" }, row.line), el("td", { class: "failed-reason", id: reason }, row.reason), places.map(cell));
  }

  move(event) {
    const field = event.target;
    const step = { ArrowDown: 1, ArrowUp: -1, Enter: event.shiftKey ? -1 : 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || !field.matches("input.input")) return;
    event.preventDefault();
    const column = Array.from(this.place.querySelectorAll(`[data-place="${field.dataset.place}"]`));
    const next = column[column.indexOf(field) + step];
    if (next) { next.focus(); if (next.select) next.select(); }
  }

  ticked() {
    return this.rows.filter((row) => row.send);
  }

  tell() {
    const number = this.ticked().length;
    this.button.disabled = number === 0;
    fill(this.button, number ? interpolate(ngettext("Import %s corrected row", "Import %s corrected rows", number), [count(number)]) : gettext("Import corrected rows"), el("kbd", { "aria-hidden": "true" }, "Ctrl ↵"));
  }

  async send() {
    const rows = this.ticked().map((row) => ({ line: row.line, cells: row.given }));
    if (!rows.length) return;
    this.button.disabled = true;
    // The same rows again are the same request: a second press, or a lost answer, imports nothing twice.
    const body = JSON.stringify(rows);
    if (this.sent !== body) { this.sent = body; this.key = idempotencyKey(); }
    try {
      const { data } = await post(`imports/${this.id}/failed/`, { rows }, { headers: { "Idempotency-Key": this.key } });
      location.assign(`/imports/${data.id}/`);
    } catch (problem) {
      this.said([problem.message, ...Object.values(problem.errors).flat()].join(" "));
      this.button.disabled = false;
    }
  }
}

/** Links between an import and the later ones that put its rows right. */
export function correctionLinks(ids) {
  return ids.length ? [icon("check"), " ", gettext("Corrected rows were imported again:"), " ", ids.map((id, index) => [index ? ", " : "", el("a", { href: `/imports/${id}/` }, interpolate(gettext("correction %s"), [index + 1]))])] : null;
}
