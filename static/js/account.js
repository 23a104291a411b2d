/* The account page: the switch of the single keys, and the toast that says the rest is saved. */

import { keepSingleKeys, singleKeysAreOff } from "./keys.js";
import { toast } from "./toasts.js";

for (const box of document.querySelectorAll("[data-single-keys-switch]")) {
  box.checked = !singleKeysAreOff();
  box.addEventListener("change", () => {
    keepSingleKeys(box.checked);
    toast(box.checked ? gettext("Single keys are on.") : gettext("Single keys are off."));
  });
}
for (const said of document.querySelectorAll("[data-said]")) {
  toast(said.textContent);
  said.remove();
}
