/* Making elements without strings of markup, so that no value can ever become markup. */

import { icons } from "./page.js";

/**
 * Make an element. `properties` are attributes; `class`, `dataset`, `on` (listeners) and boolean
 * values are understood. Children may be nodes, strings, arrays of them, or nothing.
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "dataset") {
      Object.assign(element.dataset, value);
    } else if (name === "value" || name === "checked" || name === "disabled" || name === "selected" || name === "indeterminate") {
      element[name] = value;
    } else {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  put(element, children);
  return element;
}

function put(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child);
  }
}

/** Replace everything inside `element`. */
export function fill(element, ...children) {
  element.replaceChildren();
  put(element, children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon of static/icons.svg. It is decoration: the word beside it, or the label of its button, says the same. */
export function icon(name, classes = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${classes}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${icons}#${name}`);
  svg.append(use);
  return svg;
}

export function button(label, { icon: name, classes = "", key, ...properties } = {}, listener = null) {
  return el(
    "button",
    { type: "button", class: `btn ${classes}`.trim(), on: listener ? { click: listener } : undefined, ...properties },
    name ? icon(name) : null,
    label,
    key ? el("kbd", { "aria-hidden": "true" }, key) : null,
  );
}

let counter = 0;

/** An id that no other element of the page has. */
export function freshId(prefix) {
  counter += 1;
  return `${prefix}-${counter}`;
}

/** Call `listener` once the calls have paused for `milliseconds`. */
export function afterPause(milliseconds, listener) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => listener(...values), milliseconds);
  };
}
