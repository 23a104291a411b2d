/* The Columns dialog: order, width and visibility of the list's columns, all by keyboard as well. */

import { openDialog } from "./dialogs.js";
import { button, el, fill, icon } from "./elements.js";
import { attachReorder, withMoved } from "./reorder.js";

const STEP = 16;
const NARROWEST = 56;

/**
 * Open the dialog. `columns` are `{key, label, width, visible, fast, masked, pinned, group}` in order; resolves with
 * the new list, with "reset", or with undefined when nothing is to change.
 */
export function chooseColumns(columns) {
  let order = columns.map((column) => ({ ...column }));
  const find = el("input", { class: "input", type: "search", placeholder: gettext("Find a column by name or key"), "aria-label": gettext("Find a column by name or key") });
  const shownList = el("ul", { class: "column-list", "aria-label": gettext("Shown columns") });
  const hiddenBox = el("div", { class: "stack" });
  const said = el("p", { class: "unseen", role: "status" });
  const opened = openDialog({
    title: gettext("Columns"), lead: " ", wide: true, classes: "columns-dialog",
    body: [
      el("div", { class: "search" }, icon("search"), find),
      el(
        "div", { class: "columns-parts" },
        el(
          "section", { "aria-label": gettext("Shown") }, el("h3", { class: "quiet" }, gettext("Shown, in order")), shownList,
          el("div", { class: "note" }, icon("keyboard"), el("p", { class: "words" }, el("strong", {}, gettext("By keyboard:")), " ", gettext("arrows choose, Space shows or hides, Alt + arrow moves, Shift + arrow sets the width."))),
          el("div", { class: "note" }, icon("zap"), el("p", { class: "words" }, gettext("Marked columns are indexed: sorting and searching them stays quick on every row."))),
        ),
        el("section", { "aria-label": gettext("Hidden") }, hiddenBox),
      ),
      said,
    ],
    start: [button(gettext("Reset to the standard layout"), { icon: "undo-2", classes: "quiet" }, () => opened.close("reset"))],
    end: [
      button(gettext("Cancel"), { key: "Esc" }, () => opened.close()),
      button(gettext("Apply"), { classes: "primary" }, () => opened.close(order)),
    ],
  });

  const fits = (column) => {
    const wanted = find.value.trim().toLowerCase();
    return column.label.toLowerCase().includes(wanted) || column.key.includes(wanted);
  };
  const shown = () => order.filter((column) => column.visible);

  function marks(column) {
    return [
      column.fast ? icon("zap", "quiet") : null,
      column.masked ? [icon("lock", "quiet"), el("span", { class: "hint end" }, gettext("masked"))] : null,
    ];
  }

  function toggle(column, focus) {
    column.visible = !column.visible;
    said.textContent = interpolate(column.visible ? gettext("%s is shown") : gettext("%s is hidden"), [column.label]);
    render();
    if (focus) focusOn(column.key);
  }

  function focusOn(key) {
    const row = opened.dialog.querySelector(`[data-key-of="${CSS.escape(key)}"]`);
    if (row) row.focus();
  }

  function widen(column, by) {
    column.width = Math.max(NARROWEST, Math.round(column.width + by));
    said.textContent = interpolate(gettext("%(label)s is %(width)s pixels wide"), column, true);
    render();
    focusOn(column.key);
  }

  function shownRow(column, index) {
    const box = el("input", { type: "checkbox", class: "tick", checked: true, tabindex: "-1", "aria-label": interpolate(gettext("Show %s"), [column.label]), on: { change: () => toggle(column, false) } });
    return el(
      "li",
      {
        class: "column-row", tabindex: index === 0 ? "0" : "-1", draggable: column.pinned ? "false" : "true",
        dataset: { keyOf: column.key }, "aria-keyshortcuts": "Space Alt+ArrowUp Alt+ArrowDown Shift+ArrowLeft Shift+ArrowRight",
      },
      icon(column.pinned ? "pin" : "grip-vertical", "quiet"), box, el("span", { class: "column-label" }, column.label), marks(column),
      el("span", { class: "column-keys", "aria-hidden": "true" }, el("kbd", {}, "Alt"), el("kbd", {}, "↑"), el("kbd", {}, "↓")),
      el("span", { class: "hint tabular end" }, interpolate(gettext("%s px"), [Math.round(column.width)])),
    );
  }

  function render() {
    fill(shownList, shown().filter(fits).map(shownRow));
    const groups = new Map();
    for (const column of order.filter((one) => !one.visible && fits(one))) {
      groups.set(column.group, [...(groups.get(column.group) || []), column]);
    }
    fill(hiddenBox, Array.from(groups, ([group, members]) => el(
      "div", {}, el("h3", { class: "quiet" }, group),
      members.map((column) => el(
        "label", { class: "check column-hidden" },
        el("input", { type: "checkbox", dataset: { keyOf: column.key }, on: { change: () => toggle(column, false) } }), el("span", {}, column.label), marks(column),
      )),
    )), groups.size ? null : el("p", { class: "hint" }, find.value ? gettext("No hidden column has this name.") : gettext("Every column is shown.")));
    opened.lead.textContent = interpolate(gettext("Your layout, on every browser you sign in to. %(shown)s of %(all)s shown."), { shown: shown().length, all: order.length }, true);
  }

  function move(from, to) {
    const visible = shown();
    const lead = visible.filter((column) => column.pinned).length;
    if (from < lead || to < lead || find.value) { render(); return; }
    const moved = visible[from];
    const others = withMoved(visible, from, to);
    order = [...others, ...order.filter((column) => !column.visible)];
    said.textContent = interpolate(gettext("%(label)s is now column %(place)s"), { label: moved.label, place: to + 1 }, true);
    render();
    focusOn(moved.key);
  }

  attachReorder(shownList, ".column-row", move);
  shownList.addEventListener("keydown", (event) => {
    const row = event.target.closest(".column-row");
    if (!row || event.altKey) return;
    const column = order.find((one) => one.key === row.dataset.keyOf);
    const rows = Array.from(shownList.children);
    const at = rows.indexOf(row);
    if (event.key === " ") { event.preventDefault(); const next = rows[at + 1] || rows[at - 1]; const key = next && next.dataset.keyOf; toggle(column, false); if (key) focusOn(key); }
    if (event.shiftKey && event.key === "ArrowRight") { event.preventDefault(); widen(column, STEP); }
    if (event.shiftKey && event.key === "ArrowLeft") { event.preventDefault(); widen(column, -STEP); }
    if (!event.shiftKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const next = rows[at + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) next.focus();
    }
  });
  find.addEventListener("input", render);
  render();
  focusOn(shown()[0] ? shown()[0].key : "");
  return opened.closed;
}
