/* How a value of each type looks to the eye, and how a field's text becomes a value again. */

import { el } from "./elements.js";
import { language, timeZone } from "./page.js";

export const LISTS = new Set(["phones", "emails"]);
const TEXT_LIKE = new Set(["text", "phone", "email", "url", "phones", "emails"]);

const day = new Intl.DateTimeFormat(language, { day: "2-digit", month: "short", year: "numeric", timeZone: "UTC" });
const moment = new Intl.DateTimeFormat(language, {
  day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone,
});
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone });
const dayKey = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone });
const amount = new Intl.NumberFormat(language, { maximumFractionDigits: 10 });

const beginsDecimalsWithComma = amount.format(1.5).includes(",");

/** What was typed as a number in the user's language: where a comma begins the decimals, `1 234,5` is 1234.5. */
export function typedNumber(text) {
  return beginsDecimalsWithComma && /^\s*-?\d[\d\s]*(,\d+)?\s*$/.test(text) ? text.replace(/\s/g, "").replace(",", ".") : text;
}

export const count = (number) => amount.format(number);

/** The kind of conditions and fields an attribute has: text, number, date, datetime, boolean, choice. */
export function family(attribute) {
  if (TEXT_LIKE.has(attribute.type)) return "text";
  return attribute.type;
}

export function isList(attribute) {
  return LISTS.has(attribute.type) || (!attribute.custom && LISTS.has(attribute.key));
}

/** The value of `attribute` in the customer the API sent: custom ones lie in `attributes`. */
export function valueOf(customer, attribute) {
  const value = attribute.custom ? (customer.attributes || {})[attribute.key] : customer[attribute.key];
  return value === undefined ? null : value;
}

export const isEmpty = (value) => value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length);

export const formatDate = (text) => day.format(new Date(`${text.slice(0, 10)}T00:00:00Z`));
export const formatMoment = (text) => moment.format(new Date(text)).replace(",", "");

/** Today and Yesterday with the time, as lists say it; older moments in full. */
export function formatRecent(text, now = new Date()) {
  const at = new Date(text);
  const yesterday = new Date(now.getTime() - 24 * 3600 * 1000);
  if (dayKey.format(at) === dayKey.format(now)) return interpolate(gettext("Today %s"), [clock.format(at)]);
  if (dayKey.format(at) === dayKey.format(yesterday)) return interpolate(gettext("Yesterday %s"), [clock.format(at)]);
  return formatMoment(text);
}

/** The same inside of a sentence, where today and yesterday are written small. */
export function formatRecently(text) {
  const words = formatRecent(text);
  return words.charAt(0).toLocaleLowerCase(language) + words.slice(1);
}

export function formatDuration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0]) return interpolate(gettext("%(hours)s h %(minutes)s min"), { hours: parts[0], minutes: parts[1] }, true);
  if (parts[1]) return interpolate(gettext("%(minutes)s min %(seconds)s s"), { minutes: parts[1], seconds: parts[2] }, true);
  return interpolate(gettext("%s s"), [parts[2]]);
}

/** A number as the user's language writes it; decimals that JavaScript cannot hold stay as they came. */
export function formatNumber(value) {
  const text = String(value);
  return text.replace(/\D/g, "").length > 15 ? text : amount.format(value);
}

/** The text of one value, for cells, chips and comparisons. */
export function formatValue(attribute, value) {
  if (isEmpty(value)) return "";
  switch (attribute.type) {
    case "number": return formatNumber(value);
    case "boolean": return value === true || value === "true" ? gettext("Yes") : gettext("No");
    case "date": return formatDate(String(value));
    case "datetime": return formatMoment(String(value));
    default: return Array.isArray(value) ? value.join(", ") : String(value);
  }
}

const CALLING_CODE = /^\+(1|7|2[07]|3[0123469]|4[013456789]|5[12345678]|6[0123456]|8[1246]|9[0123458]|\d{3})(\d*)$/;

/** A number in groups. The gaps are style only: its text, and what is copied, is the number itself. */
export function phoneNode(number) {
  const found = CALLING_CODE.exec(number);
  if (!found) return el("span", { class: "phone ltr" }, number);
  const groups = found[2].match(/\d{1,3}/g) || [];
  if (groups.length > 1 && groups.at(-1).length === 1) groups.push(groups.splice(-2, 2).join(""));
  return el("span", { class: "phone ltr" }, el("span", {}, `+${found[1]}`), groups.map((group) => el("span", {}, group)));
}

/** A text with its numbers in groups, to be read out. */
export function withPhones(text) {
  return String(text).split(/(\+\d{7,15})(?!\d)/).map((part, index) => (index % 2 ? phoneNode(part) : part));
}

/** Put the numbers that a template has written into groups. */
export function groupPhones(root) {
  for (const place of root.querySelectorAll("[data-phone]")) place.replaceChildren(...withPhones(place.textContent));
}

/** A text that breaks behind the @ of an email, where it has to break. */
export function breakable(text) {
  return String(text).split(/(?<=@)/).flatMap((part, index) => (index ? [el("wbr"), part] : [part]));
}

export function fullName(customer) {
  return [customer.first_name, customer.last_name].filter(Boolean).join(" ");
}

/** Who this is, even without a name: "No Name" and the best identifier there is. */
export function nameNodes(customer) {
  const name = fullName(customer);
  if (name) return [name];
  const other = (customer.phones || [])[0] || (customer.emails || [])[0] || "";
  return [el("span", { class: "quiet" }, gettext("No Name")), other ? ` ${other}` : ""];
}

export function initials(customer) {
  const letters = [customer.first_name, customer.last_name].filter(Boolean).map((part) => Array.from(part)[0].toUpperCase());
  return letters.join("") || "?";
}

/** A stable tint for an avatar. */
export function hue(text) {
  return Array.from(String(text)).reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 6;
}

/** `2026-11-19T08:30:00Z` as the local text a datetime field holds, in the user's zone. */
export function toLocalField(text) {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-CA", {
      year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone,
    }).formatToParts(new Date(text)).map((part) => [part.type, part.value]),
  );
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}`;
}

/** The moment that a datetime field's text means in the user's zone, as ISO 8601 UTC. */
export function fromLocalField(text) {
  const wanted = Date.parse(`${text.length === 16 ? `${text}:00` : text}Z`);
  if (Number.isNaN(wanted)) return text;
  let guess = wanted;
  // Twice: the first step may land on the other side of a clock change.
  for (let round = 0; round < 2; round += 1) guess += wanted - Date.parse(`${toLocalField(new Date(guess).toISOString())}:00Z`);
  return new Date(guess).toISOString().replace(".000Z", "Z");
}
