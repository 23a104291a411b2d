/*
 * What a person may ask of us, in the menu of the profile: all that is kept of them, who looked at them, and to be
 * erased for good, with a certificate (C17, Q4).
 */

import { post, read } from "./api.js";
import { confirmAction, openDialog } from "./dialogs.js";
import { button, el, fill, icon } from "./elements.js";
import { language, may, timeZone } from "./page.js";

const ACTIONS = {
  "customer.view": gettext("Opened the profile"), "customer.reveal": gettext("Revealed a value"), "customer.resolve": gettext("Looked up"), "customer.export": gettext("Exported all that is kept"),
  "customer.create": gettext("Created"), "customer.edit": gettext("Edited"), "customer.overwrite": gettext("Overwritten"), "customer.update": gettext("Updated"), "customer.merge": gettext("Merged"), "customer.label": gettext("Labelled"),
};

/** Return the items of the menu that the user may choose. */
export function privacyItems(id, name, fail) {
  return [
    may("audit") || may("audit_team") ? { label: gettext("Who looked at this customer"), icon: "eye", run: () => showLooks(id) } : null,
    may("export_customers") ? { label: gettext("All that is kept, to read"), icon: "file-text", run: () => location.assign(`/api/v1/customers/${id}/export/?form=html`) } : null,
    may("export_customers") ? { label: gettext("All that is kept, as data"), icon: "download", run: () => location.assign(`/api/v1/customers/${id}/export/?form=json`) } : null,
    may("erase") ? { label: gettext("Erase this person for good"), icon: "eraser", danger: true, run: () => erase(id, name(), fail) } : null,
  ];
}

async function showLooks(id) {
  const list = el("ol", { class: "looks" }, el("li", { class: "quiet" }, gettext("Loading …")));
  openDialog({ title: gettext("Who looked at this customer"), lead: gettext("Who opened, looked up, revealed or changed it, newest first."), body: [list] });
  try {
    const looks = await read(`customers/${id}/looks/`);
    const when = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone });
    fill(list, looks.map((look) => el(
      "li", {}, el("strong", { class: "strong" }, look.by || gettext("The system")), " ", ACTIONS[look.action] || look.done, look.attribute ? ` (${look.attribute})` : "", " ",
      el("time", { class: "quiet tabular", datetime: look.at }, when.format(new Date(look.at))),
    )), looks.length ? null : el("li", { class: "quiet" }, gettext("Nobody yet.")));
  } catch (problem) {
    fill(list, el("li", { class: "error" }, icon("circle-alert"), problem.message));
  }
}

async function erase(id, name, fail) {
  const sure = await confirmAction({
    title: interpolate(gettext("Erase %s for good"), [name]),
    lead: gettext("Profile, versions, numbers, the texts of interactions and the files that name this person are removed. Nobody can take this back. You get a certificate."),
    action: gettext("Erase for good"),
  });
  if (!sure) return;
  try {
    const { headers } = await post(`customers/${id}/erase/`);
    const certificate = headers.get("Location");
    const done = openDialog({
      title: gettext("The person is erased"),
      lead: gettext("Keep the certificate: it says what was erased, when and by whom, and names nobody."),
      end: [button(gettext("To the list"), {}, () => done.close()), button(gettext("Download the certificate"), { icon: "download", classes: "primary", autofocus: true }, () => location.assign(certificate))],
    });
    await done.closed;
    location.assign("/customers/");
  } catch (problem) {
    fail(problem);
  }
}
