/*
 * The profile of a customer, attached to [data-customer-profile]: who this is, the attributes edited in place,
 * labels, versions. Every save sends the version it began from (C37).
 */

import { patch, post, read, remove, schema } from "./api.js";
import { shownValue } from "./comparison.js";
import { settleConflict } from "./conflict.js";
import { bodyOf, Field, grouped, isWritable, originalValues, placeErrors } from "./customer-fields.js";
import { dialButton } from "./dial.js";
import { confirmAction, openMenu } from "./dialogs.js";
import { button, el, fill, icon } from "./elements.js";
import { addKeys } from "./keys.js";
import { changeLabels, labelPill, labelsOf, makeLabel } from "./labels.js";
import { confirmSomebodyElse } from "./overwrite-warning.js";
import { may } from "./page.js";
import { privacyItems } from "./customer-privacy.js";
import { toast, toastNext } from "./toasts.js";
import { count, fullName, hue, initials, isEmpty, nameNodes, phoneNode, valueOf } from "./values.js";
import { VersionHistory } from "./version-history.js";

const CHANNELS = { email: ["mail", "email"], whatsapp: ["message-circle", "messaging"], facebook: ["share-2", "social"], instagram: ["share-2", "social"], x: ["share-2", "social"], line: ["message-circle", "messaging"], phone: ["phone", "phone"] };
const SHOWN_CHANNELS = 6;

class CustomerProfile {
  constructor(place) {
    this.place = place;
    this.id = place.dataset.customerProfile;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.fields = new Map();
    this.revealed = new Map();
    this.showsEmpty = false;
  }

  async start() {
    try {
      [this.attributes, this.customer, this.labels] = await Promise.all([
        schema(), read(`customers/${this.id}/`), read("labels/").then(labelsOf).catch(() => []),
      ]);
    } catch (problem) {
      this.showMissing(problem);
      return;
    }
    this.attributes = this.attributes.filter((attribute) => !attribute.archived);
    this.byKey = new Map(this.attributes.map((attribute) => [attribute.key, attribute]));
    // An address of a merged customer answers its survivor.
    if (this.customer.id !== this.id) { history.replaceState(null, "", `/customers/${this.customer.id}/`); this.id = this.customer.id; }
    this.versions = new VersionHistory(this.id, this.byKey, (answer, version) => this.afterRestore(answer, version));
    this.attach();
    this.showPosition();
    this.render();
    this.place.dataset.ready = "true";
    this.loadVersions();
  }

  async loadVersions() {
    try {
      await this.versions.load();
      this.renderHistory();
      if (this.versions.panel) this.versions.render();
    } catch (problem) {
      fill(this.part("history"), el("p", { class: "error" }, icon("circle-alert"), problem.message));
    }
  }

  mayEdit(attribute) {
    return may("edit_customers") && isWritable(attribute);
  }

  /** Personal data stays hidden on screens until it is revealed, also for who may reveal it. */
  isHidden(attribute) {
    return attribute.pii && !this.revealed.has(attribute.key);
  }

  render() {
    this.renderIdentity();
    this.renderAttributes();
    this.renderFoot();
    document.title = `${fullName(this.customer) || gettext("No Name")} · CIM`;
  }

  renderIdentity() {
    const { customer } = this;
    fill(this.part("avatar"), initials(customer));
    this.part("avatar").className = `avatar big hue-${hue(customer.id)}`;
    fill(this.part("name"), nameNodes(customer));
    fill(this.part("labels"), (customer.labels || []).map((name) => labelPill(this.labels, name, may("label_customers") ? el("button", { type: "button", class: "pill-off", "aria-label": interpolate(gettext("Remove the label %s"), [name]), on: { click: () => this.label({ remove: [name] }) } }, icon("x")) : null)));
    const phones = this.hiddenList("phones", customer.phones);
    const emails = this.hiddenList("emails", customer.emails);
    const channels = [
      ...phones.map((number, place) => ["phone", "phone", [this.hidden("phones") ? number : phoneNode(number), dialButton(customer.id, { place, label: interpolate(gettext("Dial phone %s"), [place + 1]) })]]),
      ...emails.map((address) => ["mail", "email", el("span", { class: "ltr" }, address)]),
      ...(customer.identifiers || []).map(({ type, value }) => [...(CHANNELS[type] || ["contact", ""]), el("span", { class: "ltr" }, value)]),
    ];
    const chip = ([name, tone, text]) => el("li", {}, el("span", { class: `tile ${tone}` }, icon(name)), text);
    fill(this.part("channels"), channels.slice(0, SHOWN_CHANNELS).map(chip), channels.length > SHOWN_CHANNELS ? el("li", { class: "quiet" }, interpolate(gettext("+%s more"), [channels.length - SHOWN_CHANNELS])) : null, channels.length ? null : el("li", { class: "quiet" }, gettext("No phone and no email")));
  }

  hidden(key) {
    const attribute = this.byKey.get(key);
    return attribute ? this.isHidden(attribute) : false;
  }

  hiddenList(key, values) {
    return this.hidden(key) ? (values || []).map(() => "••••••") : values || [];
  }

  renderAttributes() {
    const filled = this.attributes.filter((attribute) => !isEmpty(valueOf(this.customer, attribute))).length;
    fill(this.part("filled"), interpolate(gettext("%(filled)s of %(all)s filled"), { filled, all: this.attributes.length }, true));
    const empty = this.part("empty");
    empty.hidden = filled === this.attributes.length;
    empty.textContent = this.showsEmpty ? gettext("Hide empty") : gettext("Show empty");
    fill(this.part("attributes"), grouped(this.attributes).map((group) => {
      const shown = group.attributes.filter((attribute) => this.showsEmpty || this.fields.has(attribute.key) || !isEmpty(valueOf(this.customer, attribute)));
      return shown.length ? el("section", { class: "attribute-group" }, el("h3", {}, group.title), el("dl", { class: "attributes" }, shown.map((attribute) => this.row(attribute)))) : null;
    }));
  }

  row(attribute) {
    const field = this.fields.get(attribute.key);
    if (field) return el("div", { class: "attribute editing" }, el("dt", { class: "unseen" }, attribute.label), el("dd", {}, field.element));
    const value = valueOf(this.customer, attribute);
    const hidden = this.isHidden(attribute) && !isEmpty(value);
    const edit = this.mayEdit(attribute) ? el("button", { type: "button", class: "btn quiet icon-only edit-one", "aria-label": interpolate(gettext("Edit %s"), [attribute.label]), on: { click: () => this.edit([attribute]) } }, icon("pencil")) : null;
    const revealButton = hidden && may("reveal") ? button(gettext("Reveal"), { icon: "eye", classes: "small" }, (event) => this.reveal(attribute, event.currentTarget)) : null;
    const shown = this.revealed.has(attribute.key) ? this.revealed.get(attribute.key) : value;
    const link = attribute.type === "url" && value && !hidden ? el("a", { href: shown, target: "_blank", rel: "noopener noreferrer" }, shown, " ", icon("external-link")) : shownValue(attribute, shown, hidden);
    const row = el("div", { class: "attribute", dataset: { attribute: attribute.key } }, el("dt", {}, attribute.label), el("dd", {}, link, " ", attribute.type === "phone" && !isEmpty(value) ? dialButton(this.id, { attribute: attribute.key, label: interpolate(gettext("Dial %s"), [attribute.label]) }) : null, revealButton, edit));
    if (edit) row.querySelector("dd").addEventListener("dblclick", () => this.edit([attribute]));
    return row;
  }

  renderHistory() {
    fill(this.part("history"), this.versions.summary());
    fill(this.part("history-count"), count(this.versions.versions.length));
  }

  /* Editing */

  edit(attributes) {
    const wanted = attributes.filter((attribute) => this.mayEdit(attribute) && !this.fields.has(attribute.key));
    for (const attribute of wanted) {
      const masked = attribute.pii && !may("reveal");
      this.fields.set(attribute.key, new Field(attribute, valueOf(this.customer, attribute), { masked, onInput: () => this.renderFoot() }));
    }
    this.render();
    const first = this.fields.get((wanted[0] || attributes[0] || {}).key);
    if (first) { first.focus(); first.element.scrollIntoView({ block: "nearest" }); }
  }

  editAll() {
    if (!this.fields.size) this.showedEmpty = this.showsEmpty;
    this.showsEmpty = true;
    this.edit(this.attributes);
  }

  /** Back to reading, with or without empty values as before. */
  endEditing() {
    this.fields.clear();
    this.showsEmpty = this.showedEmpty ?? this.showsEmpty;
    this.showedEmpty = undefined;
    this.render();
  }

  changed() {
    return Array.from(this.fields.values()).filter((field) => field.isChanged());
  }

  async cancel() {
    const number = this.changed().length;
    if (number && !(await confirmAction({ title: gettext("Stop editing"), lead: interpolate(ngettext("%s change is not saved and will be lost.", "%s changes are not saved and will be lost.", number), [number]), action: gettext("Stop editing") }))) return;
    this.say([]);
    this.endEditing();
    this.part("edit").focus();
  }

  renderFoot() {
    const number = this.changed().length;
    this.part("foot").hidden = this.fields.size === 0;
    this.part("save").disabled = number === 0;
    const wrong = Array.from(this.fields.values()).filter((field) => field.hasError()).length;
    const words = wrong
      ? el("span", { class: "error" }, icon("circle-alert"), interpolate(ngettext("%s field to put right", "%s fields to put right", wrong), [wrong]))
      : number ? interpolate(ngettext("%s change, not saved yet", "%s changes, not saved yet", number), [number]) : gettext("Nothing changed yet");
    fill(this.part("said"), words);
  }

  say(messages, extra = null) {
    fill(this.part("problem"), messages.length ? el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("div", { class: "words" }, messages.map((message) => el("p", {}, message)), extra)) : null);
  }

  async save() {
    const fields = this.changed();
    if (!fields.length) return;
    this.say([]);
    const wrong = fields.filter((field) => !field.check());
    this.renderFoot();
    if (wrong.length) { wrong[0].focus(); return; }
    await this.send(fields, this.customer.version);
  }

  /** Save these; `onErased` is "reject" until somebody has confirmed that a number is not an erased person's any more. */
  async send(fields, version, onErased = "reject") {
    const saveButton = this.part("save");
    saveButton.disabled = true;
    try {
      const { data } = await patch(`customers/${this.id}/?on_erased=${onErased}`, bodyOf(fields), { headers: { "If-Match": `"${version}"` } });
      this.customer = data;
      fields.forEach((field) => this.revealed.delete(field.attribute.key));
      this.endEditing();
      this.part("edit").focus();
      toast(gettext("Saved."));
      this.loadVersions();
    } catch (problem) {
      await this.refused(problem, fields, version);
    } finally {
      this.renderFoot();
    }
  }

  async refused(problem, fields, version) {
    if (problem.status === 412) {
      await this.settle(fields);
      return;
    }
    const doubts = problem.body ? problem.body.warnings || [] : [];
    if (problem.status === 409 && doubts.length) {
      if (await confirmSomebodyElse(doubts)) await this.send(fields, version, "warn");
      return;
    }
    const owners = problem.body ? problem.body.customers || [] : [];
    if (problem.status === 409 && owners.length) {
      const field = fields.find((one) => one.attribute.key === "phones") || fields.find((one) => one.attribute.type === "phone") || fields[0];
      field.showError([problem.message], owners.map((owner) => el("a", { href: `/customers/${owner}/` }, gettext("Open that customer"))));
      field.focus();
      return;
    }
    const rest = placeErrors(fields, problem.errors || {});
    this.say(Object.keys(problem.errors || {}).length ? rest : [problem.message]);
  }

  async settle(fields) {
    const [fresh, versions] = await Promise.all([read(`customers/${this.id}/`), this.versions.load()]);
    const base = originalValues(fields, this.customer);
    const keys = await settleConflict({ fields, base, fresh, latest: versions[0] });
    if (!keys) return;
    const kept = fields.filter((field) => keys.has(field.attribute.key));
    this.customer = fresh;
    if (kept.length) {
      await this.send(kept, fresh.version);
    } else {
      this.endEditing();
      toast(gettext("The values saved meanwhile stay."));
    }
  }

  async reveal(attribute, opener) {
    opener.disabled = true;
    try {
      const { data } = await post(`customers/${this.id}/reveal/`, { attribute: attribute.key });
      this.revealed.set(attribute.key, data.value);
      this.render();
    } catch (problem) {
      this.say([problem.message]);
    }
  }

  /* Labels, deletion, restoring */

  async label(change) {
    try {
      const { data } = await post(`customers/${this.id}/labels/`, change);
      this.customer.labels = data.labels;
      this.renderIdentity();
    } catch (problem) {
      this.say([problem.message]);
    }
  }

  pickLabel(anchor) {
    const free = this.labels.filter((label) => !(this.customer.labels || []).includes(label.name));
    openMenu(anchor, [
      ...free.map((label) => ({ label: label.name, mark: el("span", { class: `dot tone-${label.color}` }), run: () => this.label({ add: [label.name] }) })),
      { label: gettext("New label"), icon: "plus", run: () => this.newLabel() },
      may("delete_customers") && this.labels.length ? { label: gettext("Change labels"), icon: "pencil", run: () => this.changeLabels() } : null,
    ], { label: gettext("Labels") });
  }

  async newLabel() {
    const label = await makeLabel();
    if (!label) return;
    this.labels.push(label);
    await this.label({ add: [label.name] });
  }

  async changeLabels() {
    await changeLabels(this.labels);
    [this.labels, this.customer] = await Promise.all([read("labels/").then(labelsOf), read(`customers/${this.id}/`)]);
    this.renderIdentity();
  }

  more(anchor) {
    openMenu(anchor, [
      { label: gettext("Copy the address of this page"), icon: "link", run: () => navigator.clipboard.writeText(location.href).then(() => toast(gettext("Copied."))) },
      may("merge") ? { label: gettext("Merge with others"), icon: "git-merge", run: () => location.assign(`/customers/merge/?ids=${this.id}`) } : null,
      ...privacyItems(this.id, () => fullName(this.customer) || gettext("this customer"), (problem) => this.say([problem.message])),
      may("delete_customers") ? { label: gettext("Delete this customer"), icon: "trash-2", danger: true, run: () => this.delete() } : null,
    ], { label: gettext("More") });
  }

  async delete() {
    const name = fullName(this.customer) || gettext("this customer");
    const sure = await confirmAction({
      title: interpolate(gettext("Delete %s"), [name]),
      lead: gettext("The customer leaves the list, and the phone numbers become free. History and interactions are kept, and you can take this back."),
      action: gettext("Delete customer"),
    });
    if (!sure) return;
    try {
      await remove(`customers/${this.id}/`, { headers: { "If-Match": `"${this.customer.version}"` } });
      this.showDeleted(name);
    } catch (problem) {
      this.say([problem.message]);
    }
  }

  showDeleted(name) {
    fill(
      this.place,
      el(
        "div", { class: "view-body state" }, el("span", { class: "tile huge" }, icon("trash-2")), el("h1", {}, interpolate(gettext("%s is deleted"), [name])),
        el("p", {}, gettext("Values and history are kept. Restoring brings them back, with the numbers nobody else has taken since.")),
        el("div", { class: "actions" }, button(gettext("Restore"), { icon: "undo-2" }, () => this.undelete()), el("a", { class: "btn primary", href: "/customers/" }, gettext("Back to the list"))),
      ),
    );
  }

  async undelete() {
    try {
      const { data } = await post(`customers/${this.id}/restore/`);
      toastNext(this.notReturned(data) || gettext("The customer is back."));
      location.reload();
    } catch (problem) {
      this.place.querySelector(".state p").textContent = problem.message;
    }
  }

  notReturned(answer) {
    const numbers = (answer.not_returned || []).map((one) => one.number);
    return numbers.length ? interpolate(gettext("Restored, but not the numbers that belong to others now: %s"), [numbers.join(", ")]) : "";
  }

  afterRestore(answer, version) {
    this.customer = answer.customer;
    this.endEditing();
    toast(this.notReturned(answer) || interpolate(gettext("Version %s is back."), [version.version]));
    this.loadVersions();
  }

  showMissing(problem) {
    const missing = problem.status === 404;
    fill(this.place, el(
      "div", { class: "view-body state" },
      el("span", { class: "tile huge" }, icon(missing ? "search" : "triangle-alert")),
      el("h1", {}, missing ? gettext("This customer is not here") : gettext("The profile could not be loaded")),
      el("p", {}, missing ? gettext("It was deleted, or the address is wrong.") : problem.message),
      el("div", { class: "actions" },
        missing && may("delete_customers") ? button(gettext("Restore it, if it was deleted"), { icon: "undo-2" }, () => this.undelete()) : null,
        missing ? null : button(gettext("Try again"), { icon: "refresh-cw", classes: "primary" }, () => location.reload()),
        el("a", { class: `btn ${missing ? "primary" : ""}`.trim(), href: "/customers/" }, gettext("Back to the list"))),
    ));
    this.place.dataset.ready = "true";
  }

  /** "2 of 1,284", and the steps to the neighbours, when one comes from the list. */
  showPosition() {
    let kept = null;
    try { kept = JSON.parse(sessionStorage.getItem("cim-list")); } catch (broken) { kept = null; }
    const at = kept ? kept.ids.indexOf(this.id) : -1;
    if (at < 0) return;
    this.part("back").href = kept.address;
    const place = kept.first + at + 1;
    fill(this.part("position"), kept.total ? interpolate(gettext("%(place)s of %(all)s"), { place: count(place), all: count(kept.total) }, true) : count(place));
    for (const [name, step] of [["previous", -1], ["next", 1]]) {
      const link = this.part(name);
      const id = kept.ids[at + step];
      if (id) { link.href = `/customers/${id}/`; link.hidden = false; }
    }
  }

  attach() {
    const on = (name, listener) => { const part = this.part(name); if (part) part.addEventListener("click", (event) => listener(event.currentTarget)); };
    on("edit", () => this.editAll());
    on("cancel", () => this.cancel());
    on("more", (anchor) => this.more(anchor));
    on("label", (anchor) => this.pickLabel(anchor));
    on("versions", (anchor) => (this.versions.panel ? this.versions.closePanel() : this.versions.openPanel(this.place, anchor)));
    on("versions-all", (anchor) => this.versions.panel || this.versions.openPanel(this.place, anchor));
    on("empty", () => { this.showsEmpty = !this.showsEmpty; this.renderAttributes(); });
    this.part("form").addEventListener("submit", (event) => { event.preventDefault(); this.save(); });
    this.part("form").addEventListener("focusout", (event) => {
      const holder = event.target.closest("[data-field]");
      const field = holder && this.fields.get(holder.dataset.field);
      if (field && field.isChanged() && !holder.contains(event.relatedTarget)) { field.check(); this.renderFoot(); }
    });
    this.part("form").addEventListener("keydown", (event) => { if (event.key === "Escape" && this.fields.size) { event.preventDefault(); this.cancel(); } });
    window.addEventListener("beforeunload", (event) => { if (this.changed().length) event.preventDefault(); });
    addKeys([
      { keys: ["j"], label: gettext("Next customer"), run: () => { const link = this.part("next"); if (!link.hidden) link.click(); } },
      { keys: ["k"], label: gettext("Customer before"), run: () => { const link = this.part("previous"); if (!link.hidden) link.click(); } },
    ]);
  }
}

for (const place of document.querySelectorAll("[data-customer-profile]")) new CustomerProfile(place).start();
