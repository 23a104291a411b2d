/* The preview of an import: the first rows of each kind, what is stored and what the file would make of it. */

import { el } from "./elements.js";
import { OUTCOMES } from "./import-states.js";
import { count, formatValue, isEmpty, phoneNode } from "./values.js";

const MOST_COLUMNS = 5;
const NAMES = ["first_name", "last_name", "phones"];

const nameOf = (values) => [values.first_name, values.last_name].filter(Boolean).join(" ");

/** The name as it will be; another one that it replaces stands before it. */
function name(row) {
  const next = nameOf(row.new || row.old || {}) || (row.new ? gettext("No Name") : "–");
  const before = row.old ? nameOf(row.old) : "";
  const shown = row.customer ? el("a", { class: "strong", href: `/customers/${row.customer}/` }, next) : el("strong", {}, next);
  return before && row.new && before !== nameOf(row.new) ? [el("s", { class: "quiet" }, before), " → ", shown] : shown;
}

function phone(row) {
  const numbers = (row.new || row.old || {}).phones || [];
  return numbers.length ? phoneNode(numbers[0]) : el("span", { class: "quiet" }, "–");
}

function changedKeys(rows) {
  const tally = new Map();
  for (const row of rows) for (const key of row.changed || []) tally.set(key, (tally.get(key) || 0) + 1);
  return tally;
}

/** Which columns are worth a place: those that change most often, or all that hold something. */
function columnsOf(preview, attributes, onlyChanges) {
  const rows = OUTCOMES.flatMap((outcome) => (preview[outcome.key] || { rows: [] }).rows);
  const tally = changedKeys(rows);
  const filled = (attribute) => rows.some((row) => !isEmpty((row.new || {})[attribute.key]));
  const fitting = attributes.filter((attribute) => !NAMES.includes(attribute.key) && (onlyChanges ? tally.has(attribute.key) : filled(attribute)));
  if (!onlyChanges) return fitting;
  const best = fitting.slice().sort((a, b) => tally.get(b.key) - tally.get(a.key)).slice(0, MOST_COLUMNS);
  return fitting.filter((attribute) => best.includes(attribute));
}

function cell(row, attribute) {
  const before = (row.old || {})[attribute.key];
  const after = (row.new || {})[attribute.key];
  const text = (value) => formatValue(attribute, value);
  if (!(row.changed || []).includes(attribute.key)) return el("td", { class: "quiet" }, isEmpty(after) ? "–" : text(after));
  if (!row.old || isEmpty(before)) return el("td", {}, el("strong", { class: "ok-text" }, text(after)));
  const next = isEmpty(after) ? el("strong", { class: "bad-text" }, gettext("empty")) : el("strong", { class: "ok-text" }, text(after));
  return el("td", {}, el("s", { class: "quiet" }, text(before)), " → ", next);
}

function line(row, outcome, columns) {
  const lead = [el("td", { class: "num quiet" }, count(row.line)), el("td", {}, name(row))];
  if (outcome.key === "errors") return el("tr", {}, lead, el("td", { class: "bad-text" }, row.value || "–"), el("td", { colspan: Math.max(1, columns.length) }, row.column ? interpolate(gettext("%(label)s: %(words)s"), { label: row.column, words: row.reason }, true) : row.reason));
  const also = row.superseded_by ? interpolate(gettext("Row %s has the same phone and comes later: that one is used."), [count(row.superseded_by)]) : "";
  if (also) return el("tr", {}, lead, el("td", {}, phone(row)), el("td", { colspan: Math.max(1, columns.length) }, also));
  return el("tr", {}, lead, el("td", {}, phone(row)), columns.length ? columns.map((attribute) => cell(row, attribute)) : el("td"));
}

/** A table of the preview; `onlyChanges` leaves out the columns in which nothing changes. */
export function comparable(preview, attributes, run, onlyChanges) {
  const columns = columnsOf(preview, attributes.filter((attribute) => !attribute.archived), onlyChanges);
  const groups = OUTCOMES.filter((outcome) => preview[outcome.key] && preview[outcome.key].rows.length);
  return el(
    "table", { class: "table preview" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "num" }, gettext("Row")), el("th", { scope: "col" }, gettext("Customer")), el("th", { scope: "col" }, gettext("Phone")), columns.length ? columns.map((attribute) => el("th", { scope: "col" }, attribute.label)) : el("th", { scope: "col" }, gettext("Values")))),
    groups.map((outcome) => {
      const group = preview[outcome.key];
      return el(
        "tbody", {},
        el("tr", { class: "section-row" }, el("th", { scope: "rowgroup", colspan: 3 + Math.max(1, columns.length) }, el("span", { class: `swatch ${outcome.tone}` }), " ", outcome.label(), " ", el("span", { class: "quiet" }, interpolate(gettext("%(shown)s of %(all)s"), { shown: group.rows.length, all: count(group.count) }, true)))),
        group.rows.map((row) => line(row, outcome, columns)),
      );
    }),
  );
}
