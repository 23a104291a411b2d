/* The sign-in form: show the password, warn of Caps Lock. It works without this script as well. */

for (const form of document.querySelectorAll("[data-sign-in]")) {
  const password = form.querySelector("[type=password]");
  const peek = form.querySelector("[data-peek]");
  const caps = form.querySelector("[data-caps]");
  peek.addEventListener("click", () => {
    const shown = password.type === "text";
    password.type = shown ? "password" : "text";
    peek.setAttribute("aria-pressed", String(!shown));
    password.focus();
  });
  password.addEventListener("keyup", (event) => {
    if (event.getModifierState) caps.hidden = !event.getModifierState("CapsLock");
  });
  password.addEventListener("blur", () => { caps.hidden = true; });
  // Who was refused has most likely mistyped the password, which is empty again.
  const name = form.querySelector("[name=username]");
  if (name.value && form.querySelector("[role=alert], [aria-invalid=true]")) password.focus();
}
