/* The words and colours of an import's states and outcomes, shared by its page and the history. */

import { el, icon } from "./elements.js";

/** Outcomes in the order in which they are shown; `tone` is the colour of the swatch and the bar. */
export const OUTCOMES = [
  { key: "created", tone: "tone-green", label: () => gettext("New"), hint: () => gettext("phone not in CIM") },
  { key: "overwritten", tone: "tone-blue", label: () => gettext("Overwritten"), hint: () => gettext("profile replaced, the old one kept") },
  { key: "updated", tone: "tone-cyan", label: () => gettext("Updated"), hint: () => gettext("only the given values changed") },
  { key: "unchanged", tone: "tone-grey", label: () => gettext("Unchanged"), hint: () => gettext("same values, not written") },
  { key: "superseded", tone: "tone-violet", label: () => gettext("Superseded"), hint: () => gettext("same phone again, later row wins") },
  { key: "skipped", tone: "tone-amber", label: () => gettext("Skipped"), hint: () => gettext("valid, but not applied") },
  { key: "errors", tone: "tone-red", label: () => gettext("Errors"), hint: () => gettext("left out, fix them afterwards") },
];

const STATES = {
  queued: ["", "clock", () => gettext("Waiting")],
  checking: ["acc", "search", () => gettext("Checking")],
  ready: ["acc", "circle-dot", () => gettext("Checked, not started")],
  running: ["acc", "play", () => gettext("Running")],
  completed: ["ok", "check", () => gettext("Done")],
  failed: ["bad", "triangle-alert", () => gettext("Failed")],
  cancelling: ["warn", "clock", () => gettext("Cancelling")],
  cancelled: ["warn", "x", () => gettext("Cancelled")],
  undoing: ["warn", "clock", () => gettext("Undoing")],
  undone: ["", "undo-2", () => gettext("Undone")],
};

export const MOVING = new Set(["queued", "checking", "running", "cancelling", "undoing"]);

export function stateBadge(run) {
  const [tone, name, label] = STATES[run.state] || ["", "info", () => run.state];
  const errors = run.state === "completed" ? (run.counts || {}).errors || 0 : 0;
  const words = errors ? interpolate(ngettext("Done, %s row left out", "Done, %s rows left out", errors), [errors]) : label();
  return el("span", { class: `badge ${tone}` }, icon(name), words);
}
