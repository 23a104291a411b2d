/*
 * Panels: pieces of a page that another app renders. An element with data-panel="<address>" gets what is there, and tells
 * of it by the event "cim:panel". A panel that does not come says so in its place; the rest of the page goes on.
 */

import { button, el, fill, icon } from "./elements.js";

/** Fetch a piece of a page; the nodes of its markup. Our own server renders and escapes it. */
export async function piece(address, options = {}) {
  const response = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" }, ...options });
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  if (!response.ok && response.status !== 400) throw new Error(String(response.status));
  return holder.content;
}

export async function loadPanel(place) {
  const late = setTimeout(() => fill(place, el("div", { class: "card" }, el("div", { class: "card-body stack tight", "aria-hidden": "true" }, [1, 2, 3].map(() => el("span", { class: "bone" }))))), 200);
  try {
    const content = await piece(place.dataset.panel);
    clearTimeout(late);
    place.replaceChildren(content);
    place.dispatchEvent(new CustomEvent("cim:panel", { bubbles: true }));
  } catch {
    clearTimeout(late);
    fill(place, el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("span", { class: "words" }, gettext("This part did not load. The rest of the page works.")), button(gettext("Try again"), { classes: "small" }, () => loadPanel(place))));
  }
}

for (const place of document.querySelectorAll("[data-panel]")) loadPanel(place);
