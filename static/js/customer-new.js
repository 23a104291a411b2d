/* A new customer, attached to [data-new-customer]: reject first, then ask before anything is replaced (C12 to C14). */

import { idempotencyKey, post, schema, send } from "./api.js";
import { bodyOf, Field, grouped, isWritable, placeErrors } from "./customer-fields.js";
import { afterPause, el, fill, icon } from "./elements.js";
import { may } from "./page.js";
import { askToReplace, confirmSomebodyElse, showSeveralOwners } from "./overwrite-warning.js";
import { toastNext } from "./toasts.js";
import { fullName, isEmpty } from "./values.js";

class NewCustomer {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
  }

  async start() {
    try {
      this.attributes = (await schema()).filter((attribute) => !attribute.archived);
    } catch (problem) {
      this.say([problem.message]);
      return;
    }
    this.fields = this.attributes.filter(isWritable).map((attribute) => new Field(attribute, attribute.default ?? null, { onInput: () => this.count() }));
    const byKey = new Map(this.fields.map((field) => [field.attribute.key, field]));
    fill(this.part("fields"), grouped(this.fields.map((field) => field.attribute)).map((group) => el(
      "fieldset", { class: "card fields" }, el("legend", {}, group.title), group.attributes.map((attribute) => byKey.get(attribute.key).element),
    )));
    const given = new URLSearchParams(location.search);
    for (const [key, value] of given) if (byKey.has(key)) byKey.get(key).inputs()[0].value = value;
    this.attach(byKey);
    this.place.dataset.ready = "true";
    if (this.fields.length) this.fields[0].focus();
  }

  attach(byKey) {
    this.place.addEventListener("submit", (event) => { event.preventDefault(); this.save("reject"); });
    this.place.addEventListener("focusout", (event) => {
      const holder = event.target.closest("[data-field]");
      const field = holder && byKey.get(holder.dataset.field);
      if (field && field.isChanged() && !holder.contains(event.relatedTarget)) { field.check(); this.count(); }
    });
    const phones = byKey.get("phones");
    if (phones && may("lookup")) phones.element.addEventListener("input", afterPause(500, () => this.lookUp(phones)));
    window.addEventListener("beforeunload", (event) => { if (!this.saved && this.fields.some((field) => field.isChanged())) event.preventDefault(); });
  }

  /** Say early whose number this is; saving asks all the same. */
  async lookUp(field) {
    const typed = field.value();
    if (!typed.length) return;
    try {
      const { data } = await post("customers/lookup/", { phone: typed });
      if (!data.match || field.hasError()) return;
      field.showHint(el("p", { class: "hint warn-hint" }, icon("triangle-alert"), interpolate(gettext("Belongs to %s. Saving asks whether to replace that profile."), [fullName(data.match) || gettext("No Name")]), " ", el("a", { href: `/customers/${data.match.id}/` }, gettext("Open it"))));
    } catch (problem) {
      // Half a number is no number yet; saving says what is wrong.
    }
  }

  count() {
    const wrong = this.fields.filter((field) => field.hasError()).length;
    fill(this.part("said"), wrong ? el("span", { class: "error" }, icon("circle-alert"), interpolate(ngettext("%s field to put right", "%s fields to put right", wrong), [wrong])) : null);
  }

  say(messages) {
    fill(this.part("problem"), messages.length ? el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("div", { class: "words" }, messages.map((message) => el("p", {}, message)))) : null);
    if (messages.length) this.part("problem").scrollIntoView({ block: "nearest" });
  }

  body() {
    return bodyOf(this.fields.filter((field) => !isEmpty(field.value())));
  }

  /** Save; `onErased` is "reject" until somebody has confirmed that a number is not an erased person's any more. */
  async save(onConflict, onErased = "reject") {
    this.say([]);
    const wrong = this.fields.filter((field) => !field.check());
    this.count();
    if (wrong.length) { wrong[0].focus(); return; }
    const body = this.body();
    const saveButton = this.part("save");
    saveButton.setAttribute("aria-disabled", "true");
    try {
      const { data } = await send("POST", `customers/?on_conflict=${onConflict}&on_erased=${onErased}`, { body, headers: { "Idempotency-Key": idempotencyKey() } });
      this.saved = true;
      const name = fullName(data) || gettext("The customer");
      toastNext(interpolate(data.outcome === "created" ? gettext("%s was added.") : gettext("The profile of %s was replaced. The old one is in the history."), [name]));
      location.assign(`/customers/${data.id}/`);
    } catch (problem) {
      await this.refused(problem, body, onConflict, onErased);
    } finally {
      saveButton.removeAttribute("aria-disabled");
    }
  }

  async refused(problem, body, onConflict, onErased) {
    const owners = problem.body ? problem.body.customers || [] : [];
    const doubts = problem.body ? problem.body.warnings || [] : [];
    if (problem.status === 409 && doubts.length) {
      if (await confirmSomebodyElse(doubts)) await this.save(onConflict, "warn");
      return;
    }
    if (problem.status === 409 && owners.length === 1) {
      const choice = await askToReplace({ id: owners[0], attributes: this.attributes.filter(isWritable), body });
      if (choice === "replace") await this.save("overwrite", onErased);
      if (choice === "open") { this.saved = true; location.assign(`/customers/${owners[0]}/`); }
      return;
    }
    if (problem.status === 409 && owners.length > 1) {
      const phones = this.fields.find((field) => field.attribute.key === "phones");
      if (phones) phones.showError([problem.message]);
      this.count();
      await showSeveralOwners(owners, problem.message);
      return;
    }
    const rest = placeErrors(this.fields, problem.errors || {});
    this.say(Object.keys(problem.errors || {}).length ? rest : [problem.message]);
    this.count();
  }
}

for (const place of document.querySelectorAll("[data-new-customer]")) new NewCustomer(place).start();
