/* Changing the type of an attribute (C7) and filling in its default (C2): asked for, watched and stopped in a dialog. */

import { post, read, remove } from "./api.js";
import { confirmAction, openDialog } from "./dialogs.js";
import { button, el, fill, freshId, icon } from "./elements.js";
import { toast } from "./toasts.js";
import { count } from "./values.js";

const POLL = 500;
const WORKING = ["checking", "waiting", "converting", "clearing", "filling"];

export const isWorking = (job) => Boolean(job) && WORKING.includes(job.state);

/** What a job is doing, in words and as a bar. */
export function progressOf(job) {
  const words = {
    checking: gettext("Looking at every value"), waiting: gettext("Waiting for an import to finish"), converting: gettext("Converting"),
    filling: gettext("Filling in"), clearing: gettext("Tidying up"),
  }[job.state];
  if (!words) return null;
  const part = job.total ? Math.min(100, Math.round((job.done / job.total) * 100)) : 0;
  const bar = el("span");
  bar.style.inlineSize = `${part}%`;
  return el(
    "div", { class: "job-progress", role: "status" },
    el("p", {}, words, job.total ? ` · ${interpolate(gettext("%(done)s of %(total)s"), { done: count(job.done), total: count(job.total) }, true)}` : null),
    el("span", { class: "bar", "aria-hidden": "true" }, bar),
  );
}

/** What does not convert: each value, why, and how many customers have it. */
export function refusalOf(job) {
  return el(
    "div", { class: "stack" },
    el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" },
      el("strong", {}, interpolate(ngettext("%(wrong)s value of %(total)s does not convert.", "%(wrong)s of %(total)s values do not convert.", job.wrong), { wrong: count(job.wrong), total: count(job.total) }, true)),
      " ", gettext("Nothing was changed. Put these right, then try again."))),
    el(
      "div", { class: "examples", tabindex: "0", role: "region", "aria-label": gettext("Values that do not convert") },
      el(
        "table", { class: "table" },
        el("thead", {}, el("tr", {}, [gettext("Value"), gettext("Why"), gettext("Customers")].map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, job.examples.map((example) => el("tr", {},
          el("td", { class: "example-value" }, el("bdi", {}, example.value)), el("td", {}, example.reason),
          el("td", {}, el("a", { href: `/customers/${example.customer}/` }, example.customers > 1 ? interpolate(gettext("one of %s"), [count(example.customers)]) : gettext("Open")))))),
      ),
    ),
    job.wrong > job.examples.reduce((sum, example) => sum + example.customers, 0) ? el("p", { class: "hint" }, gettext("These are examples; there are more.")) : null,
  );
}

/** Ask again and again until the job is not at work; `show` is told each time. Resolves with the job, or null once `place` is gone. */
export async function watched(path, place, show) {
  for (;;) {
    const job = await read(path);
    if (!place.isConnected) return null;
    show(job);
    if (!isWorking(job)) return job;
    await new Promise((resolve) => { setTimeout(resolve, POLL); });
  }
}

/** The dialog that changes the type of `attribute`: check first, then convert. Resolves true once a conversion was begun. */
export function openConversion(attribute, types) {
  const path = `attributes/${attribute.key}/conversion/`;
  const kinds = Object.keys(types).filter((kind) => !["phones", "emails", attribute.type].includes(kind));
  const field = (label, control, hint = "") => {
    const id = freshId("conversion");
    control.id = id;
    const under = el("div", { id: `${id}-under` }, hint ? el("p", { class: "hint" }, hint) : null);
    control.setAttribute("aria-describedby", under.id);
    return { control, under, element: el("div", { class: "field" }, el("label", { for: id }, label), control, under) };
  };
  const type = field(gettext("New type"), el("select", { class: "input", autofocus: true }, kinds.map((kind) => el("option", { value: kind }, types[kind]))));
  const options = field(gettext("Options, one per line"), el("textarea", { class: "input", rows: "4" }), gettext("Every value that customers have must be among them."));
  const fields = { type, options };
  const told = el("div", { class: "stack", "aria-live": "polite" });
  const check = button(gettext("Check the values"), { classes: "primary" }, () => run(true));
  const convert = button(gettext("Convert"), { classes: "primary", hidden: true }, () => run(false));
  const opened = openDialog({
    title: interpolate(gettext("Change the type of %s"), [attribute.label]),
    lead: gettext("Every stored value is looked at first. Nothing changes unless all of them convert, and everybody can go on working meanwhile."),
    body: [el("div", { class: "pair-fields" }, type.element, options.element), told],
    start: [el("span", { class: "hint" }, gettext("Older versions of a customer stay as they are."))],
    end: [button(gettext("Close"), { key: "Esc" }, () => opened.close(false)), check, convert],
    wide: true,
  });
  // One primary at a time: first the check, then what it allows.
  const offer = (on) => {
    convert.hidden = !on;
    check.classList.toggle("primary", !on);
  };
  const asked = () => ({
    type: type.control.value,
    ...(type.control.value === "choice" ? { options: options.control.value.split("\n").map((line) => line.trim()).filter(Boolean) } : {}),
  });
  const anew = () => {
    options.element.hidden = type.control.value !== "choice";
    offer(false);
    check.disabled = false;
    fill(told);
  };
  const refused = (problem) => {
    const left = [];
    for (const [name, messages] of Object.entries(problem.errors || { "": [problem.message] })) {
      if (fields[name]) {
        fields[name].control.setAttribute("aria-invalid", "true");
        fill(fields[name].under, messages.map((message) => el("p", { class: "error" }, icon("circle-alert"), message)));
        fields[name].control.focus();
      } else left.push(...messages);
    }
    if (left.length) fill(told, el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, left.join(" "))));
  };
  const run = async (dry) => {
    for (const one of Object.values(fields)) one.control.removeAttribute("aria-invalid");
    fill(options.under, el("p", { class: "hint" }, gettext("Every value that customers have must be among them.")));
    try {
      await post(path, { ...asked(), dry_run: dry });
      check.disabled = true;
      offer(false);
      const job = await watched(path, told, (now) => fill(told, progressOf(now)));
      if (job) ended(job);
    } catch (problem) {
      refused(problem);
    }
  };
  const ended = (job) => {
    check.disabled = false;
    if (job.state === "refused") {
      fill(told, refusalOf(job));
      check.focus();
    } else if (job.state === "ready") {
      fill(told, el("div", { class: "note ok" }, icon("check"), el("p", { class: "words" }, el("strong", {},
        job.total ? interpolate(ngettext("The %s value converts.", "All %s values convert.", job.total), [count(job.total)]) : gettext("No customer has a value.")),
      " ", interpolate(gettext("%(label)s becomes: %(type)s."), { label: attribute.label, type: types[job.type] }, true))));
      offer(true);
      convert.focus();
    } else if (job.state === "done") {
      opened.close(true);
      toast(interpolate(gettext("%(label)s is now: %(type)s."), { label: attribute.label, type: types[job.type] }, true));
    } else {
      fill(told, el("div", { class: "note" }, icon("circle-alert"), el("p", { class: "words" }, gettext("The conversion was cancelled. Nothing was changed."))));
    }
  };
  for (const one of Object.values(fields)) one.control.addEventListener("input", anew);
  anew();
  return opened.closed;
}

/** The part of the panel that says what is going on with the values, with a way to stop it. */
export function jobNote(attribute, changed) {
  const box = el("div");
  const show = (kind, job) => {
    if (!isWorking(job)) { fill(box); return; }
    fill(box, el("div", { class: "note acc" }, icon("zap"), el("div", { class: "words" }, progressOf(job)),
      button(gettext("Cancel"), { classes: "small" }, async () => { await remove(`attributes/${attribute.key}/${kind}/`); })));
  };
  /** Tell what becomes of the job; one that was just `asked` for may be done before the first look. */
  const follow = async (kind, { asked = false } = {}) => {
    const path = `attributes/${attribute.key}/${kind}/`;
    try {
      let atWork = asked;
      const job = await watched(path, box, (now) => { atWork = atWork || isWorking(now); show(kind, now); });
      if (job && atWork) changed(kind, job);
      if (job && kind === "conversion" && job.state === "refused" && !job.dry_run) fill(box, refusalOf(job));
    } catch (problem) {
      fill(box, el("p", { class: "error" }, icon("circle-alert"), problem.message));
    }
  };
  return { element: box, follow };
}

/** Ask once, then fill the default in for the `empty` customers that have no value. Resolves true when it was begun. */
export async function askToFill(attribute, empty) {
  const sure = await confirmAction({
    title: interpolate(gettext("Fill in %s"), [attribute.label]),
    lead: interpolate(ngettext("%(empty)s customer without a value gets “%(value)s”. Each keeps a version from before.", "%(empty)s customers without a value get “%(value)s”. Each keeps a version from before.", empty), { empty: count(empty), value: attribute.default }, true),
    action: interpolate(ngettext("Fill in %s customer", "Fill in %s customers", empty), [count(empty)]),
    danger: false,
  });
  if (sure) await post(`attributes/${attribute.key}/fill/`);
  return sure;
}
