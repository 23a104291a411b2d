/* Old and new side by side, for the overwrite warning, versions and conflicts. */

import { el, icon } from "./elements.js";
import { breakable, formatValue, isEmpty, isList, phoneNode } from "./values.js";

/** One value as the reader may see it. */
export function shownValue(attribute, value, masked = false) {
  if (isEmpty(value)) return el("span", { class: "quiet" }, "–");
  if (masked) return el("span", { class: "masked" }, icon("lock"), "••••••");
  if (attribute.type === "phone") return phoneNode(String(value));
  if (isList(attribute)) return el("span", {}, value.map((one, index) => [index ? ", " : "", attribute.key === "phones" ? phoneNode(one) : breakable(one)]));
  return document.createTextNode(formatValue(attribute, value));
}

const digits = (text) => String(text).replace(/\D/g, "").replace(/^0+/, "");

function samePhone(one, other) {
  const [a, b] = [digits(one), digits(other)];
  return a === b || (Math.min(a.length, b.length) >= 6 && (a.endsWith(b) || b.endsWith(a)));
}

/** Whether two values mean the same; typed phones are compared by their digits. */
export function sameValue(attribute, one, other) {
  if (isEmpty(one) || isEmpty(other)) return isEmpty(one) && isEmpty(other);
  if (isList(attribute)) {
    return one.length === other.length && one.every((value, index) => (attribute.key === "phones" ? samePhone(value, other[index]) : value === other[index]));
  }
  if (attribute.type === "phone") return samePhone(one, other);
  if (attribute.type === "datetime") return Date.parse(one) === Date.parse(other);
  return String(one) === String(other);
}

/** What became of a value: same, changed, removed or added. */
export function fate(attribute, before, after) {
  if (sameValue(attribute, before, after)) return "same";
  if (isEmpty(after)) return "removed";
  return isEmpty(before) ? "added" : "changed";
}

export function fateBadge(name) {
  const badges = {
    same: ["outlined", gettext("Same")], kept: ["outlined", gettext("Kept")], changed: ["warn outlined", gettext("Changed")],
    removed: ["bad", gettext("Removed")], added: ["ok", gettext("Added")],
  };
  const [classes, label] = badges[name];
  return el("span", { class: `badge ${classes}` }, label);
}

/**
 * A table of three columns. `rows` are `{label, before, after, fate}` with nodes as values; rows that are the same are
 * left out until they are asked for.
 */
export function comparisonTable({ caption, before, after, rows }) {
  const same = rows.filter((row) => row.fate === "same");
  const line = (row) => el(
    "tr", { class: `fate-${row.fate}`, hidden: row.fate === "same" },
    el("th", { scope: "row" }, row.label), el("td", {}, row.before),
    el("td", {}, row.fate === "removed" ? el("s", { class: "bad-text" }, row.before.cloneNode(true)) : row.after, " ", fateBadge(row.fate)),
  );
  const body = el("tbody", {}, rows.map(line));
  const show = el("input", { type: "checkbox", on: { change: () => body.querySelectorAll(".fate-same").forEach((row) => { row.hidden = !show.checked; }) } });
  return el(
    "div", { class: "comparison" },
    el(
      "table", {},
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, el("td", {}), el("th", { scope: "col" }, before), el("th", { scope: "col" }, after))),
      body,
    ),
    same.length ? el("label", { class: "check show-same" }, show, el("span", {}, interpolate(ngettext("Show the %s value that is the same", "Show the %s values that are the same", same.length), [same.length]))) : null,
  );
}
