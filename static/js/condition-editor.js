/* The small box in which one condition is made or changed; opened from a filter field, a chip, or "Add condition". */

import { operatorName, operators, plainNumber } from "./conditions.js";
import { openPopover, walk } from "./dialogs.js";
import { button, el, fill, freshId, icon } from "./elements.js";
import { toLocalField } from "./values.js";

const dayOf = (text) => (text && text.length > 10 ? toLocalField(text).slice(0, 10) : text || "");

function input(attribute, value, label) {
  const dated = ["date", "datetime"].includes(attribute.type);
  return el("input", {
    class: "input small", type: dated ? "date" : "text", inputmode: attribute.type === "number" ? "decimal" : undefined,
    value: dated ? dayOf(value) : value || "", "aria-label": label,
  });
}

function choices(attribute, chosen) {
  const list = el("div", { class: "choices", role: "group", "aria-label": attribute.label });
  fill(list, attribute.options.map((option) => el(
    "label", { class: "check" }, el("input", { type: "checkbox", value: option, checked: chosen.includes(option) }), el("span", {}, option),
  )));
  return { nodes: [list], read: () => Array.from(list.querySelectorAll(":checked"), (box) => box.value), isSet: (value) => value.length > 0 };
}

function yesOrNo(attribute, chosen) {
  const name = freshId("yes");
  const group = el("div", { class: "stack tight", role: "radiogroup", "aria-label": attribute.label }, ["true", "false"].map((value) => el(
    "label", { class: "radio" }, el("input", { type: "radio", name, value, checked: chosen === value }),
    el("span", {}, value === "true" ? gettext("Yes") : gettext("No")),
  )));
  return { nodes: [group], read: () => (group.querySelector(":checked") || {}).value || "", isSet: Boolean };
}

function single(attribute, value) {
  const field = input(attribute, typeof value === "string" ? value : "", gettext("Value"));
  return { nodes: [field], read: () => (attribute.type === "number" ? plainNumber(field.value) : field.value.trim()), isSet: Boolean };
}

function pair(attribute, value) {
  const bounds = Array.isArray(value) ? value : [value || "", ""];
  const low = input(attribute, bounds[0], gettext("From"));
  const high = input(attribute, bounds[1], gettext("To"));
  const read = () => [low, high].map((field) => (attribute.type === "number" ? plainNumber(field.value) : field.value));
  return { nodes: [el("div", { class: "pair" }, low, el("span", { class: "quiet" }, gettext("to")), high)], read, isSet: (both) => both[0] || both[1] };
}

function valuePart(attribute, op, value) {
  if (op === "isempty" || op === "notempty") return { nodes: [], read: () => "", isSet: () => true };
  if (op === "in") return choices(attribute, Array.isArray(value) ? value : []);
  if (op === "between") return pair(attribute, value);
  return attribute.type === "boolean" ? yesOrNo(attribute, value) : single(attribute, value);
}

/** A pair with one end missing is a bound. */
function finished(condition) {
  if (condition.op !== "between") return condition;
  const [low, high] = condition.value;
  if (low && high) return condition;
  return low ? { ...condition, op: "gte", value: low } : { ...condition, op: "lte", value: high };
}

function editorContent(attribute, condition, apply, close) {
  const allowed = operators(attribute);
  let op = condition ? condition.op : allowed[0];
  let part = null;
  const holder = el("div", { class: "stack tight" });
  const choose = el("select", { class: "input small", "aria-label": gettext("Operator") }, allowed.map((name) => el("option", { value: name, selected: name === op }, operatorName(name, attribute))));
  const refresh = () => {
    part = valuePart(attribute, op, condition && condition.value);
    fill(holder, part.nodes);
  };
  choose.addEventListener("change", () => { op = choose.value; refresh(); const first = holder.querySelector("input"); if (first) first.focus(); });
  refresh();
  const form = el(
    "form", { class: "stack tight condition-form" },
    el("strong", { class: "strong" }, attribute.label), allowed.length > 1 ? choose : null, holder,
    el(
      "div", { class: "actions" },
      condition ? button(gettext("Remove"), { classes: "quiet small" }, () => { close(); apply(null); }) : null,
      el("button", { class: "btn primary small end" }, gettext("Apply")),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = part.read();
    close();
    apply(part.isSet(value) ? finished({ key: attribute.key, op, value }) : null);
  });
  return form;
}

/** Open the editor of one condition under `anchor`; `apply` gets the condition, or null when it is taken away. */
export function editCondition(anchor, attribute, condition, apply) {
  const opened = openPopover(anchor, editorContent(attribute, condition, apply, () => opened.close(true)), { label: attribute.label });
  const first = opened.box.querySelector("input");
  if (first) first.focus();
}

/** Let the user find a column by name, then make a condition on it. `extra` are further choices such as labels. */
export function addCondition(anchor, attributes, apply) {
  const list = el("div", { class: "choices" });
  const field = el("input", { class: "input small", type: "search", placeholder: gettext("Find a column"), "aria-label": gettext("Find a column"), autofocus: true });
  const opened = openPopover(anchor, [el("div", { class: "search" }, icon("search"), field), list], { label: gettext("Add a condition") });
  const show = () => {
    const wanted = field.value.trim().toLowerCase();
    const fitting = attributes.filter((attribute) => attribute.label.toLowerCase().includes(wanted) || attribute.key.includes(wanted));
    fill(list, fitting.map((attribute) => el("button", { type: "button", class: "menu-item", on: { click: () => pick(attribute) } }, attribute.label)));
    if (!fitting.length) fill(list, el("p", { class: "hint" }, gettext("No column has this name.")));
  };
  const pick = (attribute) => {
    fill(opened.box, editorContent(attribute, null, apply, () => opened.close(true)));
    const first = opened.box.querySelector("input, select");
    if (first) first.focus();
  };
  field.addEventListener("input", show);
  opened.box.addEventListener("keydown", (event) => {
    const items = Array.from(list.querySelectorAll("button"));
    if (event.key === "Enter" && document.activeElement === field && items.length) { event.preventDefault(); items[0].click(); return; }
    if (items.length) walk(event, items);
  });
  show();
}
