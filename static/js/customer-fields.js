/*
 * The fields of a customer, for the profile and for a new one: made from the attribute schema, with errors in place
 * of the hint, and able to say what was changed.
 */

import { el, fill, freshId, icon } from "./elements.js";
import { may } from "./page.js";
import { fromLocalField, isEmpty, isList, toLocalField, typedNumber, valueOf } from "./values.js";

const SYSTEM = new Set(["created_at", "updated_at"]);
const LONG_TEXT = 200;

/** Whether the user may write `attribute` at all. */
export function isWritable(attribute) {
  if (SYSTEM.has(attribute.key)) return false;
  // The same question that the server asks: agents are who holds none of these.
  const agent = !["schema", "import_customers", "delete_customers"].some(may);
  return !(attribute.read_only_for_agents && agent);
}

/** The groups in which attributes are shown, each in schema order. */
export function grouped(attributes) {
  const places = {
    first_name: 0, last_name: 0, language: 0, phones: 1, emails: 1, address: 1, postal_code: 1, crm_id: 3, account_id: 3, created_at: 4, updated_at: 4,
  };
  const titles = [gettext("Person"), gettext("Contact"), gettext("Details"), gettext("References"), gettext("Record")];
  const groups = titles.map((title) => ({ title, attributes: [] }));
  for (const attribute of attributes) groups[attribute.custom ? 2 : places[attribute.key] ?? 3].attributes.push(attribute);
  return groups.filter((group) => group.attributes.length);
}

const INPUTS = { phone: ["tel", "tel"], email: ["email", "email"], url: ["url", "url"], number: ["text", "decimal"], date: ["date"], datetime: ["datetime-local"] };

/** What a JSON number must be sent as: beyond 15 digits JavaScript would change it. */
function numeric(text) {
  const plain = text.trim().replace(/[\s\u00a0\u202f]/g, "").replace(/^(-?\d+),(\d+)$/, "$1.$2");
  if (!/^-?\d+(\.\d+)?$/.test(plain)) return text;
  const digits = plain.replace(/\D/g, "").length;
  return digits > 15 && JSON.rawJSON ? JSON.rawJSON(plain.replace(/^(-?)0+(?=\d)/, "$1")) : Number(plain);
}

/** One attribute as a field. `value` is what is stored, null for a new customer. */
export class Field {
  constructor(attribute, value, { masked = false, onInput } = {}) {
    this.attribute = attribute;
    this.stored = value;
    this.masked = masked;
    this.id = freshId(`field-${attribute.key}`);
    this.under = el("div", { id: `${this.id}-under` });
    this.onInput = onInput || (() => {});
    this.control = this.makeControl();
    // A list's label belongs to its first value; the others say theirs by themselves.
    this.element = el("div", { class: "field", dataset: { field: attribute.key } }, el("label", { for: this.id }, this.labelNodes()), this.control, this.under);
    this.element.addEventListener("input", () => { this.clearError(); this.onInput(this); });
    this.element.addEventListener("change", () => this.onInput(this));
    this.showHint();
    this.first = this.text();
  }

  labelNodes() {
    const { attribute } = this;
    return [attribute.label, attribute.required ? [" ", el("span", { class: "required", title: gettext("Required") }, "*")] : null];
  }

  get isGroup() {
    return isList(this.attribute);
  }

  describe() {
    return { "aria-describedby": `${this.id}-under`, "aria-required": this.attribute.required ? "true" : undefined };
  }

  makeControl() {
    const { attribute, stored } = this;
    if (isList(attribute)) return this.makeList(stored || []);
    const shown = this.masked ? "" : stored;
    if (attribute.type === "choice" || attribute.type === "boolean") return this.makeSelect(shown);
    if (attribute.type === "text" && ((attribute.max_length || 0) > LONG_TEXT || attribute.key === "address" || String(stored || "").length > 60)) {
      return el("textarea", { class: "input", id: this.id, rows: "2", maxlength: attribute.max_length, ...this.describe() }, shown || "");
    }
    const [type, mode] = INPUTS[attribute.type] || ["text"];
    const text = isEmpty(shown) ? "" : attribute.type === "datetime" ? toLocalField(shown) : String(shown);
    return el("input", {
      class: "input", id: this.id, type, inputmode: mode, value: text, maxlength: attribute.max_length, autocomplete: "off",
      placeholder: this.masked && !isEmpty(stored) ? gettext("Hidden. Type to replace it.") : undefined, ...this.describe(),
    });
  }

  makeSelect(shown) {
    const { attribute } = this;
    const pairs = attribute.type === "boolean" ? [["true", gettext("Yes")], ["false", gettext("No")]] : attribute.options.map((option) => [option, option]);
    const current = isEmpty(shown) ? "" : String(shown);
    if (current && !pairs.some(([value]) => value === current)) pairs.push([current, current]);
    return el("select", { class: "input", id: this.id, ...this.describe() }, el("option", { value: "" }, "–"), pairs.map(([value, label]) => el("option", { value, selected: value === current }, label)));
  }

  makeList(values) {
    const rows = el("div", { class: "stack tight" });
    const add = el("button", { type: "button", class: "link-btn add-value" }, icon("plus"), " ", this.attribute.key === "phones" ? gettext("Add a phone") : this.attribute.key === "emails" ? gettext("Add an email") : gettext("Add a value"));
    const row = (value) => {
      const phones = this.attribute.type === "phones" || this.attribute.key === "phones";
      const input = el("input", { class: "input", type: phones ? "tel" : "email", value, autocomplete: "off", ...this.describe() });
      const drop = el("button", { type: "button", class: "btn quiet icon-only", "aria-label": interpolate(gettext("Remove %s"), [value || this.attribute.label]) }, icon("x"));
      const line = el("div", { class: "list-row" }, input, drop);
      drop.addEventListener("click", () => { line.remove(); if (!rows.children.length) rows.append(row("")); name(); add.focus(); this.onInput(this); });
      return line;
    };
    const name = () => Array.from(rows.querySelectorAll("input"), (input, index) => {
      if (index) { input.removeAttribute("id"); input.setAttribute("aria-label", `${this.attribute.label} ${index + 1}`); } else { input.id = this.id; input.removeAttribute("aria-label"); }
    });
    add.addEventListener("click", () => { const line = row(""); rows.append(line); name(); line.querySelector("input").focus(); });
    fill(rows, (values.length ? values : [""]).map(row));
    name();
    return el("div", { class: "stack tight" }, rows, el("div", {}, add));
  }

  inputs() {
    return Array.from(this.element.querySelectorAll("input, select, textarea"));
  }

  /** The text that stands in the field; what was typed is never changed by the page. */
  text() {
    return this.isGroup ? this.inputs().map((input) => input.value.trim()).filter(Boolean).join("\n") : this.inputs()[0].value;
  }

  isChanged() {
    return this.text() !== this.first;
  }

  /** The value as the API takes it. */
  value() {
    const text = this.text();
    if (this.isGroup) return text ? text.split("\n") : [];
    if (!text.trim()) return null;
    switch (this.attribute.type) {
      case "boolean": return text === "true";
      case "number": return numeric(typedNumber(text));
      case "datetime": return fromLocalField(text);
      default: return text;
    }
  }

  showHint(extra = null) {
    fill(this.under, extra || (this.attribute.description ? el("p", { class: "hint" }, this.attribute.description) : null));
  }

  showError(messages, extra = null) {
    this.inputs().forEach((input) => input.setAttribute("aria-invalid", "true"));
    fill(this.under, messages.map((message) => el("p", { class: "error" }, icon("circle-alert"), el("span", {}, message, extra ? [" ", extra] : null))));
  }

  clearError() {
    if (!this.hasError()) return;
    this.inputs().forEach((input) => input.removeAttribute("aria-invalid"));
    this.showHint();
  }

  hasError() {
    return this.inputs().some((input) => input.hasAttribute("aria-invalid"));
  }

  /** Check what can be known without asking; the server checks all of it again. */
  check() {
    const input = this.inputs()[0];
    if (input.validity && (input.validity.badInput || input.validity.rangeOverflow)) {
      this.showError([interpolate(gettext("This is not a complete date. Use day, month and year."), [])]);
    } else if (this.attribute.required && isEmpty(this.value()) && !this.masked) {
      this.showError([interpolate(gettext("%s is required."), [this.attribute.label])]);
    } else if (this.attribute.type === "number" && typeof this.value() === "string") {
      this.showError([interpolate(gettext("“%s” is not a number. Write it like 1234.5."), [this.text()])]);
    }
    return !this.hasError();
  }

  focus() {
    this.inputs()[0].focus();
    // With what is said under it, which focus alone leaves out of sight.
    this.element.scrollIntoView({ block: "nearest" });
  }
}

/** The body of a POST or PATCH with the values of `fields`. */
export function bodyOf(fields) {
  const body = {};
  for (const field of fields) {
    if (field.attribute.custom) body.attributes = { ...body.attributes, [field.attribute.key]: field.value() };
    else body[field.attribute.key] = field.value();
  }
  return body;
}

/**
 * Put each message of a refused save beside its field; returns the messages that belong to no field.
 * Keys are `first_name`, `attributes.tariff`, `phones.1`.
 */
export function placeErrors(fields, errors) {
  const rest = [];
  for (const [name, messages] of Object.entries(errors)) {
    const key = name.replace(/^attributes\./, "").split(".")[0];
    const field = fields.find((one) => one.attribute.key === key);
    if (field) field.showError(messages);
    else rest.push(...messages);
  }
  const first = fields.find((field) => field.hasError());
  if (first) first.focus();
  return rest;
}

export function originalValues(fields, customer) {
  return new Map(fields.map((field) => [field.attribute.key, valueOf(customer, field.attribute)]));
}
