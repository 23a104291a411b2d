/*
 * Single keys. An element with data-key="n" is pressed by N, one with data-key="g c" by G then C; data-key-label
 * names it in the help. Views add keys that belong to no element with `addKeys`. Off while a field has focus.
 */

import { el } from "./elements.js";
import { openDialog } from "./dialogs.js";

const NAMES = { Escape: "Esc", Enter: gettext("Enter") };
const extra = [];
let waiting = "";
let timer = 0;

/** Add `{keys: ["j"], label, run(event)}`; an entry without `run` is only listed in the help. */
export function addKeys(entries) {
  extra.push(...entries);
}

const KEPT_AS = "cim-single-keys";

export function singleKeysAreOff() {
  return localStorage.getItem(KEPT_AS) === "off";
}

/** Switch the single keys on or off for this computer. */
export function keepSingleKeys(on) {
  localStorage.setItem(KEPT_AS, on ? "on" : "off");
  document.documentElement.dataset.singleKeys = on ? "on" : "off";
}

if (singleKeysAreOff()) document.documentElement.dataset.singleKeys = "off";

function inField(target) {
  return target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") !== null;
}

function elementFor(combination) {
  const found = Array.from(document.querySelectorAll(`[data-key="${CSS.escape(combination)}"]`));
  return found.find((element) => element.getClientRects().length && !element.disabled);
}

function press(element) {
  if (element.matches("input, select, textarea")) {
    element.focus();
    if (element.select) element.select();
  } else {
    element.click();
  }
}

function run(combination, event) {
  const own = extra.find((entry) => entry.run && entry.keys.includes(combination));
  const element = own ? null : elementFor(combination);
  if (!own && !element) return false;
  event.preventDefault();
  if (own) own.run(event);
  else press(element);
  return true;
}

function onKey(event) {
  if (event.defaultPrevented || event.altKey || event.metaKey) return;
  if (event.ctrlKey) {
    if (event.key === "Enter") run("Ctrl Enter", event);
    return;
  }
  if (singleKeysAreOff() || inField(event.target) || document.querySelector("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const combination = waiting ? `${waiting} ${key}` : key;
  waiting = "";
  clearTimeout(timer);
  if (run(combination, event)) return;
  if (key === "g") {
    waiting = key;
    timer = setTimeout(() => { waiting = ""; }, 1200);
  }
}

const shown = (keys) => keys.map((one) => el("span", { class: "combo" }, (one === " " ? [gettext("Space")] : one.split(" ")).map((part) => el("kbd", {}, NAMES[part] || (part.length === 1 ? part.toUpperCase() : part)))));

export function showHelp() {
  const marked = Array.from(document.querySelectorAll("[data-key]"))
    .filter((element) => element.dataset.keyLabel)
    .map((element) => ({ keys: [element.dataset.key], label: element.dataset.keyLabel, go: element.dataset.key.startsWith("g ") }));
  const part = (title, entries) => entries.length
    ? [el("h3", {}, title), el("ul", { class: "keys" }, entries.map((entry) => el("li", {}, el("span", {}, entry.label), shown(entry.keys.slice(0, 1)))))]
    : [];
  openDialog({
    title: gettext("Keys of this view"),
    lead: singleKeysAreOff()
      ? gettext("Single keys are switched off. You can switch them on in your account.")
      : gettext("Single keys rest while a field has focus. They can be switched off in your account."),
    wide: true,
    body: el(
      "div", { class: "stack" },
      part(gettext("In this view"), [...extra.filter((entry) => entry.label), ...marked.filter((entry) => !entry.go)]),
      part(gettext("Go to"), marked.filter((entry) => entry.go)),
    ),
  });
}

document.addEventListener("keydown", onKey);
addKeys([{ keys: ["?"], label: gettext("All keys for this view"), run: showHelp }]);
