/* All imports, attached to [data-import-history]: who, when, what became of the rows (C70). */

import { read } from "./api.js";
import { el, fill, icon } from "./elements.js";
import { MOVING, stateBadge } from "./import-states.js";
import { count, formatRecent } from "./values.js";

const EVERY = 2000;

function row(run) {
  const counts = run.counts || {};
  const number = (name, tone = "") => el("td", { class: `num ${counts[name] ? tone : "quiet"}`.trim() }, count(counts[name] || 0));
  return el(
    "tr", {},
    el("td", {}, el("a", { class: "strong", href: `/imports/${run.id}/` }, run.file_name), (run.options || {}).corrects ? el("span", { class: "hint" }, " ", gettext("corrected rows")) : null),
    el("td", {}, stateBadge(run)),
    el("td", { class: "quiet" }, [run.owner, formatRecent(run.started_at || run.created_at || run.finished_at || new Date().toISOString())].filter(Boolean).join(", ")),
    el("td", { class: "num" }, count(run.rows_total || 0)), number("created"), el("td", { class: "num" }, count((counts.overwritten || 0) + (counts.updated || 0))), number("unchanged"), number("errors", "bad-text"),
  );
}

async function show(place) {
  const part = (name) => place.querySelector(`[data-part=${name}]`);
  try {
    const answer = await read("imports/");
    const runs = Array.isArray(answer) ? answer : answer.results;
    fill(part("rows"), runs.map(row));
    part("table").hidden = runs.length === 0;
    part("none").hidden = runs.length > 0;
    fill(part("problem"));
    if (runs.some((run) => MOVING.has(run.state))) setTimeout(() => show(place), EVERY);
  } catch (problem) {
    fill(part("problem"), el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, problem.message)));
  }
  place.dataset.ready = "true";
}

for (const place of document.querySelectorAll("[data-import-history]")) show(place);
