/* What agents see of a CRM, attached to [data-crm-dynamic]: per record type up to five strings and three others (M20). */

import { idempotencyKey, patch, post, read, remove } from "./api.js";
import { errorLine, field, problemNote, sayErrors, select, typeName } from "./crm-words.js";
import { confirmAction, openDialog } from "./dialogs.js";
import { button, el, fill, icon } from "./elements.js";
import { may } from "./page.js";
import { toast } from "./toasts.js";

const ADDRESS = "crm/dynamic-data-mappings/";
const STRINGS = 5;
const OTHERS = 3;
const KINDS = () => [["string", gettext("Text")], ["number", gettext("Number")], ["boolean", gettext("Yes or no")], ["datetime", gettext("Date and time")]];

class DynamicData {
  constructor(place) {
    this.place = place;
    this.id = place.dataset.crmDynamic;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    const opener = document.querySelector("[data-crm-new]");
    opener.hidden = !may("dynamic_data.create");
    opener.addEventListener("click", () => this.edit(null));
  }

  async start() {
    try {
      this.mappings = await read(`${ADDRESS}?configuration=${this.id}`);
      this.draw();
    } catch (problem) {
      fill(this.part("problem"), problemNote(problem));
    }
    this.place.dataset.ready = "true";
  }

  draw() {
    const kinds = Object.fromEntries(KINDS());
    fill(this.part("mappings"), this.mappings.length ? this.mappings.map((mapping) => el(
      "section", { class: "card", "aria-label": mapping.name },
      el(
        "div", { class: "card-head" }, el("h2", {}, mapping.name), mapping.description ? el("span", { class: "under" }, mapping.description) : null,
        may("dynamic_data.create") ? el("div", { class: "actions end" }, button(gettext("Edit"), { icon: "pencil", classes: "small", "aria-label": interpolate(gettext("Edit %s"), [mapping.name]) }, () => this.edit(mapping)), button(gettext("Delete"), { classes: "small quiet danger", "aria-label": interpolate(gettext("Delete %s"), [mapping.name]) }, () => this.remove(mapping))) : null,
      ),
      el("div", { class: "card-body crm-shown" }, mapping.record_types.map((type) => el(
        "div", {}, el("p", { class: "strong" }, typeName(type.record_type)),
        el("ul", {}, type.fields.map((one) => el("li", {}, el("span", { class: "mono" }, one.crm_field), " ", el("span", { class: "quiet" }, kinds[one.data_type])))),
      ))),
    )) : el("div", { class: "card state" }, el("h2", {}, gettext("Agents see nothing of this CRM yet")), el("p", {}, gettext("Choose the fields that help in the first three seconds of a call."))));
  }

  edit(mapping) {
    const draft = mapping ? structuredClone(mapping.record_types) : [{ record_type: "customer", fields: [{ crm_field: "name", data_type: "string" }] }];
    const fields = {
      name: field("dynamic-name", gettext("Name"), el("input", { class: "input", maxlength: "100", value: mapping ? mapping.name : "", autocomplete: "off" })),
      description: field("dynamic-description", gettext("Description"), el("input", { class: "input", maxlength: "500", value: mapping ? mapping.description : "", autocomplete: "off" })),
    };
    const types = el("div", { class: "stack" });
    const refusal = el("div");
    let errors = {};
    const draw = () => fill(types, draft.map((type, at) => {
      const strings = type.fields.filter((one) => one.data_type === "string").length;
      const others = type.fields.length - strings;
      return el(
        "fieldset", { class: "crm-type" },
        el("legend", { class: "label" }, interpolate(gettext("Record type %s"), [at + 1])),
        el("div", { class: "crm-gateway-row" },
          el("input", { class: "input small mono", value: type.record_type, list: "dynamic-types", "aria-label": interpolate(gettext("Name of record type %s"), [at + 1]), on: { input: (event) => { type.record_type = event.target.value.trim(); } } }),
          el("span", { class: strings > STRINGS || others > OTHERS ? "bad-text" : "quiet" }, interpolate(gettext("%(strings)s of 5 text, %(others)s of 3 other"), { strings, others }, true)),
          draft.length > 1 ? el("button", { type: "button", class: "btn quiet icon-only small", "aria-label": interpolate(gettext("Remove record type %s"), [at + 1]), on: { click: () => { draft.splice(at, 1); draw(); } } }, icon("x")) : null),
        Object.entries(errors).filter(([name]) => name.startsWith(`record_types.${at}`)).map(([, messages]) => errorLine(messages)),
        type.fields.map((one, place) => el(
          "div", { class: "crm-gateway-row" },
          el("input", { class: "input small mono", value: one.crm_field, placeholder: "custom.tierStr", "aria-label": interpolate(gettext("Field %(place)s of record type %(type)s"), { place: place + 1, type: at + 1 }, true), on: { input: (event) => { one.crm_field = event.target.value.trim(); } } }),
          select(KINDS(), one.data_type, { class: "input small", "aria-label": interpolate(gettext("Type of field %(place)s of record type %(type)s"), { place: place + 1, type: at + 1 }, true), on: { change: (event) => { one.data_type = event.target.value; draw(); } } }),
          el("button", { type: "button", class: "btn quiet icon-only small", "aria-label": interpolate(gettext("Remove field %(place)s of record type %(type)s"), { place: place + 1, type: at + 1 }, true), on: { click: () => { type.fields.splice(place, 1); draw(); } } }, icon("x")),
        )),
        el("div", {}, button(gettext("Add a field"), { icon: "plus", classes: "small" }, () => { type.fields.push({ crm_field: "", data_type: strings < STRINGS ? "string" : "number" }); draw(); })),
      );
    }), el("datalist", { id: "dynamic-types" }, ["customer", "conversation", "message", "note"].map((name) => el("option", { value: name }))), el("div", {}, button(gettext("Another record type"), { icon: "plus", classes: "small" }, () => { draft.push({ record_type: "", fields: [{ crm_field: "", data_type: "string" }] }); draw(); })));
    draw();
    let key = null;
    const save = async () => {
      errors = {};
      fill(refusal);
      for (const one of Object.values(fields)) one.clear();
      const body = { name: fields.name.control.value.trim(), description: fields.description.control.value.trim(), record_types: draft };
      try {
        if (mapping) await patch(`${ADDRESS}${mapping.id}/`, body);
        else await post(ADDRESS, { configuration: this.id, ...body }, { headers: { "Idempotency-Key": key = key || idempotencyKey() } });
        opened.close();
        toast(interpolate(gettext("“%s” is saved."), [body.name]));
        await this.start();
      } catch (problem) {
        key = null;
        errors = problem.errors || {};
        const rest = sayErrors(problem, fields);
        draw();
        if (rest.length && !Object.keys(errors).some((name) => name.startsWith("record_types"))) fill(refusal, problemNote(rest.join(" ")));
      }
    };
    const opened = openDialog({
      title: mapping ? interpolate(gettext("Edit %s"), [mapping.name]) : gettext("New mapping"),
      lead: gettext("Agents see these fields; nothing is written."), wide: true, body: [refusal, fields.name.element, fields.description.element, types],
      end: [button(gettext("Cancel"), { key: "Esc" }, () => opened.close()), button(gettext("Save"), { classes: "primary" }, save)],
    });
    fields.name.control.focus();
  }

  async remove(mapping) {
    if (!(await confirmAction({ title: interpolate(gettext("Delete %s"), [mapping.name]), lead: gettext("Agents no longer see its fields."), action: gettext("Delete") }))) return;
    try {
      await remove(`${ADDRESS}${mapping.id}/`);
      await this.start();
    } catch (problem) {
      fill(this.part("problem"), problemNote(problem));
    }
  }
}

for (const place of document.querySelectorAll("[data-crm-dynamic]")) new DynamicData(place).start();
