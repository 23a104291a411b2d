/* Saved views: conditions, order and columns under a name, one's own or shared (C26); shown as tabs of the list. */

import { patch, post, remove } from "./api.js";
import { confirmAction, openDialog, openMenu } from "./dialogs.js";
import { button, el, fill, freshId, icon } from "./elements.js";
import { may } from "./page.js";
import { toast } from "./toasts.js";

/** The address of a view: its own parameters, and which view it is. */
export function addressOf(view) {
  const parameters = new URLSearchParams();
  for (const [name, values] of Object.entries(view.query || {})) for (const value of [values].flat()) parameters.append(name, value);
  parameters.set("view", view.id);
  return `?${parameters}`;
}

/** The parameters of the list as a view keeps them. */
export function queryOf(parameters) {
  const query = {};
  for (const [name, value] of parameters) query[name] = [...(query[name] || []), value];
  return query;
}

function askName({ title, lead, name = "", shared = false, action, save }) {
  const id = freshId("view-name");
  const field = el("input", { class: "input", id, value: name, maxlength: "100", autocomplete: "off", "aria-describedby": `${id}-under` });
  const under = el("div", { id: `${id}-under` });
  const share = el("input", { type: "checkbox", checked: shared });
  const submit = async (event) => {
    event.preventDefault();
    try {
      opened.close(await save({ name: field.value.trim(), ...(may("share_views") ? { is_shared: share.checked } : {}) }));
    } catch (problem) {
      field.setAttribute("aria-invalid", "true");
      fill(under, el("p", { class: "error" }, icon("circle-alert"), Object.values(problem.errors).flat()[0] || problem.message));
      field.focus();
    }
  };
  const form = el(
    "form", { class: "stack", id: `${id}-form`, novalidate: true, on: { submit } },
    el("div", { class: "field" }, el("label", { for: id }, gettext("Name")), field, under),
    may("share_views") ? el("label", { class: "check" }, share, el("span", {}, gettext("Share it with everybody"))) : null,
  );
  const opened = openDialog({
    title, lead, body: form,
    end: [button(gettext("Cancel"), { key: "Esc" }, () => opened.close()), el("button", { class: "btn primary", form: `${id}-form` }, action)],
  });
  field.focus();
  return opened.closed;
}

/**
 * Show the tabs in `place`. `state()` gives `{query, columns, changed}` of the list as it stands; `go(view)` opens a
 * view (null for all customers); `reload()` reads the views again and shows them.
 */
export function showViews(place, { views, current, state, go, reload }) {
  const tab = (view, label, extra = []) => el(
    "a", { class: "tab", href: view ? addressOf(view) : location.pathname, "aria-current": (view ? view.id : "") === (current || "") ? "page" : undefined, on: { click: (event) => { if (event.ctrlKey || event.metaKey) return; event.preventDefault(); go(view); } } },
    label, extra,
  );
  const active = views.find((view) => view.id === current);
  const mayChange = active && (active.is_mine || may("share_views"));
  fill(
    place,
    tab(null, gettext("All customers")),
    views.map((view) => tab(view, view.name, view.is_shared ? [" ", icon("users", "quiet"), el("span", { class: "unseen" }, interpolate(gettext("shared by %s"), [view.owner]))] : [])),
    mayChange ? el("button", { type: "button", class: "btn quiet small icon-only", "aria-label": interpolate(gettext("Change the view %s"), [active.name]), "aria-haspopup": "menu", "aria-expanded": "false", on: { click: (event) => changeMenu(event.currentTarget, active) } }, icon("ellipsis")) : null,
    el("button", { type: "button", class: "btn quiet small", on: { click: save } }, icon("plus"), gettext("Save view")),
  );

  async function save() {
    const { query, columns } = state();
    const made = await askName({
      title: gettext("Save this view"), lead: gettext("It keeps the conditions, the order and the columns as they are now."), action: gettext("Save view"),
      save: (body) => post("views/", { ...body, query, columns }).then((answer) => answer.data),
    });
    if (!made) return;
    await reload();
    go(made);
    toast(interpolate(gettext("%s is saved."), [made.name]));
  }

  function changeMenu(anchor, view) {
    const { query, columns, changed } = state();
    openMenu(anchor, [
      changed ? { label: gettext("Keep it as it is now"), icon: "save", run: async () => { await patch(`views/${view.id}/`, { query, columns }); await reload(); toast(interpolate(gettext("%s is saved."), [view.name])); } } : null,
      { label: gettext("Rename or share"), icon: "pencil", run: async () => { if (await askName({ title: gettext("Rename or share"), name: view.name, shared: view.is_shared, action: gettext("Save"), save: (body) => patch(`views/${view.id}/`, body) })) await reload(); } },
      { label: gettext("Delete this view"), icon: "trash-2", danger: true, run: async () => {
        const sure = await confirmAction({ title: interpolate(gettext("Delete the view %s"), [view.name]), lead: view.is_shared ? gettext("It disappears for everybody. No customer changes.") : gettext("No customer changes."), action: gettext("Delete view") });
        if (!sure) return;
        await remove(`views/${view.id}/`);
        await reload();
        go(null);
      } },
    ], { label: view.name });
  }
}
