/*
 * The history of a customer, attached to [data-timeline] wherever a panel brings one: filters, older entries on demand,
 * times and durations in the reader's words (I5).
 */

import { post } from "./api.js";
import { afterPause, el, icon } from "./elements.js";
import { piece } from "./panels.js";
import { toast } from "./toasts.js";
import { formatDuration, formatRecent, groupPhones } from "./values.js";

/** Put durations and times of server-rendered entries into words. */
export function dress(root) {
  for (const place of root.querySelectorAll("[data-seconds]")) place.textContent = formatDuration(Number(place.dataset.seconds) * 1000);
  groupPhones(root);
  for (const place of root.querySelectorAll("time[data-recent]")) place.textContent = formatRecent(place.getAttribute("datetime"));
}

/** Take an interaction off its customer, wherever its entry is shown; one click brings it back (C48). */
async function unlink(pressed) {
  const { unlink: interaction, customer } = pressed.dataset;
  const entry = pressed.closest("li");
  const next = entry.nextSibling;
  const list = entry.parentNode;
  pressed.disabled = true;
  try {
    await post(`interactions/${interaction}/unlink/`);
    entry.remove();
    toast(gettext("The interaction is unlinked."), {
      undo: async () => {
        await post(`interactions/${interaction}/link/`, { customer });
        list.insertBefore(entry, next && next.parentNode === list ? next : null);
      },
    });
  } catch (problem) {
    pressed.after(el("span", { class: "error", role: "alert" }, icon("circle-alert"), problem.message));
  } finally {
    pressed.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-unlink]");
  if (pressed) unlink(pressed);
});

class Timeline {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.asked = null;
    dress(place);
    this.part("more").addEventListener("click", () => this.toggle());
    this.part("clear").addEventListener("click", () => this.clear());
    this.search = afterPause(250, () => this.reload());
    const search = this.part("search");
    search.addEventListener("input", () => this.search());
    search.addEventListener("keydown", (event) => {
      // The panel may stand inside the form of a page, which Enter would send.
      if (event.key === "Enter") { event.preventDefault(); this.reload(); }
    });
    place.addEventListener("click", (event) => {
      const older = event.target.closest("[data-older]");
      if (older) this.older(older);
    });
  }

  toggle() {
    const search = this.part("search");
    search.hidden = !search.hidden;
    this.part("more").setAttribute("aria-expanded", String(!search.hidden));
    if (!search.hidden) search.querySelector("input").focus();
  }

  conditions() {
    const query = new URLSearchParams({ only: "entries" });
    for (const field of this.part("search").querySelectorAll("[name]")) if (field.value) query.set(field.name, field.value);
    return query;
  }

  clear() {
    for (const field of this.part("search").querySelectorAll("[name]")) field.value = "";
    this.reload();
  }

  async reload() {
    if (this.asked) this.asked.abort();
    this.asked = new AbortController();
    const entries = this.part("entries");
    try {
      const content = await piece(`${this.place.dataset.timeline}?${this.conditions()}`, { signal: this.asked.signal });
      dress(content);
      entries.replaceChildren(content);
    } catch (failure) {
      if (failure.name !== "AbortError") entries.dataset.stale = "true";
    }
  }

  async older(button) {
    button.disabled = true;
    try {
      const content = await piece(button.dataset.older);
      dress(content);
      const first = content.querySelector("summary");
      button.closest("li").replaceWith(content);
      if (first) first.focus();
    } catch {
      button.disabled = false;
    }
  }
}

function attach(root) {
  for (const place of root.querySelectorAll("[data-timeline]:not([data-attached])")) {
    place.dataset.attached = "true";
    new Timeline(place);
  }
}

document.addEventListener("cim:panel", (event) => attach(event.target));
attach(document);
