/* A new import, attached to [data-import-upload]: choose a file, see how it is read, match its columns, check it. */

import { idempotencyKey, schema, send } from "./api.js";
import { encodings, matchHeader, readSample } from "./csv-sample.js";
import { button, el, fill, icon } from "./elements.js";
import { language } from "./page.js";
import { count, fromLocalField } from "./values.js";

const FIRST_VALUES = 3;
const ENCODING_NAMES = { "utf-8": "UTF-8", "utf-16": "UTF-16", "windows-1252": "Windows-1252" };
const SIGNS = { ",": () => gettext("Comma"), ";": () => gettext("Semicolon"), "\t": () => gettext("Tab"), "|": () => gettext("Pipe") };
const REGIONS = "AD AE AR AT AU BA BE BG BR CA CH CL CN CO CY CZ DE DK EE EG ES FI FR GB GR HK HR HU ID IE IL IN IS IT JP KE KR LI LT LU LV MA MT MX MY NG NL NO NZ PE PH PK PL PT RO RS RU SA SE SG SI SK TH TN TR TW UA US VN ZA".split(" ");

function fileSize(bytes) {
  return bytes < 1e6 ? interpolate(gettext("%s KB"), [count(Math.max(1, Math.round(bytes / 1e3)))]) : interpolate(gettext("%s MB"), [count(Math.round(bytes / 1e5) / 10)]);
}

class ImportUpload {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.chosen = { encoding: null, delimiter: null };
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
    this.part("encoding").addEventListener("change", (event) => { this.chosen.encoding = event.target.value || null; this.readFile(); });
    this.part("delimiter").addEventListener("change", (event) => { this.chosen.delimiter = event.target.value || null; this.readFile(); });
    try {
      this.attributes = (await schema()).filter((attribute) => !attribute.archived && !["created_at", "updated_at"].includes(attribute.key));
    } catch (problem) {
      this.attributes = [];
      this.say(problem.message);
    }
    this.place.dataset.ready = "true";
  }

  showRegions() {
    const names = new Intl.DisplayNames([language], { type: "region" });
    const select = this.part("region");
    REGIONS.map((code) => [code, names.of(code)]).sort((a, b) => a[1].localeCompare(b[1])).forEach(([code, name]) => select.append(el("option", { value: code }, name)));
  }

  say(message) {
    fill(this.part("problem"), message ? el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, message)) : null);
  }

  async take(file) {
    this.say("");
    if (!/\.(csv|txt|tsv|xlsx)$/i.test(file.name)) {
      this.say(interpolate(gettext("“%s” is neither a CSV nor an XLSX file. Save it as CSV and choose it again."), [file.name]));
      return;
    }
    if (!file.size) {
      this.say(interpolate(gettext("“%s” is empty."), [file.name]));
      return;
    }
    this.file = file;
    this.chosen = { encoding: null, delimiter: null };
    await this.readFile();
  }

  async readFile() {
    try {
      this.sample = await readSample(this.file, this.chosen);
    } catch (broken) {
      this.say(interpolate(gettext("“%s” could not be read. Choose it again."), [this.file.name]));
      return;
    }
    this.mapping = new Map((this.sample ? this.sample.header : []).map((header, index) => [index, matchHeader(header, this.attributes)]));
    this.showMatching();
  }

  backToFile() {
    this.file = null;
    this.part("file").value = "";
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
    this.step(2);
    const { sample } = this;
    const details = [this.file.name, fileSize(this.file.size)];
    if (sample) details.push(interpolate(ngettext("%s column", "%s columns", sample.header.length), [sample.header.length]));
    fill(this.part("under"), details.join(" · "));
    this.part("reading").hidden = !sample;
    this.part("matching").hidden = !sample;
    this.part("spreadsheet").hidden = Boolean(sample);
    if (sample) {
      const label = (value, auto, words) => el("option", { value: auto ? "" : value, selected: auto }, auto ? interpolate(gettext("%s, detected"), [words]) : words);
      fill(this.part("encoding"), encodings.map((name) => label(name, !this.chosen.encoding && name === sample.encoding, ENCODING_NAMES[name])));
      fill(this.part("delimiter"), Object.entries(SIGNS).map(([sign, words]) => label(sign, !this.chosen.delimiter && sign === sample.delimiter, words())));
      this.part("encoding").value = this.chosen.encoding || "";
      this.part("delimiter").value = this.chosen.delimiter || "";
      fill(this.part("lines"), sample.lines.filter(Boolean).join("\n"));
      this.showColumns();
    }
    this.part("check").focus();
  }

  target(index, header) {
    const select = el("select", { class: "input small", "aria-label": interpolate(gettext("Column %s goes to"), [header]) }, el("option", { value: "" }, gettext("Leave out")), this.attributes.map((attribute) => el("option", { value: attribute.key, selected: attribute.key === this.mapping.get(index) }, attribute.label)));
    select.addEventListener("change", () => { this.mapping.set(index, select.value || null); this.showColumns(); this.part("columns").querySelectorAll("select")[index].focus(); });
    return select;
  }

  why(index) {
    const key = this.mapping.get(index);
    if (!key) return el("span", { class: "warn-text" }, icon("triangle-alert"), " ", gettext("Not matched"));
    const attribute = this.attributes.find((one) => one.key === key);
    if (attribute && (attribute.type === "phone" || attribute.key === "phones")) return el("span", { class: "badge acc" }, icon("phone"), gettext("finds the customer"));
    return el("span", { class: "ok-text" }, icon("check"), " ", gettext("Matched"));
  }

  showColumns() {
    const { header, rows } = this.sample;
    fill(this.part("columns"), header.map((name, index) => el(
      "tr", { class: this.mapping.get(index) ? "" : "unmatched" },
      el("th", { scope: "row" }, name || el("span", { class: "quiet" }, gettext("no name"))),
      el("td", { class: "first-values" }, rows.slice(0, FIRST_VALUES).map((row) => (row[index] ? el("span", {}, row[index].slice(0, 40)) : el("span", { class: "quiet" }, gettext("empty"))))),
      el("td", {}, this.target(index, name)), el("td", {}, this.why(index)),
    )));
    const unmatched = header.filter((name, index) => !this.mapping.get(index));
    const matched = header.length - unmatched.length;
    fill(this.part("matched"), el("span", { class: "badge ok" }, interpolate(gettext("%s matched"), [matched])), unmatched.length ? el("span", { class: "badge warn" }, interpolate(gettext("%s left out"), [unmatched.length])) : null);
    fill(this.part("said"), unmatched.length ? [icon("triangle-alert"), " ", interpolate(ngettext("%s will be left out", "%s will be left out", unmatched.length), [unmatched.slice(0, 3).join(", ") + (unmatched.length > 3 ? " …" : "")])] : "");
    this.part("check").disabled = matched === 0;
  }

  options() {
    const value = (name) => this.place.querySelector(`[name=${name}]`);
    const options = {
      on_conflict: this.place.querySelector("[name=on_conflict]:checked").value, all_or_nothing: value("all_or_nothing").checked, dry_run: true,
    };
    if (value("decimal_comma").checked) options.decimal_comma = true;
    if (value("region").value) options.region = value("region").value;
    if (value("start_at").value) options.start_at = fromLocalField(value("start_at").value);
    if (this.sample) {
      options.mapping = Object.fromEntries(this.sample.header.map((header, index) => [header, this.mapping.get(index)]));
      if (this.chosen.encoding) options.encoding = this.chosen.encoding;
      if (this.chosen.delimiter) options.delimiter = this.chosen.delimiter;
    }
    return options;
  }

  async send() {
    this.say("");
    const check = this.part("check");
    check.disabled = true;
    fill(this.part("said"), icon("upload"), " ", gettext("Sending the file. Nothing is written to customers yet."));
    const form = new FormData();
    form.append("file", this.file);
    form.append("options", JSON.stringify(this.options()));
    try {
      const { data } = await send("POST", "imports/", { form, headers: { "Idempotency-Key": idempotencyKey() } });
      location.assign(`/imports/${data.id}/`);
    } catch (problem) {
      fill(this.part("said"));
      const errors = Object.values(problem.errors || {}).flat();
      this.say(errors.length ? errors.join(" ") : problem.message);
      check.disabled = false;
    }
  }
}

for (const place of document.querySelectorAll("[data-import-upload]")) new ImportUpload(place).start();
