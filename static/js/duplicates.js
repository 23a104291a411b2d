/*
 * The review of likely duplicates (C50), attached to [data-duplicates]: pairs at the side, the two compared beside them.
 * J and K move, Enter goes to the merge, D says that they are different people.
 */

import { post, read, remove, schema } from "./api.js";
import { fate, shownValue } from "./comparison.js";
import { button, el, fill, icon } from "./elements.js";
import { addKeys } from "./keys.js";
import { toast } from "./toasts.js";
import { count, formatRecently, hue, initials, isEmpty, nameNodes, valueOf } from "./values.js";

const KINDS = () => ({
  email: ["mail", gettext("Same email")], name: ["id-card", gettext("Same name and postal code")], phone: ["phone", gettext("Phone one digit off")],
});

class DuplicateReview {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.page = 1;
    this.at = 0;
    this.pairs = [];
  }

  async start() {
    this.attach();
    try {
      this.attributes = (await schema()).filter((attribute) => !attribute.archived && !["created_at", "updated_at"].includes(attribute.key));
    } catch (problem) {
      this.say(problem);
    }
    await this.load();
    this.place.dataset.ready = "true";
  }

  async load() {
    try {
      const answer = await read(`duplicates/?page=${this.page}`);
      this.pairs = answer.results;
      this.pages = answer.pages;
      this.searched = Boolean(answer.searched_at);
      this.at = Math.max(0, Math.min(this.at, this.pairs.length - 1));
      const searched = answer.searched_at ? interpolate(gettext("last looked for %s"), [formatRecently(answer.searched_at)]) : gettext("not looked for yet");
      fill(this.part("count"), `${interpolate(ngettext("%s pair", "%s pairs", answer.count), [count(answer.count)])}, ${searched}`);
      this.say(null);
      this.render();
    } catch (problem) {
      if (problem.status === 404 && this.page > 1) { this.page -= 1; await this.load(); return; }
      this.say(problem);
    }
  }

  get pair() {
    return this.pairs[this.at];
  }

  say(problem) {
    fill(this.part("problem"), problem ? el("div", { class: "note bad" }, icon("circle-alert"), el("p", { class: "words" }, problem.message)) : null);
  }

  render() {
    fill(this.part("pairs"), this.pairs.map((pair, index) => el("li", {}, el(
      "button", { type: "button", "aria-current": index === this.at ? "true" : false, on: { click: () => this.go(index) } },
      el("strong", { class: "strong" }, nameNodes(pair.customers[0])), " · ", el("strong", { class: "strong" }, nameNodes(pair.customers[1])), el("br"),
      pair.evidence.map((item) => el("span", { class: "badge" }, icon(KINDS()[item.kind][0]), KINDS()[item.kind][1])),
    ))));
    fill(this.part("pager"), this.pages > 1 ? [
      button(gettext("Before"), { icon: "chevron-left", classes: "small", disabled: this.page === 1 }, () => this.turn(-1)),
      el("span", { class: "under" }, interpolate(gettext("Page %(page)s of %(pages)s"), { page: this.page, pages: this.pages }, true)),
      button(gettext("Next"), { icon: "chevron-right", classes: "small", disabled: this.page >= this.pages }, () => this.turn(1)),
    ] : null);
    this.renderPair();
  }

  renderPair() {
    const box = this.part("pair");
    this.part("keys").hidden = !this.pair;
    if (!this.pair) {
      fill(box, el(
        "div", { class: "state" }, el("span", { class: "tile huge" }, icon("users")), el("h2", {}, this.searched ? gettext("No likely duplicates") : gettext("Nothing was looked for yet")),
        el("p", {}, gettext("Customers with the same email, the same name and postal code, or a phone one digit off would be listed here."), " ", gettext("They are looked for every few minutes.")),
        el("a", { class: "btn", href: "/customers/" }, gettext("To the customers")),
      ));
      return;
    }
    const [one, other] = this.pair.customers;
    const masked = new Set(one.masked || []);
    const rows = this.attributes.map((attribute) => {
      const pair = [valueOf(one, attribute), valueOf(other, attribute)];
      if (pair.every(isEmpty)) return null;
      const hidden = masked.has(attribute.key);
      const same = !hidden && fate(attribute, ...pair) === "same";
      return el("tr", {}, el("th", { scope: "row" }, el("div", { class: "merge-name" }, attribute.label, hidden ? el("span", { class: "badge outlined" }, gettext("Hidden")) : same ? el("span", { class: "quiet" }, gettext("Same")) : el("span", { class: "badge warn" }, gettext("Differs")))), pair.map((value) => el("td", {}, el("div", { class: "merge-value" }, shownValue(attribute, value, hidden)))));
    });
    const head = (customer) => el("th", { scope: "col" }, el("div", { class: "merge-person" }, el("span", { class: `avatar hue-${hue(customer.id)}`, "aria-hidden": "true" }, initials(customer)), el("div", { class: "words" }, el("a", { class: "strong", href: `/customers/${customer.id}/` }, nameNodes(customer)))));
    fill(
      box,
      el("div", { class: "card-head" }, el("h2", {}, gettext("Are they one person?")), el("div", { class: "actions end" },
        button(gettext("Different people"), { key: "D", classes: "small" }, () => this.dismiss()),
        button(gettext("Compare and merge"), { key: "↵", icon: "git-merge", classes: "small primary" }, () => this.merge()))),
      el("div", { class: "card-body" },
        el("div", { class: "evidence" }, this.pair.evidence.map((item) => el("span", {}, el("span", { class: "badge acc" }, icon(KINDS()[item.kind][0]), KINDS()[item.kind][1]), item.values.join(item.kind === "name" ? ", " : " · ")))),
        el("div", { class: "merge-table" }, el("table", {}, el("caption", { class: "unseen" }, gettext("The two customers side by side")), el("thead", {}, el("tr", {}, el("td", {}, gettext("Attribute")), head(one), head(other))), el("tbody", {}, rows)))),
    );
  }

  go(index) {
    if (index < 0 || index >= this.pairs.length) return;
    this.at = index;
    this.render();
    const current = this.part("pairs").querySelector("[aria-current=true]");
    if (current) current.focus();
  }

  turn(step) {
    this.page += step;
    this.at = 0;
    return this.load();
  }

  merge() {
    if (this.pair) location.assign(`/customers/merge/?ids=${this.pair.customers.map((one) => one.id).join(",")}`);
  }

  async dismiss() {
    const { pair } = this;
    if (!pair || this.busy) return;
    this.busy = true;
    const [one, other] = pair.customers;
    try {
      await post(`duplicates/${pair.id}/dismiss/`);
      toast(gettext("Remembered: they are different people."), { undo: async () => { await remove(`customers/${one.id}/never/${other.id}/`); await this.load(); } });
      await this.load();
      this.go(this.at);
    } catch (problem) {
      this.say(problem);
    } finally {
      this.busy = false;
    }
  }

  attach() {
    addKeys([
      { keys: ["j"], label: gettext("Next pair"), run: () => this.go(this.at + 1) },
      { keys: ["k"], label: gettext("Pair before"), run: () => this.go(this.at - 1) },
      { keys: ["Enter"], label: gettext("Compare and merge"), run: (event) => { if (event.target.closest("a, [data-part=pager], [data-part=pair] button")) event.target.click(); else this.merge(); } },
      { keys: ["d"], label: gettext("Different people"), run: () => this.dismiss() },
    ]);
  }
}

for (const place of document.querySelectorAll("[data-duplicates]")) new DuplicateReview(place).start();
