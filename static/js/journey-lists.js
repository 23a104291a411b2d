/*
 * Contact lists, attached to [data-contact-lists]: for each the phone attributes that are tried, the attribute that is the
 * customer id, and how the id is come by (J5b). Attributes move between two lists and are reordered, by pointer and by key.
 */

import { patch, post, read, remove } from "./api.js";
import { confirmAction } from "./dialogs.js";
import { button, el, fill, freshId, icon } from "./elements.js";
import { addKeys } from "./keys.js";
import { attachReorder, withMoved } from "./reorder.js";
import { toast } from "./toasts.js";

const USUAL = ["Phone 1", "Phone 2", "Phone 3", "Phone 4"];
const HINTS = () => ({
  always: gettext("The id is looked up by the value of the attribute and the attempted number."),
  never: gettext("The value of the attribute is the customer id; nobody is looked up."),
  blank: gettext("The value is the customer id; only where it is blank the numbers are looked up."),
});

class ContactLists {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.most = Number(place.dataset.most);
    this.modes = Array.from(document.getElementById("retrieval-modes").content.children);
    this.panel = null;
  }

  async start() {
    this.part("new").addEventListener("click", () => this.edit(null));
    addKeys([{ keys: ["Escape"], label: gettext("Close the panel"), run: () => this.close() }]);
    await this.load();
    this.place.dataset.ready = "true";
  }

  async load() {
    try {
      this.lists = await read("contact-lists/");
      fill(this.part("problem"));
    } catch (problem) {
      fill(this.part("problem"), el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, problem.message)));
      return;
    }
    const mode = (value) => this.modes.find((option) => option.value === value).textContent;
    this.part("empty").hidden = this.lists.length > 0;
    fill(this.part("rows"), this.lists.map((list) => el(
      "tr", {},
      el("td", {}, el("button", { type: "button", class: "link-btn strong", on: { click: () => this.edit(list) } }, list.name)),
      el("td", {}, list.customer_id_attribute || el("span", { class: "quiet" }, gettext("none"))), el("td", {}, mode(list.retrieval_mode)), el("td", {}, list.selected.join(", ") || el("span", { class: "quiet" }, gettext("the attempted number only"))),
    )));
  }

  close() {
    if (!this.panel) return;
    this.panel.remove();
    this.panel = null;
    this.place.classList.remove("with-panel");
    this.part("new").focus();
  }

  edit(list) {
    this.close();
    this.list = list;
    this.available = list ? list.available.slice() : USUAL.slice();
    this.selected = list ? list.selected.slice() : [];
    const title = freshId("list-title");
    const field = (label, control, hint) => el("div", { class: "field" }, el("label", { for: control.id }, label), control, hint || null);
    this.name = el("input", { class: "input", id: freshId("name"), value: list ? list.name : "", maxlength: "100", required: true, autocomplete: "off" });
    this.attribute = el("input", { class: "input", id: freshId("attribute"), value: list ? list.customer_id_attribute || "" : "", maxlength: "100", autocomplete: "off" });
    this.mode = el("select", { class: "input", id: freshId("mode"), on: { change: () => this.sayMode() } }, this.modes.map((option) => option.cloneNode(true)));
    this.mode.value = list ? list.retrieval_mode : "always";
    this.modeHint = el("span", { class: "hint" });
    this.errors = el("div", {});
    this.availablePlace = el("ul", { class: "movable", "aria-label": gettext("Available") });
    this.selectedPlace = el("ul", { class: "movable", "aria-label": gettext("Selected") });
    this.another = el("input", { class: "input small", id: freshId("another"), maxlength: "100", autocomplete: "off", placeholder: gettext("Another attribute"), "aria-label": gettext("Another attribute"), on: { keydown: (event) => { if (event.key === "Enter") { event.preventDefault(); this.add(); } } } });
    const form = el(
      "form", { class: "panel-form", novalidate: true, on: { submit: (event) => { event.preventDefault(); this.save(); } } },
      el(
        "div", { class: "panel-body stack", tabindex: "0", role: "region", "aria-labelledby": title },
        this.errors,
        field(gettext("Name"), this.name, el("span", { class: "hint" }, gettext("As the outbound manager calls the list"))),
        field(gettext("Retrieval mode of the customer id"), this.mode, this.modeHint),
        field(gettext("Attribute that is the customer id"), this.attribute, el("span", { class: "hint" }, gettext("Mandatory when several phones are selected"))),
        el(
          "fieldset", { class: "two-lists" }, el("legend", { class: "label" }, gettext("Phone attributes that are tried beside the attempted number")),
          el("div", {}, el("h3", {}, gettext("Available")), this.availablePlace, el("div", { class: "add-row" }, this.another, button(gettext("Add"), { classes: "small", icon: "plus" }, () => this.add()))),
          el("div", {}, el("h3", {}, gettext("Selected"), " ", el("span", { class: "hint" }, interpolate(gettext("%s at most, in this order"), [this.most]))), this.selectedPlace),
        ),
      ),
      el("div", { class: "panel-foot" }, list ? button(gettext("Delete"), { classes: "danger", icon: "trash-2" }, () => this.delete()) : null, el("div", { class: "end" }, button(gettext("Cancel"), { key: "Esc" }, () => this.close()), el("button", { class: "btn primary", dataset: { key: "Ctrl Enter", keyLabel: gettext("Save list") } }, gettext("Save list")))),
    );
    this.panel = el("aside", { class: "panel", "aria-labelledby": title }, el("div", { class: "panel-head" }, el("div", { class: "words" }, el("h2", { id: title }, list ? list.name : gettext("New contact list"))), el("button", { type: "button", class: "btn quiet icon-only", "aria-label": gettext("Close"), on: { click: () => this.close() } }, icon("x"))), form);
    this.place.append(this.panel);
    this.place.classList.add("with-panel");
    attachReorder(this.selectedPlace, "li", (from, to) => {
      this.selected = withMoved(this.selected, from, to);
      this.renderLists(this.selected[to]);
      this.part("announce").textContent = interpolate(gettext("%(name)s is now number %(place)s"), { name: this.selected[to], place: to + 1 }, true);
    });
    this.renderLists();
    this.sayMode();
    this.name.focus();
  }

  sayMode() {
    this.modeHint.textContent = HINTS()[this.mode.value] || "";
  }

  renderLists(focused = "") {
    const item = (name, isSelected) => el(
      "li", { draggable: isSelected ? "true" : "false", dataset: { key: name } },
      isSelected ? icon("grip-vertical", "quiet") : null, el("span", { class: "what" }, name),
      el(
        "button", {
          type: "button", class: "btn quiet icon-only small", "aria-label": interpolate(isSelected ? gettext("Take %s away") : gettext("Select %s"), [name]), "aria-keyshortcuts": isSelected ? "Alt+ArrowUp Alt+ArrowDown" : null,
          disabled: !isSelected && this.selected.length >= this.most, on: { click: () => this.shift(name, !isSelected) },
        }, icon(isSelected ? "x" : "arrow-right", isSelected ? "" : "turns"),
      ),
    );
    const none = (words) => el("li", { class: "quiet none" }, words);
    fill(this.availablePlace, this.available.length ? this.available.map((name) => item(name, false)) : none(gettext("All are selected.")));
    fill(this.selectedPlace, this.selected.length ? this.selected.map((name) => item(name, true)) : none(gettext("None: the attempted number only.")));
    const place = focused ? this.panel.querySelector(`li[data-key="${CSS.escape(focused)}"] button`) : null;
    if (place) place.focus();
  }

  shift(name, select) {
    this.available = this.available.filter((one) => one !== name);
    this.selected = this.selected.filter((one) => one !== name);
    (select ? this.selected : this.available).push(name);
    this.renderLists(name);
  }

  add() {
    const name = this.another.value.trim();
    if (!name || this.available.includes(name) || this.selected.includes(name)) return;
    this.available.push(name);
    this.another.value = "";
    this.renderLists();
    this.another.focus();
  }

  async save() {
    const body = { name: this.name.value.trim(), available: this.available, selected: this.selected, customer_id_attribute: this.attribute.value.trim(), retrieval_mode: this.mode.value };
    try {
      if (this.list) await patch(`contact-lists/${this.list.id}/`, body);
      else await post("contact-lists/", body);
    } catch (problem) {
      this.complain(problem);
      return;
    }
    this.close();
    toast(gettext("The contact list is saved."));
    await this.load();
  }

  /** Say beside its field what is wrong with it, and above the form what belongs to none. */
  complain(problem) {
    const fields = { name: this.name, customer_id_attribute: this.attribute };
    for (const control of Object.values(fields)) {
      control.removeAttribute("aria-invalid");
      control.parentElement.querySelector(".error")?.remove();
    }
    const rest = Object.entries(problem.errors || {}).flatMap(([key, messages]) => {
      if (!fields[key]) return messages;
      const error = el("p", { class: "error", id: `${fields[key].id}-error`, role: "alert" }, icon("circle-alert"), messages.join(" "));
      fields[key].after(error);
      fields[key].setAttribute("aria-invalid", "true");
      fields[key].setAttribute("aria-describedby", error.id);
      return [];
    });
    const words = Object.keys(problem.errors || {}).length ? rest : [problem.message];
    fill(this.errors, words.length ? el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("div", { class: "words" }, words.map((message) => el("p", {}, message)))) : null);
    const first = Object.values(fields).find((control) => control.getAttribute("aria-invalid"));
    if (first) first.focus();
  }

  async delete() {
    const { list } = this;
    const sure = await confirmAction({ title: interpolate(gettext("Delete %s"), [list.name]), lead: gettext("New attempts of this list will be refused. What was sent stays in the journeys."), action: gettext("Delete list") });
    if (!sure) return;
    try {
      await remove(`contact-lists/${list.id}/`);
    } catch (problem) {
      this.complain(problem);
      return;
    }
    this.close();
    await this.load();
  }
}

for (const place of document.querySelectorAll("[data-contact-lists]")) new ContactLists(place).start();
