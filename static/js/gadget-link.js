/*
 * The line to the gadget that frames this page (I24): questions to the parent window, answers by message. Only origins
 * that may frame CIM are spoken to.
 */

const allowed = new Set((document.documentElement.dataset.frames || "").split(" ").filter(Boolean));
const waiting = new Map();
const PATIENCE = 8000;
let number = 0;

export const isFramed = window.parent !== window;

/** What a refusal of Finesse means to the agent, by its kind; `said` are the words of Finesse, in its own language. */
const REFUSALS = {
  "not signed in": () => gettext("You are not signed in to Finesse. Sign in there, then dial."),
  "telephone not signed in": () => gettext("You are not signed in to your telephone in Finesse. Sign in there, then dial."),
  "Authorization Failure": () => gettext("You are not signed in to Finesse any more. Sign in there again."),
  "Invalid Authorization User Specified": () => gettext("Finesse lets nobody dial for another agent."),
  "Invalid Destination": (said) => (said ? interpolate(gettext("Finesse cannot dial this number: %s"), [said]) : gettext("Finesse cannot dial this number.")),
  "Invalid State": () => gettext("Finesse does not dial in your present state. Set yourself to Not Ready, then dial."),
};

function inWords(answer) {
  if (answer.ok) return answer;
  const words = REFUSALS[answer.reason];
  return { ...answer, message: words ? words(answer.message) : interpolate(gettext("Finesse refused to dial: %s"), [answer.message || answer.reason]) };
}

function parentOrigins() {
  const own = new URL(location.href).origin;
  // A browser that knows where it is framed needs to ask one origin only.
  const known = location.ancestorOrigins && location.ancestorOrigins.length ? [location.ancestorOrigins[0]] : [...allowed];
  return known.filter((origin) => allowed.has(origin) || origin === own);
}

/**
 * Ask the gadget; resolves with `{ok, reason, message}`. What it tells later about the same question – the call failed,
 * or was answered – goes to `later`.
 */
export function askGadget(question, later = () => {}) {
  const origins = isFramed ? parentOrigins() : [];
  if (!origins.length) {
    return Promise.resolve({ ok: false, reason: "no gadget", message: gettext("Your dialler is Finesse, and this page is not open inside it. Open the CIM gadget in your Finesse desktop.") });
  }
  number += 1;
  const id = `cim-${Date.now()}-${number}`;
  for (const origin of origins) window.parent.postMessage({ cim: 1, id, ...question }, origin);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      waiting.delete(id);
      resolve({ ok: false, reason: "no answer", message: gettext("The Finesse gadget did not answer. Load your Finesse desktop again.") });
    }, PATIENCE);
    waiting.set(id, { resolve: (answer) => { clearTimeout(timer); resolve(answer); }, later });
  });
}

window.addEventListener("message", (event) => {
  if (event.source !== window.parent || !event.data || event.data.cim !== 1) return;
  if (!allowed.has(event.origin) && event.origin !== location.origin) return;
  const asked = waiting.get(event.data.id);
  if (!asked) return;
  if (event.data.type === "answer") asked.resolve(inWords(event.data));
  else if (event.data.type === "later") asked.later(event.data.outcome);
});
