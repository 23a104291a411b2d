/*
 * A new import, attached to [data-import-upload]: choose a file, see how it is read, match its columns, check it. The
 * server reads the file as it will import it, so what is shown here is what will happen.
 */

import { idempotencyKey, schema, send } from "./api.js";
import { el, fill, icon } from "./elements.js";
import { language } from "./page.js";
import { count, fromLocalField } from "./values.js";

const FIRST_VALUES = 3;
const ENCODINGS = { "utf-8": "UTF-8", "utf-16": "UTF-16", "windows-1252": "Windows-1252", "iso-8859-1": "ISO-8859-1" };
const SIGNS = { ",": () => gettext("Comma"), ";": () => gettext("Semicolon"), "\t": () => gettext("Tab"), "|": () => gettext("Pipe") };
const REGIONS = "AD AE AR AT AU BA BE BG BR CA CH CL CN CO CY CZ DE DK EE EG ES FI FR GB GR HK HR HU ID IE IL IN IS IT JP KE KR LI LT LU LV MA MT MX MY NG NL NO NZ PE PH PK PL PT RO RS RU SA SE SG SI SK TH TN TR TW UA US VN ZA".split(" ");

function fileSize(bytes) {
  return bytes < 1e6 ? interpolate(gettext("%s KB"), [count(Math.max(1, Math.round(bytes / 1e3)))]) : interpolate(gettext("%s MB"), [count(Math.round(bytes / 1e5) / 10)]);
}

class ImportUpload {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.file = null;
  }

  async start() {
    this.showRegions();
    const drop = this.part("drop");
    const input = this.part("file");
    input.addEventListener("change", () => input.files.length && this.take(input.files[0]));
    for (const name of ["dragenter", "dragover"]) this.place.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
    this.place.addEventListener("dragleave", (event) => { if (!this.place.contains(event.relatedTarget)) drop.classList.remove("over"); });
    this.place.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); if (event.dataTransfer.files.length) this.take(event.dataTransfer.files[0]); });
    this.part("back").addEventListener("click", () => this.backToFile());
    this.part("check").addEventListener("click", () => this.send());
    for (const name of ["encoding", "delimiter"]) this.part(name).addEventListener("change", (event) => { this.chosen[name] = event.target.value; this.inspect(); });
    const showByConflict = () => { this.part("clears").hidden = this.conflict() !== "update"; };
    this.place.addEventListener("change", (event) => { if (event.target.name === "on_conflict") showByConflict(); });
    showByConflict();
    try {
      this.attributes = (await schema()).filter((attribute) => !attribute.archived && !["created_at", "updated_at"].includes(attribute.key));
    } catch (problem) {
      this.attributes = [];
      this.say([problem.message]);
    }
    this.place.dataset.ready = "true";
  }

  showRegions() {
    const names = new Intl.DisplayNames([language], { type: "region" });
    const select = this.part("region");
    REGIONS.map((code) => [code, names.of(code)]).sort((a, b) => a[1].localeCompare(b[1])).forEach(([code, name]) => select.append(el("option", { value: code }, name)));
  }

  say(messages) {
    fill(this.part("problem"), messages.length ? el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("div", { class: "words" }, messages.map((message) => el("p", {}, message)))) : null);
  }

  refused(problem) {
    const messages = Object.values(problem.errors || {}).flat();
    this.say(messages.length ? messages : [problem.message]);
  }

  /** The file and the options as a multipart body. */
  form(options) {
    const form = new FormData();
    form.append("file", this.file);
    form.append("options", JSON.stringify(options));
    return form;
  }

  async take(file) {
    this.say([]);
    this.file = file;
    this.chosen = { encoding: "", delimiter: "" };
    this.mapping = null;
    await this.inspect();
  }

  reading() {
    const { encoding, delimiter } = this.chosen;
    return { ...(encoding ? { encoding } : {}), ...(delimiter ? { delimiter } : {}) };
  }

  async inspect() {
    this.say([]);
    this.place.classList.add("reading-file");
    fill(this.part("under"), interpolate(gettext("Reading %(name)s, %(size)s"), { name: this.file.name, size: fileSize(this.file.size) }, true));
    try {
      const { data } = await send("POST", "imports/inspect/", { form: this.form(this.reading()) });
      this.seen = data;
      this.mapping = new Map(data.columns.map((column) => [column.header, column.attribute]));
      this.showMatching();
    } catch (problem) {
      fill(this.part("under"), this.file.name);
      this.part("file").value = "";
      this.refused(problem);
    } finally {
      this.place.classList.remove("reading-file");
    }
  }

  backToFile() {
    this.file = null;
    this.part("file").value = "";
    this.say([]);
    this.step(1);
    this.part("file").focus();
  }

  step(number) {
    this.place.dataset.step = number;
    for (const panel of this.place.querySelectorAll("[data-step-panel]")) panel.hidden = Number(panel.dataset.stepPanel) !== number;
    for (const item of this.place.querySelectorAll("[data-step-mark]")) {
      const mine = Number(item.dataset.stepMark);
      item.classList.toggle("done", mine < number);
      if (mine === number) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
  }

  showMatching() {
    const { seen } = this;
    this.step(2);
    fill(this.part("under"), [
      this.file.name, fileSize(this.file.size), interpolate(ngettext("%s row", "%s rows", seen.rows), [count(seen.rows)]),
      interpolate(ngettext("%s column", "%s columns", seen.columns.length), [seen.columns.length]),
    ].join(" · "));
    this.part("reading").hidden = seen.kind !== "csv";
    if (seen.kind === "csv") this.showReading();
    this.showColumns();
    this.part("check").focus();
  }

  showReading() {
    const { seen } = this;
    const choose = (part, names, current) => {
      const known = Object.keys(names).includes(current) ? names : { [current]: current, ...names };
      fill(this.part(part), Object.entries(known).map(([value, name]) => {
        const detected = !this.chosen[part] && value === current;
        const words = typeof name === "function" ? name() : name;
        return el("option", { value: detected ? "" : value }, detected ? interpolate(gettext("%s, detected"), [words]) : words);
      }));
      this.part(part).value = this.chosen[part];
    };
    choose("encoding", ENCODINGS, seen.encoding.toLowerCase().replace("_", "-").replace(/^(utf-8)-sig$/, "$1").replace("cp1252", "windows-1252"));
    choose("delimiter", SIGNS, seen.delimiter);
    fill(this.part("lines"), [seen.columns.map((column) => column.header), ...seen.first_rows.slice(0, 3).map((row) => row.cells)].map((cells) => cells.join(seen.delimiter)).join("\n"));
  }

  target(header) {
    const select = el("select", { class: "input small", "aria-label": interpolate(gettext("Column %s goes to"), [header]) }, el("option", { value: "" }, gettext("Leave out")), this.attributes.map((attribute) => el("option", { value: attribute.key, selected: attribute.key === this.mapping.get(header) }, attribute.label)));
    select.addEventListener("change", () => {
      this.mapping.set(header, select.value || null);
      // The field itself stays: whoever types the name of an attribute changes it with every letter.
      const row = select.closest("tr");
      row.className = select.value ? "" : "unmatched";
      fill(row.lastChild, this.state(header));
      this.showMatched();
    });
    return select;
  }

  state(header) {
    const key = this.mapping.get(header);
    if (!key) return el("span", { class: "warn-text" }, icon("triangle-alert"), " ", gettext("Not matched"));
    const attribute = this.attributes.find((one) => one.key === key);
    if (attribute && ["phone", "phones"].includes(attribute.type)) return el("span", { class: "badge acc" }, icon("phone"), gettext("finds the customer"));
    return el("span", { class: "ok-text" }, icon("check"), " ", gettext("Matched"));
  }

  showColumns() {
    const headers = this.seen.columns.map((column) => column.header);
    const rows = this.seen.first_rows;
    fill(this.part("columns"), headers.map((header, index) => el(
      "tr", { class: this.mapping.get(header) ? "" : "unmatched" },
      el("th", { scope: "row" }, header),
      el("td", { class: "first-values" }, rows.slice(0, FIRST_VALUES).map((row) => (row.cells[index] ? el("span", {}, row.cells[index].slice(0, 40)) : el("span", { class: "quiet" }, gettext("empty"))))),
      el("td", {}, this.target(header)), el("td", {}, this.state(header)),
    )));
    this.showMatched();
  }

  showMatched() {
    const headers = this.seen.columns.map((column) => column.header);
    const unmatched = headers.filter((header) => !this.mapping.get(header));
    const matched = headers.length - unmatched.length;
    fill(this.part("matched"), el("span", { class: "badge ok" }, interpolate(ngettext("%s matched", "%s matched", matched), [matched])), unmatched.length ? el("span", { class: "badge warn" }, interpolate(ngettext("%s left out", "%s left out", unmatched.length), [unmatched.length])) : null);
    const named = unmatched.slice(0, 3).join(", ") + (unmatched.length > 3 ? " …" : "");
    fill(this.part("said"), !matched ? gettext("Match at least one column") : unmatched.length ? [icon("triangle-alert"), " ", interpolate(ngettext("%s will be left out", "%s will be left out", unmatched.length), [named])] : "");
    this.part("check").disabled = matched === 0;
  }

  conflict() {
    return this.place.querySelector("[name=on_conflict]:checked").value;
  }

  options() {
    const value = (name) => this.place.querySelector(`[name=${name}]`);
    const options = { on_conflict: this.conflict(), all_or_nothing: value("all_or_nothing").checked, dry_run: true, ...this.reading() };
    if (value("decimal_comma").checked) options.decimal_comma = true;
    if (options.on_conflict === "update" && value("empty_cells_clear").checked) options.empty_cells_clear = true;
    if (value("day_first").value) options.day_first = value("day_first").value === "true";
    if (value("region").value) options.region = value("region").value;
    const start = value("start_at").value;
    if (start) options.start_at = fromLocalField(start);
    options.mapping = Object.fromEntries(this.mapping);
    return options;
  }

  async send() {
    this.say([]);
    const check = this.part("check");
    check.disabled = true;
    fill(this.part("said"), icon("upload"), " ", gettext("Sending the file. Nothing is written to customers yet."));
    try {
      const { data } = await send("POST", "imports/", { form: this.form(this.options()), headers: { "Idempotency-Key": idempotencyKey() } });
      location.assign(`/imports/${data.id}/`);
    } catch (problem) {
      fill(this.part("said"));
      this.refused(problem);
      check.disabled = false;
    }
  }
}

for (const place of document.querySelectorAll("[data-import-upload]")) new ImportUpload(place).start();
