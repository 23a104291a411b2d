/* One interaction on the desk: who this is and why, what happened before, the note, the wrap-up, the link. */

import { idempotencyKey, post, read, schema } from "./api.js";
import { shownValue } from "./comparison.js";
import { CrmPanel } from "./crm-panel.js";
import { Contact, Search } from "./desk-link.js";
import { Draft } from "./desk-draft.js";
import { dialButton } from "./dial.js";
import { button, el, fill, freshId, icon } from "./elements.js";
import { labelPill, labelsOf } from "./labels.js";
import { may } from "./page.js";
import { piece } from "./panels.js";
import { dress } from "./timeline.js";
import { toast } from "./toasts.js";
import { formatRecent, fullName, hue, initials, isEmpty, nameNodes, phoneNode, valueOf, withPhones } from "./values.js";

const ICONS = { voice: "phone", video: "video", email: "mail", sms: "message-square-text", chat: "message-circle", social: "share-2", messaging: "messages-square", web: "globe" };
const TILES = { voice: "phone", video: "", email: "email", sms: "warn", chat: "chat", social: "social", messaging: "messaging", web: "" };
const STATES = { ringing: ["tone-cyan", "cy", () => gettext("Ringing")], active: ["tone-acc", "acc", () => gettext("On a call")], held: ["tone-warn", "warn", () => gettext("On hold")], wrap_up: ["tone-vio", "vio", () => gettext("Wrap-up")], done: ["tone-grey", "", () => gettext("Over")] };
const FACTS = 10;

const clockOf = (since) => {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 1000));
  const minutes = Math.floor(seconds / 60);
  const two = (number) => String(number).padStart(2, "0");
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}` : `${two(minutes)}:${two(seconds % 60)}`;
};

function card(title, ...content) {
  const id = freshId("card");
  const head = el("div", { class: "card-head" }, el("h2", { id }, title));
  const body = el("div", { class: "card-body" }, content);
  return { element: el("section", { class: "card", "aria-labelledby": id }, head, body), head, body };
}

export class Call {
  /** `changed()` is called when the tab of the call must be drawn again, `finished()` when it leaves the desk. */
  constructor(data, agent, { changed, finished }) {
    this.id = data.interaction;
    this.agent = agent;
    this.changed = changed;
    this.finished = finished;
    this.data = data;
    this.over = false;
    this.overSince = null;
    this.customer = null;
    this.detail = null;
    this.labels = [];
    this.shownCustomer = undefined;
    this.draft = new Draft(this.id, (state) => this.tellDraft(state));
    this.build();
    this.render();
    this.draft.load().then((text) => { if (text && !this.note.value) this.note.value = text; });
    this.refresh();
  }

  /* What others ask */

  get icon() { return this.isRinging ? "phone-incoming" : ICONS[this.data.channel] || "phone"; }
  get isRinging() { return !this.over && this.data.status === "ringing"; }
  get status() { return this.over ? "wrap_up" : this.data.status || "active"; }
  get tone() { return STATES[this.status][0]; }
  get stateName() { return STATES[this.status][2](); }
  get clock() { return clockOf(this.over ? this.overSince : this.data.since || this.data.started); }
  get name() {
    if (this.customer && (fullName(this.customer) || !this.data.suggestion)) return fullName(this.customer) || gettext("No Name");
    const known = this.data.suggestion && [this.data.suggestion.first_name, this.data.suggestion.last_name].filter(Boolean).join(" ");
    return known || this.data.address || gettext("No Name");
  }

  badge() { return el("span", { class: `badge ${STATES[this.status][1]}` }, this.stateName); }
  isBusy() { return !this.over || this.note.value.trim() !== "" || this.element.contains(document.activeElement); }
  focusNote() { this.note.focus(); }
  focusWrapUp() { const first = this.codes.querySelector("button, input"); if (first) first.focus(); }
  focusSearch() { this.search.focus(); }
  openProfile() { if (this.customer) window.open(`/customers/${this.customer.id}/`, "_blank", "noopener"); }
  shownNow() { this.tick(); }
  leave() { this.draft.flush(); }
  tick() { this.timer.textContent = this.clock; }

  update(data) {
    const relinked = data.customer !== this.data.customer;
    // What is left to wrap up is told of too, when somebody else writes to it.
    if (["wrap_up", "done"].includes(data.status)) { this.end(data); return; }
    this.data = data;
    this.over = false;
    this.render();
    if (relinked) toast(gettext("The customer of this call has changed."));
    this.refresh();
  }

  end(data) {
    if (data) this.data = { ...this.data, ...data };
    if (!this.over) {
      this.over = true;
      this.overSince = (data && data.since) || new Date().toISOString();
    }
    this.render();
    this.refresh();
  }

  /* Building: once; the parts are filled again whenever something changes. */

  build() {
    this.head = el("header", { class: "call-head" });
    this.timer = el("span", { class: "call-timer tabular" });
    this.person = card(gettext("Customer"));
    this.why = card(gettext("Why this person"));
    this.handed = el("section", { class: "card handed", "aria-label": gettext("From the colleague before you"), hidden: true });
    // The same contact may have been saved: what was read of it is out of date.
    this.contact = new Contact(this.id, (interaction) => { this.customer = null; this.took(interaction); });
    this.search = new Search(this.id, { linked: (interaction, before) => this.took(interaction, before) });
    this.others = card(gettext("Somebody else?"), this.search.element);
    this.facts = card(gettext("Profile"));
    this.crm = new CrmPanel(el("div", { class: "stack", dataset: { crm: `interactions/${this.id}/crm/` } }));
    this.lately = card(gettext("Lately"));
    this.lately.body.classList.add("lately");
    this.sofar = card(gettext("This interaction so far"));
    this.buildNote();
    this.buildWrapUp();
    this.said = el("p", { class: "hint", role: "status" });
    const finish = card(gettext("Finish"), button(gettext("Finish"), { classes: "primary wide", key: "Ctrl ↵" }, () => this.finish()), this.said);
    this.finishButton = finish.body.querySelector("button");
    finish.head.remove();
    this.columns = [
      el("div", { class: "stack" }, this.person.element, this.why.element, this.others.element),
      el("div", { class: "stack" }, this.contact.element, this.handed, this.noteCard.element, this.facts.element, this.crm.place, this.lately.element),
      el("div", { class: "stack" }, this.wrapUp.element, this.sofar.element, finish.element),
    ];
    this.element = el("div", { class: "call", dataset: { interaction: this.id } }, this.head, el("div", { class: "call-columns" }, this.columns));
  }

  buildNote() {
    const id = freshId("note");
    this.noteState = el("span", { class: "hint", role: "status" });
    this.note = el("textarea", { class: "input note-input", id, maxlength: "20000", on: { input: () => this.draft.type(this.note.value) } });
    this.addNote = button(gettext("Add note"), { classes: "small" }, () => this.saveNote());
    this.noteCard = card(gettext("Note"), el("label", { for: id, class: "unseen" }, gettext("Your note")), this.note, el("div", { class: "note-foot" }, this.noteState, el("span", { class: "hint" }, gettext("Kept if the call is transferred")), this.addNote), el("div", { class: "stack tight notes" }));
    this.notes = this.noteCard.body.querySelector(".notes");
  }

  buildWrapUp() {
    this.codes = el("div", { class: "codes" });
    this.applied = el("div", { class: "applied", role: "status" });
    this.wrapUp = card(gettext("Wrap-up"), this.codes, this.applied);
    this.reasonsOf = null;
  }

  /* Filling */

  render() {
    this.renderHead();
    this.renderPerson();
    this.renderHanded();
    this.renderNotes();
    this.renderApplied();
    // A customer with a suggestion is a contact that nobody has saved yet: the visitor of a page, whom a web id stands for.
    this.contact.show(this.data.suggestion || (this.data.customer ? null : { phones: [], emails: [] }), this.data.candidates || [], { isKnown: Boolean(this.data.customer), address: this.data.address });
    this.search.show({ candidates: this.data.candidates || [], customer: this.data.customer, address: this.data.address, campaign: this.data.campaign });
    this.element.dataset.status = this.status;
    this.finishButton.disabled = !this.over;
    this.said.textContent = this.over ? gettext("Keeps your note and clears the desk") : gettext("Possible when the call is over");
    if (this.changed) this.changed();
  }

  renderHead() {
    const { data } = this;
    const matched = data.customer && data.suggestion ? el("span", { class: "badge cy" }, gettext("Not saved yet")) : data.customer ? el("span", { class: "badge ok" }, icon("check"), gettext("Matched"))
      : (data.candidates || []).length ? el("span", { class: "badge warn" }, interpolate(gettext("%s may be meant"), [data.candidates.length]))
        : el("span", { class: "badge warn" }, gettext("Nobody matches"));
    const handed = data.transferred_from ? el("span", { class: "badge vio" }, icon("arrow-left-right"), interpolate(gettext("Transfer from %s"), [data.transferred_from_name || data.transferred_from])) : null;
    const campaign = data.campaign ? el("span", { class: "badge acc" }, interpolate(gettext("Campaign %s"), [data.campaign])) : null;
    const line = [
      data.address ? el("span", { class: "ltr" }, withPhones(data.address)) : gettext("No address"),
      data.queue ? interpolate(gettext("to %s"), [data.queue]) : null,
    ].filter(Boolean).flatMap((part, index) => (index ? [" ", part] : [part]));
    this.tick();
    fill(
      this.head,
      el("span", { class: `tile huge ${TILES[data.channel] || ""}` }, icon(this.icon)),
      el("div", { class: "call-words" },
        el("div", { class: "call-who" }, this.timer, el("strong", { class: "call-name" }, withPhones(this.name)), this.badge(), matched, handed, campaign),
        el("p", { class: "under" }, line)),
      el("div", { class: "actions call-actions" },
        button(gettext("Note"), { icon: "pencil", key: "N" }, () => this.focusNote()),
        button(gettext("Wrap-up"), { icon: "tag", key: "W" }, () => this.focusWrapUp()),
        button(gettext("Link"), { icon: "link", key: "L" }, () => this.focusSearch())),
    );
  }

  renderPerson() {
    const { customer } = this;
    this.person.element.hidden = !customer;
    this.facts.element.hidden = !customer;
    this.lately.element.hidden = !customer;
    if (customer) {
      fill(
        this.person.body,
        el("div", { class: "person" },
          el("span", { class: `avatar big hue-${hue(customer.id)}`, "aria-hidden": "true" }, initials(customer)),
          el("div", { class: "person-words" },
            el("strong", { class: "call-name" }, nameNodes(customer)),
            el("p", { class: "quiet" }, [customer.address, customer.postal_code].filter(Boolean).join(", ")),
            el("div", { class: "labels" }, (customer.labels || []).map((name) => labelPill(this.labels, name))))),
        el("ul", { class: "person-phones" }, (customer.phones || []).map((number, place) => el("li", {}, phoneNode(number), dialButton(customer.id, { place, label: interpolate(gettext("Dial phone %s"), [place + 1]) })))),
        el("div", { class: "actions" },
          el("a", { class: "btn", href: `/customers/${customer.id}/`, target: "_blank", rel: "noopener" }, gettext("Open profile"), el("kbd", { "aria-hidden": "true" }, "O")),
          this.mayLink() ? button(gettext("Not this person"), { icon: "x" }, () => this.unlink()) : null),
      );
    }
    this.renderWhy();
  }

  mayLink() { return may("link_own_interactions") || may("link_any_interaction"); }

  renderWhy() {
    const link = this.detail && this.detail.link;
    const because = [];
    if (link && this.data.customer) {
      if (link.how === "automatic") because.push(["check", link.why ? interpolate(gettext("Found by itself: %s"), [link.why]) : gettext("Found by itself")]);
      if (link.how === "by_hand") because.push(["check", interpolate(gettext("Linked by hand by %(by)s, %(at)s"), { by: link.by, at: formatRecent(link.at) }, true)]);
      if (link.how === "promoted") because.push(["check", interpolate(gettext("Added to the contacts by %s"), [link.by])]);
      if (link.how === "dialled") because.push(["check", interpolate(gettext("Dialled from the profile by %s"), [link.by])]);
    }
    this.why.element.hidden = !because.length;
    fill(this.why.body, el("ul", { class: "reasons" }, because.map(([name, text]) => el("li", {}, icon(name), el("span", {}, withPhones(text))))));
  }

  renderHanded() {
    const { data } = this;
    const who = data.transferred_from_name || data.transferred_from;
    const theirs = data.transferred_from ? (data.notes || []).filter((note) => note.agent !== this.agent) : [];
    this.handed.hidden = !data.transferred_from;
    if (!data.transferred_from) return;
    const codes = (data.wrap_ups || []).filter((applied) => applied.agent !== this.agent);
    fill(
      this.handed,
      el("div", { class: "card-head" }, icon("arrow-left-right"), el("h2", {}, interpolate(gettext("From %s"), [who]))),
      el("dl", { class: "handed-body" },
        el("dt", {}, gettext("Notes")),
        el("dd", {}, theirs.length ? theirs.map((note) => el("blockquote", { class: "entry-note" }, note.text, el("footer", { class: "hint" }, formatRecent(note.at)))) : el("span", { class: "quiet" }, gettext("none"))),
        el("dt", {}, gettext("Wrap-up")),
        el("dd", {}, codes.length ? codes.map((applied) => el("span", { class: "badge vio" }, applied.code)) : el("span", { class: "quiet" }, gettext("none"))),
        data.draft ? [
          el("dt", {}, gettext("Draft")),
          el("dd", {}, el("div", { class: "half-typed" },
            el("span", { class: "badge warn" }, icon("pencil"), gettext("Half typed, not saved")),
            el("p", {}, data.draft),
            button(gettext("Take into my note"), { icon: "plus", classes: "small" }, () => this.takeDraft()))),
        ] : null),
    );
  }

  takeDraft() {
    this.note.value = [this.note.value.trim(), this.data.draft].filter(Boolean).join("\n");
    this.draft.type(this.note.value);
    this.note.focus();
  }

  renderNotes() {
    const shown = this.data.transferred_from ? (this.data.notes || []).filter((note) => note.agent === this.agent) : this.data.notes || [];
    fill(this.notes, shown.slice().reverse().map((note) => el("blockquote", { class: "entry-note" }, note.text, el("footer", { class: "hint" }, [this.authorOf(note), formatRecent(note.at)].filter(Boolean).join(", ")))));
  }

  authorOf(note) {
    return note.agent === this.agent ? gettext("You") : note.name || note.agent;
  }

  renderApplied() {
    const all = this.data.wrap_ups || [];
    fill(this.applied, all.length ? [el("span", { class: "hint" }, gettext("Applied:")), ...all.map((applied) => el("span", { class: "badge vio" }, applied.code, applied.agent && applied.agent !== this.agent ? ` (${applied.name || applied.agent})` : ""))] : el("span", { class: "hint" }, gettext("None yet")));
    const mine = all.filter((applied) => applied.agent === this.agent).at(-1);
    for (const choice of this.codes.querySelectorAll("[data-code]")) choice.setAttribute("aria-pressed", String(Boolean(mine) && mine.code === choice.dataset.code));
  }

  renderSoFar() {
    const legs = (this.detail && this.detail.activities) || [];
    const names = { ivr: gettext("IVR"), queue: gettext("Queue"), transfer: gettext("Transfer"), conference: gettext("Conference"), consult: gettext("Consulted"), hold: gettext("On hold"), barge_in: gettext("Barged in"), silent_monitor: gettext("Listened in"), agent: "" };
    this.sofar.element.hidden = !legs.length;
    fill(this.sofar.body, el("ol", { class: "legs" }, legs.map((leg) => el(
      "li", { class: "leg" },
      el("span", { class: `leg-what leg-${leg.kind}` }, [names[leg.kind], leg.queue || (leg.agent === this.agent ? gettext("You") : leg.name || leg.agent || "")].filter(Boolean).join(" ")),
      el("span", { class: "tabular leg-length", ...(leg.duration === null ? {} : { dataset: { seconds: String(Math.round(leg.duration)) } }) }, leg.duration === null ? gettext("running") : ""),
    ))));
    dress(this.sofar.body);
  }

  /* Asking */

  async refresh() {
    const wanted = this.data.customer;
    try {
      const [detail, customer] = await Promise.all([
        read(`interactions/${this.id}/`),
        wanted && (!this.customer || this.customer.id !== wanted) ? read(`customers/${wanted}/`) : wanted ? this.customer : null,
        wanted && !this.labels.length ? read("labels/").then((found) => { this.labels = labelsOf(found); }).catch(() => {}) : null,
      ]);
      if (this.data.customer !== wanted) return;
      this.detail = detail;
      this.customer = customer;
      this.data.wrap_ups = detail.wrap_ups;
      this.data.notes = detail.notes;
    } catch (problem) {
      if (problem.status) this.said.textContent = problem.message;
      return;
    }
    this.render();
    this.renderSoFar();
    this.showReasons(this.data.queue || "");
    if (wanted !== this.shownCustomer) {
      this.shownCustomer = wanted;
      // In the background: the pop waits for no CRM.
      this.crm.again();
      await Promise.all([this.showFacts(), this.showLately()]);
    }
  }

  async showFacts() {
    if (!this.customer) return;
    const attributes = (await schema()).filter((attribute) => !attribute.archived && !["first_name", "last_name", "phones", "created_at", "updated_at"].includes(attribute.key));
    const hidden = new Set(this.customer.masked || []);
    const filled = attributes.filter((attribute) => !isEmpty(valueOf(this.customer, attribute))).slice(0, FACTS);
    fill(this.facts.body, filled.length ? el("dl", { class: "facts" }, filled.map((attribute) => [el("dt", {}, attribute.label), el("dd", {}, shownValue(attribute, valueOf(this.customer, attribute), attribute.pii || hidden.has(attribute.key)))])) : el("p", { class: "quiet" }, gettext("Nothing more is known.")));
  }

  async showLately() {
    if (!this.customer) return;
    try {
      const content = await piece(`/customers/${this.customer.id}/interactions/?only=entries`);
      for (const own of content.querySelectorAll(`[data-entry="${this.id}"]`)) own.closest("li").remove();
      for (const more of content.querySelectorAll(".entry-more")) more.remove();
      Array.from(content.querySelectorAll(".entry")).slice(5).forEach((entry) => entry.remove());
      dress(content);
      const list = el("ol", { class: "entries" });
      list.append(content);
      fill(this.lately.body, list.querySelector("li") ? list : el("p", { class: "quiet entry-none" }, gettext("This is the first interaction.")));
    } catch {
      fill(this.lately.body, el("p", { class: "quiet" }, gettext("The history did not load.")));
    }
  }

  async showReasons(queue) {
    if (this.reasonsOf === queue) return;
    this.reasonsOf = queue;
    try {
      this.reasons = await read(`wrap-up-reasons/?queue=${encodeURIComponent(queue)}`);
    } catch {
      this.reasonsOf = null;
      return;
    }
    if (this.reasons.length) {
      fill(this.codes, this.reasons.map((reason, place) => el(
        "button", { type: "button", class: "code", "aria-pressed": "false", dataset: { code: reason.code }, on: { click: () => this.apply(reason.code) } },
        el("span", {}, reason.label), place < 9 ? el("kbd", { "aria-hidden": "true" }, String(place + 1)) : null,
      )));
    } else {
      const id = freshId("code");
      const field = el("input", { class: "input small", id, maxlength: "200", autocomplete: "off", on: { keydown: (event) => { if (event.key === "Enter") { event.preventDefault(); this.apply(field.value.trim()).then(() => { field.value = ""; }); } } } });
      fill(this.codes, el("div", { class: "field" }, el("label", { for: id }, gettext("Code")), field, el("span", { class: "hint" }, gettext("No codes are listed for this queue. Enter applies what you type."))));
    }
    this.renderApplied();
  }

  /* Acting */

  async act(path, body) {
    const answer = await post(`interactions/${this.id}/${path}`, body, { headers: { "Idempotency-Key": idempotencyKey() } });
    this.took(answer.data);
    return answer.data;
  }

  /** Take over an interaction that the API has answered with. */
  took(interaction, before = undefined) {
    this.detail = interaction;
    Object.assign(this.data, { customer: interaction.customer, candidates: interaction.candidates, suggestion: interaction.suggestion, wrap_ups: interaction.wrap_ups, notes: interaction.notes });
    if (!interaction.customer) this.customer = null;
    this.render();
    this.renderSoFar();
    this.refresh();
    if (before !== undefined) toast(gettext("The call is linked."), before ? { undo: () => this.act("link/", { customer: before }) } : {});
  }

  async apply(code) {
    if (!code) return;
    try {
      await this.act("wrap-ups/", { code });
    } catch (problem) {
      fill(this.applied, el("span", { class: "error" }, icon("circle-alert"), problem.message));
    }
  }

  wrapUpBy(digit) {
    const reason = (this.reasons || [])[digit - 1];
    if (reason) this.apply(reason.code);
  }

  async unlink() {
    const before = this.data.customer;
    try {
      await this.act("unlink/");
      toast(gettext("The call is unlinked."), { undo: () => this.act("link/", { customer: before }) });
      this.focusSearch();
    } catch (problem) {
      this.said.textContent = problem.message;
    }
  }

  tellDraft(state) {
    const words = { typing: gettext("Typing"), saved: gettext("Saved"), kept: gettext("Kept in this browser until there is a connection") };
    fill(this.noteState, state === "saved" ? icon("check") : null, words[state]);
  }

  async saveNote() {
    const text = this.note.value.trim();
    if (!text) return true;
    this.addNote.disabled = true;
    try {
      await this.act("notes/", { text });
      this.note.value = "";
      await this.draft.clear();
      fill(this.noteState, icon("check"), gettext("Note added"));
      return true;
    } catch (problem) {
      fill(this.noteState, icon("circle-alert"), problem.message);
      return false;
    } finally {
      this.addNote.disabled = false;
    }
  }

  async finish() {
    if (!this.over) { await this.saveNote(); return; }
    if (!(await this.saveNote())) return;
    try {
      await post(`interactions/${this.id}/done/`);
      this.finished();
    } catch (problem) {
      // Somebody else's call by now, or gone: it need not stay on this desk.
      if (problem.status === 403 || problem.status === 404) this.finished();
      else this.said.textContent = problem.message;
    }
  }
}
