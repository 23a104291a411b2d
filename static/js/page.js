/* What the server says about this page: language, time zone, addresses, and what the user may do. */

const root = document.documentElement;

export const language = root.lang === "en" ? "en-GB" : root.lang;
export const timeZone = root.dataset.timeZone || undefined;
export const icons = root.dataset.icons;

const permissions = new Set((root.dataset.may || "").split(" "));

/** Tell whether the user holds `permission`; the server decides again at every request. */
export function may(permission) {
  return permissions.has(permission);
}

/** Return the JSON that the template wrote into `<script type="application/json" id=…>`. */
export function embedded(id) {
  const holder = document.getElementById(id);
  return holder ? JSON.parse(holder.textContent) : null;
}
