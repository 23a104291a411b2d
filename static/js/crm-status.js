/* The status of a configuration, attached to [data-crm-status]; while it is being checked it is asked for again. */

import { read } from "./api.js";
import { el, fill, icon } from "./elements.js";
import { formatRecently } from "./values.js";

const EVERY = 1500;
const MOST = 40;

const WORDS = {
  unverified: () => ["", "loader", gettext("Being checked")],
  active: () => ["ok", "check", gettext("Active")],
  failed: () => ["bad", "triangle-alert", gettext("Failed")],
};

export function statusBadges(configuration) {
  const [tone, sign, word] = WORDS[configuration.status]();
  return [
    configuration.enabled ? el("span", { class: `badge ${tone}`.trim(), title: configuration.status_detail || undefined }, icon(sign), word) : el("span", { class: "badge" }, icon("ban"), gettext("Switched off")),
    configuration.paused ? el("span", { class: "badge warn" }, icon("clock"), gettext("Deliveries held back")) : null,
    configuration.resting_until ? el("span", { class: "badge warn", title: configuration.resting_reason }, icon("clock"), interpolate(gettext("Left alone until %s"), [formatRecently(configuration.resting_until)])) : null,
  ];
}

async function show(place, round = 0) {
  try {
    const configuration = await read(`crm/configurations/${place.dataset.crmStatus}/`);
    fill(place, statusBadges(configuration));
    place.dispatchEvent(new CustomEvent("crm:status", { bubbles: true, detail: configuration }));
    if (configuration.status === "unverified" && round < MOST) setTimeout(() => show(place, round + 1), EVERY);
  } catch {
    // The page itself tells what is wrong; the badge of the server stays.
  }
}

for (const place of document.querySelectorAll("[data-crm-status]")) {
  place.addEventListener("crm:again", () => show(place));
  show(place);
}
