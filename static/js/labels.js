/* Labels: outlined pills with a dot, so that they never look like a state. */

import { el } from "./elements.js";

/** The labels in an answer, whether the API pages them or not. */
export const labelsOf = (answer) => (Array.isArray(answer) ? answer : answer.results || []);

export function labelPill(labels, name, extra = null) {
  const known = labels.find((label) => label.name === name);
  return el("span", { class: "pill" }, el("span", { class: `dot tone-${known ? known.color : "grey"}` }), name, extra);
}
