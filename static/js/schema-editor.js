/* The editor of the customer attributes, attached to [data-schema-editor] (C1 to C8): order, flags, limit, archive. */

import { patch, post, read, remove } from "./api.js";
import { confirmAction, openDialog } from "./dialogs.js";
import { afterPause, button, el, fill, freshId, icon } from "./elements.js";
import { addKeys } from "./keys.js";
import { attachReorder, withMoved } from "./reorder.js";
import { askToFill, jobNote, openConversion } from "./schema-conversion.js";
import { toast } from "./toasts.js";
import { count } from "./values.js";

const LIMIT = 50;
const FAST_LIMIT = 12;
const NEARLY = 45;
const POLL = 2000;

const TYPES = () => ({
  text: gettext("Text"), number: gettext("Number"), boolean: gettext("Yes or no"), date: gettext("Date"), datetime: gettext("Date and time"),
  phone: gettext("Phone"), email: gettext("Email"), url: gettext("Web address"), choice: gettext("Choice"), phones: gettext("Phones"), emails: gettext("Emails"),
});

function typeWords(attribute) {
  if (attribute.state === "converting") return el("span", { class: "state-building" }, TYPES()[attribute.type], " · ", gettext("converting"), el("span", { class: "bar busy", "aria-hidden": "true" }, el("span")));
  if (attribute.type === "choice") return interpolate(ngettext("One of %s", "One of %s", attribute.options.length), [attribute.options.length]);
  if (attribute.type === "text" && attribute.max_length) return interpolate(gettext("Text, %s"), [attribute.max_length]);
  return TYPES()[attribute.type] || attribute.type;
}

function indexWords(attribute) {
  switch (attribute.index_state) {
    case "building": return el("span", { class: "state-building" }, icon("zap"), gettext("Building"), el("span", { class: "bar busy", "aria-hidden": "true" }, el("span")));
    case "ready": return el("span", { class: "ok-text" }, icon("zap"), " ", gettext("Ready"));
    case "failed": return el("span", { class: "bad-text" }, icon("triangle-alert"), " ", gettext("Failed"));
    case "dropping": return el("span", { class: "quiet" }, gettext("Switching off"));
    default:
      if (attribute.fast) return el("span", { class: "warn-text" }, icon("clock"), " ", gettext("Waiting"));
      return attribute.demand && attribute.demand.suggested ? el("span", { class: "badge warn", title: demandWords(attribute) }, gettext("Suggested")) : el("span", { class: "quiet" }, gettext("Off"));
  }
}

function demandWords({ demand }) {
  return interpolate(ngettext("People waited %(seconds)s s in %(times)s search by it lately.", "People waited %(seconds)s s in %(times)s searches by it lately.", demand.times), { seconds: count(Math.round(demand.seconds)), times: count(demand.times) }, true);
}

class SchemaEditor {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.open = null;
    this.wanted = "";
  }

  async start() {
    this.part("new").addEventListener("click", () => this.openPanel(null));
    this.part("find").addEventListener("input", (event) => { this.wanted = event.target.value.trim().toLowerCase(); this.render(); });
    attachReorder(this.part("rows"), "tr.attribute-row", (from, to) => this.move(from, to));
    addKeys([{ keys: ["Escape"], label: gettext("Close the panel"), run: () => this.closePanel() }]);
    await this.load();
    this.countUse();
  }

  async load() {
    try {
      this.attributes = (await read("attributes/")).sort((a, b) => a.position - b.position);
      this.problem("");
    } catch (problem) {
      this.problem(problem.message);
      this.attributes = this.attributes || [];
    }
    this.render();
    this.place.dataset.ready = "true";
    this.watch();
  }

  /** Index work runs in the background; its state is asked for as long as it changes. */
  watch() {
    clearTimeout(this.timer);
    if (!this.attributes.some((attribute) => ["building", "dropping"].includes(attribute.index_state) || attribute.state === "converting" || (attribute.fast && attribute.index_state === "none"))) return;
    this.timer = setTimeout(async () => {
      try {
        this.attributes = (await read("attributes/")).sort((a, b) => a.position - b.position);
        if (!this.place.querySelector(".dragged")) this.render();
      } catch (problem) {
        // The next load says what is wrong.
      }
      this.watch();
    }, POLL);
  }

  problem(message) {
    fill(this.part("problem"), message ? el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, message)) : null);
  }

  active() {
    return this.attributes.filter((attribute) => !attribute.archived);
  }

  used() {
    return this.active().filter((attribute) => attribute.custom).length;
  }

  render() {
    const used = this.used();
    fill(this.part("used"), el("strong", {}, interpolate(gettext("%(used)s of %(limit)s"), { used, limit: LIMIT }, true)), ` ${gettext("used")}`);
    const bar = this.part("bar");
    bar.style.inlineSize = `${(used / LIMIT) * 100}%`;
    bar.className = used >= LIMIT ? "tone-bad" : used >= NEARLY ? "tone-warn" : "tone-acc";
    this.part("full").hidden = used < LIMIT;
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.opens : null;
    const fits = (attribute) => attribute.label.toLowerCase().includes(this.wanted) || attribute.key.includes(this.wanted);
    fill(this.part("rows"), this.active().filter(fits).map((attribute) => this.row(attribute)));
    const archived = this.attributes.filter((attribute) => attribute.archived && fits(attribute));
    this.part("archived-card").hidden = archived.length === 0;
    fill(this.part("archived-count"), count(archived.length));
    fill(this.part("archived"), archived.map((attribute) => this.archivedRow(attribute)));
    if (focused) this.focusRow(focused);
  }

  focusRow(key) {
    const opener = this.part("rows").querySelector(`[data-opens="${CSS.escape(key)}"]`);
    if (opener) opener.focus();
  }

  row(attribute) {
    const yes = (on, name) => (on ? el("span", {}, icon(name), el("span", { class: "unseen" }, gettext("Yes"))) : el("span", { class: "quiet" }, "–"));
    const isOpen = this.open && this.open.key === attribute.key;
    return el(
      "tr", { class: `attribute-row ${isOpen ? "open" : ""}`.trim(), draggable: "true", dataset: { key: attribute.key }, on: { click: (event) => { if (!event.target.closest("button")) this.openPanel(attribute); } } },
      el("td", { class: "grip" }, icon("grip-vertical", "quiet")),
      el("td", {}, el("button", { type: "button", class: "attribute-name", dataset: { opens: attribute.key }, "aria-keyshortcuts": "Alt+ArrowUp Alt+ArrowDown", on: { click: () => this.openPanel(attribute) } }, el("strong", {}, attribute.label), " ", el("span", { class: "mono quiet" }, attribute.key))),
      el("td", {}, attribute.custom ? null : el("span", { class: "badge" }, gettext("Standard")), attribute.custom ? typeWords(attribute) : [" ", typeWords(attribute)]),
      el("td", { class: "center" }, yes(attribute.required, "check")),
      el("td", { class: "center" }, yes(attribute.pii, "lock")),
      el("td", { class: "center" }, yes(attribute.read_only_for_agents, "eye")),
      el("td", {}, attribute.custom || attribute.index_state !== "none" ? indexWords(attribute) : el("span", { class: "quiet" }, "–")),
      el("td", { class: "filled" }, this.filled(attribute)),
    );
  }

  filled({ key }) {
    const used = this.usage && this.usage.attributes[key];
    if (used) return count(used.filled);
    return this.usage === null ? el("span", { class: "quiet" }, "–") : el("span", { class: "bone", "aria-hidden": "true" });
  }

  /** How many customers have a value of each attribute takes a look at all of them: the rows do not wait for it. */
  async countUse() {
    try {
      this.usage = await read("attributes-usage/");
    } catch (problem) {
      this.usage = null;
    }
    if (!this.place.querySelector(".dragged")) this.render();
  }

  archivedRow(attribute) {
    return el(
      "tr", {},
      el("td", {}), el("td", {}, attribute.label, " ", el("span", { class: "mono quiet" }, attribute.key)), el("td", {}, typeWords(attribute)),
      el("td", { class: "row-actions", colspan: "5" },
        button(gettext("Restore"), { classes: "small", icon: "archive-restore" }, () => this.restore(attribute)),
        button(gettext("Delete for good"), { classes: "small danger", icon: "trash-2" }, () => this.deleteForGood(attribute))),
    );
  }

  async move(from, to) {
    if (this.wanted) { this.render(); return; }
    const before = this.attributes;
    const active = withMoved(this.active(), from, to);
    this.attributes = [...active, ...before.filter((attribute) => attribute.archived)];
    const moved = active[to];
    this.render();
    this.focusRow(moved.key);
    this.part("announce").textContent = interpolate(gettext("%(label)s is now number %(place)s"), { label: moved.label, place: to + 1 }, true);
    try {
      await post("attributes/order/", { keys: active.map((attribute) => attribute.key) });
    } catch (problem) {
      this.attributes = before;
      this.render();
      this.problem(problem.message);
    }
  }

  /* The panel */

  openPanel(attribute) {
    this.closePanel(false);
    this.open = attribute || { key: "" };
    this.panel = new AttributePanel(this, attribute);
    this.place.append(this.panel.element);
    this.place.classList.add("with-panel");
    this.render();
    this.panel.start();
  }

  closePanel(back = true) {
    if (!this.panel) return;
    const { key } = this.open;
    this.panel.element.remove();
    this.panel = null;
    this.open = null;
    this.place.classList.remove("with-panel");
    this.render();
    if (!back) return;
    if (key) this.focusRow(key);
    else this.part("new").focus();
  }

  async restore(attribute) {
    try {
      await post(`attributes/${attribute.key}/restore/`);
      toast(interpolate(gettext("%s is back, with its values."), [attribute.label]));
      await this.load();
    } catch (problem) {
      this.problem(problem.message);
    }
  }

  async archive(attribute) {
    await remove(`attributes/${attribute.key}/`);
    this.closePanel(false);
    await this.load();
    toast(interpolate(gettext("%s is archived; its values are kept."), [attribute.label]), { undo: () => this.restore(attribute) });
  }

  async deleteForGood(attribute) {
    // Asking with no number is the question how many customers hold a value.
    let holders = 0;
    try {
      await remove(`attributes/${attribute.key}/?permanently=true`);
    } catch (problem) {
      if (problem.status !== 409) { this.problem(problem.message); return; }
      holders = problem.body.holders ?? 0;
    }
    if (holders) await this.confirmLoss(attribute, holders);
    else await this.deleteUnused(attribute);
  }

  async deleteUnused(attribute) {
    const sure = await confirmAction({ title: interpolate(gettext("Delete %s for good"), [attribute.label]), lead: gettext("No customer has a value. This cannot be taken back."), action: gettext("Delete for good") });
    if (!sure) return;
    try {
      await remove(`attributes/${attribute.key}/?permanently=true&confirm=0`);
      await this.load();
      toast(interpolate(gettext("%s is deleted."), [attribute.label]));
    } catch (problem) {
      this.problem(problem.message);
    }
  }

  /** Delete with values only after the number of customers who lose one was typed. */
  async confirmLoss(attribute, holders) {
    const typed = el("input", { class: "input", autocomplete: "off", inputmode: "numeric" });
    const id = freshId("confirm");
    typed.id = id;
    const refusal = el("div", { role: "alert" });
    const sure = button(gettext("Delete for good"), { classes: "danger filled", disabled: true }, async () => {
      try {
        await remove(`attributes/${attribute.key}/?permanently=true&confirm=${holders}`);
        opened.close();
        await this.load();
        toast(interpolate(gettext("%s and its values are deleted."), [attribute.label]));
      } catch (problem) {
        fill(refusal, el("p", { class: "error" }, icon("circle-alert"), problem.message));
      }
    });
    typed.addEventListener("input", () => { sure.disabled = typed.value.trim() !== String(holders); });
    const opened = openDialog({
      title: interpolate(gettext("Delete %s for good"), [attribute.label]),
      lead: interpolate(ngettext("%s customer loses the value. This cannot be taken back.", "%s customers lose the value. This cannot be taken back.", holders), [count(holders)]),
      body: [el("div", { class: "field" }, el("label", { for: id }, interpolate(gettext("Type %s to confirm"), [holders])), typed), refusal],
      end: [button(gettext("Cancel"), { key: "Esc" }, () => opened.close()), sure],
    });
    typed.focus();
  }
}

class AttributePanel {
  constructor(editor, attribute) {
    this.editor = editor;
    this.attribute = attribute;
    this.fields = {};
    this.touched = new Set();
    this.checks = 0;
    this.job = attribute && attribute.custom ? jobNote(attribute, (kind, job) => this.worked(kind, job)) : null;
    this.element = el("aside", { class: "panel", "aria-label": attribute ? attribute.label : gettext("New attribute") });
    this.draw();
  }

  start() {
    this.fields.label.input.focus();
    this.initial = this.snapshot();
    if (this.attribute) this.countHolders();
    if (this.job) { this.job.follow("conversion"); if (this.attribute.default !== null) this.job.follow("fill"); }
  }

  async convert() {
    const begun = await openConversion(this.attribute, TYPES());
    if (begun) await this.reopened();
  }

  /** Show the panel anew with what the attribute is now. */
  async reopened() {
    const { key } = this.attribute;
    await this.editor.load();
    const now = this.editor.attributes.find((attribute) => attribute.key === key);
    if (now && !now.archived) { this.editor.openPanel(now); this.editor.panel.convertButton?.focus(); }
  }

  async worked(kind, job) {
    if (kind === "fill" && job.state === "done") toast(interpolate(ngettext("%(label)s is filled in for %(done)s customer.", "%(label)s is filled in for %(done)s customers.", job.done), { label: this.attribute.label, done: count(job.done) }, true));
    if (this.editor.panel === this) await this.reopened();
  }

  async fillIn(empty) {
    try {
      if (await askToFill(this.attribute, empty)) { fill(this.fillBox); this.job.follow("fill", { asked: true }); }
    } catch (problem) {
      this.refused(problem);
    }
  }

  input(name, label, control, hint = "") {
    const id = freshId(`attribute-${name}`);
    control.id = id;
    control.setAttribute("aria-describedby", `${id}-under`);
    const under = el("div", { id: `${id}-under` });
    const field = {
      input: control, hint,
      element: el("div", { class: "field" }, el("label", { for: id }, label), control, under),
      say: (messages) => {
        control.setAttribute("aria-invalid", "true");
        fill(under, messages.map((message) => el("p", { class: "error" }, icon("circle-alert"), message)));
      },
      clear: () => { control.removeAttribute("aria-invalid"); fill(under, field.hint ? el("p", { class: "hint" }, field.hint) : null); },
    };
    control.addEventListener("input", () => field.clear());
    field.clear();
    this.fields[name] = field;
    return field.element;
  }

  toggle(name, label, words, on, disabled = false) {
    const box = el("input", { type: "checkbox", role: "switch", checked: on, disabled });
    const under = el("div", {}, el("span", { class: "hint" }, words));
    this.fields[name] = {
      input: box, say: (messages) => fill(under, messages.map((message) => el("span", { class: "error" }, icon("circle-alert"), message))), clear: () => fill(under, el("span", { class: "hint" }, words)),
    };
    box.addEventListener("change", () => this.fields[name].clear());
    return el("label", { class: "switch" }, el("span", { class: "words" }, el("strong", { class: "strong" }, label), under), box);
  }

  draw() {
    const attribute = this.attribute || { label: "", type: "text", description: "", required: false, pii: false, fast: false, read_only_for_agents: false, options: [], max_length: null, default: null, custom: true };
    const isNew = !this.attribute;
    const types = TYPES();
    const kinds = Object.keys(types).filter((type) => !["phones", "emails"].includes(type) || type === attribute.type);
    const type = el("select", { class: "input", disabled: !isNew, on: { change: () => this.showByType() } }, kinds.map((kind) => el("option", { value: kind, selected: kind === attribute.type }, types[kind])));
    const fastUsed = this.editor.active().filter((one) => one.custom && one.fast).length;
    this.problemBox = el("div", { role: "alert" });
    this.holders = el("span");
    const form = el(
      "form", { class: "panel-form", novalidate: true },
      el("div", { class: "panel-head" }, el("div", { class: "words" }, el("h2", {}, isNew ? gettext("New attribute") : attribute.label), el("p", { class: "under" }, isNew ? gettext("Its key is made from the label once.") : [el("span", { class: "mono" }, attribute.key), this.holders])), el("button", { type: "button", class: "btn quiet icon-only", "aria-label": gettext("Close"), on: { click: () => this.editor.closePanel() } }, icon("x"))),
      el(
        "div", { class: "panel-body stack" }, this.problemBox,
        isNew && this.editor.used() >= LIMIT ? el("div", { class: "note warn" }, icon("triangle-alert"), el("p", { class: "words" }, interpolate(gettext("All %s custom attributes are in use. Archive one first; archived ones do not count."), [LIMIT]))) : null,
        this.input("label", gettext("Name on screen"), el("input", { class: "input", value: attribute.label, maxlength: "100", autocomplete: "off" })),
        el(
          "div", { class: "pair-fields" },
          this.typeField = this.input("type", gettext("Type"), type, isNew || attribute.custom ? "" : gettext("The type is fixed.")),
          this.lengthField = this.input("max_length", gettext("Longest"), el("input", { class: "input", inputmode: "numeric", value: attribute.max_length ?? "", placeholder: "1000" })),
        ),
        !isNew && attribute.custom ? this.convertButton = button(gettext("Change the type"), { icon: "arrow-left-right", classes: "small", disabled: attribute.state === "converting" }, () => this.convert()) : null,
        this.job ? this.job.element : null,
        this.optionsField = this.input("options", gettext("Options, one per line"), el("textarea", { class: "input", rows: "5" }, attribute.options.join("\n")), gettext("Up to 50, without commas. An option that customers have cannot be taken away.")),
        this.input("description", gettext("Hint for the people who fill it in"), el("input", { class: "input", value: attribute.description || "", maxlength: "500" })),
        attribute.custom ? this.defaultField = this.input("default", gettext("Value for new customers"), el("input", { class: "input", value: attribute.default === null || attribute.default === undefined ? "" : String(attribute.default) }), gettext("Applies to customers created from now on.")) : null,
        this.fillBox = el("div"),
        el(
          "div", {},
          attribute.custom ? this.toggle("required", gettext("Required"), gettext("Asked for when a customer is created and when this is edited. Older records stay as they are."), attribute.required) : null,
          this.toggle("pii", gettext("Personal data"), gettext("Masked for who may not reveal it; each reveal is recorded."), attribute.pii),
          attribute.custom ? this.toggle("read_only_for_agents", gettext("Read-only for agents"), gettext("Agents see it and cannot change it."), attribute.read_only_for_agents) : null,
          attribute.custom ? this.toggle("fast", gettext("Fast search and sorting"), (attribute.demand && attribute.demand.suggested && !attribute.fast ? `${demandWords(attribute)} ` : "") + interpolate(gettext("Builds an index in the background. In use: %(used)s of %(limit)s."), { used: fastUsed, limit: FAST_LIMIT }, true), attribute.fast, !attribute.fast && fastUsed >= FAST_LIMIT) : null,
        ),
        attribute.index_state === "building" ? el("div", { class: "note acc" }, icon("zap"), el("p", { class: "words" }, el("strong", {}, gettext("The index is being built.")), " ", gettext("Search works meanwhile, only slower."))) : null,
      ),
      el(
        "div", { class: "panel-foot" },
        !isNew && attribute.custom ? button(gettext("Archive"), { icon: "archive", classes: "quiet" }, () => this.archive()) : null,
        el("div", { class: "end" }, button(gettext("Cancel"), { key: "Esc" }, () => this.editor.closePanel()), el("button", { class: "btn primary", dataset: { key: "Ctrl Enter" } }, isNew ? gettext("Add attribute") : gettext("Save"))),
      ),
    );
    form.addEventListener("submit", (event) => { event.preventDefault(); this.save(); });
    const check = afterPause(300, () => this.check());
    form.addEventListener("input", (event) => { this.touched.add(event.target); check(); });
    form.addEventListener("change", (event) => { this.touched.add(event.target); check(); });
    form.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); this.editor.closePanel(); } });
    this.element.append(form);
    this.showByType();
  }

  showByType() {
    const type = this.fields.type.input.value;
    this.lengthField.hidden = type !== "text" || Boolean(this.attribute && !this.attribute.custom);
    this.optionsField.hidden = type !== "choice";
    if (this.defaultField) this.defaultField.hidden = type === "phone";
  }

  /** How many customers hold a value: what a change or an archive is about. */
  async countHolders() {
    const { key } = this.attribute;
    if (["created_at", "updated_at"].includes(key)) return;
    try {
      const [filled, all] = await Promise.all([read(`customers/count/?${key}__isempty=false`), read("customers/count/")]);
      fill(this.holders, ` · ${interpolate(gettext("filled in %(filled)s of %(all)s customers"), { filled: count(filled.count), all: count(all.count) }, true)}`, this.usedElsewhere());
      const empty = all.count - filled.count;
      if (this.attribute.custom && this.attribute.default !== null && empty > 0) fill(this.fillBox, button(interpolate(ngettext("Fill it in for %s customer without a value", "Fill it in for %s customers without a value", empty), [count(empty)]), { classes: "small" }, () => this.fillIn(empty)));
    } catch (problem) {
      fill(this.holders, "");
    }
  }

  usedElsewhere() {
    const used = this.editor.usage && this.editor.usage.attributes[this.attribute.key];
    if (!used) return "";
    return [
      used.views ? interpolate(ngettext("%s saved view", "%s saved views", used.views), [count(used.views)]) : "",
      used.imports ? interpolate(ngettext("%s remembered import", "%s remembered imports", used.imports), [count(used.imports)]) : "",
    ].filter(Boolean).map((words) => ` · ${words}`).join("");
  }

  typedDefault(type) {
    const text = this.fields.default.input.value.trim();
    if (!text) return null;
    if (type === "number" && /^-?\d+([.,]\d+)?$/.test(text)) return Number(text.replace(",", "."));
    if (type === "boolean") {
      const yes = [gettext("Yes").toLowerCase(), "yes", "true", "1"];
      const no = [gettext("No").toLowerCase(), "no", "false", "0"];
      return yes.includes(text.toLowerCase()) ? true : no.includes(text.toLowerCase()) ? false : text;
    }
    return text;
  }

  snapshot() {
    const { label, type, description, pii } = this.fields;
    const values = { label: label.input.value, description: description.input.value, pii: pii.input.checked };
    const custom = !this.attribute || this.attribute.custom;
    if (!custom) return values;
    const kind = type.input.value;
    values.type = kind;
    values.required = this.fields.required.input.checked;
    values.read_only_for_agents = this.fields.read_only_for_agents.input.checked;
    values.fast = this.fields.fast.input.checked;
    if (kind !== "phone") values.default = this.typedDefault(kind);
    if (kind === "choice") values.options = this.fields.options.input.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const longest = this.fields.max_length.input.value.trim();
    if (kind === "text") values.max_length = longest === "" ? null : /^\d+$/.test(longest) ? Number(longest) : longest;
    return values;
  }

  changed(values) {
    return Object.fromEntries(Object.entries(values).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(this.initial[name])));
  }

  /** Ask the server what it would say, and show it beside the fields that were touched; the answer to the last question counts. */
  async check() {
    const values = this.snapshot();
    const number = ++this.checks;
    const errors = await (this.attribute ? patch(`attributes/${this.attribute.key}/?dry_run=true`, this.changed(values)) : post("attributes/?dry_run=true", values))
      .then(() => ({}), (problem) => problem.errors || {});
    if (number !== this.checks || this.editor.panel !== this) return;
    for (const [name, field] of Object.entries(this.fields)) {
      const messages = Object.entries(errors).filter(([key]) => key.split(".")[0] === name).flatMap(([, found]) => found);
      if (!this.touched.has(field.input)) continue;
      if (messages.length) field.say(messages);
      else field.clear();
    }
  }

  async save() {
    const values = this.snapshot();
    this.checks += 1;
    fill(this.problemBox);
    for (const field of Object.values(this.fields)) field.clear();
    try {
      if (this.attribute) {
        const changed = this.changed(values);
        if (Object.keys(changed).length) await patch(`attributes/${this.attribute.key}/`, changed);
      } else {
        await post("attributes/", values);
      }
      this.editor.closePanel();
      await this.editor.load();
      toast(interpolate(this.attribute ? gettext("%s is saved, for everybody.") : gettext("%s is added. Everybody has it now."), [values.label]));
    } catch (problem) {
      this.refused(problem);
    }
  }

  refused(problem) {
    const rest = [];
    let first = null;
    for (const [name, messages] of Object.entries(problem.errors || {})) {
      const field = this.fields[name.split(".")[0]];
      if (field) { field.say(messages); first = first || field; } else rest.push(...messages);
    }
    const messages = Object.keys(problem.errors || {}).length ? rest : [problem.message];
    if (messages.length) fill(this.problemBox, el("div", { class: "note bad" }, icon("circle-alert"), el("div", { class: "words" }, messages.map((message) => el("p", {}, message)))));
    if (first) first.input.focus();
  }

  async archive() {
    try {
      await this.editor.archive(this.attribute);
    } catch (problem) {
      this.refused(problem);
    }
  }
}

for (const place of document.querySelectorAll("[data-schema-editor]")) new SchemaEditor(place).start();
