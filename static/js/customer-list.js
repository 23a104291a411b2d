/*
 * The list of customers, attached to [data-customer-list]. The address bar is the state: columns searched, order,
 * page. Tabulator draws the rows and moves and resizes the columns; what is shown always comes from the server.
 */

import { TabulatorFull } from "../vendor/tabulator-tables/dist/js/tabulator_esm.min.mjs";
import { put, read, schema } from "./api.js";
import { chooseColumns } from "./columns-dialog.js";
import { addCondition, editCondition } from "./condition-editor.js";
import { describe, operatorName, operators, readConditions, readTyped, writeCondition } from "./conditions.js";
import { confirmAction, openMenu } from "./dialogs.js";
import { afterPause, button, el, fill, icon } from "./elements.js";
import { addKeys } from "./keys.js";
import { labelPill, labelsOf, makeLabel } from "./labels.js";
import { doToMany, exportMany } from "./list-jobs.js";
import { may } from "./page.js";
import { showPager } from "./pager.js";
import { addressOf, queryOf, showViews } from "./saved-views.js";
import { count, family, formatRecent, formatValue, fullName, isEmpty, isList, phoneNode, valueOf } from "./values.js";

const WIDTHS = { text: 160, number: 116, boolean: 96, date: 122, datetime: 156, phone: 164, email: 212, url: 200, choice: 138, phones: 168, emails: 212 };
const NAMES = ["first_name", "last_name"];
const NARROW = 56;
const TYPING_PAUSE = 300;
const SLOW = 4000;
const NEWS_PAUSE = 30000;
const PLACE = "cim-list-place";

class CustomerList {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.selected = new Set();
    this.marked = null;
    this.table = null;
    this.answer = null;
    this.total = null;
    this.allMatches = false;
  }

  async start() {
    // The rows do not wait for the schema: the address bar already is the query.
    const query = new URLSearchParams(location.search);
    query.delete("view");
    const first = read(`customers/?${query}`).catch((problem) => problem);
    try {
      [this.attributes, this.layout, this.labels, this.views] = await Promise.all([
        schema(), read("layout/").catch(() => null), read("labels/").then(labelsOf).catch(() => []), read("views/").catch(() => []),
      ]);
    } catch (problem) {
      this.showError(problem);
      return;
    }
    this.attributes = this.attributes.filter((attribute) => !attribute.archived);
    for (const attribute of this.attributes) attribute.masked = attribute.pii && !may("reveal");
    this.byKey = new Map(this.attributes.map((attribute) => [attribute.key, attribute]));
    this.readAddress();
    this.columns = this.startingColumns();
    this.attach();
    this.draw();
    await this.load(first);
    this.watch();
  }

  /* The state and the address */

  readAddress() {
    const parameters = new URLSearchParams(location.search);
    this.conditions = readConditions(parameters, this.byKey);
    this.q = parameters.get("q") || "";
    this.match = parameters.get("match") === "any" ? "any" : "all";
    this.ordering = parameters.get("ordering") || "";
    this.page = Math.max(1, Number(parameters.get("page")) || 1);
    const kept = this.layout && this.layout.page_size;
    this.size = [25, 50, 100, 200].includes(Number(parameters.get("page_size"))) ? Number(parameters.get("page_size")) : kept || 50;
    this.labelNames = parameters.getAll("label");
    this.stage = parameters.get("stage") || "";
    this.viewId = parameters.get("view") || "";
  }

  view() {
    return this.views.find((view) => view.id === this.viewId);
  }

  /** The parameters as a saved view keeps them: no page, no size. */
  keptQuery() {
    const parameters = this.parameters({ paging: false });
    if (this.ordering) parameters.set("ordering", this.ordering);
    return parameters;
  }

  keptColumns() {
    return this.columns.map(({ key, width, visible }) => ({ key, width: Math.round(width), visible }));
  }

  showViews() {
    showViews(this.part("tabs"), {
      views: this.views, current: this.viewId,
      state: () => {
        const query = queryOf(this.keptQuery());
        const view = this.view();
        const changed = view && (JSON.stringify(query) !== JSON.stringify(view.query) || JSON.stringify(this.keptColumns()) !== JSON.stringify(view.columns));
        return { query, columns: this.keptColumns(), changed };
      },
      go: (view) => this.openView(view),
      reload: async () => { this.views = await read("views/"); this.showViews(); },
    });
  }

  openView(view) {
    history.pushState(null, "", view ? addressOf(view) : location.pathname);
    this.readAddress();
    this.columns = this.startingColumns();
    this.table.setColumns(this.tableColumns());
    this.clearSelection();
    this.showChips();
    this.afterColumns();
    this.load();
  }

  parameters({ paging = true } = {}) {
    const parameters = new URLSearchParams();
    if (this.q) parameters.set("q", this.q);
    for (const condition of this.conditions) writeCondition(parameters, condition, this.byKey.get(condition.key));
    for (const name of this.labelNames) parameters.append("label", name);
    if (this.stage) parameters.set("stage", this.stage);
    if (this.match === "any") parameters.set("match", "any");
    if (paging) {
      if (this.ordering) parameters.set("ordering", this.ordering);
      if (this.page > 1) parameters.set("page", this.page);
      if (this.size !== 50 || new URLSearchParams(location.search).has("page_size")) parameters.set("page_size", this.size);
      if (this.viewId) parameters.set("view", this.viewId);
    }
    return parameters;
  }

  hasConditions() {
    return Boolean(this.q || this.conditions.length || this.labelNames.length || this.stage);
  }

  /** Something changed: write the address, load, show. Typing replaces the entry of the history, all else adds one. */
  changed({ page = 1, typing = false } = {}) {
    this.page = page;
    const query = this.parameters().toString();
    const address = query ? `?${query}` : location.pathname;
    history[typing ? "replaceState" : "pushState"](null, "", address);
    this.showChips();
    this.showFilters();
    this.showSorting();
    return this.load();
  }

  setCondition(key, condition, options) {
    const at = this.conditions.findIndex((one) => one.key === key);
    if (condition && at >= 0) this.conditions[at] = condition;
    else if (condition) this.conditions.push(condition);
    else if (at >= 0) this.conditions.splice(at, 1);
    else return;
    this.changed(options);
  }

  /* Columns and layout */

  startingColumns() {
    const view = this.view();
    const arranged = view && view.columns.length ? view.columns : (this.layout && this.layout.columns) || [];
    const kept = new Map(arranged.map((column, index) => [column.key, { ...column, index }]));
    const all = [...this.attributes.map((attribute) => ({
      key: attribute.key, label: attribute.label, attribute, width: WIDTHS[attribute.type] || 160, fast: attribute.fast, masked: attribute.masked,
      pinned: NAMES.includes(attribute.key), group: attribute.custom ? gettext("Your attributes") : gettext("Standard"),
    }))];
    const after = all.findIndex((column) => column.key === "emails") + 1;
    if (this.labels.length || may("label_customers")) {
      all.splice(after || all.length, 0, { key: "labels", label: gettext("Labels"), attribute: null, width: 176, group: gettext("Standard") });
    }
    const place = (column, index) => (kept.has(column.key) ? kept.get(column.key).index : kept.size + index);
    return all
      .map((column, index) => ({ column, place: (column.pinned ? -1000 : 0) + place(column, index) }))
      .sort((a, b) => a.place - b.place)
      .map(({ column }) => {
        const known = kept.get(column.key);
        return { ...column, width: (known && known.width) || column.width, visible: known ? known.visible !== false : true };
      });
  }

  keepLayout = afterPause(600, () => {
    // The columns of a view are the view's; it keeps them when it is saved.
    const view = this.view();
    if (view && view.columns.length) return;
    this.layout = { columns: this.keptColumns(), page_size: this.size };
    put("layout/", this.layout).catch(() => {});
  });

  async chooseColumns() {
    const chosen = await chooseColumns(this.columns);
    if (!chosen) return;
    if (chosen === "reset") {
      this.layout = null;
      this.columns = this.startingColumns();
    } else {
      this.columns = chosen;
    }
    this.table.setColumns(this.tableColumns());
    this.afterColumns();
    this.keepLayout();
  }

  tableColumns() {
    const visible = this.columns.filter((column) => column.visible);
    const wide = window.innerWidth >= 1024;
    const lastPinned = visible.filter((column) => column.pinned).at(-1);
    return [
      {
        field: "_tick", width: 44, minWidth: 44, headerSort: false, resizable: false, frozen: wide, cssClass: "tick-cell",
        titleFormatter: () => this.pageTick(), formatter: (cell) => this.rowTick(cell.getData()),
        // A head of two lines needs a field in each column, so that heads and fields line up.
        headerFilter: () => el("span"),
      },
      ...visible.map((column) => ({
        field: column.key, title: column.label, width: column.width, minWidth: NARROW, headerSort: false, resizable: "header", frozen: wide && Boolean(column.pinned),
        cssClass: this.cellClass(column, wide && column === lastPinned), titleFormatter: () => this.head(column), headerFilter: () => this.filterField(column), formatter: (cell) => this.cell(cell, column),
      })),
    ];
  }

  cellClass(column, isLastFrozen) {
    const classes = isLastFrozen ? ["last-frozen"] : [];
    if (column.attribute && column.attribute.type === "number") classes.push("num");
    if (column.pinned) classes.push("name-cell");
    if (column.key === "labels") classes.push("labels-cell");
    return classes.join(" ");
  }

  /* Heads and filter fields */

  head(column) {
    if (!column.attribute) return el("span", { class: "head-label" }, column.label);
    const masked = column.masked;
    return el(
      "button",
      { type: "button", class: "head-label", disabled: masked, title: masked ? gettext("Masked: it cannot be sorted") : undefined, dataset: { sorts: column.key }, on: { click: () => this.sortBy(column.key) } },
      el("span", { class: "head-text" }, column.label), masked ? icon("lock") : null, el("span", { class: "sort-mark" }),
    );
  }

  sortBy(key) {
    if (this.ordering === key) this.ordering = `-${key}`;
    else if (this.ordering === `-${key}`) this.ordering = "";
    else this.ordering = key;
    this.changed();
  }

  showSorting() {
    const order = this.ordering || "-created_at";
    const key = order.replace(/^-/, "");
    for (const head of this.part("grid").querySelectorAll("[data-sorts]")) {
      const on = head.dataset.sorts === key;
      const down = order.startsWith("-");
      const title = head.closest(".tabulator-col");
      head.classList.toggle("sorted", on);
      title.setAttribute("aria-sort", on ? (down ? "descending" : "ascending") : "none");
      fill(head.querySelector(".sort-mark"), on ? icon(down ? "arrow-down" : "arrow-up") : null);
    }
  }

  conditionOf(key) {
    return this.conditions.find((condition) => condition.key === key);
  }

  filterField(column) {
    const { attribute } = column;
    if (!attribute) return this.labelField();
    const typed = ["text", "number"].includes(family(attribute));
    const box = el("div", { class: "filter", dataset: { filters: column.key } });
    if (typed) {
      const input = el("input", { class: "filter-input", type: "search", autocomplete: "off", spellcheck: "false", "aria-label": interpolate(gettext("Search %s"), [column.label]) });
      const apply = (typing) => {
        const usual = (this.conditionOf(column.key) || {}).op || operators(attribute)[0];
        this.setCondition(column.key, readTyped(input.value, attribute, usual), { typing });
      };
      const later = afterPause(TYPING_PAUSE, () => input.isConnected && input.value.trim() !== this.typedText(column) && apply(true));
      input.addEventListener("input", later);
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter") apply(false);
        if (event.key === "Escape") { input.value = ""; apply(false); }
        if (event.key === "ArrowDown") { event.preventDefault(); this.step(0); }
      });
      box.append(input);
    }
    const opener = el("button", {
      type: "button", class: typed ? "filter-more" : "filter-open", "aria-haspopup": "dialog", "aria-expanded": "false",
      "aria-label": typed ? interpolate(gettext("How %s is searched"), [column.label]) : undefined,
      on: { click: () => editCondition(opener, attribute, this.conditionOf(column.key), (condition) => this.setCondition(column.key, condition)) },
    }, typed ? icon("chevron-down") : null);
    box.append(opener);
    return box;
  }

  labelField() {
    const opener = el("button", { type: "button", class: "filter-open", "aria-haspopup": "menu", "aria-expanded": "false", on: { click: () => this.pickLabel(opener) } });
    return el("div", { class: "filter", dataset: { filters: "labels" } }, opener);
  }

  pickLabel(anchor) {
    openMenu(anchor, this.labels.map((label) => ({
      label: label.name, mark: el("span", { class: `dot tone-${label.color}` }), end: this.labelNames.includes(label.name) ? icon("check") : "",
      run: () => this.toggleLabel(label.name),
    })), { label: gettext("Labels") });
  }

  toggleLabel(name) {
    this.labelNames = this.labelNames.includes(name) ? this.labelNames.filter((one) => one !== name) : [...this.labelNames, name];
    this.changed();
  }

  typedText(column) {
    const condition = this.conditionOf(column.key);
    return condition && typeof condition.value === "string" ? condition.value : "";
  }

  showFilters() {
    for (const box of this.part("grid").querySelectorAll("[data-filters]")) {
      const key = box.dataset.filters;
      const column = this.columns.find((one) => one.key === key);
      const condition = this.conditionOf(key);
      const opener = box.querySelector(".filter-open");
      if (key === "labels") {
        box.classList.toggle("on", this.labelNames.length > 0);
        fill(opener, el("span", { class: "unseen" }, gettext("Search labels: ")), this.labelNames.join(", ") || gettext("any label"));
        continue;
      }
      const words = condition ? describe(condition, column.attribute) : null;
      box.classList.toggle("on", Boolean(condition));
      const input = box.querySelector("input");
      if (opener) {
        fill(
          opener, el("span", { class: "unseen" }, interpolate(gettext("Search %s: "), [column.label])),
          words ? el("strong", {}, [words.operator, words.value].filter(Boolean).join(" ")) : gettext("any"),
        );
      } else {
        const op = condition ? condition.op : operators(column.attribute)[0];
        input.placeholder = condition && !this.typedText(column) ? [words.operator, words.value].filter(Boolean).join(" ") : operatorName(op, column.attribute);
        if (document.activeElement !== input) input.value = this.typedText(column);
      }
    }
  }

  /* Chips */

  showChips() {
    const chips = [];
    const chip = (name, value, off, open) => {
      const made = el(
        "span", { class: "chip", role: "listitem" },
        el("button", { type: "button", class: "chip-open", on: { click: (event) => open && open(event.currentTarget), keydown: (event) => { if (event.key === "Delete" || event.key === "Backspace") off(); } } }, el("span", {}, name), value ? el("strong", {}, value) : null),
        el("button", { type: "button", class: "chip-off", "aria-label": interpolate(gettext("Remove the condition on %s"), [name]), on: { click: off } }, icon("x")),
      );
      chips.push(made);
    };
    if (this.q) chip(gettext("Name, phone or email"), this.q, () => { this.q = ""; this.changed(); });
    for (const name of this.labelNames) chip(gettext("Label"), name, () => this.toggleLabel(name));
    if (this.stage) chip(gettext("Stage"), this.stage, () => { this.stage = ""; this.changed(); });
    for (const condition of this.conditions) {
      const attribute = this.byKey.get(condition.key);
      const words = describe(condition, attribute);
      const rest = (next) => {
        const at = this.conditions.indexOf(condition);
        this.conditions.splice(at, 1, ...(next ? [next] : []));
        this.changed();
      };
      chip([attribute.label, words.operator].filter(Boolean).join(" "), words.value, () => rest(null), (anchor) => editCondition(anchor, attribute, condition, rest));
    }
    fill(this.part("chips"), chips);
    this.part("match").hidden = this.conditions.length < 2;
    this.part("clear").hidden = !this.hasConditions();
    for (const radio of this.part("match").querySelectorAll("input")) radio.checked = radio.value === this.match;
    const field = this.part("quick");
    if (document.activeElement !== field) field.value = this.q;
  }

  clearAll() {
    Object.assign(this, { conditions: [], q: "", labelNames: [], stage: "", match: "all" });
    this.changed();
  }

  /* Cells */

  cell(cell, column) {
    const { customer } = cell.getData();
    const element = cell.getElement();
    if (column.key === "labels") return el("span", { class: "labels" }, (customer.labels || []).map((name) => labelPill(this.labels, name)));
    const { attribute } = column;
    const value = valueOf(customer, attribute);
    if (column.pinned) return this.nameCell(customer, column);
    if (isEmpty(value)) return el("span", { class: "quiet" }, "–");
    // Personal data stays off lists; it is revealed one by one, in the profile, and that is recorded.
    if (attribute.pii) return el("span", { class: "masked" }, icon("lock"), "••••••");
    const text = ["created_at", "updated_at"].includes(attribute.key) ? formatRecent(value) : formatValue(attribute, value);
    if (text.length * 7 > column.width - 20) element.title = text;
    if (isList(attribute)) {
      const first = attribute.type === "phones" || attribute.key === "phones" ? phoneNode(value[0]) : el("span", {}, value[0]);
      return el("span", {}, first, value.length > 1 ? el("span", { class: "badge more", title: value.slice(1).join(", ") }, `+${value.length - 1}`) : null);
    }
    if (attribute.type === "phone") return phoneNode(text);
    return document.createTextNode(text);
  }

  /** The link to the profile stands in the first name column that is shown; a person without a name is "No Name" there. */
  nameCell(customer, column) {
    const shown = this.columns.filter((one) => one.pinned && one.visible).map((one) => one.key);
    const linked = shown.find((key) => customer[key]) || shown[0];
    const text = customer[column.key] || "";
    const nameless = !fullName(customer);
    if (column.key !== linked) {
      const other = nameless ? (customer.phones || [])[0] || (customer.emails || [])[0] : null;
      return other ? el("span", { class: "quiet ltr" }, other) : text ? document.createTextNode(text) : el("span", { class: "quiet" }, "–");
    }
    return el("a", { href: `/customers/${customer.id}/`, class: `name-link ${nameless ? "nameless" : ""}`.trim(), tabindex: "-1", dataset: { row: customer.id }, title: fullName(customer) }, text || (nameless ? gettext("No Name") : "–"));
  }

  rowTick(row) {
    return el("input", {
      type: "checkbox", class: "tick", checked: this.selected.has(row.id), tabindex: "-1",
      "aria-label": interpolate(gettext("Select %s"), [fullName(row.customer) || row.id]),
      on: { change: (event) => this.select(row.id, event.target.checked), click: (event) => event.stopPropagation() },
    });
  }

  pageTick() {
    const box = el("input", { type: "checkbox", class: "tick", "aria-label": gettext("Select all rows of this page"), on: { change: (event) => this.selectPage(event.target.checked) } });
    return box;
  }

  /* The grid */

  draw() {
    this.table = new TabulatorFull(this.part("grid"), {
      data: [], index: "id", height: "100%", layout: "fitData", columns: this.tableColumns(), movableColumns: true, rowHeight: 36,
      columnHeaderSortMulti: false, renderHorizontal: "basic", placeholder: "", keybindings: false, headerSortElement: "",
      rowFormatter: (row) => this.dress(row),
      // A page of the usual size is made as a whole: with fifty columns, making rows while somebody scrolls takes too long.
      renderVerticalBuffer: this.size <= 50 ? this.size * 36 : 720,
    });
    this.table.on("columnMoved", () => this.columnMoved());
    this.table.on("columnResized", (column) => {
      const known = this.columns.find((one) => one.key === column.getField());
      if (known) { known.width = column.getWidth(); this.keepLayout(); }
    });
    this.table.on("rowClick", (event, row) => {
      if (!event.target.closest("button, input, label")) this.marked = row.getData().id;
      if (event.target.closest("a, button, input, label")) return;
      if (String(getSelection())) return;
      const address = `/customers/${row.getData().id}/`;
      if (event.ctrlKey || event.metaKey) window.open(address, "_blank", "noopener");
      else location.assign(address);
    });
    this.built = new Promise((resolve) => { this.table.on("tableBuilt", resolve); });
    this.built.then(() => this.afterColumns());
    this.showChips();
  }

  afterColumns() {
    this.showSorting();
    this.showFilters();
    this.showSelection();
    this.showViews();
    // The rows take the focus themselves; a grid may own rows only.
    this.part("grid").querySelector(".tabulator-tableholder").removeAttribute("tabindex");
  }

  columnMoved() {
    const order = this.table.getColumns().map((column) => column.getField());
    const place = (column) => (column.visible ? order.indexOf(column.key) : 1e6);
    this.columns.sort((a, b) => place(a) - place(b));
    this.keepLayout();
  }

  dress(row) {
    const element = row.getElement();
    const { id } = row.getData();
    element.classList.toggle("selected", this.selected.has(id));
    element.classList.toggle("marked", this.marked === id);
    element.setAttribute("aria-selected", this.selected.has(id));
    const link = element.querySelector(".name-link");
    if (link) link.tabIndex = id === (this.marked || this.firstId) ? 0 : -1;
  }

  dressAll() {
    for (const row of this.table.getRows("visible")) {
      this.dress(row);
      const box = row.getElement().querySelector(".tick");
      if (box) box.checked = this.selected.has(row.getData().id);
    }
  }

  /* Loading */

  async load(started) {
    if (this.asked) this.asked.abort();
    const asked = new AbortController();
    this.asked = asked;
    const began = performance.now();
    const waits = [
      setTimeout(() => this.place.classList.add("waiting"), 200),
      setTimeout(() => this.showSlow(began, asked), SLOW),
    ];
    try {
      let answer = started ? await started : await read(`customers/?${this.query()}`, { signal: asked.signal });
      if (answer instanceof Error) throw answer;
      // A link to a page that no longer has rows shows the first one.
      if (this.asked !== asked) return;
      await this.built;
      this.answer = answer;
      fill(this.part("news"));
      await this.show(answer);
      if (!answer.count_is_exact) this.countExactly(asked.signal);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      if (problem.status === 404 && this.page > 1) { this.changed({ page: 1, typing: true }); return; }
      this.showError(problem);
    } finally {
      waits.forEach(clearTimeout);
      clearInterval(this.slowTimer);
      if (this.asked === asked) {
        this.place.classList.remove("waiting");
        this.part("slow").hidden = true;
        this.place.dataset.ready = "true";
      }
    }
  }

  query() {
    const parameters = this.parameters();
    parameters.delete("view");
    parameters.set("page_size", this.size);
    return parameters;
  }

  async show(answer) {
    const rows = answer.results.map((customer) => ({ id: customer.id, customer }));
    this.part("state").hidden = true;
    this.part("skeleton").hidden = true;
    this.part("grid").classList.remove("unready");
    const left = this.placeLeft();
    if (left) this.marked = left.id;
    const stays = rows.some((row) => row.id === this.marked);
    const hadFocus = this.table.element.querySelector(".tabulator-tableholder").contains(document.activeElement) || document.activeElement === document.body;
    if (!stays) this.marked = null;
    this.firstId = rows.length ? rows[0].id : null;
    await this.table.setData(rows);
    const holder = this.table.element.querySelector(".tabulator-tableholder");
    if (left) holder.scrollTo(left.x, left.y);
    if (stays && hadFocus) this.mark(this.marked);
    else if (!left) holder.scrollTop = 0;
    showPager(this.part("pager"), answer, {
      go: (page) => this.changed({ page }),
      resize: (size) => { const first = (this.page - 1) * this.size; this.size = size; this.keepLayout(); this.changed({ page: Math.floor(first / size) + 1 }); },
    });
    this.showCount(answer);
    this.showSelection();
    this.keepPosition(answer);
    if (!rows.length) this.showEmpty();
  }

  async showCount(answer) {
    const place = this.part("count");
    const found = answer.count_is_exact ? count(answer.count) : interpolate(gettext("more than %s"), [count(answer.count)]);
    if (!this.hasConditions()) { place.textContent = found; if (answer.count_is_exact) this.total = answer.count; return; }
    place.textContent = found;
    if (this.total === null) this.total = await read("customers/count/").then((one) => one.count).catch(() => null);
    if (this.total !== null && this.answer === answer) place.textContent = interpolate(gettext("%(found)s of %(all)s"), { found, all: count(this.total) }, true);
  }

  async countExactly(signal) {
    try {
      const { count: exact } = await read(`customers/count/?${this.parameters({ paging: false })}`, { signal });
      const { answer } = this;
      const pages = Math.max(1, Math.ceil(exact / answer.page_size));
      Object.assign(answer, { count: exact, count_is_exact: true, pages });
      showPager(this.part("pager"), answer, { go: (page) => this.changed({ page }), resize: (size) => { this.size = size; this.changed(); } });
      this.showCount(answer);
    } catch (problem) {
      // The lower bound stays; it is true.
    }
  }

  /** Let the profile page say "2 of 1,284" and step through this page of the list. */
  keepPosition(answer) {
    const first = (answer.page - 1) * answer.page_size;
    const kept = { ids: answer.results.map((customer) => customer.id), first, total: answer.count_is_exact ? answer.count : null, address: location.pathname + location.search };
    try { sessionStorage.setItem("cim-list", JSON.stringify(kept)); } catch (full) { /* The profile then shows no position. */ }
  }

  /* The place on the page, kept for the way back from a profile */

  keepPlace() {
    const holder = this.table && this.table.element.querySelector(".tabulator-tableholder");
    if (!holder || !this.answer) return;
    const kept = { address: location.pathname + location.search, x: holder.scrollLeft, y: holder.scrollTop, id: this.marked };
    try { sessionStorage.setItem(PLACE, JSON.stringify(kept)); } catch (full) { /* The list then begins at its top. */ }
  }

  /** Return the place where this very list was left; once, for the first page that is shown. */
  placeLeft() {
    if (this.hasShown) return null;
    this.hasShown = true;
    try {
      const kept = JSON.parse(sessionStorage.getItem(PLACE));
      sessionStorage.removeItem(PLACE);
      return kept && kept.address === location.pathname + location.search ? kept : null;
    } catch (broken) {
      return null;
    }
  }

  /* What is new: said, not done. Whoever reads a row goes on reading it. */

  watch() {
    setTimeout(async () => {
      if (!document.hidden && this.answer && this.answer.at) await this.askForNews();
      this.watch();
    }, NEWS_PAUSE);
  }

  async askForNews() {
    const { answer } = this;
    const parameters = this.parameters({ paging: false });
    parameters.set("since", answer.at);
    let news;
    try {
      news = await read(`customers/news/?${parameters}`);
    } catch (problem) {
      return;
    }
    if (this.answer === answer) this.showNews(news);
  }

  showNews({ created, changed, is_exact: exact }) {
    const number = (found) => (exact ? count(found) : interpolate(gettext("at least %s"), [count(found)]));
    const words = [
      created ? interpolate(ngettext("%s new", "%s new", created), [number(created)]) : "",
      changed ? interpolate(ngettext("%s changed", "%s changed", changed), [number(changed)]) : "",
    ].filter(Boolean).join(", ");
    // Filled only when it says something else, so that a screen reader says it once.
    if (words === this.part("news").textContent) return;
    fill(this.part("news"), words ? button(words, { icon: "refresh-cw", classes: "small news", title: gettext("Show the list as it is now") }, () => this.load()) : null);
  }

  showSlow(began, asked) {
    const place = this.part("slow");
    const seconds = el("strong", {});
    const tick = () => { seconds.textContent = interpolate(gettext("Searching, %s s"), [Math.round((performance.now() - began) / 1000)]); };
    tick();
    this.slowTimer = setInterval(tick, 1000);
    fill(
      place, seconds, el("span", { class: "quiet" }, this.conditions.length ? gettext("These columns have no fast search, so every customer is looked at.") : gettext("CIM takes longer than usual. What you see is as it was before.")),
      button(gettext("Cancel"), { icon: "x", key: "Esc", classes: "small end" }, () => { asked.abort(); place.hidden = true; this.place.classList.remove("waiting"); clearInterval(this.slowTimer); }),
    );
    place.hidden = false;
  }

  showState(...content) {
    const place = this.part("state");
    this.part("skeleton").hidden = true;
    fill(place, content);
    place.hidden = false;
  }

  async showEmpty() {
    if (!this.hasConditions()) {
      this.showState(
        el("span", { class: "tile huge email" }, icon("users")), el("h2", {}, gettext("No customers yet")), el("p", {}, gettext("Import a file or add the first one.")),
        el("div", { class: "actions" },
          may("import_customers") ? el("a", { class: "btn primary", href: "/imports/new/" }, icon("upload"), gettext("Import a file")) : null,
          may("create_customers") ? el("a", { class: "btn", href: "/customers/new/" }, icon("plus"), gettext("New customer")) : null),
      );
      return;
    }
    const parts = this.conditions.map((condition) => ({ condition, attribute: this.byKey.get(condition.key) }));
    const number = parts.length + this.labelNames.length + (this.q ? 1 : 0) + (this.stage ? 1 : 0);
    const title = ngettext("No customer meets this condition", "No customer meets these %s conditions", number);
    const rows = parts.map(({ condition, attribute }) => {
      const words = describe(condition, attribute);
      const without = el("span", { class: "quiet tabular end" });
      const drop = () => { this.conditions.splice(this.conditions.indexOf(condition), 1); this.changed(); };
      const row = el("li", {}, el("span", {}, `${attribute.label} ${words.operator} `, el("strong", {}, words.value)), without, button(gettext("Remove"), { classes: "small" }, drop));
      if (parts.length > 1 && this.match === "all") this.countWithout(condition, without, row);
      return row;
    });
    this.showState(
      el("h2", {}, interpolate(title, number === 1 ? [] : [number])),
      rows.length ? el("ul", { class: "blame" }, rows) : el("p", {}, this.q ? interpolate(gettext("“%s” is in no name, phone or email."), [this.q]) : ""),
      el("div", { class: "actions" },
        button(gettext("Clear all"), { classes: "primary" }, () => this.clearAll()),
        this.conditions.length > 1 && this.match === "all" ? button(gettext("Match any instead"), {}, () => { this.match = "any"; this.changed(); }) : null),
    );
  }

  async countWithout(condition, place, row) {
    const parameters = new URLSearchParams();
    if (this.q) parameters.set("q", this.q);
    for (const name of this.labelNames) parameters.append("label", name);
    for (const other of this.conditions) if (other !== condition) writeCondition(parameters, other, this.byKey.get(other.key));
    try {
      const { count: number } = await read(`customers/count/?${parameters}`);
      place.textContent = interpolate(gettext("without it %s"), [count(number)]);
      row.classList.toggle("blamed", number > 0);
    } catch (problem) {
      place.textContent = "";
    }
  }

  showError(problem) {
    this.place.dataset.ready = "true";
    const wrong = problem.status === 400 || problem.status === 403;
    this.showState(
      el("span", { class: `tile huge ${wrong ? "warn" : "bad"}` }, icon("triangle-alert")),
      el("h2", {}, wrong ? gettext("This search cannot be done") : gettext("The list could not be loaded")), el("p", {}, problem.message),
      el("div", { class: "actions" },
        wrong ? button(gettext("Clear all"), { classes: "primary" }, () => this.clearAll()) : button(gettext("Try again"), { icon: "refresh-cw", classes: "primary" }, () => (this.table ? this.load() : location.reload()))),
    );
  }

  /* Selection */

  select(id, on) {
    this.allMatches = false;
    if (on) this.selected.add(id);
    else this.selected.delete(id);
    this.dressAll();
    this.showSelection();
  }

  selectPage(on) {
    this.allMatches = false;
    for (const { id } of this.answer ? this.answer.results : []) {
      if (on) this.selected.add(id);
      else this.selected.delete(id);
    }
    this.dressAll();
    this.showSelection();
  }

  showSelection() {
    const ids = this.answer ? this.answer.results.map((customer) => customer.id) : [];
    const ticked = ids.filter((id) => this.selected.has(id)).length;
    const box = this.part("grid").querySelector(".tabulator-header .tick");
    if (box) { box.checked = ticked > 0 && ticked === ids.length; box.indeterminate = ticked > 0 && ticked < ids.length; }
    const number = this.howMany();
    const everyRow = ticked > 0 && ticked === ids.length && this.answer.count > ids.length;
    const exportButton = may("export_customers") ? button(gettext("Export"), { icon: "download", classes: "small", "aria-haspopup": "menu" }, () => this.export(exportButton, this.who())) : null;
    const labelButton = may("label_customers") ? button(gettext("Label"), { icon: "tag", classes: "small", "aria-haspopup": "menu" }, () => this.labelSelection(labelButton)) : null;
    const unlabelButton = may("label_customers") && this.labels.length ? button(gettext("Remove label"), { classes: "small", "aria-haspopup": "menu" }, () => this.unlabelSelection(unlabelButton)) : null;
    fill(
      this.part("selection"),
      number ? [
        el("strong", { class: "strong", role: "status" }, interpolate(ngettext("%s selected", "%s selected", number), [count(number)])),
        labelButton, unlabelButton, exportButton,
        may("merge") && !this.allMatches && number > 1 && number <= 20 ? button(gettext("Merge"), { icon: "git-merge", classes: "small" }, () => location.assign(`/customers/merge/?ids=${Array.from(this.selected).join(",")}`)) : null,
        may("delete_customers") ? button(gettext("Delete"), { icon: "trash-2", classes: "small danger" }, () => this.deleteSelection()) : null,
        everyRow && !this.allMatches ? el("button", { type: "button", class: "link-btn", on: { click: () => { this.allMatches = true; this.showSelection(); } } }, interpolate(gettext("Select all %s matches"), [this.answer.count_is_exact ? count(this.answer.count) : ""])) : null,
        el("button", { type: "button", class: "link-btn", on: { click: () => this.clearSelection() } }, gettext("Clear selection")),
      ] : null,
    );
  }

  clearSelection() {
    this.selected.clear();
    this.allMatches = false;
    this.dressAll();
    this.showSelection();
  }

  /** Whom an action concerns: the ticked rows, or all that the conditions find. */
  who() {
    return this.allMatches ? { query: queryOf(this.parameters({ paging: false })) } : { ids: Array.from(this.selected) };
  }

  howMany() {
    return this.allMatches ? this.answer.count : this.selected.size;
  }

  toMany(action, words, said, label = "") {
    return doToMany({
      action, label, who: this.who(), place: this.part("job"), words, said,
      done: () => { if (action === "delete") this.clearSelection(); return this.load(); },
    });
  }

  export(anchor, who) {
    const columns = this.columns.filter((column) => column.visible).map((column) => column.key);
    const run = (format) => exportMany({ format, columns, who, place: this.part("job") });
    openMenu(anchor, [
      { label: gettext("CSV, for any program"), icon: "file-text", run: () => run("csv") },
      { label: gettext("XLSX, for spreadsheets"), icon: "file-spreadsheet", run: () => run("xlsx") },
    ], { label: gettext("Export the columns shown, all pages") });
  }

  labelSelection(anchor) {
    const items = this.labels.map((label) => ({
      label: label.name, mark: el("span", { class: `dot tone-${label.color}` }), run: () => this.putLabel(label.name),
    }));
    items.push({ label: gettext("New label"), icon: "plus", run: async () => {
      const label = await makeLabel();
      if (label) { this.labels.push(label); this.putLabel(label.name); }
    } });
    openMenu(anchor, items, { label: gettext("Label the selected customers") });
  }

  unlabelSelection(anchor) {
    openMenu(anchor, this.labels.map((label) => ({
      label: label.name, mark: el("span", { class: `dot tone-${label.color}` }), run: () => this.toMany("unlabel", gettext("Taking the label off"), (number) => interpolate(ngettext("%(name)s is off %(number)s customer.", "%(name)s is off %(number)s customers.", number), { number: count(number), name: label.name }, true), label.name),
    })), { label: gettext("Take a label off the selected customers") });
  }

  putLabel(name) {
    this.toMany("label", gettext("Labelling"), (number) => interpolate(ngettext("%(number)s customer is labelled %(name)s.", "%(number)s customers are labelled %(name)s.", number), { number: count(number), name }, true), name);
  }

  async deleteSelection() {
    const number = this.howMany();
    const sure = await confirmAction({
      title: interpolate(ngettext("Delete %s customer", "Delete %s customers", number), [count(number)]),
      lead: gettext("They leave the list and their numbers become free. You can take this back."),
      action: interpolate(ngettext("Delete %s customer", "Delete %s customers", number), [count(number)]),
    });
    if (sure) this.toMany("delete", gettext("Deleting"), (done) => interpolate(ngettext("%s customer was deleted.", "%s customers were deleted.", done), [count(done)]));
  }

  /* Rows by keyboard */

  step(by) {
    const ids = (this.answer ? this.answer.results : []).map((customer) => customer.id);
    if (!ids.length) return;
    const at = ids.indexOf(this.marked);
    const to = at < 0 ? 0 : Math.max(0, Math.min(ids.length - 1, at + by));
    this.mark(ids[to]);
  }

  async mark(id) {
    this.marked = id;
    await this.table.scrollToRow(id, "nearest", false).catch(() => {});
    this.dressAll();
    const link = this.part("grid").querySelector(`[data-row="${CSS.escape(id)}"]`);
    if (link) link.focus({ preventScroll: true });
  }

  attach() {
    this.part("columns").addEventListener("click", () => this.chooseColumns());
    const exporter = this.part("export");
    if (exporter) exporter.addEventListener("click", () => this.export(exporter, { query: queryOf(this.parameters({ paging: false })) }));
    this.part("add").addEventListener("click", (event) => addCondition(event.currentTarget, this.attributes, (condition) => condition && (this.conditions.push(condition), this.changed())));
    this.part("clear").addEventListener("click", () => this.clearAll());
    this.part("match").addEventListener("change", (event) => { this.match = event.target.value; this.changed(); });
    const quick = this.part("quick");
    const search = (typing) => { if (quick.value.trim() !== this.q) { this.q = quick.value.trim(); this.changed({ typing }); } };
    quick.addEventListener("input", afterPause(TYPING_PAUSE, () => search(true)));
    quick.addEventListener("keydown", (event) => {
      if (event.key === "Enter") search(false);
      if (event.key === "Escape") { quick.value = ""; search(false); }
      if (event.key === "ArrowDown") { event.preventDefault(); this.step(0); }
    });
    window.addEventListener("pagehide", () => this.keepPlace());
    window.addEventListener("popstate", () => { this.readAddress(); this.showChips(); this.showFilters(); this.showSorting(); this.showViews(); this.load(); });
    this.part("grid").addEventListener("keydown", (event) => {
      if (!event.target.closest(".tabulator-tableholder")) return;
      const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
      if (step && !event.altKey) { event.preventDefault(); this.step(step); }
      if (event.key === " " && this.marked) { event.preventDefault(); this.select(this.marked, !this.selected.has(this.marked)); }
    });
    addKeys([
      { keys: ["j"], label: gettext("Next row"), run: () => this.step(1) },
      { keys: ["k"], label: gettext("Previous row"), run: () => this.step(-1) },
      { keys: ["Enter"], label: gettext("Open the row") },
      { keys: [" "], label: gettext("Select the row"), run: () => this.marked && this.select(this.marked, !this.selected.has(this.marked)) },
      { keys: ["Escape"], label: gettext("Clear the selection"), run: () => { if (!this.part("slow").hidden) this.part("slow").querySelector("button").click(); else this.clearSelection(); } },
    ]);
  }
}

for (const place of document.querySelectorAll("[data-customer-list]")) new CustomerList(place).start();
