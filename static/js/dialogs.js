/* Dialogs: the title says the action, the first line the effect. Focus is held inside and goes back. */

import { button, el, fill, freshId, icon } from "./elements.js";

/**
 * Open a modal dialog and return `{dialog, body, foot, close, closed}`. `closed` resolves with what `close` was
 * given (undefined on Esc). `unsaved()` makes Esc ask once before typed data is lost.
 */
export function openDialog({ title, lead, body = [], start = [], end = [], wide = false, mark, unsaved, classes = "" }) {
  const opener = document.activeElement;
  const titleId = freshId("dialog-title");
  const bodyBox = el("div", { class: "dialog-body" }, body);
  const startBox = el("div", { class: "actions" }, start);
  const endBox = el("div", { class: "end" }, end);
  const foot = el("div", { class: "dialog-foot" }, startBox, endBox);
  const leadBox = el("p", {}, lead);
  const dialog = el("dialog", { class: `${wide ? "wide" : ""} ${classes}`.trim(), "aria-labelledby": titleId });
  let result;
  let asked = false;
  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener && opener.isConnected) opener.focus();
      resolve(result);
    });
  });
  const close = (value) => { result = value; dialog.close(); };
  const leave = () => {
    if (unsaved && unsaved() && !asked) {
      asked = true;
      fill(startBox, el("span", { class: "error", role: "alert" }, icon("triangle-alert"), gettext("Close and lose what you typed? Press Esc once more.")));
      return;
    }
    close();
  };
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); leave(); });
  // Chromium closes a dialog on the second Esc whatever the listener of `cancel` says; the key itself is caught instead.
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    leave();
  });
  fill(
    dialog,
    el(
      "div", { class: "dialog-head" },
      mark || null,
      el("div", { class: "words" }, el("h2", { id: titleId }, title), lead ? leadBox : null),
      el("button", { type: "button", class: "btn quiet icon-only", "aria-label": gettext("Close"), on: { click: leave } }, icon("x")),
    ),
    bodyBox,
    start.length || end.length ? foot : null,
  );
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, body: bodyBox, foot, start: startBox, end: endBox, lead: leadBox, close, closed };
}

/** Ask once before something that cannot be taken back lightly; resolves true when the action was chosen. */
export function confirmAction({ title, lead, action, danger = true, details = [] }) {
  const opened = openDialog({
    title, lead, body: details,
    end: [
      button(gettext("Cancel"), { key: "Esc", autofocus: true }, () => opened.close(false)),
      button(action, { classes: danger ? "danger filled" : "primary" }, () => opened.close(true)),
    ],
  });
  return opened.closed.then(Boolean);
}

/** Place `box` (a popover) under `anchor`, inside the window. */
export function placeUnder(box, anchor) {
  const place = anchor.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const rightToLeft = document.dir === "rtl";
  let left = rightToLeft ? place.right - size.width : place.left;
  left = Math.max(8, Math.min(left, window.innerWidth - size.width - 8));
  let top = place.bottom + 6;
  if (top + size.height > window.innerHeight - 8) top = Math.max(8, place.top - size.height - 6);
  box.style.left = `${left}px`;
  box.style.top = `${top}px`;
}

let openBox = null;

export function closePopover() {
  if (openBox) openBox();
}

/** Open a non-modal box under `anchor`; Esc, a click outside or leaving with Tab closes it. */
export function openPopover(anchor, content, { label, classes = "popover", role = "dialog", onClose } = {}) {
  closePopover();
  const box = el("div", { class: classes, role, "aria-label": label, tabindex: "-1" }, content);
  (anchor.closest("dialog") || document.body).append(box);
  placeUnder(box, anchor);
  const outside = (event) => {
    if (!box.contains(event.target) && !anchor.contains(event.target)) close(false);
  };
  const keydown = (event) => {
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); close(true); }
  };
  const away = (event) => {
    if (event.relatedTarget && !box.contains(event.relatedTarget) && !anchor.contains(event.relatedTarget)) close(false);
  };
  function close(back = true) {
    if (openBox !== close) return;
    openBox = null;
    document.removeEventListener("pointerdown", outside, true);
    box.remove();
    anchor.setAttribute("aria-expanded", "false");
    if (onClose) onClose();
    if (back && anchor.isConnected) anchor.focus();
  }
  openBox = close;
  anchor.setAttribute("aria-expanded", "true");
  document.addEventListener("pointerdown", outside, true);
  box.addEventListener("keydown", keydown);
  box.addEventListener("focusout", away);
  const first = box.querySelector("[autofocus]") || box.querySelector("input, select, button, a");
  (first || box).focus();
  return { box, close };
}

/** A menu of `{label, icon, danger, href, run}` under `anchor`, walked with the arrow keys. */
export function openMenu(anchor, items, { head, label } = {}) {
  const made = items.filter(Boolean).map((item) => el(
    item.href ? "a" : "button",
    {
      class: `menu-item ${item.danger ? "danger" : ""}`.trim(), role: "menuitem", href: item.href, type: item.href ? undefined : "button",
      on: item.run ? { click: () => { opened.close(); item.run(); } } : undefined,
    },
    item.mark || (item.icon ? icon(item.icon) : null), el("span", {}, item.label), item.end ? el("span", { class: "end" }, item.end) : null,
  ));
  const opened = openPopover(anchor, [head ? el("div", { class: "menu-head" }, head) : null, made], { classes: "menu", role: "menu", label });
  opened.box.addEventListener("keydown", (event) => walk(event, made));
  return opened;
}

/** Move the focus among `items` with the arrow keys, Home and End. */
export function walk(event, items) {
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? items.length - 1 : at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined || !items.length) return;
  event.preventDefault();
  items[(to + items.length) % items.length].focus();
}
