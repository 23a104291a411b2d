/* Somebody else saved first (C37): both values side by side, with the person and the time; the user picks. */

import { sameValue, shownValue } from "./comparison.js";
import { openDialog } from "./dialogs.js";
import { button, el, freshId, icon } from "./elements.js";
import { formatRecent, valueOf } from "./values.js";

/**
 * `fields` were changed here, `base` holds what they were, `fresh` is the customer as it is now. Resolves with the
 * set of keys whose own value is to be saved over the other's, or undefined to go back to the form.
 */
export function settleConflict({ fields, base, fresh, latest }) {
  const both = fields.filter((field) => {
    const theirs = valueOf(fresh, field.attribute);
    return !sameValue(field.attribute, base.get(field.attribute.key), theirs) && !sameValue(field.attribute, field.value(), theirs);
  });
  const mine = fields.filter((field) => !both.includes(field));
  const who = latest ? interpolate(gettext("%(who)s, %(at)s"), { who: latest.actor || gettext("CIM"), at: formatRecent(latest.at) }, true) : gettext("Somebody else");
  const chosen = new Map(both.map((field) => [field.attribute.key, "theirs"]));
  const row = (field) => {
    const name = freshId("side");
    const choice = (side, node) => el("td", {}, el("label", { class: "radio" }, el("input", { type: "radio", name, value: side, checked: side === "theirs", on: { change: () => chosen.set(field.attribute.key, side) } }), el("span", {}, node)));
    return el("tr", {}, el("th", { scope: "row" }, field.attribute.label), choice("theirs", shownValue(field.attribute, valueOf(fresh, field.attribute))), choice("mine", shownValue(field.attribute, field.value())));
  };
  const opened = openDialog({
    title: gettext("Somebody else changed this customer meanwhile"), wide: true,
    lead: both.length ? gettext("Nothing was overwritten. Choose which value stays; both are kept in the history.") : gettext("Nothing was overwritten. The other change touches none of your fields, so both can stay."),
    mark: el("span", { class: "tile large warn" }, icon("triangle-alert")),
    body: [
      both.length ? el(
        "div", { class: "comparison" },
        el("table", {}, el("thead", {}, el("tr", {}, el("td", {}), el("th", { scope: "col" }, gettext("Saved meanwhile"), el("br"), el("span", { class: "hint" }, who)), el("th", { scope: "col" }, gettext("Yours"), el("br"), el("span", { class: "hint" }, gettext("not saved yet"))))), el("tbody", {}, both.map(row))),
      ) : el("p", { class: "hint" }, who),
      mine.length ? el("p", { class: "hint also" }, interpolate(gettext("Also saved: %s"), [mine.map((field) => field.attribute.label).join(", ")])) : null,
    ],
    start: [button(gettext("Back to the form"), { key: "Esc" }, () => opened.close())],
    end: [button(gettext("Save this choice"), { classes: "primary" }, () => opened.close(new Set([...mine.map((field) => field.attribute.key), ...Array.from(chosen).filter(([, side]) => side === "mine").map(([key]) => key)])))],
  });
  return opened.closed;
}
