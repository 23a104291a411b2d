/* The frame around every page: global search, the person's menu, keys, toasts, the bar that tells of a lost connection. */

import { read } from "./api.js";
import { afterPause, el, fill, freshId, icon } from "./elements.js";
import { openMenu, walk } from "./dialogs.js";
import { showHelp } from "./keys.js";
import { language, timeZone } from "./page.js";
import { showKeptToast } from "./toasts.js";
import { groupPhones, hue, initials, nameNodes, phoneNode } from "./values.js";

const PAUSE = 180;

function attachSearch(form) {
  const input = form.querySelector("input");
  const list = el("div", { class: "results", role: "listbox", id: freshId("results"), "aria-label": gettext("Customers found"), hidden: true });
  form.append(list);
  input.setAttribute("aria-controls", list.id);
  let asked = null;
  let at = -1;

  const options = () => Array.from(list.querySelectorAll("[role=option]"));
  const close = () => {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (position) => {
    const all = options();
    at = all.length ? (position + all.length) % all.length : -1;
    all.forEach((option, index) => option.setAttribute("aria-selected", index === at));
    if (at >= 0) {
      input.setAttribute("aria-activedescendant", all[at].id);
      all[at].scrollIntoView({ block: "nearest" });
    }
  };
  const row = (customer) => el(
    "a", { class: "menu-item", role: "option", id: freshId("option"), href: `/customers/${customer.id}/`, tabindex: "-1", "aria-selected": "false" },
    el("span", { class: `avatar hue-${hue(customer.id)}`, "aria-hidden": "true" }, initials(customer)),
    el(
      "span", { class: "who" },
      el("strong", { class: "strong" }, nameNodes(customer)),
      el("span", { class: "quiet" }, (customer.phones || []).slice(0, 1).map(phoneNode), " ", (customer.emails || [])[0] || ""),
    ),
  );
  const show = (answer, text) => {
    fill(
      list,
      answer.results.map(row),
      answer.results.length
        ? el("p", { class: "results-foot" }, gettext("Enter shows them in the list, arrow down and Enter open one"))
        : el("p", { class: "results-foot" }, interpolate(gettext("No name, phone or email fits “%s”."), [text])),
    );
    at = -1;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    // Others may add where else could be searched.
    document.dispatchEvent(new CustomEvent("cim:searched", { detail: { text, list } }));
  };
  const ask = afterPause(PAUSE, async () => {
    const text = input.value.trim();
    if (asked) asked.abort();
    if (!text) return close();
    asked = new AbortController();
    try {
      const answer = await read(`customers/?q=${encodeURIComponent(text)}&page_size=8`, { signal: asked.signal });
      if (document.activeElement === input) show(answer, text);
    } catch (problem) {
      if (problem.name === "AbortError") return undefined;
      fill(list, el("p", { class: "results-foot bad-text" }, problem.message));
      list.hidden = false;
    }
    return undefined;
  });
  input.addEventListener("input", ask);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { close(); input.blur(); }
    if (event.key === "ArrowDown" && !list.hidden) { event.preventDefault(); mark(at + 1); }
    if (event.key === "ArrowUp" && !list.hidden) { event.preventDefault(); mark(at < 0 ? -1 : at - 1); }
    if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      const chosen = options()[at];
      at = -1;
      input.removeAttribute("aria-activedescendant");
      chosen.click();
    }
  });
  list.addEventListener("keydown", (event) => { if (event.key === "Escape") { close(); input.focus(); } });
  // What a CRM has found has buttons of its own, which Tab comes to.
  form.addEventListener("focusout", () => setTimeout(() => { if (!form.contains(document.activeElement)) close(); }, 150));
}

function attachPerson(opener) {
  const menu = document.getElementById("person-menu");
  const items = Array.from(menu.content.querySelectorAll("a, form")).map((item) => item.tagName === "A"
    ? { label: item.textContent.trim(), icon: item.dataset.icon, href: item.getAttribute("href") }
    : { label: item.querySelector("button").textContent.trim(), icon: item.dataset.icon, run: () => { document.body.append(item); item.submit(); } });
  const head = menu.content.querySelector("[data-head]");
  opener.addEventListener("click", () => openMenu(opener, items, { head: head.cloneNode(true), label: gettext("You") }));
}

function watchConnection() {
  const place = document.querySelector("[data-main]");
  let bar = null;
  document.addEventListener("cim:offline", () => {
    if (bar) return;
    const since = new Date().toLocaleTimeString(language, { hourCycle: "h23", timeZone });
    bar = el(
      "div", { class: "offline", role: "alert" }, icon("cloud-off"),
      el("span", {}, el("strong", {}, interpolate(gettext("No connection since %s."), [since])), " ", gettext("What you typed is still here.")),
    );
    place.prepend(bar);
  });
  document.addEventListener("cim:online", () => { if (bar) bar.remove(); bar = null; });
}

for (const tabs of document.querySelectorAll("[role=tablist]")) {
  tabs.addEventListener("keydown", (event) => walk(event, Array.from(tabs.querySelectorAll("[role=tab]"))));
}
for (const form of document.querySelectorAll("[data-global-search]")) attachSearch(form);
for (const opener of document.querySelectorAll("[data-person]")) attachPerson(opener);
for (const opener of document.querySelectorAll("[data-key-help]")) opener.addEventListener("click", showHelp);
// A form that the server has refused: there the work goes on.
const refused = document.querySelector("main form [aria-invalid=true]");
if (refused) refused.focus();
groupPhones(document);
watchConnection();
showKeptToast();
