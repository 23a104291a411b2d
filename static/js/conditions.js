/*
 * The conditions of the list. A condition is {key, op, value}; `between` has a pair as value. The address bar holds
 * exactly the parameters that the API takes, so a link reproduces the list and needs no translation.
 */

import { family, formatDate, formatMoment, formatNumber, fromLocalField, isList, typedNumber } from "./values.js";

const EMPTINESS = ["isempty", "notempty"];
const OPERATORS = {
  text: ["contains", "equals", "startswith", ...EMPTINESS],
  list: ["contains", "equals", "startswith", ...EMPTINESS],
  number: ["gte", "lte", "equals", "between", ...EMPTINESS],
  date: ["between", "gte", "lte", "equals", ...EMPTINESS],
  datetime: ["between", "gte", "lte", ...EMPTINESS],
  boolean: ["equals", ...EMPTINESS],
  choice: ["in", ...EMPTINESS],
};

/** Parameters of the list that are no conditions on an attribute. */
export const RESERVED = new Set(["page", "page_size", "ordering", "q", "match", "label", "stage", "view"]);

export function operators(attribute) {
  // A masked column answers whole values only (C36).
  if (attribute.masked) return ["equals"];
  return OPERATORS[isList(attribute) ? "list" : family(attribute)];
}

export function operatorName(op, attribute) {
  const time = ["date", "datetime"].includes(attribute.type);
  return {
    contains: gettext("contains"),
    equals: attribute.type === "number" ? "=" : gettext("is"),
    startswith: gettext("starts with"),
    gte: time ? gettext("from") : "≥",
    lte: time ? gettext("to") : "≤",
    between: gettext("between"),
    in: gettext("any of"),
    isempty: gettext("is empty"),
    notempty: gettext("is not empty"),
  }[op];
}

const startOfDay = (day) => fromLocalField(`${day}T00:00`);
const endOfDay = (day) => fromLocalField(`${day}T23:59`).replace(/:00Z$/, ":59.999999Z");

/** What a date field shows for a bound: the day itself, or the day of a moment in the user's zone. */
function bound(attribute, value) {
  if (attribute.type === "date" || (attribute.type === "datetime" && value.length === 10)) return formatDate(value);
  if (attribute.type === "datetime") return formatMoment(value);
  return attribute.type === "number" ? formatNumber(value) : value;
}

/** The words of a condition: `{name, operator, value}`, for chips and for the list of what found nothing. */
export function describe(condition, attribute) {
  const { op, value } = condition;
  if (EMPTINESS.includes(op)) return { operator: operatorName(op, attribute), value: "" };
  if (op === "between") {
    return { operator: "", value: interpolate(gettext("%(low)s to %(high)s"), { low: bound(attribute, value[0]), high: bound(attribute, value[1]) }, true) };
  }
  if (op === "in") return { operator: value.length > 1 ? operatorName(op, attribute) : gettext("is"), value: value.join(", ") };
  if (attribute.type === "boolean") return { operator: "", value: value === "true" ? gettext("Yes") : gettext("No") };
  return { operator: operatorName(op, attribute), value: bound(attribute, value) };
}

/** Write one condition as parameters of the API. */
export function writeCondition(parameters, { key, op, value }, attribute) {
  const days = attribute && attribute.type === "datetime";
  const low = (text) => (days && text.length === 10 ? startOfDay(text) : text);
  const high = (text) => (days && text.length === 10 ? endOfDay(text) : text);
  switch (op) {
    case "equals": parameters.append(key, value); break;
    case "isempty": parameters.append(`${key}__isempty`, "true"); break;
    case "notempty": parameters.append(`${key}__isempty`, "false"); break;
    case "in": parameters.append(`${key}__in`, value.join(",")); break;
    case "gte": parameters.append(`${key}__gte`, low(value)); break;
    case "lte": parameters.append(`${key}__lte`, high(value)); break;
    case "between":
      parameters.append(`${key}__gte`, low(value[0]));
      parameters.append(`${key}__lte`, high(value[1]));
      break;
    default: parameters.append(`${key}__${op}`, value);
  }
}

/** Read the conditions out of an address. What names no known attribute is left out. */
export function readConditions(parameters, attributesByKey) {
  const conditions = [];
  for (const [name, text] of parameters) {
    if (RESERVED.has(name) || text === "") continue;
    const [key, lookup = "equals"] = name.split("__");
    const attribute = attributesByKey.get(key);
    if (!attribute) continue;
    let op = lookup;
    let value = text;
    if (lookup === "isempty") [op, value] = [text === "true" ? "isempty" : "notempty", ""];
    if (lookup === "in") value = text.split(",");
    if (lookup === "equals" && attribute.type === "choice") [op, value] = ["in", [text]];
    conditions.push({ key, op, value });
  }
  return joinBounds(conditions);
}

function joinBounds(conditions) {
  const joined = [];
  for (const condition of conditions) {
    const other = { gte: "lte", lte: "gte" }[condition.op];
    const partner = other && joined.find((earlier) => earlier.key === condition.key && earlier.op === other);
    if (partner) {
      partner.value = condition.op === "lte" ? [partner.value, condition.value] : [condition.value, partner.value];
      partner.op = "between";
    } else {
      joined.push({ ...condition });
    }
  }
  return joined;
}

/** Read what was typed into a filter field: signs choose the operator, else it is the column's usual one. */
export function readTyped(text, attribute, usual) {
  const typed = text.trim();
  if (!typed) return null;
  const key = attribute.key;
  if (attribute.type === "number") {
    const range = /^(-?[\d.,]+)\s*(?:\.\.|…|–)\s*(-?[\d.,]+)$/.exec(typed);
    if (range) return { key, op: "between", value: [plainNumber(range[1]), plainNumber(range[2])] };
    const signed = /^(>=|<=|≥|≤|>|<|=)?\s*(.+)$/.exec(typed);
    const op = { ">=": "gte", "≥": "gte", ">": "gte", "<=": "lte", "≤": "lte", "<": "lte", "=": "equals" }[signed[1]] || usual;
    return { key, op: op === "between" ? "gte" : op, value: plainNumber(signed[2]) };
  }
  if (typed.startsWith("=") && typed.length > 1) return { key, op: "equals", value: typed.slice(1).trim() };
  return { key, op: EMPTINESS.includes(usual) ? "contains" : usual, value: text.trim() };
}

/** `1.234,5`, `1,234.5` and `12,5` as JavaScript and the API write numbers. */
export function plainNumber(text) {
  const typed = typedNumber(text).replace(/[\s\u00a0\u202f]/g, "");
  if (/^-?\d{1,3}(\.\d{3})+,\d+$/.test(typed)) return typed.replace(/\./g, "").replace(",", ".");
  if (/^-?\d{1,3}(,\d{3})+(\.\d+)?$/.test(typed)) return typed.replace(/,/g, "");
  return /^-?\d+,\d+$/.test(typed) ? typed.replace(",", ".") : typed;
}
