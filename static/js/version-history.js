/* The versions of a customer: who changed what, two of them compared, one of them brought back (C16). */

import { post, read } from "./api.js";
import { comparisonTable, fate, shownValue } from "./comparison.js";
import { openDialog } from "./dialogs.js";
import { button, el, fill, icon } from "./elements.js";
import { may } from "./page.js";
import { formatMoment, formatRecent } from "./values.js";

const VIA = () => ({
  page: gettext("page"), api: gettext("API"), import: gettext("import"), crm: gettext("CRM"), merge: gettext("merge"), command: gettext("command"), system: gettext("CIM"),
});

const ACTIONS = () => ({
  "customer.create": gettext("Created"), "customer.overwrite": gettext("Profile replaced"), "customer.update": gettext("Updated"), "customer.edit": gettext("Edited"),
  "customer.restore": gettext("Version restored"), "customer.undelete": gettext("Restored"), "customer.delete": gettext("Deleted"), "import.run": gettext("Imported"),
  "customer.merge": gettext("Merged"), "customer.unmerge": gettext("Merge taken back"),
});

export class VersionHistory {
  /** `schema` are the attributes by key; `restored(answer)` is called after a version was brought back. */
  constructor(customerId, schema, restored) {
    this.customerId = customerId;
    this.schema = schema;
    this.restored = restored;
    this.versions = [];
    this.picked = new Set();
  }

  async load() {
    this.versions = await read(`customers/${this.customerId}/versions/`);
    return this.versions;
  }

  title(version) {
    const made = ACTIONS()[version.action];
    const keys = Object.keys(version.changes || {}).filter((key) => this.schema.has(key));
    if (version.version === 1) return made || gettext("Created");
    if (keys.length === 1) return interpolate(gettext("%s changed"), [this.schema.get(keys[0]).label]);
    if (keys.length > 1) return interpolate(gettext("%(what)s, %(number)s values"), { what: made || gettext("Changed"), number: keys.length }, true);
    return made || gettext("Changed");
  }

  under(version, full = false) {
    // The page is where people work, and a program without a name is told by its own.
    const through = version.via === "page" || (!version.actor && ["command", "system"].includes(version.via)) ? null : VIA()[version.via] || version.via;
    return [version.actor || gettext("CIM"), through, full ? formatMoment(version.at) : formatRecent(version.at)].filter(Boolean).join(", ");
  }

  /** The short list of the profile page. */
  summary(limit = 4) {
    return el("ul", { class: "stack history-short" }, this.versions.slice(0, limit).map((version) => el("li", {}, el("strong", { class: "strong" }, this.title(version)), el("br"), el("span", { class: "quiet" }, this.under(version)))));
  }

  profileOf(version) {
    return version.profile || {};
  }

  changeLine([key, change], masked) {
    const attribute = this.schema.get(key);
    if (!attribute) return null;
    return el("li", {}, el("span", { class: "quiet" }, attribute.label), el("span", {}, el("s", { class: "quiet" }, shownValue(attribute, change.before, masked)), " → ", el("span", {}, shownValue(attribute, change.after, masked))));
  }

  openPanel(place, opener) {
    this.opener = opener;
    this.panel = el("aside", { class: "panel", "aria-label": gettext("Profile history") });
    place.append(this.panel);
    this.render();
    this.panel.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); this.closePanel(); } });
    this.panel.querySelector("button").focus();
  }

  closePanel() {
    if (!this.panel) return;
    this.panel.remove();
    this.panel = null;
    if (this.opener && this.opener.isConnected) this.opener.focus();
  }

  render() {
    const latest = this.versions[0];
    const compare = button(gettext("Compare 2 versions"), { icon: "arrow-left-right", disabled: this.picked.size !== 2 }, () => this.compare());
    fill(
      this.panel,
      el("div", { class: "panel-head" }, el("div", { class: "words" }, el("h2", {}, gettext("Profile history")), el("p", { class: "under" }, gettext("Tick two to compare them. Restoring makes a new version; nothing is lost."))), el("button", { type: "button", class: "btn quiet icon-only", "aria-label": gettext("Close"), on: { click: () => this.closePanel() } }, icon("x"))),
      el("ol", { class: "panel-body versions" }, this.versions.map((version) => this.item(version, version === latest))),
      el("div", { class: "panel-foot" }, el("span", { class: "hint" }, interpolate(ngettext("%s version", "%s versions", this.versions.length), [this.versions.length])), el("div", { class: "end" }, compare)),
    );
  }

  item(version, isLatest) {
    const changes = version.version === 1 ? [] : Object.entries(version.changes || {});
    return el(
      "li", { class: "version" },
      el("input", { type: "checkbox", class: "tick", checked: this.picked.has(version.version), "aria-label": interpolate(gettext("Compare version %s"), [version.version]), on: { change: (event) => this.pick(version.version, event.target.checked) } }),
      el(
        "div", { class: "version-words" },
        el("div", { class: "version-title" }, el("strong", { class: "strong" }, this.title(version)), el("span", { class: "badge" }, interpolate(gettext("Version %s"), [version.version])), isLatest ? el("span", { class: "badge ok" }, gettext("Now")) : null),
        el("p", { class: "hint" }, this.under(version, true)),
        changes.length ? el("ul", { class: "changes" }, changes.map((change) => this.changeLine(change, false))) : null,
        !isLatest && may("edit_customers") ? el("button", { type: "button", class: "link-btn", on: { click: () => this.askToRestore(version) } }, interpolate(gettext("Restore version %s"), [version.version])) : null,
      ),
    );
  }

  pick(number, on) {
    if (on) this.picked.add(number);
    else this.picked.delete(number);
    while (this.picked.size > 2) this.picked.delete(this.picked.values().next().value);
    const ticks = Array.from(this.panel.querySelectorAll(".version .tick"));
    ticks.forEach((tick, index) => { tick.checked = this.picked.has(this.versions[index].version); });
    this.panel.querySelector(".panel-foot .btn").disabled = this.picked.size !== 2;
  }

  rows(before, after) {
    const [old, next] = [this.profileOf(before), this.profileOf(after)];
    return Array.from(this.schema.values()).filter((attribute) => (attribute.key in old || attribute.key in next) && !["created_at", "updated_at"].includes(attribute.key)).map((attribute) => {
      const pair = [old[attribute.key] ?? null, next[attribute.key] ?? null];
      return { label: attribute.label, fate: fate(attribute, ...pair), before: shownValue(attribute, pair[0]), after: shownValue(attribute, pair[1]) };
    });
  }

  table(before, after) {
    const head = (version) => el("div", {}, el("strong", { class: "strong" }, interpolate(gettext("Version %s"), [version.version])), el("br"), el("span", { class: "hint" }, this.under(version, true)));
    return comparisonTable({ caption: gettext("Two versions"), before: head(before), after: head(after), rows: this.rows(before, after) });
  }

  compare() {
    const [low, high] = Array.from(this.picked).sort((a, b) => a - b).map((number) => this.versions.find((version) => version.version === number));
    const opened = openDialog({
      title: interpolate(gettext("Version %(low)s and version %(high)s"), { low: low.version, high: high.version }, true), wide: true,
      body: this.table(low, high), end: [button(gettext("Close"), { key: "Esc", autofocus: true }, () => opened.close())],
    });
  }

  async askToRestore(version) {
    const problem = el("div", { role: "alert" });
    const opened = openDialog({
      title: interpolate(gettext("Restore version %s"), [version.version]), wide: true,
      lead: gettext("The profile gets the values of this version. What it has now stays in the history as a version of its own."),
      body: [problem, this.table(this.versions[0], version)],
      end: [
        button(gettext("Cancel"), { key: "Esc" }, () => opened.close()),
        button(interpolate(gettext("Restore version %s"), [version.version]), { classes: "primary", icon: "undo-2", autofocus: true }, async () => {
          try {
            const { data } = await post(`customers/${this.customerId}/versions/${version.version}/restore/`);
            opened.close();
            this.closePanel();
            this.restored(data, version);
          } catch (refusal) {
            fill(problem, el("div", { class: "note bad" }, icon("circle-alert"), el("p", { class: "words" }, refusal.message)));
          }
        }),
      ],
    });
  }
}
