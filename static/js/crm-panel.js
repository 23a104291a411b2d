/*
 * What CRMs say about somebody, attached to [data-crm="<address below /api/v1/>"]: the last answer at once with its age,
 * the new one when it is there. Nothing waits for it; without a CRM there is nothing to see. Pieces of pages that come later are found by the event "cim:panel".
 */

import { post, read } from "./api.js";
import { problemNote } from "./crm-words.js";
import { button, el, fill, icon } from "./elements.js";
import { may } from "./page.js";
import { formatMoment, formatNumber, formatRecently } from "./values.js";

const FIRST = 700;
const MOST = 25;

function shown(field) {
  if (field.value === null || field.value === "") return el("span", { class: "quiet" }, "–");
  if (field.data_type === "boolean") return field.value ? gettext("Yes") : gettext("No");
  if (field.data_type === "number") return formatNumber(field.value);
  if (field.data_type === "datetime" && !Number.isNaN(Date.parse(field.value))) return formatMoment(field.value);
  return String(field.value);
}

/** A field's name as people read it: the last step, without the suffix that tells its type. */
function nameOf(field) {
  const bare = field.crm_field.split(".").at(-1).replace(/(Str|Txt|Num|At|Bool|Url|Id|Tree)$/, "");
  const words = bare.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function age(one) {
  if (one.fetching) return el("span", { class: "under" }, one.fetched_at ? interpolate(gettext("from %s, being fetched anew"), [formatRecently(one.fetched_at)]) : gettext("being fetched"));
  if (one.fetched_at) return el("span", { class: "under" }, interpolate(gettext("from %s"), [formatRecently(one.fetched_at)]));
  return null;
}

export class CrmPanel {
  constructor(place) {
    this.place = place;
    this.address = place.dataset.crm;
    this.round = 0;
    place.dataset.crmAttached = "true";
  }

  async load(refresh = false) {
    clearTimeout(this.timer);
    try {
      const joint = this.address.includes("?") ? "&" : "?";
      const { results } = await read(refresh ? `${this.address}${joint}refresh=true` : this.address);
      this.draw(results);
      this.place.dataset.ready = "true";
      this.round += 1;
      if (results.some((one) => one.fetching) && this.round < MOST && this.place.isConnected) this.timer = setTimeout(() => this.load(), FIRST + this.round * 200);
    } catch (problem) {
      fill(this.place, problem.status === 404 ? null : problemNote(problem));
    }
  }

  draw(results) {
    fill(this.place, results.map((one) => el(
      "section", { class: "card crm-panel", "aria-label": one.configuration.name },
      el(
        "div", { class: "card-head" }, el("h2", {}, one.configuration.name), age(one),
        el("button", { type: "button", class: "btn quiet icon-only small end", "aria-label": interpolate(gettext("Fetch anew from %s"), [one.configuration.name]), on: { click: () => { this.round = 0; this.load(true); } } }, icon("refresh-cw")),
      ),
      el(
        "div", { class: "card-body stack tight" },
        one.reason ? el("div", { class: "note warn" }, icon("triangle-alert"), el("p", { class: "words" }, one.reason)) : null,
        one.fetching && !one.fetched_at ? el("span", { class: "bone late" }) : null,
        one.candidates.length ? this.candidates(one) : null,
        one.records.map((record) => this.record(record, one)),
        one.outcome === "none" && !one.fetching ? el("p", { class: "quiet" }, gettext("No customer there matches.")) : null,
      ),
    )));
  }

  record(record, one) {
    const others = Object.entries(record.alternatives || {});
    if (!record.fields.length && !record.url && !others.length) return null;
    return el(
      "div", { class: "crm-record" },
      record.fields.length ? el("dl", { class: "facts" }, record.fields.flatMap((field) => [el("dt", {}, nameOf(field)), el("dd", {}, shown(field), field.alternatives.length ? el("span", { class: "badge", title: field.alternatives.join(", ") }, `+${field.alternatives.length}`) : null)])) : null,
      others.length ? el("p", { class: "hint" }, interpolate(gettext("Also known there: %s"), [others.map(([, values]) => values.join(", ")).join("; ")])) : null,
      record.url ? el("a", { href: record.url, target: "_blank", rel: "noopener", class: "crm-open-link" }, interpolate(gettext("Open in %s"), [one.configuration.name]), " ", icon("external-link")) : null,
    );
  }

  candidates(one) {
    return el(
      "div", { class: "stack tight" },
      el("p", { class: "strong" }, interpolate(ngettext("%s customer there fits", "%s customers there fit", one.candidates.length), [one.candidates.length])),
      one.candidates.map((candidate) => el(
        "div", { class: "crm-candidate" },
        el("span", { class: "words" }, el("strong", {}, candidate.name || gettext("No Name")), " ", el("span", { class: "quiet" }, [...candidate.phones.slice(0, 1), ...candidate.emails.slice(0, 1)].join(" · "))),
        candidate.url ? el("a", { class: "btn quiet icon-only small", href: candidate.url, target: "_blank", rel: "noopener", "aria-label": interpolate(gettext("Open %s in the CRM"), [candidate.name]) }, icon("external-link")) : null,
        may("create_customers") ? button(gettext("Take over"), { classes: "small" }, () => takeOver(one.configuration.id, candidate, this.interaction(), this.place)) : null,
      )),
    );
  }

  /** Ask again: the person on the contact is another one now. */
  again() {
    this.round = 0;
    return this.load();
  }

  interaction() {
    const found = /^interactions\/([0-9a-f-]+)\/crm\//.exec(this.address);
    return found ? found[1] : null;
  }
}

/** Make a customer of somebody the CRM knows, and go there. */
export async function takeOver(configuration, candidate, interaction, place) {
  try {
    const { data } = await post("crm/take-over/", { configuration, record: candidate.id, ...(interaction ? { interaction } : {}) });
    if (interaction) place.dispatchEvent(new CustomEvent("crm:taken", { bubbles: true, detail: data }));
    else location.assign(`/customers/${data.customer}/`);
  } catch (problem) {
    const known = problem.status === 409 && problem.body.customers && problem.body.customers[0];
    place.append(problemNote(problem), ...(known ? [el("a", { class: "btn small", href: `/customers/${known}/` }, gettext("Open that customer"))] : []));
  }
}

function attach(root) {
  for (const place of root.querySelectorAll("[data-crm]")) if (!place.dataset.crmAttached) new CrmPanel(place).load();
}

document.addEventListener("cim:panel", (event) => attach(event.target));
attach(document);
