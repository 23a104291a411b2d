/* Linking at the desk: the candidates, the search for somebody else, the form that adds a caller to the contacts. */

import { idempotencyKey, post, read } from "./api.js";
import { afterPause, button, el, fill, freshId, icon } from "./elements.js";
import { may } from "./page.js";
import { fullName, hue, initials, nameNodes, phoneNode } from "./values.js";

const PAUSE = 200;
const SHOWN = 6;

const mayLink = () => may("link_own_interactions") || may("link_any_interaction");

/** Search for a contact by name, phone, email, as one types; picking one links the interaction (C44). */
export class Search {
  constructor(interaction, { linked }) {
    this.interaction = interaction;
    this.linked = linked;
    this.candidates = [];
    this.known = new Map();
    const id = freshId("search");
    this.field = el("input", { class: "input", type: "search", id, autocomplete: "off", placeholder: gettext("Name, phone or email"), on: { input: () => this.later(), keydown: (event) => this.key(event) } });
    this.list = el("ul", { class: "found", "aria-label": gettext("Customers found") });
    this.problem = el("p", { class: "error", role: "alert", hidden: true });
    this.remember = el("input", { type: "checkbox" });
    this.rememberRow = el("label", { class: "check remember" }, this.remember, el("span", {}, gettext("Remember this identifier for the customer")));
    this.element = el("div", { class: "stack tight" }, el("label", { class: "unseen", for: id }, gettext("Search for a contact")), el("div", { class: "search" }, icon("search"), this.field), this.list, this.rememberRow, this.problem);
    this.later = afterPause(PAUSE, () => this.ask());
  }

  focus() { this.field.focus(); }

  show({ candidates, customer, address, campaign }) {
    this.customer = customer;
    this.rememberRow.hidden = !address;
    const before = JSON.stringify(this.candidates);
    this.candidates = candidates;
    if (!this.field.value && before !== JSON.stringify(candidates)) this.showCandidates();
    if (!this.field.value && !candidates.length) fill(this.list);
    // Whom a campaign calls is looked for at once, also by a part of the number (C45).
    if (campaign && address && !customer && !candidates.length && !this.hasLooked) {
      this.hasLooked = true;
      this.field.value = address;
      this.ask();
    }
  }

  /** Those who share an identifier, the likeliest first, with the reason (C42). */
  async showCandidates() {
    const rows = await Promise.all(this.candidates.slice(0, SHOWN).map(async (candidate) => {
      if (!this.known.has(candidate.customer)) this.known.set(candidate.customer, await read(`customers/${candidate.customer}/`).catch(() => null));
      const customer = this.known.get(candidate.customer);
      return customer ? this.row(customer, candidate.reason) : null;
    }));
    if (!this.field.value) fill(this.list, rows);
  }

  async ask() {
    const text = this.field.value.trim();
    if (!text) { this.showCandidates(); return; }
    if (this.asked) this.asked.abort();
    this.asked = new AbortController();
    try {
      const answer = await read(`customers/?q=${encodeURIComponent(text)}&page_size=25`, { signal: this.asked.signal });
      const rows = answer.results.slice(0, SHOWN).map((customer) => this.row(customer, ""));
      fill(this.list, rows.length ? rows : el("li", { class: "quiet" }, gettext("Nobody is called that.")));
      this.problem.hidden = true;
    } catch (problem) {
      if (problem.name !== "AbortError") this.complain(problem.message);
    }
  }

  key(event) {
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    const first = this.list.querySelector("button");
    if (!first) return;
    event.preventDefault();
    first.focus();
  }

  row(customer, reason) {
    const name = fullName(customer) || gettext("No Name");
    const current = customer.id === this.customer;
    return el(
      "li", { class: "found-row" },
      el("span", { class: `avatar hue-${hue(customer.id)}`, "aria-hidden": "true" }, initials(customer)),
      el("div", { class: "found-words" },
        el("a", { class: "strong", href: `/customers/${customer.id}/`, target: "_blank", rel: "noopener" }, nameNodes(customer)),
        el("span", { class: "quiet" }, reason || [(customer.phones || []).slice(0, 1).map(phoneNode), " ", (customer.emails || [])[0] || "", " ", customer.postal_code || ""])),
      current ? el("span", { class: "badge ok" }, icon("check"), gettext("Linked"))
        : mayLink() ? button(gettext("Link"), { classes: "small", "aria-label": interpolate(gettext("Link to %s"), [name]) }, () => this.link(customer.id)) : null,
    );
  }

  async link(customer) {
    const before = this.customer;
    try {
      const answer = await post(`interactions/${this.interaction}/link/`, { customer, remember: this.remember.checked && !this.rememberRow.hidden });
      this.field.value = "";
      this.remember.checked = false;
      this.problem.hidden = true;
      fill(this.list);
      this.linked(answer.data, before || null);
    } catch (problem) {
      this.complain(problem.status === 409 ? `${problem.message} ${gettext("Link without remembering the number, or merge the two.")}` : problem.message);
    }
  }

  complain(message) {
    this.problem.hidden = false;
    fill(this.problem, icon("circle-alert"), message);
  }
}

/** The suggestion to add a caller whom nobody matches to the contacts (C43). */
export class Contact {
  constructor(interaction, added) {
    this.interaction = interaction;
    this.added = added;
    this.touched = false;
    this.shown = "";
    this.fields = {};
    const field = (name, label, properties = {}) => {
      const id = freshId("contact");
      const input = el("input", { class: "input", id, name, autocomplete: "off", on: { input: () => { this.touched = true; this.place(name, null); } }, ...properties });
      const error = el("span", { class: "error", hidden: true });
      this.fields[name] = { input, error };
      return el("div", { class: "field" }, el("label", { for: id }, label), input, error);
    };
    this.title = el("h2", {});
    this.lead = el("p", { class: "quiet" });
    this.problem = el("p", { class: "error", role: "alert", hidden: true });
    this.form = el(
      "form", { novalidate: true, class: "contact-form", on: { submit: (event) => { event.preventDefault(); this.send(); } } },
      field("first_name", gettext("First name")), field("last_name", gettext("Last name")),
      field("phones", gettext("Phone"), { class: "input ltr" }), field("emails", gettext("Email"), { class: "input ltr" }),
      el("div", { class: "actions" }, el("button", { class: "btn primary" }, icon("user-plus"), gettext("Add to contacts"))),
      this.problem,
    );
    this.element = el("section", { class: "card contact", "aria-label": gettext("Add to contacts"), hidden: true }, el("div", { class: "card-head" }, el("span", { class: "tile large" }, icon("user")), el("div", {}, this.title, this.lead)), el("div", { class: "card-body" }, this.form));
  }

  show(suggestion, candidates, { isKnown, address }) {
    this.element.hidden = !suggestion || !may("promote") || candidates.length > 0;
    if (!suggestion || this.touched || JSON.stringify(suggestion) === this.shown) return;
    this.shown = JSON.stringify(suggestion);
    fill(this.lead, isKnown ? gettext("Nobody has saved this contact yet. Add it, or find the person among those you have.") : gettext("This address is on no profile. Add it, or find the person among those you have."));
    const { first_name: first, last_name: last, phones = [], emails = [], identifiers = [] } = suggestion;
    const name = [first, last].filter(Boolean).join(" ");
    fill(this.title, name || gettext("No Name"), " ", el("span", { class: "ltr" }, phones[0] || emails[0] || (identifiers[0] || {}).value || address || ""));
    this.fields.first_name.input.value = first || "";
    this.fields.last_name.input.value = last || "";
    this.fields.phones.input.value = phones.join(", ");
    this.fields.emails.input.value = emails.join(", ");
  }

  place(name, message) {
    const { input, error } = this.fields[name];
    error.hidden = !message;
    fill(error, message ? [icon("circle-alert"), message] : null);
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  async send() {
    const list = (name) => this.fields[name].input.value.split(",").map((part) => part.trim()).filter(Boolean);
    const body = { first_name: this.fields.first_name.input.value.trim(), last_name: this.fields.last_name.input.value.trim(), phones: list("phones"), emails: list("emails") };
    for (const name of Object.keys(this.fields)) this.place(name, null);
    for (const name of ["first_name", "last_name"]) if (!body[name]) this.place(name, gettext("A contact needs this name."));
    const first = Object.values(this.fields).find((field) => !field.error.hidden);
    if (first) { first.input.focus(); return; }
    try {
      const answer = await post(`interactions/${this.interaction}/contact/`, body, { headers: { "Idempotency-Key": idempotencyKey() } });
      this.problem.hidden = true;
      this.added(answer.data);
    } catch (problem) {
      const known = Object.entries(problem.errors).filter(([name]) => this.fields[name.split(".")[0]]);
      for (const [name, messages] of known) this.place(name.split(".")[0], messages.join(" "));
      this.problem.hidden = known.length > 0;
      fill(this.problem, icon("circle-alert"), problem.message);
    }
  }
}
