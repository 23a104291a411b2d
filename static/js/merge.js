/*
 * Customers side by side, to become one (C49), attached to [data-merge]. The address holds who: ?ids=a,b,c, the survivor
 * first. The server says what each choice comes to; nothing is written before the button.
 */

import { idempotencyKey, post, read, remove, schema } from "./api.js";
import { shownValue } from "./comparison.js";
import { afterPause, button, el, fill, icon } from "./elements.js";
import { addKeys } from "./keys.js";
import { labelPill, labelsOf } from "./labels.js";
import { may } from "./page.js";
import { toastNext } from "./toasts.js";
import { count, formatDate, fullName, hue, initials, isEmpty, isList, nameNodes, phoneNode, valueOf } from "./values.js";

const UNCHOSEN = new Set(["created_at", "updated_at"]);
const MOST = 20;

class MergePage {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.ids = [...new Set((new URLSearchParams(location.search).get("ids") || "").split(",").filter(Boolean))].slice(0, MOST);
    this.choices = {};
    this.without = { phones: new Set(), emails: new Set(), labels: new Set() };
    this.interactions = new Map();
    this.key = idempotencyKey();
    this.focused = null;
  }

  async start() {
    try {
      [this.attributes, this.labels] = await Promise.all([schema(), read("labels/").then(labelsOf).catch(() => [])]);
      this.attributes = this.attributes.filter((attribute) => !attribute.archived && !UNCHOSEN.has(attribute.key));
      this.byKey = new Map(this.attributes.map((attribute) => [attribute.key, attribute]));
    } catch (problem) {
      this.say(problem);
    }
    this.attach();
    await this.load();
    this.place.dataset.ready = "true";
  }

  get people() {
    return this.answer ? this.answer.customers : [];
  }

  get survivor() {
    return this.people[0];
  }

  question() {
    const [into, ...from] = this.ids;
    const without = Object.fromEntries(Object.entries(this.without).filter(([, items]) => items.size).map(([key, items]) => [key, Array.from(items)]));
    return { into, from, choices: this.choices, without };
  }

  /** Ask what the choices come to, and show it. The columns keep their places while values are picked. */
  async load() {
    if (this.ids.length < 2) { await this.showAlone(); return; }
    const asked = (this.asked = {});
    try {
      const { data } = await post("customers/merge/preview/", this.question());
      if (asked !== this.asked) return;
      this.answer = data;
      this.say(null);
      // The page says what it shows: an undecided value is decided by what was last changed.
      for (const item of data.fields) if (item.from) this.choices[item.key] = item.from;
      this.render();
      this.countInteractions();
    } catch (problem) {
      if (asked === this.asked) this.say(problem);
    }
  }

  async showAlone() {
    this.answer = null;
    fill(this.part("side"));
    fill(this.part("table"), el("div", { class: "state" }, el("span", { class: "tile huge" }, icon("git-merge")), el("p", {}, gettext("Add the customers that are one person; the field above finds them."))));
    this.part("merge").disabled = true;
    if (!this.ids.length) return;
    try {
      const customer = await read(`customers/${this.ids[0]}/`);
      fill(this.part("title"), interpolate(gettext("Merge others into %s"), [this.nameOf(customer)]));
    } catch (problem) {
      this.say(problem);
    }
    this.part("search").focus();
  }

  nameOf(customer) {
    return fullName(customer) || `${gettext("No Name")} ${(customer.phones || [])[0] || (customer.emails || [])[0] || ""}`.trim();
  }

  isMasked(attribute) {
    return (this.survivor.masked || []).includes(attribute.key);
  }

  render() {
    const { people } = this;
    const words = interpolate(gettext("Merge %(number)s contacts into %(name)s"), { number: people.length, name: this.nameOf(this.survivor) }, true);
    fill(this.part("title"), words);
    document.title = `${words} · CIM`;
    this.part("back").href = this.part("cancel").href = `/customers/${this.survivor.id}/`;
    fill(this.part("merge-words"), interpolate(gettext("Merge %s contacts into 1"), [people.length]));
    this.part("merge").disabled = false;
    this.rows = this.attributes.filter((attribute) => people.some((one) => !isEmpty(valueOf(one, attribute))));
    const decided = this.rows.filter((attribute) => this.attributeFate(attribute) !== "differs" || this.choices[attribute.key]).length;
    fill(this.part("decided"), interpolate(gettext("%(decided)s of %(all)s decided"), { decided, all: this.rows.length }, true));
    this.renderTable();
    this.renderSide();
  }

  attributeFate(attribute) {
    if (isList(attribute)) return "joined";
    if (this.isMasked(attribute)) return "hidden";
    const values = this.people.map((one) => valueOf(one, attribute));
    return values.every((value) => JSON.stringify(value) === JSON.stringify(values[0])) ? "same" : "differs";
  }

  badge(name) {
    const badges = {
      same: [null, gettext("Same")], differs: ["badge warn", gettext("Differs")], joined: ["badge", gettext("Keep all")], hidden: ["badge outlined", gettext("Hidden")],
    };
    const [classes, label] = badges[name];
    return classes ? el("span", { class: classes }, label) : el("span", { class: "quiet" }, label);
  }

  renderTable() {
    const only = this.place.querySelector("input[name=shown]:checked").value;
    const differs = this.rows.filter((attribute) => this.attributeFate(attribute) === "differs");
    this.part("shown").hidden = false;
    fill(this.part("shown-all"), interpolate(gettext("All %s"), [this.rows.length]));
    fill(this.part("shown-differs"), interpolate(gettext("Differs %s"), [differs.length]));
    const rows = (only === "differs" ? differs : this.rows).map((attribute) => this.row(attribute));
    const labels = this.people.some((one) => (one.labels || []).length) && only === "all" ? this.labelRow() : null;
    fill(this.part("table"), el(
      "table", {},
      el("caption", { class: "unseen" }, gettext("The customers side by side; one value of each attribute is picked")),
      el("thead", {}, el("tr", {}, el("td", {}, gettext("Attribute")), this.people.map((one, index) => this.head(one, index)))),
      el("tbody", {}, rows, labels),
    ));
    this.keepFocus();
  }

  head(customer, index) {
    const calls = this.interactions.get(customer.id);
    const since = interpolate(gettext("Since %s"), [formatDate(customer.created_at)]);
    const under = calls === undefined ? since : `${since}, ${interpolate(ngettext("%s interaction", "%s interactions", calls), [count(calls)])}`;
    const isSurvivor = index === 0;
    const pick = index < 9 ? el("span", { class: "hint" }, gettext("pick its values"), " ", el("kbd", {}, String(index + 1))) : null;
    return el(
      "th", { scope: "col", class: isSurvivor ? "survivor" : "" },
      el("div", { class: "merge-person" }, el("span", { class: `avatar hue-${hue(customer.id)}`, "aria-hidden": "true" }, initials(customer)), el("div", { class: "words" }, el("a", { class: "strong", href: `/customers/${customer.id}/` }, nameNodes(customer)), el("br"), el("span", { class: "hint" }, under))),
      el(
        "div", { class: "merge-role" },
        isSurvivor
          ? el("span", { class: "badge ok" }, icon("check"), gettext("Survivor, stays"))
          : button(gettext("Make survivor"), { classes: "small", "aria-label": interpolate(gettext("Make %s the survivor"), [this.nameOf(customer)]) }, () => this.makeSurvivor(customer.id)),
        isSurvivor ? pick : [pick, this.people.length > 2 ? el("button", { type: "button", class: "btn quiet icon-only small", "aria-label": interpolate(gettext("Take %s out"), [this.nameOf(customer)]), on: { click: () => this.takeOut(customer.id) } }, icon("x")) : null],
      ),
    );
  }

  row(attribute) {
    const fate = this.attributeFate(attribute);
    const cells = this.people.map((one) => (isList(attribute) ? this.listCell(attribute, one) : this.cell(attribute, one)));
    return el("tr", { dataset: { key: attribute.key } }, el("th", { scope: "row" }, el("div", { class: "merge-name" }, el("span", {}, attribute.label), this.badge(fate))), cells);
  }

  cell(attribute, customer) {
    const value = valueOf(customer, attribute);
    if (isEmpty(value)) return el("td", {}, el("div", { class: "merge-value quiet" }, "–"));
    const picked = this.choices[attribute.key] === customer.id;
    const input = el("input", {
      type: "radio", name: `pick-${attribute.key}`, value: customer.id, checked: picked, tabindex: "-1",
      "aria-label": interpolate(gettext("%(label)s of %(name)s"), { label: attribute.label, name: this.nameOf(customer) }, true),
      dataset: { focus: `${attribute.key} ${customer.id}` }, on: { change: () => this.pick(attribute.key, customer.id) },
    });
    return el("td", { class: picked ? "picked" : "" }, el("label", { class: "merge-value radio" }, input, el("span", { class: "words" }, shownValue(attribute, value, this.isMasked(attribute)))));
  }

  listCell(attribute, customer) {
    const items = valueOf(customer, attribute) || [];
    if (!items.length) return el("td", {}, el("div", { class: "merge-value quiet" }, "–"));
    const masked = this.isMasked(attribute);
    const shown = (item) => (attribute.key === "phones" && !masked ? phoneNode(item) : item);
    return el("td", { class: "picked" }, items.map((item, index) => this.tick(attribute.key, item, `${customer.id} ${index}`, shown(item), masked)));
  }

  tick(key, item, place, shown, disabled = false) {
    const input = el("input", {
      type: "checkbox", checked: !this.without[key].has(item), disabled, tabindex: "-1", "aria-label": interpolate(gettext("Keep %s"), [item]),
      dataset: { focus: `${key} ${place}` }, on: { change: (event) => this.keep(key, item, event.target.checked) },
    });
    return el("label", { class: "merge-value check" }, input, el("span", { class: "words" }, shown));
  }

  labelRow() {
    const cells = this.people.map((one) => {
      const names = one.labels || [];
      return el("td", { class: names.length ? "picked" : "" }, names.length ? names.map((name) => this.tick("labels", name, `${one.id} ${name}`, labelPill(this.labels, name))) : el("div", { class: "merge-value quiet" }, "–"));
    });
    return el("tr", { dataset: { key: "labels" } }, el("th", { scope: "row" }, el("div", { class: "merge-name" }, el("span", {}, gettext("Labels")), this.badge("joined"))), cells);
  }

  renderSide() {
    const fields = new Map(this.answer.fields.map((item) => [item.key, item]));
    const others = this.people.slice(1);
    const after = (key) => (fields.get(key) ? fields.get(key).after || [] : []);
    const before = (key) => (fields.get(key) ? fields.get(key).before || [] : []);
    const moves = [
      ["phone", "phone", after("phones").filter((item) => !before("phones").includes(item)).length, (many) => ngettext("%s phone", "%s phones", many), after("phones").length],
      ["mail", "email", after("emails").filter((item) => !before("emails").includes(item)).length, (many) => ngettext("%s email", "%s emails", many), after("emails").length],
      ["contact", "messaging", others.reduce((sum, one) => sum + (one.identifiers || []).length, 0), (many) => ngettext("%s identifier", "%s identifiers", many), null],
      ["tag", "", this.answer.labels.filter((name) => !(this.survivor.labels || []).includes(name)).length, (many) => ngettext("%s label", "%s labels", many), this.answer.labels.length],
    ].filter(([, , many]) => many);
    const line = ([name, tone, many, words, total]) => el("li", {}, el("span", { class: `tile ${tone}` }, icon(name)), el("span", {}, interpolate(words(many), [count(many)])), total === null ? null : el("span", { class: "end tabular" }, interpolate(gettext("%s after"), [count(total)])));
    const counts = others.map((one) => this.interactions.get(one.id));
    const known = counts.every((number) => number !== undefined);
    const calls = known ? counts.reduce((sum, number) => sum + number, 0) : null;
    const history = calls === null ? gettext("All interactions, journeys and CRM links") : interpolate(ngettext("%s interaction, with journeys and CRM links", "%s interactions, with journeys and CRM links", calls), [count(calls)]);
    const changes = this.answer.fields.filter((item) => item.changes && this.byKey.has(item.key) && !isList(this.byKey.get(item.key)));
    const dropped = [...this.without.phones];
    fill(
      this.part("side"),
      el("section", { class: "card", "aria-label": gettext("What moves to the survivor") }, el("div", { class: "card-head" }, el("h2", {}, gettext("What moves to the survivor"))), el("ul", { class: "card-body merge-moves" }, moves.map(line), el("li", {}, el("span", { class: "tile chat" }, icon("message-circle")), el("span", {}, history)))),
      el("section", { class: "card", "aria-label": gettext("What changes on the survivor") }, el("div", { class: "card-head" }, el("h2", {}, gettext("What changes on the survivor"))), changes.length
        ? el("dl", { class: "card-body merge-changes" }, changes.map((item) => { const attribute = this.byKey.get(item.key); const masked = this.isMasked(attribute); return [el("dt", {}, attribute.label), el("dd", {}, isEmpty(item.before) ? el("span", { class: "quiet" }, gettext("empty")) : el("s", { class: "quiet" }, shownValue(attribute, item.before, masked)), " → ", el("strong", { class: "strong" }, shownValue(attribute, item.after, masked)))]; }))
        : el("p", { class: "card-body quiet" }, gettext("No value of the survivor changes."))),
      dropped.length ? el("div", { class: "note warn" }, icon("triangle-alert"), el("p", { class: "words" }, interpolate(gettext("%s will belong to nobody."), [dropped.join(", ")]))) : null,
      el("div", { class: "note ok" }, icon("undo-2"), el("p", { class: "words" }, el("strong", {}, gettext("You can take this back at any time.")), " ", interpolate(gettext("All %s contacts then get their values, phones and interactions back."), [this.people.length]))),
    );
  }

  /** How many interactions each of them has, where the user may know; the page does not wait for it. */
  async countInteractions() {
    const wanted = this.people.filter((one) => !this.interactions.has(one.id));
    if (!wanted.length) return;
    const found = await Promise.all(wanted.map((one) => read(`customers/${one.id}/journey/?view=default`).then((answer) => answer.interactions).catch(() => undefined)));
    wanted.forEach((one, index) => this.interactions.set(one.id, Number.isInteger(found[index]) ? found[index] : undefined));
    if (found.some(Number.isInteger)) this.render();
  }

  pick(key, id) {
    this.choices[key] = id;
    this.load();
  }

  keep(key, item, on) {
    if (on) this.without[key].delete(item);
    else this.without[key].add(item);
    this.load();
  }

  pickColumn(index) {
    const customer = this.people[index];
    if (!customer) return;
    for (const attribute of this.rows) if (!isList(attribute) && !isEmpty(valueOf(customer, attribute))) this.choices[attribute.key] = customer.id;
    this.load();
  }

  makeSurvivor(id) {
    this.ids = [id, ...this.ids.filter((one) => one !== id)];
    this.moved();
  }

  takeOut(id) {
    this.ids = this.ids.filter((one) => one !== id);
    for (const key of Object.keys(this.choices)) if (this.choices[key] === id) delete this.choices[key];
    this.moved();
  }

  add(id) {
    if (!this.ids.includes(id)) this.ids.push(id);
    // What was not picked by hand is decided anew with one more to choose from.
    this.choices = {};
    this.moved();
  }

  moved() {
    history.replaceState(null, "", `?ids=${this.ids.join(",")}`);
    this.key = idempotencyKey();
    return this.load();
  }

  async merge() {
    const { people } = this;
    if (people.length < 2) return;
    this.part("merge").disabled = true;
    try {
      const { data } = await post("customers/merge/", this.question(), { headers: { "Idempotency-Key": this.key } });
      toastNext(interpolate(gettext("%s contacts are one now. Profile history takes it back."), [people.length]));
      location.assign(`/customers/${data.customer.id}/`);
    } catch (problem) {
      this.key = idempotencyKey();
      this.part("merge").disabled = false;
      this.say(problem);
    }
  }

  say(problem) {
    if (!problem) { fill(this.part("problem")); return; }
    const differ = problem.status === 409 && (problem.body.customers || []).length === 2 ? problem.body.customers : null;
    const details = Object.values(problem.errors || {}).flat();
    fill(
      this.part("problem"),
      el("div", { class: "note bad" }, icon("circle-alert"), el("p", { class: "words" }, details.length ? details.join(" ") : problem.message),
        differ && may("edit_customers") ? button(gettext("They are one person"), { classes: "small end" }, () => this.takeBackNever(differ)) : null),
    );
    if (!this.answer) fill(this.part("table"), el("div", { class: "state" }, el("p", {}, gettext("Nothing was merged."))));
  }

  async takeBackNever([one, other]) {
    try {
      await remove(`customers/${one}/never/${other}/`);
      await this.load();
    } catch (problem) {
      this.say(problem);
    }
  }

  /* Finding another customer */

  async find() {
    const text = this.part("search").value.trim();
    if (!text) { this.showFound([]); return; }
    try {
      const answer = await read(`customers/?q=${encodeURIComponent(text)}&page_size=8`);
      if (text === this.part("search").value.trim()) this.showFound(answer.results.filter((one) => !this.ids.includes(one.id)), true);
    } catch (problem) {
      this.say(problem);
    }
  }

  showFound(customers, searched = false) {
    const box = this.part("found");
    box.hidden = !searched;
    this.part("search").setAttribute("aria-expanded", String(searched));
    fill(box, customers.map((one, index) => el(
      "button", { type: "button", class: "menu-item", role: "option", "aria-selected": String(index === 0), on: { click: () => this.choose(one.id) } },
      el("span", { class: `avatar hue-${hue(one.id)}`, "aria-hidden": "true" }, initials(one)),
      el("span", { class: "who" }, el("strong", { class: "strong" }, nameNodes(one)), el("span", { class: "hint" }, [...(one.phones || []), ...(one.emails || [])].join(", "))),
    )), searched && !customers.length ? el("p", { class: "results-foot" }, gettext("No other customer matches.")) : null);
  }

  choose(id) {
    this.part("search").value = "";
    this.showFound([]);
    this.add(id);
  }

  searchKey(event) {
    const options = Array.from(this.part("found").querySelectorAll("[role=option]"));
    const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "Escape") { event.stopPropagation(); event.target.value = ""; this.showFound([]); return; }
    if (event.key === "Enter" && options[at]) { event.preventDefault(); options[at].click(); return; }
    if (!["ArrowDown", "ArrowUp"].includes(event.key) || !options.length) return;
    event.preventDefault();
    const next = (at + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length;
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === next)));
  }

  /* The keyboard in the table: arrows move, Space picks, Tab leaves. */

  inputs() {
    return Array.from(this.part("table").querySelectorAll("input:not(:disabled)"));
  }

  keepFocus() {
    const inputs = this.inputs();
    const kept = inputs.find((input) => input.dataset.focus === this.focused);
    const first = kept || inputs.find((input) => input.checked) || inputs[0];
    if (first) first.tabIndex = 0;
    if (kept && this.hadFocus) kept.focus();
  }

  tableKey(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[event.key];
    if (!step || !event.target.matches("input")) return;
    event.preventDefault();
    const forward = document.dir === "rtl" ? -step[1] : step[1];
    const cells = Array.from(this.part("table").querySelectorAll("tbody tr")).map((row) => Array.from(row.querySelectorAll("td")).map((cell) => Array.from(cell.querySelectorAll("input:not(:disabled)"))));
    let row = cells.findIndex((line) => line.some((cell) => cell.includes(event.target)));
    let column = cells[row].findIndex((cell) => cell.includes(event.target));
    const within = cells[row][column];
    const inside = within[within.indexOf(event.target) + step[0]];
    if (step[0] && inside) { this.focusOn(inside); return; }
    for (;;) {
      row += step[0];
      column += forward;
      if (!cells[row] || !cells[row][column]) return;
      const found = cells[row][column];
      if (found.length) { this.focusOn(step[0] < 0 ? found.at(-1) : found[0]); return; }
    }
  }

  focusOn(input) {
    for (const other of this.inputs()) other.tabIndex = -1;
    input.tabIndex = 0;
    input.focus();
  }

  attach() {
    this.part("merge").addEventListener("click", () => this.merge());
    this.part("shown").addEventListener("change", () => this.renderTable());
    this.part("search").addEventListener("input", afterPause(180, () => this.find()));
    this.part("search").addEventListener("keydown", (event) => this.searchKey(event));
    this.part("table").addEventListener("keydown", (event) => this.tableKey(event));
    this.part("table").addEventListener("focusin", (event) => { this.hadFocus = true; if (event.target.dataset.focus) this.focused = event.target.dataset.focus; });
    this.part("table").addEventListener("focusout", (event) => { if (event.relatedTarget) this.hadFocus = this.part("table").contains(event.relatedTarget); });
    document.addEventListener("pointerdown", (event) => { if (!event.target.closest(".merge-search")) this.showFound([]); });
    addKeys([
      ...Array.from({ length: 9 }, (_none, index) => ({ keys: [String(index + 1)], label: index < 3 ? interpolate(gettext("Pick the values of column %s"), [index + 1]) : "", run: () => this.pickColumn(index) })),
    ]);
  }
}

for (const place of document.querySelectorAll("[data-merge]")) new MergePage(place).start();
