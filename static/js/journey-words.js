/* How channels, directions and statuses of a journey are called and marked, everywhere the same. */

import { el, icon } from "./elements.js";

export const CHANNELS = {
  voice: { name: () => gettext("Voice"), one: () => gettext("Call"), icon: "phone", tile: "phone", token: "--voice", fill: "--voice" },
  video: { name: () => gettext("Video"), one: () => gettext("Video call"), icon: "video", tile: "video", token: "--video", fill: "--video" },
  email: { name: () => gettext("Email"), one: () => gettext("Email"), icon: "mail", tile: "email", token: "--email", fill: "--email" },
  chat: { name: () => gettext("Chat"), one: () => gettext("Chat"), icon: "message-circle", tile: "chat", token: "--chat", fill: "--chat" },
  // A count in white needs a darker ground than the channel's own.
  sms: { name: () => gettext("SMS"), one: () => gettext("SMS"), icon: "message-square-text", tile: "warn", token: "--sms", fill: "--warn-ink" },
  social: { name: () => gettext("Social"), one: () => gettext("Social media"), icon: "share-2", tile: "social", token: "--social", fill: "--social" },
  messaging: { name: () => gettext("Messaging"), one: () => gettext("Message"), icon: "messages-square", tile: "messaging", token: "--messaging", fill: "--messaging" },
  web: { name: () => gettext("Web"), one: () => gettext("Web"), icon: "globe", tile: "web", token: "--web", fill: "--web" },
  "": { name: () => gettext("Other"), one: () => gettext("Contact"), icon: "circle-dot", tile: "other", token: "--ctl", fill: "--ink3" },
};

/** The order of the lanes, whatever order the data came in. */
export const LANES = Object.keys(CHANNELS);

export const channelOf = (name) => CHANNELS[name || ""] || CHANNELS[""];

const STATES = () => ({
  open: gettext("Open"), dialling: gettext("Dialling"), ivr: gettext("In the menu"), queued: gettext("Waiting"), ringing: gettext("Ringing"),
  active: gettext("In conversation"), held: gettext("On hold"), failed: gettext("Failed"), ended: gettext("Ended"), closed: gettext("Closed"),
});

/** A state of ours in words; one that a channel told in its own, with a capital. */
export const stateWords = (status) => STATES()[status] || (status ? status.charAt(0).toLocaleUpperCase() + status.slice(1) : "");

/** "Call in", "Email out": what a point is, in two words. */
export function kindWords(element) {
  const one = channelOf(element.channel).one();
  if (element.direction === "inbound") return interpolate(gettext("%s in"), [one]);
  if (element.direction === "outbound") return interpolate(gettext("%s out"), [one]);
  return one;
}

export function tile(channel, classes = "") {
  const { tile: tone, icon: name } = channelOf(channel);
  return el("span", { class: `tile ${tone} ${classes}`.trim() }, icon(name));
}

/** The badges of a point: which way, missed, still open. */
export function badges(element) {
  return [
    element.direction === "inbound" ? el("span", { class: "badge ok" }, icon("arrow-down-left", "turns"), gettext("In")) : null,
    element.direction === "outbound" ? el("span", { class: "badge acc" }, icon("arrow-up-right", "turns"), gettext("Out")) : null,
    element.missed ? el("span", { class: "badge bad" }, icon("x"), gettext("Missed")) : null,
    element.open ? el("span", { class: "badge warn" }, icon("clock"), gettext("Still open")) : null,
  ];
}
