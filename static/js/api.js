/* Talking to /api/v1: session cookie and CSRF token out, JSON or a Problem back. */

const BASE = "/api/v1/";

/** What the API refused, or that it could not be reached (`status` 0): RFC 9457 with its `errors` by field. */
export class Problem extends Error {
  constructor(status, body, headers = null) {
    super(body.detail || body.title || gettext("CIM did not answer."));
    this.status = status;
    this.body = body;
    this.errors = body.errors || {};
    this.headers = headers;
  }
}

function csrfToken() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie ? decodeURIComponent(cookie.slice("csrftoken=".length)) : "";
}

/** Send one request and return `{status, data, headers}`; anything but 2xx is thrown as a Problem. */
export async function send(method, path, { body, headers = {}, signal, form } = {}) {
  const options = { method, signal, credentials: "same-origin", headers: { Accept: "application/json", ...headers } };
  if (method !== "GET") options.headers["X-CSRFToken"] = csrfToken();
  if (form) {
    options.body = form;
  } else if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path.startsWith("/") ? path : BASE + path, options);
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    document.dispatchEvent(new CustomEvent("cim:offline"));
    throw new Problem(0, { detail: gettext("There is no connection to CIM. What you typed is still here; try again.") });
  }
  document.dispatchEvent(new CustomEvent("cim:online"));
  const type = response.headers.get("Content-Type") || "";
  const data = type.includes("json") ? await response.json() : null;
  if (response.ok) return { status: response.status, data, headers: response.headers };
  if (response.status === 401) location.reload();
  const fallback = response.status === 503
    ? gettext("CIM is not ready just now. Nothing was changed; try again in a moment.")
    : interpolate(gettext("CIM answered with an error (%s). Nothing was changed; try again, and tell your administrator if it stays."), [response.status]);
  throw new Problem(response.status, data || { detail: fallback }, response.headers);
}

export const read = (path, options) => send("GET", path, options).then((answer) => answer.data);
export const post = (path, body, options) => send("POST", path, { body, ...options });
export const patch = (path, body, options) => send("PATCH", path, { body, ...options });
export const put = (path, body, options) => send("PUT", path, { body, ...options });
export const remove = (path, options) => send("DELETE", path, options);

/** A key under which the server answers a repeated POST as it did the first time (Q25). */
export function idempotencyKey() {
  return crypto.randomUUID ? crypto.randomUUID() : Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("-");
}

let attributes = null;

/** The attribute schema in position order, fetched once per page. */
export function schema() {
  attributes = attributes || read("attributes/").then((list) => list.slice().sort((a, b) => a.position - b.position));
  return attributes;
}
