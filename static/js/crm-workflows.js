/* Workflows and the setups of skills, attached to [data-crm-workflows] (M15, M16). */

import { idempotencyKey, patch, post, read, remove, schema } from "./api.js";
import { field, problemNote, sayErrors, select, typeName } from "./crm-words.js";
import { confirmAction, openDialog } from "./dialogs.js";
import { button, el, fill, icon } from "./elements.js";
import { may } from "./page.js";
import { toast } from "./toasts.js";

const WORKFLOWS = "crm/workflows/";
const SKILLS = "crm/skills/";
const ON_NONE = () => [["nothing", gettext("Do nothing")], ["create", gettext("Create a record")]];
const ON_ONE = () => [["use", gettext("Use it")], ["nothing", gettext("Do nothing")]];
const ON_SEVERAL = () => [["ask", gettext("Show them, write nothing")], ["first", gettext("Use the first")], ["nothing", gettext("Do nothing")]];
const PURPOSES = () => [["search", gettext("Search")], ["create", gettext("Create")]];
const FIRST = () => [["follow", gettext("Written once the agent closes the contact")], ["drop", gettext("Not written")]];

class Workflows {
  constructor(place) {
    this.place = place;
    this.id = place.dataset.crmWorkflows;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.may = may("integrations.edit");
    this.part("new-skill").hidden = !this.may;
    this.part("new-workflow").hidden = !this.may;
    this.part("new-skill").addEventListener("click", () => this.editSkill(null));
    this.part("new-workflow").addEventListener("click", () => this.editWorkflow(null));
  }

  async start() {
    const of = `?configuration=${this.id}`;
    try {
      [this.workflows, this.skills, this.mappings, this.shown, this.attributes] = await Promise.all([
        read(WORKFLOWS + of), read(SKILLS + of), read(`crm/memorialisation-mappings/${of}`), read(`crm/dynamic-data-mappings/${of}`), schema(),
      ]);
      this.draw();
    } catch (problem) {
      fill(this.part("problem"), problemNote(problem));
    }
    this.place.dataset.ready = "true";
  }

  name(list, id) {
    const found = list.find((one) => one.id === id);
    return found ? found.name : el("span", { class: "quiet" }, "–");
  }

  actions(label, edit, drop) {
    return el("td", { class: "crm-row-actions" }, this.may ? [
      el("button", { type: "button", class: "btn quiet icon-only small", "aria-label": interpolate(gettext("Edit %s"), [label]), on: { click: edit } }, icon("pencil")),
      el("button", { type: "button", class: "btn quiet icon-only small", "aria-label": interpolate(gettext("Delete %s"), [label]), on: { click: drop } }, icon("x")),
    ] : null);
  }

  draw() {
    const words = (list) => Object.fromEntries(list);
    fill(this.part("skills"), this.skills.map((one) => {
      const label = one.skill || gettext("Every other skill");
      return el(
        "tr", {}, el("td", {}, el("strong", {}, label)), el("td", {}, this.name(this.mappings, one.memorialisation_mapping)), el("td", {}, this.name(this.shown, one.dynamic_data_mapping)),
        el("td", {}, this.name(this.workflows, one.search_workflow)), el("td", {}, this.name(this.workflows, one.create_workflow)),
        el("td", { class: "quiet" }, [one.screen_pop ? gettext("screen pop") : gettext("no screen pop"), one.after_call_work ? gettext("after-call work") : gettext("no after-call work")].join(", ")),
        this.actions(label, () => this.editSkill(one), () => this.drop(SKILLS, one.id, label)),
      );
    }), this.skills.length ? null : el("tr", {}, el("td", { colspan: "7", class: "quiet" }, gettext("None. Every mapping applies to every contact."))));
    fill(this.part("workflows"), this.workflows.map((one) => el(
      "tr", {}, el("td", {}, el("strong", {}, one.name)), el("td", {}, words(PURPOSES())[one.purpose], ", ", typeName(one.record_type)),
      el("td", { class: "mono" }, one.match_on.map((item) => item.crm_field).join(", ") || "–"),
      el("td", { class: "quiet" }, one.purpose === "search" ? [words(ON_NONE())[one.on_none], words(ON_ONE())[one.on_one], words(ON_SEVERAL())[one.on_several]].join(" / ") : "–"),
      el("td", { class: "mono" }, one.create_with.map((item) => item.crm_field).join(", ") || "–"),
      this.actions(one.name, () => this.editWorkflow(one), () => this.drop(WORKFLOWS, one.id, one.name)),
    )), this.workflows.length ? null : el("tr", {}, el("td", { colspan: "6", class: "quiet" }, gettext("None. Customers are found by phone, then by email, and made where they are missing."))));
  }

  dialog(title, lead, fields, body, address, id, values) {
    const refusal = el("div");
    let key = null;
    const save = async () => {
      fill(refusal);
      for (const one of Object.values(fields)) one.clear();
      try {
        if (id) await patch(`${address}${id}/`, values());
        else await post(address, { configuration: this.id, ...values() }, { headers: { "Idempotency-Key": key = key || idempotencyKey() } });
        opened.close();
        toast(gettext("Saved."));
        await this.start();
      } catch (problem) {
        key = null;
        const rest = sayErrors(problem, fields);
        if (rest.length) fill(refusal, problemNote(rest.join(" ")));
      }
    };
    const opened = openDialog({
      title, lead, wide: true, body: [refusal, ...body],
      end: [button(gettext("Cancel"), { key: "Esc" }, () => opened.close()), button(gettext("Save"), { classes: "primary" }, save)],
    });
    Object.values(fields)[0].control.focus();
  }

  editSkill(one) {
    const none = [["", gettext("None")]];
    const named = (list) => [...none, ...list.map((item) => [item.id, item.name])];
    const of = (name) => (one ? one[name] || "" : "");
    const box = (name, label, on) => { const input = el("input", { type: "checkbox", role: "switch", checked: on }); return { control: input, clear: () => {}, say: () => {}, element: el("label", { class: "switch" }, el("span", { class: "words" }, el("strong", { class: "strong" }, label)), input) }; };
    const fields = {
      skill: field("skill-name", gettext("Skill"), el("input", { class: "input", maxlength: "150", value: of("skill"), autocomplete: "off" }), gettext("Its id or name, as the telephony tells it. Empty: every other skill.")),
      memorialisation_mapping: field("skill-mapping", gettext("Written after contacts"), select(named(this.mappings), of("memorialisation_mapping"))),
      dynamic_data_mapping: field("skill-shown", gettext("Shown to agents"), select(named(this.shown), of("dynamic_data_mapping"))),
      search_workflow: field("skill-search", gettext("Search workflow"), select(named(this.workflows.filter((item) => item.purpose === "search")), of("search_workflow"))),
      create_workflow: field("skill-create", gettext("Create workflow"), select(named(this.workflows.filter((item) => item.purpose === "create")), of("create_workflow"))),
      customer_first: field("skill-first", gettext("Status, disposition, notes and tags when the customer ends first"), select(FIRST(), one ? one.customer_first : "follow")),
      screen_pop: box("screen_pop", gettext("Screens pop for this skill"), one ? one.screen_pop : true),
      after_call_work: box("after_call_work", gettext("Calls have after-call work"), one ? one.after_call_work : true),
    };
    fields.screen_pop.say = (messages) => fields.skill.say(messages);
    this.dialog(one ? interpolate(gettext("Edit %s"), [one.skill || gettext("Every other skill")]) : gettext("Set up a skill"), gettext("What applies to its contacts from now on."), fields, Object.values(fields).map((item) => item.element), SKILLS, one && one.id, () => ({
      ...Object.fromEntries(["memorialisation_mapping", "dynamic_data_mapping", "search_workflow", "create_workflow"].map((name) => [name, fields[name].control.value || null])),
      skill: fields.skill.control.value.trim(), customer_first: fields.customer_first.control.value, screen_pop: fields.screen_pop.control.checked, after_call_work: fields.after_call_work.control.checked,
    }));
  }

  /** Rows of a field of the CRM and where its value comes from. */
  pairs(id, label, rows, withText, hint) {
    const attributes = [["id", gettext("Id of the customer here")], ...this.attributes.filter((one) => !one.archived).map((one) => [one.key, one.label])];
    const box = el("div", { class: "stack tight", tabindex: "-1" });
    const draw = () => fill(box, rows.map((row, place) => el(
      "div", { class: "crm-gateway-row" },
      el("input", { class: "input small mono", value: row.crm_field, "aria-label": interpolate(gettext("%(label)s, field %(place)s"), { label, place: place + 1 }, true), on: { input: (event) => { row.crm_field = event.target.value.trim(); } } }),
      select([...attributes, ...(withText ? [["=", gettext("A fixed text")]] : [])], "text" in row ? "=" : row.attribute, { class: "input small", "aria-label": interpolate(gettext("%(label)s, source %(place)s"), { label, place: place + 1 }, true), on: { change: (event) => { if (event.target.value === "=") { delete row.attribute; row.text = ""; } else { delete row.text; row.attribute = event.target.value; } draw(); } } }),
      "text" in row ? el("input", { class: "input small", value: row.text, "aria-label": interpolate(gettext("%(label)s, text %(place)s"), { label, place: place + 1 }, true), on: { input: (event) => { row.text = event.target.value; } } }) : null,
      el("button", { type: "button", class: "btn quiet icon-only small", "aria-label": interpolate(gettext("%(label)s: remove %(place)s"), { label, place: place + 1 }, true), on: { click: () => { rows.splice(place, 1); draw(); } } }, icon("x")),
    )), el("div", {}, button(gettext("Add a field"), { icon: "plus", classes: "small" }, () => { rows.push({ crm_field: "", attribute: "phones" }); draw(); })));
    draw();
    const under = el("div", {}, el("p", { class: "hint" }, hint));
    return {
      control: box, clear: () => fill(under, el("p", { class: "hint" }, hint)), say: (messages) => fill(under, el("p", { class: "error", role: "alert" }, icon("circle-alert"), messages.join(" "))),
      element: el("fieldset", { class: "field" }, el("legend", { class: "label" }, label), box, under),
    };
  }

  editWorkflow(one) {
    const match = one ? structuredClone(one.match_on) : [{ crm_field: "phones", attribute: "phones" }];
    const create = one ? structuredClone(one.create_with) : [];
    const fields = {
      name: field("workflow-name", gettext("Name"), el("input", { class: "input", maxlength: "100", value: one ? one.name : "", autocomplete: "off" })),
      purpose: field("workflow-purpose", gettext("For"), select(PURPOSES(), one ? one.purpose : "search")),
      record_type: field("workflow-type", gettext("Record type"), el("input", { class: "input mono", value: one ? one.record_type : "customer", autocomplete: "off" })),
      match_on: this.pairs("match", gettext("Match on"), match, false, gettext("Tried in this order; the first field that finds anybody decides.")),
      on_none: field("workflow-none", gettext("When nobody is found"), select(ON_NONE(), one ? one.on_none : "nothing")),
      on_one: field("workflow-one", gettext("When one is found"), select(ON_ONE(), one ? one.on_one : "use")),
      on_several: field("workflow-several", gettext("When several are found"), select(ON_SEVERAL(), one ? one.on_several : "ask")),
      create_with: this.pairs("create", gettext("Create with"), create, true, gettext("Empty: name, phones and emails.")),
    };
    this.dialog(one ? interpolate(gettext("Edit %s"), [one.name]) : gettext("New workflow"), gettext("How a customer's record is found in the CRM, or made there."), fields, Object.values(fields).map((item) => item.element), WORKFLOWS, one && one.id, () => ({
      ...Object.fromEntries(["name", "purpose", "record_type", "on_none", "on_one", "on_several"].map((name) => [name, fields[name].control.value.trim()])),
      match_on: match.filter((row) => row.crm_field), create_with: create.filter((row) => row.crm_field),
    }));
  }

  async drop(address, id, label) {
    if (!(await confirmAction({ title: interpolate(gettext("Delete %s"), [label]), lead: gettext("This cannot be taken back."), action: gettext("Delete") }))) return;
    try {
      await remove(`${address}${id}/`);
      await this.start();
    } catch (problem) {
      fill(this.part("problem"), problemNote(problem));
    }
  }
}

for (const place of document.querySelectorAll("[data-crm-workflows]")) new Workflows(place).start();
