/*
 * How this customer came to be who it is, attached to [data-identity-story=<id>]: known by what since when, merged with
 * whom and by whom, who it is not. A merge can be taken back here (C49).
 */

import { post, read, remove } from "./api.js";
import { confirmAction } from "./dialogs.js";
import { button, el, fill, icon } from "./elements.js";
import { may } from "./page.js";
import { toastNext } from "./toasts.js";
import { breakable, formatDate, formatRecent, phoneNode } from "./values.js";

const ICONS = { phone: ["phone", "phone"], email: ["mail", "email"], whatsapp: ["message-circle", "messaging"], line: ["message-circle", "messaging"], facebook: ["share-2", "social"], instagram: ["share-2", "social"], x: ["share-2", "social"] };
const SHOWN = 6;

class IdentityStory {
  constructor(place) {
    this.place = place;
    this.id = place.dataset.identityStory;
    this.body = place.querySelector("[data-part=story]");
    this.all = false;
  }

  async load() {
    try {
      this.story = await read(`customers/${this.id}/identity/`);
      this.render();
    } catch (problem) {
      this.say(problem);
    }
  }

  say(problem) {
    if (problem.status === 404) { this.place.hidden = true; return; }
    fill(this.body, el("p", { class: "error", role: "alert" }, icon("circle-alert"), problem.message));
  }

  knownBy(item) {
    const [name, tone] = ICONS[item.type] || ["contact", ""];
    const days = item.until
      ? interpolate(gettext("%(since)s to %(until)s"), { since: formatDate(item.since), until: formatDate(item.until) }, true)
      : interpolate(gettext("since %s"), [formatDate(item.since)]);
    const value = item.type === "phone" ? phoneNode(item.value) : el("span", { class: "ltr" }, breakable(item.value));
    return el("li", {}, el("span", { class: `tile ${tone}` }, icon(name)), el("span", { class: "words" }, item.until ? el("s", { class: "quiet" }, value) : value, el("br"), el("span", { class: "hint" }, days, item.by ? interpolate(gettext(", by %s"), [item.by]) : "", item.from ? interpolate(gettext(", came with %s"), [item.from]) : item.merge ? `, ${gettext("by a merge")}` : "")));
  }

  merge(item) {
    const here = this.story.merges.some((one) => one.id === item.id);
    const names = item.merged.map((one) => one.name).join(", ");
    const said = interpolate(gettext("%(names)s merged into %(survivor)s"), { names, survivor: item.survivor.name }, true);
    const by = [item.by || gettext("CIM"), formatRecent(item.at)].join(", ");
    const undone = item.undone_at ? interpolate(gettext("taken back by %(by)s, %(at)s"), { by: item.undone_by || gettext("CIM"), at: formatRecent(item.undone_at) }, true) : "";
    return el("li", {}, el("span", { class: "tile" }, icon("git-merge")), el("span", { class: "words" }, item.undone_at ? el("s", { class: "quiet" }, said) : said, el("br"), el("span", { class: "hint" }, by, undone ? `; ${undone}` : "")),
      !item.undone_at && here && may("merge") ? button(gettext("Undo"), { icon: "undo-2", classes: "small", "aria-label": interpolate(gettext("Undo: %s"), [said]) }, () => this.undo(item, names)) : null);
  }

  never(item) {
    return el("li", {}, el("span", { class: "tile" }, icon("ban")), el("span", { class: "words" }, gettext("Never this person:"), " ", el("a", { href: `/customers/${item.customer}/` }, item.name), el("br"), el("span", { class: "hint" }, formatRecent(item.at))),
      may("edit_customers") ? button(gettext("Take back"), { classes: "small" }, () => this.takeBack(item)) : null);
  }

  render() {
    const { merges, never, known_by: known } = this.story;
    const lines = [...merges.map((item) => this.merge(item)), ...never.map((item) => this.never(item)), ...known.map((item) => this.knownBy(item))];
    const shown = this.all ? lines : lines.slice(0, Math.max(SHOWN, merges.length));
    fill(
      this.body,
      lines.length ? el("ul", { class: "story" }, shown) : el("p", { class: "quiet" }, gettext("No phone, no address, no merge yet.")),
      shown.length < lines.length ? el("button", { type: "button", class: "link-btn", on: { click: () => { this.all = true; this.render(); } } }, interpolate(gettext("Show all %s"), [lines.length])) : null,
    );
    this.place.dataset.storyReady = "true";
  }

  async undo(item, names) {
    const sure = await confirmAction({
      title: interpolate(gettext("Take the merge with %s back"), [names]), danger: false,
      lead: gettext("Each gets back the values, phones and interactions it had. What was edited since stays here; a number that somebody else has by now stays there."),
      action: interpolate(ngettext("Separate %s contact", "Separate %s contacts", item.merged.length), [item.merged.length]),
    });
    if (!sure) return;
    try {
      const { data } = await post(`merges/${item.id}/undo/`);
      const kept = data.not_returned.map((one) => one.number);
      toastNext(kept.length ? interpolate(gettext("Separated, but these numbers belong to others now: %s"), [kept.join(", ")]) : interpolate(gettext("%s stands alone again."), [names]));
      location.reload();
    } catch (problem) {
      this.say(problem);
    }
  }

  async takeBack(item) {
    try {
      await remove(`customers/${this.id}/never/${item.customer}/`);
      await this.load();
    } catch (problem) {
      this.say(problem);
    }
  }
}

for (const place of document.querySelectorAll("[data-identity-story]")) new IdentityStory(place).load();
