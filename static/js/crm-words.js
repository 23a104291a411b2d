/* What the pages about CRMs call things, and the small pieces that several of them show. */

import { el, icon } from "./elements.js";

export const ALL = "crm/types/";

const STATES = {
  waiting: ["grey", "clock", () => gettext("Waiting")],
  sending: ["grey", "loader", () => gettext("Being sent")],
  retrying: ["warn", "refresh-cw", () => gettext("Retrying")],
  delivered: ["ok", "check", () => gettext("Delivered")],
  failed: ["bad", "triangle-alert", () => gettext("Failed")],
  skipped: ["grey", "ban", () => gettext("Skipped")],
};

export const stateNames = () => Object.fromEntries(Object.entries(STATES).map(([state, [, , word]]) => [state, word()]));

export function stateBadge(delivery) {
  const [tone, sign, word] = STATES[delivery.state];
  const replayed = delivery.replayed_at && delivery.state === "delivered";
  return el("span", { class: `badge ${replayed ? "acc" : tone === "grey" ? "" : tone}`.trim() }, icon(replayed ? "rotate-ccw" : sign), replayed ? gettext("Replayed") : word());
}

export const stateTone = (state) => STATES[state][0];

export const channelNames = () => ({ voice: gettext("Call"), digital: gettext("Digital contact"), script: gettext("Script variable") });

const TYPES = { customer: () => gettext("Customer"), conversation: () => gettext("Conversation"), message: () => gettext("Message"), note: () => gettext("Note") };

export const typeName = (name) => (TYPES[name] ? TYPES[name]() : name);

export function problemNote(problem) {
  return el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, problem.message || String(problem)));
}

export function errorLine(messages) {
  return el("p", { class: "error", role: "alert" }, icon("circle-alert"), messages.join(" "));
}

/** A labelled control with a hint, and `say(messages)` to put errors in the place of the hint. */
export function field(id, label, control, hint = "") {
  const under = el("div", { id: `${id}-under` });
  control.id = id;
  control.setAttribute("aria-describedby", under.id);
  const clear = () => { control.removeAttribute("aria-invalid"); under.replaceChildren(...(hint ? [el("p", { class: "hint" }, hint)] : [])); };
  const say = (messages) => { control.setAttribute("aria-invalid", "true"); under.replaceChildren(errorLine(messages)); };
  clear();
  return { control, clear, say, element: el("div", { class: "field" }, el("label", { for: id }, label), control, under) };
}

/** Say the errors of a refused form at their fields; those that belong to none are returned. */
export function sayErrors(problem, fields) {
  const rest = [];
  let first = null;
  for (const [name, messages] of Object.entries(problem.errors || {})) {
    const found = fields[name.split(".")[0]];
    if (found) { found.say(messages); first = first || found; } else rest.push(...messages);
  }
  if (first) first.control.focus();
  return Object.keys(problem.errors || {}).length ? rest : [problem.message];
}

export function option(value, label, selected = false) {
  return el("option", { value, selected }, label);
}

export function select(choices, value, properties = {}) {
  return el("select", { class: "input", ...properties }, choices.map(([key, label]) => option(key, label, key === value)));
}
