/*
 * One import, attached to [data-import-run]: the dry run, the live progress, the result. It asks once a second while
 * something moves; the work goes on whether or not this page is open (C66).
 */

import { post, read, schema } from "./api.js";
import { comparable } from "./import-preview.js";
import { parse } from "./csv.js";
import { correctionLinks, FailedRows } from "./import-grid.js";
import { openDialog } from "./dialogs.js";
import { button, el, fill, icon } from "./elements.js";
import { MOVING, OUTCOMES, stateBadge } from "./import-states.js";
import { may } from "./page.js";
import { count, formatDuration, formatMoment, fromLocalField } from "./values.js";

const EVERY = 1000;
const SHOWN_ERRORS = 50;
const ERROR_BYTES = 64 * 1024;

class ImportRun {
  constructor(place) {
    this.place = place;
    this.id = place.dataset.importRun;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.errorsFor = null;
    this.previewed = false;
  }

  async start() {
    await this.refresh();
    this.place.dataset.ready = "true";
  }

  async refresh() {
    clearTimeout(this.timer);
    try {
      this.run = await read(`imports/${this.id}/`);
      this.render();
    } catch (problem) {
      if (problem.status === 404) { this.showMissing(); return; }
      this.say(problem.message);
    }
    if (!this.run || MOVING.has(this.run.state)) this.timer = setTimeout(() => this.refresh(), EVERY);
  }

  showMissing() {
    fill(this.place, el("div", { class: "view-body state" }, el("span", { class: "tile huge" }, icon("search")), el("h1", {}, gettext("This import is not here")), el("div", { class: "actions" }, el("a", { class: "btn primary", href: "/imports/" }, gettext("All imports")))));
  }

  say(message) {
    fill(this.part("problem"), message ? el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, message)) : null);
  }

  counts() {
    return this.run.counts || {};
  }

  render() {
    const { run } = this;
    this.say(run.error || "");
    this.renderUndone();
    this.place.dataset.state = run.state;
    fill(this.part("title"), this.titleWords());
    fill(this.part("state"), stateBadge(run));
    fill(this.part("under"), this.underWords(), this.correctsWords());
    this.renderSteps();
    this.renderProgress();
    this.renderTiles();
    this.renderActions();
    this.renderHow();
    this.renderErrors();
    this.renderPreview();
    document.title = `${MOVING.has(run.state) && run.rows_total ? `${this.percent()} % · ` : ""}${run.file_name} · CIM`;
  }

  titleWords() {
    const titles = {
      queued: gettext("Waiting to begin"), checking: gettext("Checking the file"), ready: gettext("What this import will do"), running: gettext("Importing customers"),
      cancelling: gettext("Cancelling the import"), undoing: gettext("Undoing the import"),
    };
    return titles[this.run.state] || gettext("Import");
  }

  underWords() {
    const { run } = this;
    const parts = [run.file_name];
    if (run.rows_total) parts.push(interpolate(ngettext("%s row", "%s rows", run.rows_total), [count(run.rows_total)]));
    if (run.owner) parts.push(run.owner);
    if (run.state === "ready" || run.state === "checking") parts.push(gettext("nothing has been written"));
    else if (run.started_at && run.finished_at) parts.push(interpolate(gettext("%(at)s, in %(duration)s"), { at: formatMoment(run.started_at), duration: this.lasted() }, true));
    else if (run.started_at) parts.push(interpolate(gettext("started %s"), [formatMoment(run.started_at)]));
    return parts.join(" · ");
  }

  lasted() {
    const lasted = Date.parse(this.run.finished_at) - Date.parse(this.run.started_at);
    return lasted < 1000 ? gettext("less than a second") : formatDuration(lasted);
  }

  /** Where the rows come from, if they are corrected ones. */
  correctsWords() {
    const { corrects } = this.run.options || {};
    return corrects ? [" · ", el("a", { href: `/imports/${corrects}/` }, gettext("corrected rows of an earlier import"))] : null;
  }

  /** What an undo has left alone, because somebody has changed it since (C68). */
  renderUndone() {
    const { run } = this;
    const left = run.not_undone || [];
    const box = this.part("undone");
    box.hidden = run.state !== "undone";
    if (box.hidden) return;
    const words = [el("strong", {}, interpolate(ngettext("%s customer is as it was before.", "%s customers are as they were before.", run.undone || 0), [count(run.undone || 0)]))];
    if (left.length) words.push(" ", interpolate(ngettext("%s was changed since and stays as it is:", "%s were changed since and stay as they are:", left.length), [count(left.length)]), " ", left.slice(0, 10).map((item, index) => [index ? ", " : "", el("a", { href: `/customers/${item.customer || item}/` }, item.name || interpolate(gettext("customer %s"), [index + 1]))]), left.length > 10 ? " …" : "");
    fill(box, icon("undo-2"), el("p", { class: "words" }, words));
  }

  renderSteps() {
    const at = { queued: 3, checking: 3, ready: 3 }[this.run.state] || 4;
    const over = !MOVING.has(this.run.state) && this.run.state !== "ready";
    this.part("steps").hidden = over;
    for (const item of this.part("steps").querySelectorAll("[data-step-mark]")) {
      const mine = Number(item.dataset.stepMark);
      item.classList.toggle("done", mine < at);
      if (mine === at) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
  }

  percent() {
    return this.run.progress.percent;
  }

  renderProgress() {
    const { run } = this;
    const box = this.part("progress");
    box.hidden = !MOVING.has(run.state);
    if (box.hidden) return;
    const total = run.rows_total || 0;
    const { rows: done, rows_per_second: rate, seconds_left: left, phase } = run.progress;
    const running = run.state === "running" && run.started_at;
    fill(this.part("percent"), `${this.percent()} %`);
    fill(this.part("rows"), total ? interpolate(gettext("%(done)s of %(total)s rows"), { done: count(done), total: count(total) }, true) : gettext("Reading the file"));
    const fact = (title, value, hint = "") => el("div", { class: "fact" }, el("span", { class: "hint" }, title), el("strong", {}, value), el("span", { class: "hint" }, hint));
    fill(
      this.part("facts"),
      phase ? fact(gettext("Doing"), this.phaseWords(phase), run.yielding ? el("span", { class: "badge warn", dataset: { part: "yielding" } }, icon("clock"), gettext("yielding to live calls")) : "") : null,
      left ? fact(gettext("Time left"), formatDuration(left * 1000)) : null,
      running ? fact(gettext("Running for"), formatDuration(Date.now() - Date.parse(run.started_at))) : null,
      rate ? fact(gettext("Rate now"), interpolate(gettext("%s rows/s"), [count(Math.round(rate))])) : null,
    );
    const counts = this.counts();
    const shown = OUTCOMES.filter((outcome) => counts[outcome.key]);
    const known = shown.reduce((sum, outcome) => sum + counts[outcome.key], 0);
    const parts = known && done ? shown.map((outcome) => [outcome.tone, counts[outcome.key]]) : [["tone-acc", done]];
    const bar = this.part("bar");
    bar.setAttribute("aria-valuenow", this.percent());
    while (bar.children.length > parts.length) bar.lastChild.remove();
    while (bar.children.length < parts.length) bar.append(el("span"));
    parts.forEach(([tone, number], index) => {
      bar.children[index].className = tone;
      bar.children[index].style.inlineSize = `${total ? (number / total) * 100 : 0}%`;
    });
    fill(this.part("leave"), run.state === "queued" && run.start_at ? interpolate(gettext("It begins at %s. You can leave this page."), [formatMoment(run.start_at)]) : gettext("You can leave this page; the work goes on."));
  }

  phaseWords(phase) {
    return { reading: gettext("Reading the rows"), planning: gettext("Comparing"), writing: gettext("Writing"), undoing: gettext("Undoing") }[phase] || phase;
  }

  renderTiles() {
    const counts = this.counts();
    const { state } = this.run;
    const box = this.part("tiles");
    const always = new Set(["created", "overwritten", "unchanged", "superseded", "errors"]);
    if ((this.run.options || {}).on_conflict === "update") { always.delete("overwritten"); always.add("updated"); }
    const shown = OUTCOMES.filter((outcome) => always.has(outcome.key) || counts[outcome.key]);
    box.hidden = state === "queued" || (state === "checking" && !counts.read);
    const link = (outcome) => {
      if (MOVING.has(state) || !counts[outcome.key]) return outcome.hint();
      if (outcome.key === "errors") return el("a", { href: `/api/v1/imports/${this.id}/errors.csv`, download: "" }, gettext("Download the errors"));
      return outcome.hint();
    };
    fill(box, shown.map((outcome) => el(
      "div", { class: `count-tile ${outcome.key === "errors" && counts.errors ? "wrong" : ""}`.trim(), dataset: { outcome: outcome.key } },
      el("span", { class: "count-name" }, el("span", { class: `swatch ${outcome.tone}` }), outcome.label()),
      el("strong", { class: "tabular" }, count(counts[outcome.key] || 0)), el("span", { class: "hint" }, link(outcome)),
    )));
  }

  renderActions() {
    const { run } = this;
    const { state } = run;
    const counts = this.counts();
    const writes = (counts.created || 0) + (counts.overwritten || 0) + (counts.updated || 0);
    const errors = counts.errors || 0;
    const dry = state === "ready";
    const blocked = dry && run.options && run.options.all_or_nothing && errors > 0;
    const over = ["completed", "cancelled", "failed", "undone"].includes(state);
    const downloads = [
      errors && !MOVING.has(state) ? el("a", { class: "btn", href: `/api/v1/imports/${this.id}/errors.csv`, download: "" }, icon("download"), gettext("Download errors")) : null,
      counts.read && !MOVING.has(state) ? el("a", { class: "btn", href: `/api/v1/imports/${this.id}/rows.csv`, download: "" }, icon("file-spreadsheet"), gettext("All rows as CSV")) : null,
    ];
    // Beside the steps there is no room for them.
    fill(this.part("downloads"), dry ? downloads : null);
    fill(
      this.part("top-actions"),
      dry ? null : downloads,
      ["queued", "checking", "running"].includes(state) ? button(gettext("Cancel import"), { icon: "x", classes: "danger" }, () => this.askToCancel()) : null,
      ["completed", "cancelled", "failed"].includes(state) && writes && (may("undo_own_imports") || may("undo_any_import")) ? button(gettext("Undo import"), { icon: "undo-2", classes: "danger" }, () => this.askToUndo(writes)) : null,
    );
    const foot = this.part("foot");
    foot.hidden = !(dry || over);
    const said = blocked
      ? el("span", { class: "error" }, icon("triangle-alert"), gettext("All or nothing is on: put the errors right and choose the file again."))
      : interpolate(ngettext("%s customer will be written", "%s customers will be written", writes), [count(writes)]);
    fill(
      this.part("foot-actions"),
      dry ? [
        el("span", { class: "under" }, said),
        button(gettext("Discard"), {}, () => this.act("cancel", { keep: false })),
        button(gettext("Start later"), { icon: "clock", disabled: blocked }, () => this.askWhen()),
        button(interpolate(ngettext("Import %s row", "Import %s rows", run.rows_total - errors), [count(run.rows_total - errors)]), { classes: "primary", disabled: blocked, "data-start": true, "data-key": "Ctrl Enter" }, () => this.act("start")),
      ] : [
        el("a", { class: "btn", href: "/imports/" }, gettext("All imports")),
        state === "completed" ? el("a", { class: "btn primary", href: "/customers/" }, gettext("Show customers")) : el("a", { class: "btn primary", href: "/imports/new/" }, gettext("New import")),
      ],
    );
  }

  renderHow() {
    const options = this.run.options || {};
    const conflict = { overwrite: gettext("Replace the customer when the phone is already in CIM"), update: gettext("Update only the columns of the file when the phone is already in CIM"), reject: gettext("Leave a row out when its phone is already in CIM") }[options.on_conflict || "overwrite"];
    const line = (name, text) => el("li", {}, icon(name), el("span", {}, text));
    const over = !MOVING.has(this.run.state) && this.run.state !== "ready";
    fill(this.part("how-title"), over ? gettext("How it ran") : gettext("How it runs"));
    fill(
      this.part("how"),
      line("check", conflict),
      options.region ? line("globe", interpolate(gettext("Numbers without a country code are read for %s"), [options.region])) : null,
      options.all_or_nothing ? line("check", gettext("All or nothing: one error, and nothing is written")) : line("check", gettext("Good rows go in, errors are left out and listed")),
      over ? null : line("refresh-cw", gettext("If the server restarts, it goes on where it stopped, no row twice")),
      over ? null : line("undo-2", gettext("The whole import can be undone afterwards")),
    );
  }

  /** The errors, from the report that can also be downloaded; only its beginning is read. */
  async renderErrors() {
    const { run } = this;
    const errors = this.counts().errors || 0;
    const box = this.part("errors");
    // Before the start the preview shows some of them, among the other kinds.
    box.hidden = !errors || MOVING.has(run.state) || run.state === "ready";
    if (box.hidden) return;
    if (this.errorsFor === run.state) return;
    this.errorsFor = run.state;
    const correctable = ["completed", "cancelled"].includes(run.state) && !(run.options || {}).all_or_nothing;
    const grid = this.part("grid");
    grid.hidden = true;
    if (correctable) {
      try {
        const rows = new FailedRows(grid, this.id, (message) => this.say(message));
        const some = await rows.load();
        grid.hidden = !some;
        this.part("error-table").hidden = true;
        fill(this.part("errors-under"), correctionLinks(rows.corrections) || (errors > rows.rows.length ? interpolate(gettext("%s in all; put them right here, or in the file"), [count(errors)]) : gettext("Put them right here, or in the file")));
        return;
      } catch (problem) {
        // The file is kept for a time only; what was wrong is still told.
        if (problem.status !== 400) this.say(problem.message);
      }
    }
    this.part("error-table").hidden = false;
    let text = "";
    try {
      const response = await fetch(`/api/v1/imports/${this.id}/errors.csv`, { credentials: "same-origin" });
      if (!response.ok) { box.hidden = true; return; }
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      while (text.length < ERROR_BYTES) {
        const { done, value } = await reader.read();
        if (done) break;
        text += decoder.decode(value, { stream: true });
      }
      reader.cancel();
    } catch (lost) {
      box.hidden = true;
      return;
    }
    const [header = [], ...rows] = parse(text.replace(/^\ufeff/, ""), { cut: text.length >= ERROR_BYTES, most: SHOWN_ERRORS + 1 });
    const shown = ["line", "column", "value", "reason"].map((name) => header.indexOf(name));
    fill(this.part("error-rows"), rows.map((row) => el("tr", {}, el("td", { class: "num quiet" }, row[shown[0]]), el("td", {}, el("strong", {}, row[shown[1]])), el("td", { class: "bad-text" }, row[shown[2]]), el("td", {}, row[shown[3]]))));
    fill(this.part("errors-under"), errors > rows.length ? interpolate(gettext("The first %(shown)s of %(all)s; the file has them all"), { shown: rows.length, all: count(errors) }, true) : gettext("Correct them in the file and import it again"));
  }

  /** The first rows of each kind, old and new side by side. */
  async renderPreview() {
    const box = this.part("preview");
    box.hidden = this.run.state !== "ready";
    if (box.hidden || this.previewed) return;
    this.previewed = true;
    try {
      const [preview, attributes] = await Promise.all([read(`imports/${this.id}/preview/?rows=5`), schema()]);
      const only = this.part("only-changes");
      const show = () => fill(this.part("preview-rows"), comparable(preview, attributes, this.run, only.checked));
      only.addEventListener("change", show);
      show();
      const erased = preview.of_erased;
      fill(this.part("preview-doubts"), erased.count ? el("div", { class: "note warn" }, icon("triangle-alert"), el("p", { class: "words" }, interpolate(ngettext("%(number)s row has a number that belonged to a person who was erased (line %(lines)s). Make sure that this is somebody else.", "%(number)s rows have a number that belonged to a person who was erased (lines %(lines)s). Make sure that these are somebody else.", erased.count), { number: count(erased.count), lines: `${erased.lines.join(", ")}${erased.count > erased.lines.length ? " …" : ""}` }, true))) : null);
      const without = preview.without_phone;
      fill(this.part("preview-under"), gettext("Old value, then new"), without ? ` · ${interpolate(ngettext("%s row has no phone", "%s rows have no phone", without), [count(without)])}` : "");
    } catch (problem) {
      this.previewed = false;
      box.hidden = true;
    }
  }

  async act(action, body) {
    try {
      const { data } = await post(`imports/${this.id}/${action}/`, body);
      if (data && data.state) { this.run = data; this.render(); }
      await this.refresh();
    } catch (problem) {
      this.say(problem.message);
    }
  }

  async askWhen() {
    const field = el("input", { class: "input", type: "datetime-local", id: "start-later", autofocus: true });
    const opened = openDialog({
      title: gettext("Start later"), lead: gettext("Good for a time with few calls. It starts by itself, whether or not this page is open."),
      body: el("div", { class: "field" }, el("label", { for: "start-later" }, gettext("Start at")), field),
      end: [button(gettext("Cancel"), { key: "Esc" }, () => opened.close()), button(gettext("Start then"), { classes: "primary" }, () => opened.close(field.value))],
    });
    const chosen = await opened.closed;
    if (chosen) await this.act("start", { start_at: fromLocalField(chosen) });
  }

  askToCancel() {
    const counts = this.counts();
    const written = (counts.created || 0) + (counts.overwritten || 0) + (counts.updated || 0);
    if (this.run.state !== "running") { this.act("cancel", { keep: false }); return; }
    const opened = openDialog({
      title: gettext("Cancel this import"),
      lead: interpolate(ngettext("%s customer has been written so far. Nothing is half-written.", "%s customers have been written so far. Nothing is half-written.", written), [count(written)]),
      start: [button(gettext("Go on importing"), { key: "Esc", autofocus: true }, () => opened.close())],
      end: [
        button(gettext("Keep what is written"), {}, () => opened.close({ keep: true })),
        button(gettext("Take all of it back"), { classes: "danger filled" }, () => opened.close({ keep: false })),
      ],
    });
    opened.closed.then((choice) => choice && this.act("cancel", choice));
  }

  askToUndo(writes) {
    const opened = openDialog({
      title: gettext("Undo this import"),
      lead: interpolate(ngettext("%s customer goes back to what it was before. What somebody has changed since stays, and is listed.", "%s customers go back to what they were before. What somebody has changed since stays, and is listed.", writes), [count(writes)]),
      start: [button(gettext("Cancel"), { key: "Esc", autofocus: true }, () => opened.close())],
      end: [button(gettext("Undo import"), { classes: "danger filled" }, () => opened.close(true))],
    });
    opened.closed.then((sure) => sure && this.act("undo"));
  }
}

for (const place of document.querySelectorAll("[data-import-run]")) new ImportRun(place).start();
