/* Making and changing a configuration, attached to [data-crm-connection]. The key goes in and never comes out. */

import { idempotencyKey, patch, post, read, remove, schema } from "./api.js";
import { ALL, field, problemNote, sayErrors, select } from "./crm-words.js";
import { confirmAction } from "./dialogs.js";
import { button, el, fill, icon } from "./elements.js";
import { may } from "./page.js";
import { toast, toastNext } from "./toasts.js";
import { formatRecently } from "./values.js";

/** What a CRM calls its credentials, as people read it. */
const SECRETS = () => ({ api_key: gettext("API key") });
const REGIONS = () => [["EMEA", gettext("Europe, Middle East and Africa (EMEA)")], ["AMERICAS", gettext("Americas (AMERICAS)")], ["APAC", gettext("Asia and Pacific (APAC)")]];

class Connection {
  constructor(form) {
    this.form = form;
    this.id = form.dataset.crmConnection;
    this.part = (name) => form.querySelector(`[data-part=${name}]`);
    this.rows = [];
  }

  async start() {
    try {
      const [known, attributes, configuration] = await Promise.all([read(ALL), schema(), this.id ? read(`crm/configurations/${this.id}/`) : null]);
      this.types = known.types;
      this.attributes = attributes.filter((one) => !one.archived && !["created_at", "updated_at"].includes(one.key));
      this.configuration = configuration;
      this.draw();
      this.form.dataset.ready = "true";
    } catch (problem) {
      fill(this.part("body"), problemNote(problem));
    }
  }

  type() {
    return this.types.find((one) => one.type === (this.configuration ? this.configuration.type : this.fields.type.control.value)) || this.types[0];
  }

  draw() {
    const it = this.configuration;
    const isNew = !it;
    const text = (value, more = {}) => el("input", { class: "input", value: value || "", autocomplete: "off", ...more });
    this.fields = {
      name: field("crm-name", gettext("Name"), text(it && it.name, { maxlength: "100" })),
      description: field("crm-description", gettext("Description"), text(it && it.description, { maxlength: "500" })),
      type: field("crm-type", gettext("Type"), select(this.types.map((one) => [one.type, one.label]), it ? it.type : this.types[0].type, { disabled: !isNew, on: { change: () => this.showForms() } })),
      region: field("crm-region", gettext("Region"), select(REGIONS(), it ? it.region : "EMEA", { disabled: !isNew }), isNew ? gettext("It cannot be changed later.") : gettext("Fixed. Another region needs a new configuration.")),
      base_url: field("crm-base", gettext("Base address"), text(it && it.base_url, { inputmode: "url" }), " "),
      screenpop_url: field("crm-pages", gettext("Address of its customer pages"), text(it && it.screenpop_url, { inputmode: "url" }), " "),
    };
    this.secrets = {};
    this.secretBox = el("div", { class: "stack tight" });
    this.gateway = el("input", { type: "checkbox", role: "switch", checked: Boolean(it && it.gateway) });
    this.enabled = el("input", { type: "checkbox", role: "switch", checked: !it || it.enabled });
    this.rows = it ? it.gateway_fields.map((row) => ({ ...row })) : [];
    this.table = el("div", { class: "stack tight" });
    this.problem = el("div");
    this.credentials = { control: this.secretBox, say: (messages) => Object.values(this.secrets)[0].say(messages) };
    fill(
      this.part("body"), this.problem,
      it && it.status === "failed" ? el("div", { class: "note bad" }, icon("circle-alert"), el("p", { class: "words" }, el("strong", {}, gettext("The check failed.")), " ", it.status_detail)) : null,
      it && it.status === "active" ? el("div", { class: "note ok" }, icon("check"), el("p", { class: "words" }, interpolate(gettext("Authentication is active. Checked %s."), [formatRecently(it.checked_at)]), it.system_user ? ` ${interpolate(gettext("The CRM records what is written as “%(user)s”, time zone %(zone)s."), { user: it.system_user, zone: it.time_zone || "UTC" }, true)}` : "")) : null,
      el("section", { class: "card" }, el("div", { class: "card-head" }, el("h2", {}, gettext("Connection"))), el(
        "div", { class: "card-body stack" },
        el("div", { class: "crm-pair" }, this.fields.name.element, this.fields.type.element),
        this.fields.description.element, this.fields.region.element, this.secretBox, this.fields.base_url.element, this.fields.screenpop_url.element,
        el("label", { class: "switch" }, el("span", { class: "words" }, el("strong", { class: "strong" }, gettext("In use")), el("div", {}, el("span", { class: "hint" }, gettext("Switched off, nothing is written there and nothing is shown from there.")))), this.enabled),
      )),
      el("section", { class: "card" }, el("div", { class: "card-head" }, el("h2", {}, gettext("Gateway")), el("span", { class: "under" }, gettext("Customers whose details stay in the CRM"))), el(
        "div", { class: "card-body stack" },
        el("label", { class: "switch" }, el("span", { class: "words" }, el("strong", { class: "strong" }, gettext("Look up unknown callers there")), el("div", {}, el("span", { class: "hint" }, gettext("Found as the only one, they become a customer here. Several are shown to the agent, and nothing is stored.")))), this.gateway),
        el("p", { class: "label strong" }, gettext("Further fields of the CRM")), this.table,
        el("div", {}, button(gettext("Add a field"), { icon: "plus", classes: "small" }, () => { this.rows.push({ crm_field: "", attribute: this.attributes[0].key }); this.drawRows(); })),
      )),
    );
    this.drawSecrets();
    this.drawRows();
    this.showForms();
    fill(
      this.part("foot"),
      isNew ? null : button(gettext("Check again"), { icon: "refresh-cw" }, () => this.check()),
      isNew || !may("integrations.edit") ? null : button(gettext("Delete"), { classes: "quiet danger" }, () => this.remove()),
      el("div", { class: "actions end" }, el("button", { class: "btn primary", dataset: { key: "Ctrl Enter", keyLabel: gettext("Save") } }, isNew ? gettext("Connect and check") : gettext("Save"))),
    );
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.save(); });
  }

  drawSecrets() {
    const stored = Boolean(this.configuration);
    this.secrets = Object.fromEntries(this.type().credentials.map((name) => [name, field(
      `crm-secret-${name}`, SECRETS()[name] || name.replaceAll("_", " "),
      el("input", { class: "input mono", type: "password", autocomplete: "new-password", spellcheck: "false", placeholder: stored ? gettext("Stored. Type a new one to replace it.") : "" }),
      gettext("Kept encrypted; nobody can read it again."),
    )]));
    fill(this.secretBox, Object.values(this.secrets).map((one) => one.element));
  }

  drawRows() {
    fill(this.table, this.rows.map((row, place) => el(
      "div", { class: "crm-gateway-row" },
      el("input", { class: "input small mono", value: row.crm_field, "aria-label": interpolate(gettext("Field %s of the CRM"), [place + 1]), placeholder: "custom.tierStr", on: { input: (event) => { row.crm_field = event.target.value.trim(); } } }),
      icon("arrow-right", "turns"),
      select(this.attributes.map((one) => [one.key, one.label]), row.attribute, { class: "input small", "aria-label": interpolate(gettext("Attribute for field %s"), [place + 1]), on: { change: (event) => { row.attribute = event.target.value; } } }),
      el("button", { type: "button", class: "btn quiet icon-only small", "aria-label": interpolate(gettext("Remove field %s"), [place + 1]), on: { click: () => { this.rows.splice(place, 1); this.drawRows(); } } }, icon("x")),
    )), this.rows.length ? null : el("p", { class: "hint" }, gettext("Name, numbers, emails, address and ids come by themselves.")));
  }

  showForms() {
    const type = this.type();
    for (const [name, example] of [["base_url", type.base_url], ["screenpop_url", type.screenpop_url]]) {
      this.fields[name].control.placeholder = example;
      const hint = this.fields[name].element.querySelector(".hint");
      if (hint) hint.textContent = interpolate(gettext("Like %s"), [example]);
    }
  }

  values() {
    const given = Object.fromEntries(Object.entries(this.fields).map(([name, one]) => [name, one.control.value.trim()]));
    const secrets = Object.fromEntries(Object.entries(this.secrets).map(([name, one]) => [name, one.control.value]));
    const body = { ...given, enabled: this.enabled.checked, gateway: this.gateway.checked, gateway_fields: this.rows.filter((row) => row.crm_field) };
    if (!this.configuration) return { ...body, credentials: secrets };
    delete body.type;
    delete body.region;
    return Object.values(secrets).some(Boolean) ? { ...body, credentials: secrets } : body;
  }

  async save() {
    fill(this.problem);
    for (const one of [...Object.values(this.fields), ...Object.values(this.secrets)]) one.clear();
    this.showForms();
    try {
      if (this.configuration) {
        this.configuration = (await patch(`crm/configurations/${this.id}/`, this.values())).data;
        for (const one of Object.values(this.secrets)) one.control.value = "";
        toast(gettext("Saved."));
        this.again();
      } else {
        this.key = this.key || idempotencyKey();
        const made = (await post("crm/configurations/", this.values(), { headers: { "Idempotency-Key": this.key } })).data;
        toastNext(interpolate(gettext("%s is connected; its key is being checked."), [made.name]));
        location.assign(`/crm/${made.id}/connection/`);
      }
    } catch (problem) {
      this.key = null;
      const rest = sayErrors(problem, { ...this.fields, credentials: this.credentials });
      if (rest.length) fill(this.problem, problemNote(rest.join(" ")));
    }
  }

  again() {
    const badge = document.querySelector("[data-crm-status]");
    if (badge) badge.dispatchEvent(new CustomEvent("crm:again"));
  }

  async check() {
    try {
      await post(`crm/configurations/${this.id}/check/`);
      toast(gettext("The key is being checked."));
      setTimeout(() => this.again(), 1000);
    } catch (problem) {
      fill(this.problem, problemNote(problem));
    }
  }

  async remove() {
    const sure = await confirmAction({
      title: interpolate(gettext("Delete %s"), [this.configuration.name]),
      lead: gettext("Its mappings, workflows and the list of its deliveries go with it. What was written to the CRM stays there. This cannot be taken back."),
      action: gettext("Delete"),
    });
    if (!sure) return;
    try {
      await remove(`crm/configurations/${this.id}/`);
      toastNext(interpolate(gettext("%s is deleted."), [this.configuration.name]));
      location.assign("/crm/");
    } catch (problem) {
      fill(this.problem, problemNote(problem));
    }
  }
}

for (const form of document.querySelectorAll("[data-crm-connection]")) new Connection(form).start();
