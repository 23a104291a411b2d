/*
 * Click-to-dial (I30). The server says what this browser must do: follow a tel: address, or ask the Finesse gadget around
 * the page. What becomes of the call is reported, so that a failed dial is in the history with its reason.
 */

import { idempotencyKey, post, read } from "./api.js";
import { openDialog } from "./dialogs.js";
import { button, el, icon } from "./elements.js";
import { may } from "./page.js";
import { askGadget } from "./gadget-link.js";
import { toast } from "./toasts.js";

function explain(message) {
  const opened = openDialog({
    title: gettext("The number was not dialled"), lead: message,
    mark: el("span", { class: "tile bad large" }, icon("phone-missed")),
    end: [button(gettext("Close"), { key: "Esc" }, () => opened.close())],
  });
  return opened.closed;
}

/** Dial a phone (its id, or a number) of a customer; shows what went wrong, and resolves with the interaction or null. */
export async function dial(customer, phone) {
  let answer;
  try {
    answer = (await post("dial/", { customer, phone }, { headers: { "Idempotency-Key": idempotencyKey() } })).data;
  } catch (problem) {
    await explain(problem.message);
    return null;
  }
  const outcome = (body) => post(`dial/${answer.interaction}/outcome/`, body).catch(() => null);
  if (answer.action.uri) {
    const link = el("a", { href: answer.action.uri, hidden: true });
    document.body.append(link);
    link.click();
    link.remove();
    toast(gettext("Your telephone is dialling."));
    return answer.interaction;
  }
  const told = await askGadget({ type: "dial", number: answer.action.number }, (later) => outcome(later));
  if (!told.ok) {
    await outcome({ outcome: "failed", reason: told.reason });
    await explain(told.message || told.reason);
    return null;
  }
  toast(gettext("Finesse is dialling."));
  return answer.interaction;
}

const phones = new Map();

/** The numbers of a customer with the ids by which they are dialled, masked or not; fetched once. */
export function phonesOf(customer) {
  if (!phones.has(customer)) {
    phones.set(customer, read(`customers/${customer}/phones/`).then((answer) => answer.results).catch((problem) => { phones.delete(customer); throw problem; }));
  }
  return phones.get(customer);
}

/** A button that dials the number at `place` of a customer's phones, or the number of one of its attributes. */
export function dialButton(customer, { place = 0, attribute = "phones", label } = {}) {
  if (!may("dial")) return null;
  const run = async (event) => {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    try {
      const own = (await phonesOf(customer)).filter((phone) => phone.used_in.includes(attribute));
      if (own[place]) await dial(customer, own[place].id);
      else await explain(gettext("This number is not the customer's any more. Load the page again."));
    } catch (problem) {
      await explain(problem.message);
    }
    pressed.disabled = false;
  };
  return el("button", { type: "button", class: "btn quiet icon-only small dial", "aria-label": label || gettext("Dial"), on: { click: run } }, icon("phone-outgoing"));
}
