/*
 * The gadget of Cisco Finesse (I24, I30): shows the desk in a frame, and dials for it in the session that the agent has
 * with Finesse. Runs inside the Finesse desktop with Cisco's finesse.js, which holds the sign-in; CIM learns no password.
 * An ordinary script, because the container loads it as one.
 */
(function () {
  "use strict";

  var place = document.getElementById("cim");
  var desk = place.getAttribute("data-desk");
  var origin = new URL(desk).origin;
  var user = null;
  var frame = null;
  // The question whose call Finesse has not shown yet, and those it has, by the id of their dialog.
  var dialling = [];
  var PATIENCE = 60000;

  function send(message) {
    message.cim = 1;
    frame.contentWindow.postMessage(message, origin);
  }

  function answer(id, ok, reason, message) {
    send({ type: "answer", id: id, ok: ok, reason: reason || "", message: message || "" });
  }

  function later(asked, outcome) {
    if (asked.told === outcome.outcome) { return; }
    asked.told = outcome.outcome;
    send({ type: "later", id: asked.id, outcome: outcome });
  }

  function digits(text) {
    return String(text || "").replace(/[^0-9*#]/g, "");
  }

  /* What a refused request says: the kind of error, and the words of Finesse. */
  function whyNot(response) {
    var error = (((response || {}).object || {}).ApiErrors || {}).ApiError || {};
    var type = error.ErrorType || (response && response.status ? "HTTP " + response.status : "no answer");
    return { reason: type, message: error.ErrorMessage };
  }

  function dial(question) {
    if (!user) {
      answer(question.id, false, "not signed in");
      return;
    }
    if (user.getState() === "LOGOUT") {
      answer(question.id, false, "telephone not signed in");
      return;
    }
    var asked = { id: question.id, number: digits(question.number), at: Date.now(), told: "" };
    dialling.push(asked);
    user.makeCall(question.number, {
      success: function () { answer(question.id, true); },
      error: function (response) {
        dialling.splice(dialling.indexOf(asked), 1);
        var why = whyNot(response);
        answer(question.id, false, why.reason, why.message);
      }
    });
  }

  function ofThisCall(dialog) {
    var now = Date.now();
    dialling = dialling.filter(function (asked) { return now - asked.at < PATIENCE || asked.dialog; });
    var id = dialog.getId();
    var known = dialling.filter(function (asked) { return asked.dialog === id; })[0];
    if (known) { return known; }
    var to = digits(dialog.getToAddress());
    var found = dialling.filter(function (asked) {
      // A dial plan may put digits before the number.
      return !asked.dialog && to && (to.slice(-asked.number.length) === asked.number || asked.number.slice(-to.length) === to);
    })[0];
    if (found) { found.dialog = id; }
    return found;
  }

  function failure(dialog) {
    var cause = "";
    (dialog.getParticipants() || []).forEach(function (participant) { cause = cause || participant.stateCause || ""; });
    return cause || "FAILED";
  }

  function follow(dialog) {
    var asked = ofThisCall(dialog);
    if (!asked) { return; }
    var name = { source: "finesse", interaction_id: String(dialog.getId()) };
    var state = String(dialog.getState() || "").toUpperCase();
    if (state === "FAILED") {
      later(asked, { outcome: "failed", reason: failure(dialog), source: name.source, interaction_id: name.interaction_id });
    } else if (state === "ACTIVE") {
      later(asked, { outcome: "connected", source: name.source, interaction_id: name.interaction_id });
    }
  }

  function watch(dialog) {
    follow(dialog);
    dialog.addHandler("change", follow);
  }

  function gone(dialog) {
    var asked = ofThisCall(dialog);
    if (!asked) { return; }
    // Finesse may take a failed call away without having said FAILED.
    if (asked.told === "connected") {
      later(asked, { outcome: "ended" });
    } else if (asked.told !== "failed") {
      later(asked, { outcome: "failed", reason: failure(dialog) });
    }
    dialling.splice(dialling.indexOf(asked), 1);
  }

  function show() {
    frame = document.createElement("iframe");
    frame.className = "cim-desk";
    frame.title = place.getAttribute("data-title");
    frame.src = desk;
    frame.allow = "clipboard-write";
    place.appendChild(frame);
    window.addEventListener("message", function (event) {
      if (event.origin !== origin || event.source !== frame.contentWindow || !event.data || event.data.cim !== 1) { return; }
      if (event.data.type === "dial") { dial(event.data); }
    });
    gadgets.window.adjustHeight(Math.max(700, Math.round(screen.availHeight * 0.7)));
    gadgets.loadingindicator.dismiss();
  }

  gadgets.HubSettings.onConnect = function () {
    var config = finesse.gadget.Config;
    finesse.clientservices.ClientServices.init(config, false);
    user = new finesse.restservices.User({
      id: config.id,
      onLoad: function (loaded) {
        user = loaded || user;
        user.getDialogs({
          onCollectionAdd: watch,
          onCollectionDelete: gone,
          // Calls that are there already: the agent has loaded the desktop again.
          onLoad: function (dialogs) {
            var all = dialogs.getCollection();
            Object.keys(all).forEach(function (id) { watch(all[id]); });
          }
        });
      },
      onError: function () { user = null; }
    });
  };

  show();
})();
