/* The warning before a profile is replaced (C12): old and new side by side, and three ways on. */

import { read } from "./api.js";
import { comparisonTable, fate, shownValue } from "./comparison.js";
import { confirmAction, openDialog } from "./dialogs.js";
import { button, el, icon } from "./elements.js";
import { labelPill } from "./labels.js";
import { language, may } from "./page.js";
import { formatMoment, fullName, hue, initials, isEmpty, valueOf } from "./values.js";

function newValue(body, attribute) {
  const given = attribute.custom ? (body.attributes || {})[attribute.key] : body[attribute.key];
  return isEmpty(given) ? attribute.default ?? null : given;
}

function rowsOf(attributes, customer, body) {
  const masked = new Set(customer.masked || []);
  return attributes.filter((attribute) => !["created_at", "updated_at"].includes(attribute.key)).map((attribute) => {
    const before = valueOf(customer, attribute);
    // What only some may write is not replaced by who may not write it.
    const after = newValue(body, attribute);
    return {
      label: attribute.label, fate: fate(attribute, before, after),
      before: shownValue(attribute, before, masked.has(attribute.key)), after: shownValue(attribute, after),
    };
  }).filter((row) => !(row.fate === "same" && row.after.textContent === "–"));
}

function summary(rows) {
  const number = (name) => rows.filter((row) => row.fate === name).length;
  const parts = [
    [number("changed"), (many) => ngettext("changes %s value", "changes %s values", many)],
    [number("added"), (many) => ngettext("adds %s", "adds %s", many)],
    [number("removed"), (many) => ngettext("removes %s", "removes %s", many)],
  ].filter(([many]) => many).map(([many, words]) => interpolate(words(many), [many]));
  if (!parts.length) return gettext("Replacing changes nothing.");
  return interpolate(gettext("Replacing %s."), [new Intl.ListFormat(language).format(parts)]);
}

function keptRows(customer) {
  const rows = [];
  if ((customer.labels || []).length) {
    const pills = () => el("span", { class: "labels" }, customer.labels.map((name) => labelPill([], name)));
    rows.push({ label: gettext("Labels"), before: pills(), after: pills(), fate: "kept" });
  }
  if ((customer.identifiers || []).length) {
    const text = customer.identifiers.map((one) => one.value).join(", ");
    rows.push({ label: gettext("Channels"), before: el("span", {}, text), after: el("span", {}, text), fate: "kept" });
  }
  return rows;
}

function head(mark, title, under) {
  return el("div", { class: "comparison-head" }, mark, el("div", {}, el("strong", { class: "strong" }, title), el("br"), el("span", { class: "hint" }, under)));
}

/** Ask whether numbers that an erased person had are somebody else's by now (C17); resolves true when they are. */
export function confirmSomebodyElse(doubts) {
  return confirmAction({
    title: gettext("Is this somebody else?"), lead: doubts.join(" "), action: gettext("It is somebody else"), danger: false,
  });
}

/** Ask what to do; resolves with "replace", "open", or undefined to go back to the form. */
export async function askToReplace({ id, attributes, body }) {
  const [customer, versions] = await Promise.all([read(`customers/${id}/`), read(`customers/${id}/versions/`).catch(() => [])]);
  const name = fullName(customer) || (customer.phones || [])[0] || gettext("No Name");
  const latest = versions[0];
  const rows = [...rowsOf(attributes, customer, body), ...keptRows(customer)];
  const opened = openDialog({
    title: interpolate(gettext("%s already has a profile"), [name]), wide: true, classes: "overwrite",
    lead: [gettext("The new contact has a number of this customer."), " ", summary(rows)],
    mark: el("span", { class: "tile large warn" }, icon("triangle-alert")),
    body: [
      comparisonTable({
        caption: gettext("The existing and the new profile"), rows,
        before: head(
          el("span", { class: `avatar hue-${hue(customer.id)}` }, initials(customer)), gettext("Existing profile"),
          latest
            ? interpolate(gettext("Changed %(at)s by %(who)s, version %(version)s"), { at: formatMoment(latest.at), who: latest.actor || gettext("CIM"), version: customer.version }, true)
            : interpolate(gettext("Version %s"), [customer.version]),
        ),
        after: head(el("span", { class: "avatar new" }, icon("plus")), gettext("New profile"), gettext("You, just now")),
      }),
      el("div", { class: "note acc" }, icon("history"), el("p", { class: "words" }, el("strong", {}, gettext("The old profile stays in the history.")), " ", interpolate(gettext("It is kept as version %s, and anyone who may edit can look at it or bring it back."), [customer.version]))),
    ],
    start: [button(gettext("Cancel"), { key: "Esc" }, () => opened.close()), el("span", { class: "hint" }, gettext("goes back to the form, nothing is lost"))],
    end: [
      button(gettext("Open existing"), { icon: "user", autofocus: true }, () => opened.close("open")),
      button(gettext("Replace profile"), { classes: "danger filled" }, () => opened.close("replace")),
    ],
  });
  return opened.closed;
}

/** The numbers belong to several customers (C13): name them all; nothing was written. */
export async function showSeveralOwners(ids, message) {
  const owners = await Promise.all(ids.map((id) => read(`customers/${id}/`).catch(() => ({ id }))));
  const opened = openDialog({
    title: interpolate(gettext("These numbers belong to %s customers"), [ids.length]), lead: message,
    mark: el("span", { class: "tile large bad" }, icon("users")),
    body: el("ul", { class: "owners" }, owners.map((owner) => el(
      "li", {}, el("span", { class: `avatar hue-${hue(owner.id)}`, "aria-hidden": "true" }, initials(owner)),
      el("span", {}, el("a", { href: `/customers/${owner.id}/` }, fullName(owner) || gettext("No Name")), el("br"), el("span", { class: "hint" }, (owner.phones || []).join(", "))),
    ))),
    end: [may("merge") ? button(gettext("Merge them"), { icon: "git-merge" }, () => location.assign(`/customers/merge/?ids=${ids.join(",")}`)) : null, button(gettext("Back to the form"), { classes: "primary", autofocus: true }, () => opened.close())],
  });
  return opened.closed;
}
