/* One toast at a time, only for what has succeeded; it waits while the pointer or the focus is on it. */

import { el, fill, icon } from "./elements.js";

const SECONDS = 6;
let timer = 0;

export function toast(message, { undo, undoLabel } = {}) {
  const place = document.querySelector("[data-toasts]");
  clearTimeout(timer);
  const leave = () => { timer = setTimeout(() => fill(place), SECONDS * 1000); };
  const stay = () => clearTimeout(timer);
  fill(
    place,
    el(
      "div",
      { class: "toast", role: "status", on: { mouseenter: stay, mouseleave: leave, focusin: stay, focusout: leave } },
      icon("check"),
      el("span", {}, message),
      undo ? el("button", { type: "button", class: "link-btn", on: { click: () => { fill(place); undo(); } } }, undoLabel || gettext("Undo")) : null,
    ),
  );
  leave();
}

/** Keep a message for the page that is about to open. */
export function toastNext(message) {
  sessionStorage.setItem("cim-toast", message);
}

export function showKeptToast() {
  const message = sessionStorage.getItem("cim-toast");
  sessionStorage.removeItem("cim-toast");
  if (message) toast(message);
}
