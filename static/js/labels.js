/* Labels: outlined pills with a dot, so that they never look like a state. */

import { patch, post, remove } from "./api.js";
import { openDialog } from "./dialogs.js";
import { button, el, fill, freshId, icon } from "./elements.js";

const COLORS = () => ({
  blue: gettext("Blue"), green: gettext("Green"), amber: gettext("Amber"), red: gettext("Red"), violet: gettext("Violet"), cyan: gettext("Cyan"), pink: gettext("Pink"), grey: gettext("Grey"),
});

/** The labels in an answer, whether the API pages them or not. */
export const labelsOf = (answer) => (Array.isArray(answer) ? answer : answer.results || []);

export function labelPill(labels, name, extra = null) {
  const known = labels.find((label) => label.name === name);
  return el("span", { class: "pill" }, el("span", { class: `dot tone-${known ? known.color : "grey"}` }), name, extra);
}

function colorPicker(chosen) {
  const name = freshId("color");
  return el("div", { class: "colors", role: "radiogroup", "aria-label": gettext("Colour") }, Object.entries(COLORS()).map(([color, label]) => el(
    "label", { class: "radio" }, el("input", { type: "radio", name, value: color, checked: color === chosen }), el("span", { class: `dot tone-${color}` }), el("span", {}, label),
  )));
}

/** Ask for the name and colour of a new label; resolves with it, or undefined. */
export function makeLabel() {
  const id = freshId("label-name");
  const field = el("input", { class: "input", id, maxlength: "60", autocomplete: "off", "aria-describedby": `${id}-under`, autofocus: true });
  const under = el("div", { id: `${id}-under` });
  const colors = colorPicker("blue");
  const save = async (event) => {
    event.preventDefault();
    try {
      const { data } = await post("labels/", { name: field.value.trim(), color: colors.querySelector(":checked").value });
      opened.close(data);
    } catch (problem) {
      field.setAttribute("aria-invalid", "true");
      fill(under, el("p", { class: "error" }, icon("circle-alert"), Object.values(problem.errors).flat()[0] || problem.message));
      field.focus();
    }
  };
  const form = el("form", { class: "stack", id: `${id}-form`, novalidate: true, on: { submit: save } }, el("div", { class: "field" }, el("label", { for: id }, gettext("Name")), field, under), colors);
  const opened = openDialog({
    title: gettext("New label"), lead: gettext("Everybody can put it on customers and search by it."), body: form, unsaved: () => Boolean(field.value),
    end: [button(gettext("Cancel"), { key: "Esc" }, () => opened.close()), el("button", { class: "btn primary", form: `${id}-form` }, gettext("Add label"))],
  });
  field.focus();
  return opened.closed;
}

/** Rename, recolour and delete labels, wherever they are carried. */
export function changeLabels(labels) {
  const list = el("ul", { class: "stack" });
  const row = (label) => {
    const field = el("input", { class: "input", value: label.name, maxlength: "60", "aria-label": interpolate(gettext("Name of %s"), [label.name]) });
    const color = el("select", { class: "input", "aria-label": interpolate(gettext("Colour of %s"), [label.name]) }, Object.entries(COLORS()).map(([key, name]) => el("option", { value: key, selected: key === label.color }, name)));
    const under = el("div");
    const attempt = async (action) => {
      try { await action(); fill(under); } catch (problem) { fill(under, el("p", { class: "error", role: "alert" }, icon("circle-alert"), Object.values(problem.errors).flat()[0] || problem.message)); }
    };
    const save = () => attempt(() => patch(`labels/${label.id}/`, { name: field.value.trim(), color: color.value }));
    field.addEventListener("change", save);
    color.addEventListener("change", save);
    const line = el("li", {}, el("div", { class: "label-row" }, field, color, button(gettext("Delete"), { classes: "danger", icon: "trash-2", "aria-label": interpolate(gettext("Delete %s, off every customer"), [label.name]) }, () => attempt(async () => { await remove(`labels/${label.id}/`); line.remove(); }))), under);
    return line;
  };
  fill(list, labels.map(row));
  const opened = openDialog({
    title: gettext("Change labels"), lead: gettext("A change counts for every customer that carries the label, at once."), body: list,
    end: [button(gettext("Done"), { classes: "primary" }, () => opened.close())],
  });
  return opened.closed;
}
