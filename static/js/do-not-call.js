/* The do-not-call list, attached to [data-do-not-call]: add a number, find one, take one off (I32). */

import { idempotencyKey, post, read, remove } from "./api.js";
import { confirmAction } from "./dialogs.js";
import { afterPause, button, el, fill, icon } from "./elements.js";
import { may } from "./page.js";
import { toast } from "./toasts.js";
import { count, formatMoment, phoneNode } from "./values.js";

class List {
  constructor(place) {
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.place = place;
    this.part("search").addEventListener("input", afterPause(200, () => this.load()));
    this.part("form").addEventListener("submit", (event) => { event.preventDefault(); this.add(); });
    this.load();
  }

  async load() {
    const text = this.part("search").value.trim();
    const asked = (this.asked = Symbol("asked"));
    try {
      const answer = await read(`do-not-call/${text ? `?q=${encodeURIComponent(text)}` : ""}`);
      if (asked !== this.asked) return; // A later question has been asked; its answer counts.
      fill(this.part("rows"), answer.results.map((entry) => this.row(entry)));
      this.part("count").textContent = interpolate(ngettext("%s number", "%s numbers", answer.count), [count(answer.count)]);
      this.part("none").hidden = answer.results.length > 0;
      this.part("none").textContent = text ? gettext("No number matches. Clear the search.") : gettext("The list is empty. Add the number of somebody who does not want to be called.");
    } catch (problem) {
      this.complain(problem.message);
    }
    this.place.dataset.ready = "true";
  }

  row(entry) {
    return el(
      "tr", {},
      el("td", {}, phoneNode(entry.number)), el("td", {}, entry.reason || el("span", { class: "quiet" }, "–")),
      el("td", { class: "quiet" }, [entry.added_by, formatMoment(entry.added_at)].filter(Boolean).join(", ")),
      el("td", { class: "num" }, may("dial_do_not_call") ? button(gettext("Remove"), { classes: "small danger", "aria-label": interpolate(gettext("Remove %s from the list"), [entry.number]) }, () => this.take(entry)) : null),
    );
  }

  async add() {
    const form = this.part("form");
    this.part("problem").hidden = true;
    form.elements.number.removeAttribute("aria-invalid");
    try {
      const answer = await post("do-not-call/", { number: form.elements.number.value, reason: form.elements.reason.value }, { headers: { "Idempotency-Key": idempotencyKey() } });
      toast(answer.status === 201 ? gettext("The number is on the list.") : gettext("The number was on the list already."));
      form.reset();
      form.elements.number.focus();
      this.load();
    } catch (problem) {
      this.complain((problem.errors.number || [problem.message]).join(" "));
      form.elements.number.setAttribute("aria-invalid", "true");
      form.elements.number.focus();
    }
  }

  async take(entry) {
    const sure = await confirmAction({ title: gettext("Take the number off the list"), lead: gettext("It can be dialled again from then on."), action: gettext("Take it off") });
    if (!sure) return;
    try {
      await remove(`do-not-call/${entry.id}/`);
      toast(gettext("The number can be dialled again."));
      this.load();
    } catch (problem) {
      this.complain(problem.message);
    }
  }

  complain(message) {
    const box = this.part("problem");
    box.hidden = false;
    fill(box, icon("circle-alert"), message);
  }
}

for (const place of document.querySelectorAll("[data-do-not-call]")) new List(place);
