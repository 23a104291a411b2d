/*
 * Searching the CRMs from the search box of every page (M34): below what was found here stands a button; what it finds is
 * asked for in the background and shown when it is there.
 */

import { read } from "./api.js";
import { takeOver } from "./crm-panel.js";
import { problemNote } from "./crm-words.js";
import { button, el, fill, freshId, icon } from "./elements.js";
import { may } from "./page.js";

const EVERY = 600;
const MOST = 40;

function found(one) {
  return [
    el("p", { class: "menu-head" }, interpolate(gettext("In %s"), [one.configuration.name])),
    one.pending ? el("p", { class: "results-foot" }, icon("loader"), " ", gettext("Asking the CRM")) : null,
    one.problem ? el("p", { class: "results-foot bad-text" }, one.problem) : null,
    !one.pending && !one.problem && !one.results.length ? el("p", { class: "results-foot" }, gettext("No customer there matches.")) : null,
    one.results.map((person) => el(
      "div", { class: "crm-candidate" },
      el("span", { class: "words" }, el("strong", {}, person.name || gettext("No Name")), " ", el("span", { class: "quiet" }, [...person.phones.slice(0, 1), ...person.emails.slice(0, 1)].join(" · "))),
      person.url ? el("a", { class: "btn quiet icon-only small", href: person.url, target: "_blank", rel: "noopener", "aria-label": interpolate(gettext("Open %s in the CRM"), [person.name]) }, icon("external-link")) : null,
      person.customer ? el("a", { class: "btn small", href: `/customers/${person.customer}/` }, gettext("Open")) : may("create_customers") ? button(gettext("Take over"), { classes: "small" }, (event) => takeOver(one.configuration.id, person, null, event.target.closest(".crm-found"))) : null,
    )),
  ];
}

async function ask(text, box, round = 0) {
  try {
    const { results } = await read(`crm/search/?q=${encodeURIComponent(text)}`);
    if (!box.isConnected) return;
    fill(box, results.length ? results.map(found) : el("p", { class: "results-foot" }, gettext("No CRM is connected.")));
    if (results.some((one) => one.pending) && round < MOST) setTimeout(() => ask(text, box, round + 1), EVERY);
  } catch (problem) {
    fill(box, problemNote(problem));
  }
}

document.addEventListener("cim:searched", (event) => {
  const { text, list } = event.detail;
  if (text.length < 2) return;
  const box = el("div", { class: "crm-found" });
  // The box closes when the field loses the focus; pressing a button in it must not take the focus away.
  box.addEventListener("mousedown", (press) => press.preventDefault());
  fill(box, el("button", { type: "button", class: "menu-item", role: "option", id: freshId("option"), "aria-selected": "false", tabindex: "-1", on: { click: () => { fill(box, el("p", { class: "results-foot" }, gettext("Asking the CRM"))); ask(text, box); } } }, icon("database"), interpolate(gettext("Search the CRM for “%s”"), [text])));
  list.append(box);
});
