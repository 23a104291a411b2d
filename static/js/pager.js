/* The foot of a list: range, page size, numbered pages, a page field. */

import { el, fill, icon } from "./elements.js";
import { count } from "./values.js";

const SIZES = [25, 50, 100, 200];

/** Which page numbers to show around `page` of `pages`; null stands for a gap. */
export function numbers(page, pages) {
  const wanted = new Set([1, pages, page - 1, page, page + 1].filter((number) => number >= 1 && number <= pages));
  if (page <= 3) [2, 3].forEach((number) => number <= pages && wanted.add(number));
  if (page >= pages - 2) [pages - 1, pages - 2].forEach((number) => number >= 1 && wanted.add(number));
  const shown = [];
  let previous = 0;
  for (const number of Array.from(wanted).sort((a, b) => a - b)) {
    if (number - previous > 1) shown.push(null);
    shown.push(number);
    previous = number;
  }
  return shown;
}

/** Show the pager for an answer of the list; `go(page)` and `resize(size)` are called on a choice. */
export function showPager(place, answer, { go, resize }) {
  const { page, page_size: size, pages, count: total, count_is_exact: exact, has_next: more } = answer;
  const known = pages ?? (more ? page + 1 : page);
  const step = (name, label, to, off) => el(
    "button", { type: "button", class: "btn quiet icon-only", "aria-label": label, disabled: off, on: { click: () => go(to) } }, icon(name, "turns"),
  );
  const range = answer.results.length
    ? interpolate(gettext("%(first)s–%(last)s of %(total)s"), {
      first: count((page - 1) * size + 1), last: count((page - 1) * size + answer.results.length),
      total: exact ? count(total) : interpolate(gettext("more than %s"), [count(total)]),
    }, true)
    : "";
  const choose = el(
    "select", { class: "input small page-size", "aria-label": gettext("Rows on a page"), on: { change: (event) => resize(Number(event.target.value)) } },
    SIZES.map((one) => el("option", { value: one, selected: one === size }, interpolate(gettext("%s a page"), [one]))),
  );
  const field = el("input", { class: "input small page-field", inputmode: "numeric", placeholder: gettext("Page"), "aria-label": gettext("Go to page") });
  const jump = el("form", { on: { submit: (event) => {
    event.preventDefault();
    const wanted = Math.trunc(Number(field.value));
    if (wanted >= 1) go(pages ? Math.min(wanted, pages) : wanted);
  } } }, field);
  const shown = pages === null ? [...new Set([1, page, ...(more ? [page + 1] : [])])].sort((a, b) => a - b) : numbers(page, pages);
  fill(
    place,
    el("span", { class: "quiet tabular pager-range" }, range), choose,
    el(
      "nav", { class: "pages", "aria-label": gettext("Pages") },
      step("chevrons-left", gettext("First page"), 1, page <= 1),
      step("chevron-left", gettext("Page before"), page - 1, page <= 1),
      shown.map((number) => number === null
        ? el("span", { class: "quiet", "aria-hidden": "true" }, "…")
        : el("button", { type: "button", class: "btn quiet page-number tabular", "aria-current": number === page ? "page" : undefined, "aria-label": interpolate(gettext("Page %s"), [number]), on: { click: () => go(number) } }, count(number))),
      step("chevron-right", gettext("Next page"), page + 1, !(more ?? page < known)),
      step("chevrons-right", gettext("Last page"), known, pages === null || page >= known),
    ),
    jump,
  );
}
