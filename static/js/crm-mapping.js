/*
 * The editor of what is written after contacts, attached to [data-crm-mapping]: mappings, their record types, rows of
 * "field of the CRM, kind of contact, data field", and a test run against a past contact, which writes nothing.
 */

import { idempotencyKey, patch, post, read, remove } from "./api.js";
import { ALL, channelNames, errorLine, option, problemNote, typeName } from "./crm-words.js";
import { confirmAction, openMenu } from "./dialogs.js";
import { button, el, fill, freshId, icon } from "./elements.js";
import { addKeys } from "./keys.js";
import { may } from "./page.js";
import { toast } from "./toasts.js";
import { channelOf } from "./journey-words.js";
import { formatRecent } from "./values.js";

const ADDRESS = "crm/memorialisation-mappings/";
const SIGNS = { voice: "phone", digital: "message-circle", script: "file-text" };

class MappingEditor {
  constructor(place) {
    this.place = place;
    this.id = place.dataset.crmMapping;
    this.part = (name) => place.querySelector(`[data-part=${name}]`) || document.querySelector(`[data-crm-actions] [data-part=${name}]`);
    this.mappings = [];
    this.fields = {};
    this.errors = {};
    this.samples = {};
    this.at = 0;
  }

  async start() {
    try {
      const [known, configuration, mappings] = await Promise.all([read(ALL), read(`crm/configurations/${this.id}/`), read(`${ADDRESS}?configuration=${this.id}`)]);
      this.type = known.types.find((one) => one.type === configuration.type) || known.types[0];
      this.dataFields = known.data_fields;
      this.mappings = mappings;
    } catch (problem) {
      fill(this.part("problem"), problemNote(problem));
      return;
    }
    this.attach();
    this.open(this.mappings[0] || null);
    this.loadContacts();
    this.place.dataset.ready = "true";
  }

  attach() {
    this.part("choose").addEventListener("change", (event) => this.leaveFor(() => this.open(this.mappings.find((one) => one.id === event.target.value) || null)));
    this.part("new").addEventListener("click", () => this.leaveFor(() => this.open(null, true)));
    this.part("more").addEventListener("click", () => openMenu(this.part("more"), [
      this.mapping && this.mapping.id ? { label: gettext("Delete this mapping"), icon: "x", danger: true, run: () => this.remove() } : { label: gettext("Nothing to delete"), icon: "info", run: () => {} },
    ], { label: gettext("Mapping") }));
    for (const name of ["name", "description"]) this.part(name).addEventListener("input", (event) => { this.draft[name] = event.target.value; this.changed(); });
    this.part("add-row").addEventListener("click", () => this.addRow());
    this.part("add-entity").addEventListener("click", () => this.chooseType());
    this.part("save").addEventListener("click", () => this.save());
    this.part("discard").addEventListener("click", () => this.open(this.mapping && this.mapping.id ? this.mapping : this.mappings[0] || null));
    this.part("run").addEventListener("click", () => this.run());
    this.part("contact").addEventListener("change", () => this.run());
    window.addEventListener("beforeunload", (event) => { if (this.isChanged()) event.preventDefault(); });
    addKeys([{ keys: ["Alt ↑", "Alt ↓"], label: gettext("Move a row") }]);
  }

  async leaveFor(go) {
    if (this.isChanged() && !(await confirmAction({ title: gettext("Discard the changes"), lead: gettext("What you changed in this mapping is not saved."), action: gettext("Discard"), danger: false }))) {
      this.drawChoice();
      return;
    }
    go();
  }

  open(mapping, fresh = false) {
    this.mapping = mapping;
    this.draft = mapping
      ? { name: mapping.name, description: mapping.description, entities: structuredClone(mapping.entities) }
      : fresh ? { name: "", description: "", entities: [{ entity_type: "conversation", rows: [this.emptyRow()] }] } : null;
    this.errors = {};
    this.samples = {};
    this.at = 0;
    this.saved = JSON.stringify(this.draft);
    fill(this.part("problem"), mapping && mapping.warnings.length ? this.warnings(mapping.warnings) : null);
    this.draw();
    if (fresh) this.part("name").focus();
    if (mapping && this.part("contact").value) this.run();
  }

  emptyRow() {
    return { crm_field: "", channel: "voice", data_field: "interaction_id" };
  }

  isChanged() {
    return this.draft !== null && JSON.stringify(this.draft) !== this.saved;
  }

  changed() {
    const may_save = may("memorialisation.create") && this.isChanged();
    this.part("save").disabled = !may_save;
    this.part("discard").disabled = !this.isChanged();
    const wrong = Object.keys(this.errors).length;
    fill(this.part("said"), wrong ? el("span", { class: "bad-text" }, icon("triangle-alert"), " ", interpolate(ngettext("%s place to put right before you can save", "%s places to put right before you can save", wrong), [wrong])) : this.isChanged() ? gettext("Not saved yet") : "");
  }

  warnings(list) {
    return el("div", { class: "note warn" }, icon("triangle-alert"), el("div", { class: "words" }, list.map((text) => el("p", {}, text))));
  }

  /* Drawing */

  draw() {
    this.drawChoice();
    const shown = this.draft !== null;
    for (const name of ["fields", "entities-bar", "table"]) this.part(name).hidden = !shown;
    this.part("none").hidden = shown;
    fill(this.part("count"));
    if (shown) {
      this.part("name").value = this.draft.name;
      this.part("description").value = this.draft.description;
      this.drawEntities();
      this.drawRows();
    }
    this.changed();
  }

  drawChoice() {
    fill(this.part("choose"), this.mappings.map((one) => option(one.id, one.name, Boolean(this.mapping) && one.id === this.mapping.id)), this.draft && !this.mapping ? option("", gettext("New mapping"), true) : null);
    this.part("choose").hidden = !this.mappings.length && !this.draft;
  }

  drawEntities() {
    const group = freshId("entity");
    fill(this.part("entities"), this.draft.entities.map((entity, place) => el(
      "label", {},
      el("input", { type: "radio", name: group, checked: place === this.at, on: { change: () => { this.at = place; this.drawRows(); } } }),
      el("span", {}, typeName(entity.entity_type), " ", el("span", { class: "quiet" }, String(entity.rows.length))),
    )));
  }

  entity() {
    return this.draft.entities[this.at];
  }

  drawRows() {
    const entity = this.entity();
    const list = freshId("crm-fields");
    fill(this.part("rows"), entity ? entity.rows.map((row, place) => this.row(row, place, list)) : null);
    const old = document.getElementById("crm-known-fields");
    if (old) old.remove();
    if (entity) {
      const names = this.fields[entity.entity_type] || [];
      this.part("table").after(el("datalist", { id: "crm-known-fields" }, names.map((one) => option(one.name, [one.label, one.kind].filter(Boolean).join(" · ")))));
      if (!this.fields[entity.entity_type]) this.loadFields(entity.entity_type);
    }
    fill(this.part("count"), entity ? interpolate(ngettext("%s row", "%s rows", entity.rows.length), [entity.rows.length]) : "");
  }

  async loadFields(type) {
    this.fields[type] = [];
    try {
      this.fields[type] = (await read(`crm/configurations/${this.id}/fields/?record_type=${encodeURIComponent(type)}`)).fields;
      const known = document.getElementById("crm-known-fields");
      if (known && this.entity() && this.entity().entity_type === type) fill(known, this.fields[type].map((one) => option(one.name, [one.label, one.kind].filter(Boolean).join(" · "))));
    } catch {
      // Without the list the names are typed by hand.
    }
  }

  row(row, place) {
    const where = `entities.${this.at}.rows.${place}`;
    const wrong = Object.entries(this.errors).filter(([name]) => name === where || name.startsWith(`${where}.`)).flatMap(([, messages]) => messages);
    const number = place + 1;
    const names = channelNames();
    const channel = el("select", { class: "input small", "aria-label": interpolate(gettext("Kind of contact of row %s"), [number]), on: { change: (event) => { row.channel = event.target.value; row.data_field = row.channel === "script" ? "" : this.dataFields[row.channel].some((one) => one.name === row.data_field) ? row.data_field : "interaction_id"; this.touched(where); this.drawRows(); } } }, Object.entries(names).map(([key, label]) => option(key, label, key === row.channel)));
    const source = row.channel === "script"
      ? el("input", { class: "input small mono", value: row.data_field, placeholder: gettext("name in the script"), "aria-label": interpolate(gettext("Script variable of row %s"), [number]), on: { input: (event) => { row.data_field = event.target.value; this.touched(where); } } })
      : el("select", { class: "input small", "aria-label": interpolate(gettext("Data field of row %s"), [number]), on: { change: (event) => { row.data_field = event.target.value; this.touched(where); } } }, this.dataFields[row.channel].map((one) => option(one.name, one.label, one.name === row.data_field)));
    const name = el("input", { class: "input small mono", value: row.crm_field, list: "crm-known-fields", autocomplete: "off", "aria-label": interpolate(gettext("Field of the CRM in row %s"), [number]), "aria-invalid": wrong.length ? "true" : undefined, on: { input: (event) => { row.crm_field = event.target.value; this.touched(where); } } });
    const actions = el("button", { type: "button", class: "btn quiet icon-only small", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": interpolate(gettext("Row %s"), [number]) }, icon("ellipsis"));
    actions.addEventListener("click", () => openMenu(actions, [
      place > 0 ? { label: gettext("Move up"), icon: "arrow-up", run: () => this.move(place, place - 1) } : null,
      place < this.entity().rows.length - 1 ? { label: gettext("Move down"), icon: "arrow-down", run: () => this.move(place, place + 1) } : null,
      { label: gettext("Remove the row"), icon: "x", danger: true, run: () => this.removeRow(place) },
    ], { label: interpolate(gettext("Row %s"), [number]) }));
    const sample = this.samples[`${this.at}.${place}`];
    const line = el(
      "tr", { class: wrong.length ? "crm-wrong" : undefined, dataset: { row: place } },
      el("td", {}, name, wrong.length ? errorLine(wrong) : null),
      el("td", {}, el("span", { class: "crm-channel" }, icon(SIGNS[row.channel]), channel)),
      el("td", {}, source),
      el("td", { class: "quiet crm-sample", title: sample ? sample.text : null }, sample ? sample.text || gettext("nothing") : "–"),
      el("td", {}, actions),
    );
    line.addEventListener("keydown", (event) => {
      const to = event.altKey ? { ArrowUp: place - 1, ArrowDown: place + 1 }[event.key] : undefined;
      if (to === undefined || to < 0 || to >= this.entity().rows.length) return;
      event.preventDefault();
      this.move(place, to);
    });
    return line;
  }

  touched(where) {
    for (const name of Object.keys(this.errors)) if (name === where || name.startsWith(`${where}.`)) delete this.errors[name];
    this.changed();
  }

  /* Changing */

  addRow() {
    if (!this.draft) { this.open(null, true); return; }
    if (!this.entity()) { this.chooseType(); return; }
    const last = this.entity().rows.at(-1);
    this.entity().rows.push({ ...this.emptyRow(), channel: last ? last.channel : "voice", data_field: last && last.channel === "script" ? "" : "interaction_id" });
    this.refresh();
    this.focusRow(this.entity().rows.length - 1);
  }

  removeRow(place) {
    this.entity().rows.splice(place, 1);
    if (!this.entity().rows.length) { this.draft.entities.splice(this.at, 1); this.at = 0; }
    this.errors = {};
    this.refresh();
  }

  move(from, to) {
    const { rows } = this.entity();
    rows.splice(to, 0, ...rows.splice(from, 1));
    this.errors = {};
    this.refresh();
    this.focusRow(to);
  }

  focusRow(place) {
    const line = this.part("rows").children[place];
    if (line) line.querySelector("input").focus();
  }

  refresh() {
    this.samples = {};
    this.drawEntities();
    this.drawRows();
    this.changed();
  }

  chooseType() {
    const used = new Set(this.draft.entities.map((one) => one.entity_type));
    const add = (name) => { this.draft.entities.push({ entity_type: name, rows: [this.emptyRow()] }); this.at = this.draft.entities.length - 1; this.refresh(); this.focusRow(0); };
    openMenu(this.part("add-entity"), [
      ...this.type.record_types.filter((one) => !used.has(one.name)).map((one) => ({ label: one.label, icon: "database", run: () => add(one.name) })),
      { label: gettext("A custom object"), icon: "plus", run: () => this.nameObject(add) },
    ], { label: gettext("Record type") });
  }

  nameObject(add) {
    const input = el("input", { class: "input small mono", placeholder: "cim-interaction", "aria-label": gettext("Name of the custom object") });
    const place = this.part("entities-bar");
    const form = el("form", { class: "crm-inline" }, input, button(gettext("Add"), { classes: "small", type: "submit" }));
    form.addEventListener("submit", (event) => { event.preventDefault(); form.remove(); if (input.value.trim()) add(input.value.trim()); });
    input.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.preventDefault(); form.remove(); } });
    place.append(form);
    input.focus();
  }

  /* Saving */

  async save() {
    if (this.part("save").disabled) return;
    fill(this.part("problem"));
    this.errors = {};
    try {
      const answer = this.mapping
        ? await patch(`${ADDRESS}${this.mapping.id}/`, this.draft)
        : await post(ADDRESS, { configuration: this.id, ...this.draft }, { headers: { "Idempotency-Key": this.key = this.key || idempotencyKey() } });
      this.key = null;
      this.mappings = await read(`${ADDRESS}?configuration=${this.id}`);
      this.open(this.mappings.find((one) => one.id === answer.data.id));
      toast(interpolate(gettext("“%(name)s” is saved as version %(version)s. Contacts from now on are written so."), answer.data, true));
    } catch (problem) {
      this.key = null;
      this.refused(problem);
    }
  }

  refused(problem) {
    this.errors = problem.errors || {};
    const elsewhere = Object.entries(this.errors).filter(([name]) => !/^entities\.\d+\.rows\.\d+/.test(name)).flatMap(([, messages]) => messages);
    const messages = Object.keys(this.errors).length ? elsewhere : [problem.message];
    if (messages.length) fill(this.part("problem"), problemNote(messages.join(" ")));
    const first = Object.keys(this.errors).map((name) => /^entities\.(\d+)\.rows\.(\d+)/.exec(name)).find(Boolean);
    if (first) this.at = Number(first[1]);
    this.drawEntities();
    this.drawRows();
    this.changed();
    if (first) this.focusRow(Number(first[2]));
  }

  async remove() {
    const sure = await confirmAction({ title: interpolate(gettext("Delete %s"), [this.mapping.name]), lead: gettext("Contacts are no longer written by it. What was written stays, and so does the list of deliveries."), action: gettext("Delete") });
    if (!sure) return;
    try {
      await remove(`${ADDRESS}${this.mapping.id}/`);
      this.mappings = this.mappings.filter((one) => one.id !== this.mapping.id);
      this.open(this.mappings[0] || null);
      toast(gettext("The mapping is deleted."));
    } catch (problem) {
      fill(this.part("problem"), problemNote(problem));
    }
  }

  /* The test run */

  async loadContacts() {
    try {
      const { results } = await read("interactions/");
      fill(this.part("contact"), results.length ? null : option("", gettext("No contact yet")), results.slice(0, 30).map((one) => option(one.id, [one.customer_name || one.address || gettext("Nobody known"), channelOf(one.channel).name(), formatRecent(one.started)].filter(Boolean).join(" · "))));
      if (this.mapping) this.run();
    } catch (problem) {
      fill(this.part("contact"), option("", problem.message));
    }
  }

  async run() {
    const contact = this.part("contact").value;
    if (!contact || !this.draft) return;
    if (!this.mapping) { fill(this.part("result"), el("p", { class: "hint" }, gettext("Save the mapping once; then every change can be tried before it is saved."))); return; }
    const began = performance.now();
    try {
      const { data } = await post(`${ADDRESS}${this.mapping.id}/test-run/`, { interaction: contact, entities: this.draft.entities });
      this.showResult(data.entities, Math.round(performance.now() - began));
    } catch (problem) {
      const messages = Object.values(problem.errors || {}).flat();
      fill(this.part("result"), problemNote(messages.length ? messages.join(" ") : problem.message));
    }
  }

  showResult(entities, milliseconds) {
    const lines = entities.flatMap((entity) => entity.rows);
    const written = lines.filter((line) => line.written).length;
    this.samples = {};
    entities.forEach((entity, at) => entity.rows.forEach((line, place) => { this.samples[`${at}.${place}`] = line; }));
    fill(
      this.part("result"),
      el("p", { class: "crm-result-head" }, el("strong", {}, interpolate(gettext("%(written)s of %(all)s would be written"), { written, all: lines.length }, true)), el("span", { class: "quiet" }, interpolate(gettext("in %s ms"), [milliseconds]))),
      entities.map((entity) => [
        el("p", { class: "crm-result-type" }, typeName(entity.entity_type)),
        entity.rows.map((line) => el(
          "div", { class: "crm-line" },
          el("span", { class: "mono" }, line.crm_field),
          line.written ? el("span", { class: `badge ${line.cut_at ? "warn" : "ok"}` }, line.cut_at ? interpolate(gettext("Cut at %s"), [line.cut_at]) : gettext("Written")) : el("span", { class: "badge" }, gettext("Not written")),
          el("span", { class: "quiet crm-line-text" }, line.written ? line.text : line.why_not === "channel" ? interpolate(gettext("mapped for “%s” only"), [channelNames()[line.channel]]) : gettext("this contact has none")),
        )),
      ]),
    );
    this.drawRows();
  }
}

for (const place of document.querySelectorAll("[data-crm-mapping]")) new MappingEditor(place).start();
