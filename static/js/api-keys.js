/* API keys: asking before one is revoked, and copying the one that is shown once. */

import { confirmAction } from "./dialogs.js";
import { el } from "./elements.js";
import { toast } from "./toasts.js";

for (const opener of document.querySelectorAll("[data-revoke]")) {
  opener.addEventListener("click", async () => {
    const sure = await confirmAction({
      title: interpolate(gettext("Revoke %s"), [opener.dataset.revoke]),
      lead: gettext("Whatever still sends this key is refused from then on. This cannot be taken back."),
      action: gettext("Revoke"),
      details: [el("p", {}, opener.dataset.used)],
    });
    if (sure) opener.form.submit();
  });
}

for (const opener of document.querySelectorAll("[data-copy]")) {
  opener.addEventListener("click", async () => {
    const shown = document.getElementById(opener.dataset.copy);
    try {
      await navigator.clipboard.writeText(shown.textContent);
    } catch {
      // Browsers give the clipboard to pages that came by HTTPS only; the older way asks for a selection.
      getSelection().selectAllChildren(shown);
      if (!document.execCommand("copy")) return;
    }
    toast(gettext("Copied."));
  });
}

for (const shown of document.querySelectorAll("[data-shown-once]")) {
  // Loading the page again would send the form again, and make another key.
  history.replaceState(null, "", shown.dataset.shownOnce);
}
