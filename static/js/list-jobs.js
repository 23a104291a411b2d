/* One thing done to many customers: the job is asked for, watched while it runs, and can be taken back (C27, C28). */

import { post, read } from "./api.js";
import { button, el, fill, icon } from "./elements.js";
import { toast } from "./toasts.js";
import { count } from "./values.js";

const EVERY = 700;
const FINAL = new Set(["completed", "failed", "cancelled", "undone"]);

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/** Show how far `job` is until it has ended; resolves with it as it ended. */
async function watched(kind, job, place, words) {
  let current = job;
  while (!FINAL.has(current.state)) {
    const bar = el("span", { class: "tone-acc" });
    bar.style.inlineSize = `${current.total ? (current.done / current.total) * 100 : 4}%`;
    fill(
      place,
      el("div", { class: "job", role: "status" },
        el("span", {}, current.total ? interpolate(gettext("%(words)s: %(done)s of %(total)s"), { words, done: count(current.done), total: count(current.total) }, true) : words),
        el("span", { class: "bar" }, bar),
        button(gettext("Stop"), { classes: "small", icon: "x" }, () => post(`${kind}/${job.id}/cancel/`).catch(() => {}))),
    );
    await pause(EVERY);
    current = await read(`${kind}/${job.id}/`);
  }
  fill(place);
  return current;
}

function showRefusal(place, message) {
  fill(place, el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, message), button(gettext("Close"), { classes: "small" }, () => fill(place))));
}

/** Do `action` to the customers of `who` (`{ids}` or `{query}`); `done()` is called when rows may have changed. */
export async function doToMany({ action, label, who, place, words, said, done }) {
  try {
    const { data } = await post("bulk/", { action, ...(label ? { label } : {}), ...who });
    const job = await watched("bulk", data, place, words);
    await done();
    if (job.state === "failed") { showRefusal(place, job.error || gettext("It could not be finished.")); return; }
    const undo = async () => {
      try {
        const answer = await post(`bulk/${job.id}/undo/`);
        const undone = await watched("bulk", answer.data, place, gettext("Taking back"));
        await done();
        const lost = (undone.not_returned || []).length;
        toast(lost ? interpolate(ngettext("Taken back, but for %s number that belongs to somebody else now.", "Taken back, but for %s numbers that belong to others now.", lost), [lost]) : gettext("Taken back."));
      } catch (problem) {
        showRefusal(place, problem.message);
      }
    };
    toast(said(job.changed ?? job.done), job.undoable ? { undo } : {});
  } catch (problem) {
    showRefusal(place, problem.message);
  }
}

/** Make a file of the customers of `who` and hand it to the browser. */
export async function exportMany({ format, columns, who, place }) {
  try {
    const { data } = await post("exports/", { format, columns, ...who });
    const job = await watched("exports", data, place, gettext("Making the file"));
    if (job.state !== "completed") {
      if (job.state === "failed") showRefusal(place, job.error || gettext("The file could not be made."));
      return;
    }
    const link = el("a", { href: job.file, download: "" });
    document.body.append(link);
    link.click();
    link.remove();
    toast(interpolate(ngettext("%s customer exported.", "%s customers exported.", job.done), [count(job.done)]));
  } catch (problem) {
    showRefusal(place, problem.message);
  }
}
