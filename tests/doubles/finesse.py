"""A Cisco Finesse of our own, over HTTP: users, dialogs, 202 at once and the outcome later as a notification.

Written from the vendor's public guide. Serves what a gadget needs as well: a desktop page with the container's objects,
and a `finesse.js` of our own with the small part of Cisco's library that the gadget uses, speaking REST to this server
and reading notifications from it. Where the guide leaves a point open, the choice is a constant here.
"""

import base64
import contextlib
import json
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

# Assumed: the guide does not give the status of an unknown dialog, nor the order of FAILED and DELETE.
UNKNOWN_DIALOG_STATUS = 404
WRONG_PASSWORDS_BEFORE_BLOCK = 5


@dataclass
class Agent:
    login: str
    password: str
    extension: str
    state: str = "NOT_READY"
    failures: int = 0


@dataclass
class Finesse:
    """What Finesse knows, and the knobs by which a test makes it behave as real ones do."""

    agents: dict[str, Agent] = field(default_factory=dict)
    dialogs: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    outcome: str = "ACTIVE"
    cause: str = "BUSY"
    upper_case_events: bool = True
    repeats: int = 1
    refuse_with: tuple[int, str, str] | None = None
    desk: str = ""
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def notify(self, event: str, source: str, inner: str, request_id: str = "") -> None:
        """Put a notification where a subscriber reads it: the Update as escaped text, as on the wire."""
        shown = event if self.upper_case_events else event.capitalize()
        update = f"<Update><data>{inner}</data><event>{shown}</event><requestId>{request_id}</requestId>"
        update += f"<source>{source}</source></Update>"
        self.events.extend([escape(update)] * self.repeats)

    def make_call(self, agent: Agent, to: str, request_id: str) -> None:
        number = str(32458 + len(self.dialogs))
        dialog = {"id": number, "from": agent.extension, "to": to, "state": "INITIATING", "cause": ""}
        self.dialogs[number] = dialog
        list_of = f"/finesse/api/User/{agent.login}/Dialogs"
        self.notify("POST", list_of, f"<dialogs>{self.dialog_xml(dialog, 'Dialog')}</dialogs>", request_id)
        dialog.update(state=self.outcome, cause=self.cause if self.outcome == "FAILED" else "")
        # A change says `dialog` in lower case, and the collection `Dialog`.
        self.notify("PUT", f"/finesse/api/Dialog/{number}", self.dialog_xml(dialog, "dialog"))

    def drop(self, agent: str, number: str) -> None:
        dialog = self.dialogs[number]
        if dialog["state"] != "FAILED":
            dialog["state"] = "DROPPED"
        list_of = f"/finesse/api/User/{agent}/Dialogs"
        self.notify("DELETE", list_of, f"<dialogs>{self.dialog_xml(dialog, 'Dialog')}</dialogs>")

    def dialog_xml(self, dialog: dict[str, Any], root: str) -> str:
        return (
            f"<{root}><id>{dialog['id']}</id><uri>/finesse/api/Dialog/{dialog['id']}</uri><mediaType>Voice</mediaType>"
            f"<state>{dialog['state']}</state><fromAddress>{escape(dialog['from'])}</fromAddress>"
            f"<toAddress>{escape(dialog['to'])}</toAddress><mediaProperties><callType>OUT</callType></mediaProperties>"
            f"<participants><Participant><mediaAddress>{escape(dialog['from'])}</mediaAddress>"
            f"<state>{dialog['state']}</state><stateCause>{dialog['cause']}</stateCause></Participant></participants>"
            f"</{root}>"
        )

    def user_xml(self, agent: Agent) -> str:
        return (
            f"<User><dialogs>/finesse/api/User/{agent.login}/Dialogs</dialogs><extension>{agent.extension}</extension>"
            f"<loginId>{agent.login}</loginId><state>{agent.state}</state><uri>/finesse/api/User/{agent.login}</uri></User>"
        )


class _Handler(BaseHTTPRequestHandler):
    finesse: Finesse
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        match path:
            case "/desktop/":
                self._answer(200, _DESKTOP.replace("DESK", self.finesse.desk), "text/html")
            case "/desktop/assets/js/finesse.js":
                self._answer(200, _LIBRARY, "text/javascript")
            case "/desktop/assets/js/jquery.min.js":
                self._answer(200, "", "text/javascript")
            case "/notifications":
                since = int(self.path.partition("since=")[2] or 0)
                self._answer(200, json.dumps(self.finesse.events[since:]), "application/json")
            case _:
                self._api("GET", path)

    def do_POST(self) -> None:
        self._api("POST", self.path)

    def do_PUT(self) -> None:
        self._api("PUT", self.path)

    def _api(self, method: str, path: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.finesse.requests.append((method, path, body))
        agent = self._signed_in()
        if agent is None:
            self._refuse(401, "Authorization Failure", "UNAUTHORIZED")
            return
        parts = path.strip("/").split("/")
        if parts[:3] == ["finesse", "api", "User"] and parts[3:4] != [agent.login]:
            known = parts[3:4] and parts[3] in self.finesse.agents
            self._refuse(
                401 if known else 404,
                "Invalid Authorization User Specified" if known else "User Not Found",
                "",
            )
        elif method == "GET" and parts[4:] == []:
            self._answer(200, self.finesse.user_xml(agent))
        elif method == "GET" and parts[4:] == ["Dialogs"]:
            inside = "".join(self.finesse.dialog_xml(it, "Dialog") for it in self.finesse.dialogs.values())
            self._answer(200, f"<Dialogs>{inside}</Dialogs>")
        elif method == "POST" and parts[4:] == ["Dialogs"]:
            self._make_call(agent, body)
        else:
            self._refuse(UNKNOWN_DIALOG_STATUS, "Dialog Not Found", "")

    def _make_call(self, agent: Agent, body: str) -> None:
        try:
            root = ET.fromstring(body)
        except ET.ParseError:
            self._refuse(400, "Bad Request", "The XML cannot be read")
            return
        wanted = {name: root.findtext(name, "") for name in ("requestedAction", "fromAddress", "toAddress")}
        if self.finesse.refuse_with:
            self._refuse(*self.finesse.refuse_with)
        elif wanted["requestedAction"] != "MAKE_CALL" or not wanted["toAddress"]:
            self._refuse(400, "Parameter Missing", "toAddress")
        elif wanted["toAddress"] == wanted["fromAddress"]:
            self._refuse(400, "Invalid Destination", "The toAddress and fromAddress are the same")
        elif wanted["fromAddress"] != agent.extension:
            self._refuse(
                400, "Invalid Input", "fromAddress is not the extension that the user is signed in with"
            )
        elif agent.state not in ("NOT_READY", "READY"):
            self._refuse(400, "Invalid State", agent.state)
        else:
            request_id = self.headers.get("requestId", "")
            # The answer says only that the request was understood; what becomes of it is told later.
            self._answer(202, "", headers={"requestId": request_id})
            timer = threading.Timer(0.1, self.finesse.make_call, (agent, wanted["toAddress"], request_id))
            timer.daemon = True
            timer.start()

    def _signed_in(self) -> Agent | None:
        scheme, _space, secret = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return None
        login, _colon, password = base64.b64decode(secret).decode().partition(":")
        agent = self.finesse.agents.get(login)
        if agent is None or agent.failures >= WRONG_PASSWORDS_BEFORE_BLOCK:
            return None
        if agent.password != password:
            agent.failures += 1
            return None
        agent.failures = 0
        return agent

    def _refuse(self, status: int, kind: str, message: str) -> None:
        error = f"<ErrorType>{kind}</ErrorType><ErrorMessage>{escape(message)}</ErrorMessage><ErrorData></ErrorData>"
        self._answer(status, f"<ApiErrors><ApiError>{error}</ApiError></ApiErrors>")

    def _answer(
        self, status: int, body: str, kind: str = "application/xml", headers: dict[str, str] | None = None
    ) -> None:
        raw = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)


@contextlib.contextmanager
def running() -> Iterator[Finesse]:
    """Run a Finesse with one agent while the context lasts."""
    finesse = Finesse()
    handler = type("Handler", (_Handler,), {"finesse": finesse})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    finesse.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield finesse
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_DESKTOP = """<!DOCTYPE html><html lang="en"><head><title>Finesse</title></head><body>
<script>
  window.gadgets = {
    HubSettings: {}, window: { adjustHeight: function () {} }, loadingindicator: { dismiss: function () {} }
  };
</script>
DESK
<script>window.gadgets.HubSettings.onConnect();</script>
</body></html>"""

_LIBRARY = """
(function () {
  "use strict";
  var text = function (xml, name) { var found = xml.querySelector(name); return found ? found.textContent : ""; };
  var parse = function (raw) { return new DOMParser().parseFromString(raw, "text/xml"); };
  var config = { id: "1001", authorization: btoa("1001:secret") };
  function call(method, path, body) {
    return fetch(path, { method: method, body: body, headers: {
      Authorization: "Basic " + config.authorization, "Content-Type": "application/xml",
      requestId: "r" + Math.random() } });
  }
  function Dialog(xml) { this.xml = xml; this.handlers = []; }
  Dialog.prototype = {
    getId: function () { return text(this.xml, "id"); },
    getState: function () { return text(this.xml, "state"); },
    getToAddress: function () { return text(this.xml, "toAddress"); },
    getParticipants: function () {
      return Array.prototype.map.call(this.xml.querySelectorAll("Participant"), function (one) {
        return { stateCause: text(one, "stateCause") };
      });
    },
    addHandler: function (name, handler) { if (name === "change") { this.handlers.push(handler); } }
  };
  function User(options) {
    var user = this;
    this.dialogs = {};
    call("GET", "/finesse/api/User/" + options.id).then(function (response) {
      if (!response.ok) { options.onError(); return; }
      response.text().then(function (raw) { user.xml = parse(raw).documentElement; options.onLoad(user); });
    });
  }
  User.prototype = {
    getState: function () { return text(this.xml, "state"); },
    makeCall: function (number, handlers) {
      var body = "<Dialog><requestedAction>MAKE_CALL</requestedAction><fromAddress>" + text(this.xml, "extension") +
        "</fromAddress><toAddress>" + number + "</toAddress></Dialog>";
      call("POST", "/finesse/api/User/" + config.id + "/Dialogs", body).then(function (response) {
        if (response.status === 202) { handlers.success({ status: 202 }); return; }
        response.text().then(function (raw) {
          var xml = parse(raw);
          handlers.error({ status: response.status, object: { ApiErrors: { ApiError: {
            ErrorType: text(xml, "ErrorType"), ErrorMessage: text(xml, "ErrorMessage") } } } });
        });
      });
    },
    getDialogs: function (handlers) {
      var all = this.dialogs, seen = 0;
      handlers.onLoad({ getCollection: function () { return all; } });
      setInterval(function () {
        var asked = fetch("/notifications?since=" + seen).then(function (response) { return response.json(); });
        asked.then(function (items) {
          seen += items.length;
          items.forEach(function (escaped) {
            var unescaped = parse("<t>" + escaped + "</t>").documentElement.textContent;
            var update = parse(unescaped);
            var event = text(update, "event").toUpperCase();
            var xml = update.querySelector("Dialog, dialog");
            var id = text(xml, "id");
            if (event === "POST" && !all[id]) { all[id] = new Dialog(xml); handlers.onCollectionAdd(all[id]); }
            if (event === "PUT" && all[id]) {
              all[id].xml = xml;
              all[id].handlers.forEach(function (handler) { handler(all[id]); });
            }
            if (event === "DELETE" && all[id]) {
              var gone = all[id]; gone.xml = xml; delete all[id]; handlers.onCollectionDelete(gone);
            }
          });
        });
      }, 60);
    }
  };
  window.finesse = {
    gadget: { Config: config }, clientservices: { ClientServices: { init: function () {} } },
    restservices: { User: User }
  };
})();
"""
