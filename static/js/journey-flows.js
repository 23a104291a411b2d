/* How customers move between channels, attached to [data-journey-flows]: a picture, and the same as a table (J16). */

import { post, read } from "./api.js";
import { el, fill, icon } from "./elements.js";
import { channelOf, tile } from "./journey-words.js";
import { toast } from "./toasts.js";
import { count, formatDuration, formatMoment } from "./values.js";

const DAY = 24 * 3600;

/** How long it typically took: days where it is days. */
function waitWords(seconds) {
  if (seconds >= 2 * DAY) return interpolate(gettext("%s days"), [Math.round(seconds / DAY)]);
  return formatDuration(seconds * 1000);
}

class Flows {
  constructor(place) {
    this.place = place;
    this.part = (name) => place.querySelector(`[data-part=${name}]`);
    this.filters = this.part("filters");
  }

  async start() {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of query) {
      const field = this.filters.elements[name];
      if (field && name === "topic" && value) field.append(el("option", { value, selected: true }, value));
      else if (field) field.value = value;
    }
    this.filters.addEventListener("change", () => this.load());
    this.filters.addEventListener("submit", (event) => event.preventDefault());
    this.part("prepare").addEventListener("click", () => this.prepare());
    const engine = import(this.place.dataset.engine).catch(() => null);
    await this.load();
    this.engine = await engine;
    this.draw();
    this.place.dataset.ready = "true";
    new ResizeObserver(() => { if (this.chart) this.chart.resize(); }).observe(this.part("canvas"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  query() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(this.filters)) if (value) query.set(name, value);
    return query;
  }

  async load() {
    const query = this.query();
    history.replaceState(null, "", `?${query}`);
    this.part("rows").classList.add("waiting");
    try {
      this.data = await read(`journeys/flows/?${query}`);
      fill(this.part("problem"));
    } catch (problem) {
      fill(this.part("problem"), el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, problem.message)));
      return;
    } finally {
      this.part("rows").classList.remove("waiting");
    }
    this.render();
    this.draw();
  }

  async prepare() {
    try {
      await post("journeys/flows/");
      toast(gettext("The flows are being counted anew; look again in a minute."));
    } catch (problem) {
      fill(this.part("problem"), el("div", { class: "note bad", role: "alert" }, icon("circle-alert"), el("p", { class: "words" }, problem.message)));
    }
  }

  render() {
    const { data } = this;
    fill(this.part("summary"), interpolate(ngettext("%s step", "%s steps", data.steps), [count(data.steps)]));
    this.part("prepare").hidden = !data.prepared_at;
    this.part("prepared").textContent = data.prepared_at ? interpolate(gettext("Counted %(at)s over %(points)s points"), { at: formatMoment(data.prepared_at), points: count(data.elements) }, true) : "";
    const chosen = this.filters.elements.topic.value;
    const topics = data.topics.some((one) => one.topic === chosen) || !chosen ? data.topics : [{ topic: chosen, count: 0 }, ...data.topics];
    fill(this.part("topic"), el("option", { value: "" }, gettext("All topics")), topics.map((one) => el("option", { value: one.topic, selected: one.topic === chosen }, `${one.topic} (${count(one.count)})`)));
    this.part("empty").hidden = data.flows.length > 0;
    this.part("canvas").hidden = data.flows.length === 0;
    this.part("table").hidden = data.flows.length + data.beginnings.length === 0;
    const from = new Map();
    for (const flow of data.flows) from.set(flow.from, (from.get(flow.from) || 0) + flow.count);
    const share = (flow) => `${Math.round((flow.count / from.get(flow.from)) * 100)} %`;
    const cell = (channel) => el("td", {}, tile(channel), " ", channelOf(channel).name());
    const rows = data.flows.map((flow) => el("tr", {}, cell(flow.from), cell(flow.to), el("td", { class: "num" }, count(flow.count)), el("td", { class: "num" }, share(flow)), el("td", { class: "num" }, waitWords(flow.seconds))));
    const starts = data.beginnings.map((one) => el("tr", {}, el("td", { class: "quiet" }, gettext("Begins here")), cell(one.channel), el("td", { class: "num" }, count(one.count)), el("td", { class: "num quiet" }, "–"), el("td", { class: "num quiet" }, "–")));
    fill(this.part("rows"), rows, starts);
  }

  colour(token) {
    const probe = el("span", { hidden: true });
    this.place.append(probe);
    probe.style.color = `var(${token})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  draw() {
    if (!this.engine || !this.data || !this.data.flows.length) return;
    this.chart = this.chart || this.engine.init(this.part("canvas"), null, { renderer: "canvas" });
    // A channel stands on both sides: what follows itself would otherwise be a circle.
    const before = (channel) => `from ${channel || ""}`;
    const after = (channel) => `to ${channel || ""}`;
    const node = (name, channel) => ({ name, itemStyle: { color: this.colour(channelOf(channel).token), borderWidth: 0 }, label: { formatter: channelOf(channel).name() } });
    const channels = (side) => [...new Set(this.data.flows.map((flow) => flow[side] || ""))];
    const fontFamily = getComputedStyle(this.place).fontFamily;
    this.chart.setOption({
      animation: false,
      series: [{
        type: "sankey", left: 110, right: 110, top: 16, bottom: 16, nodeWidth: 14, nodeGap: 12, draggable: false, silent: true, layoutIterations: 0,
        data: [...channels("from").map((channel) => ({ ...node(before(channel), channel), label: { ...node("", channel).label, position: "left" } })), ...channels("to").map((channel) => node(after(channel), channel))],
        links: this.data.flows.map((flow) => ({ source: before(flow.from), target: after(flow.to), value: flow.count })),
        lineStyle: { color: "source", opacity: 0.35, curveness: 0.5 },
        label: { color: this.colour("--ink"), fontSize: 13, fontFamily },
      }],
    }, true);
  }
}

for (const place of document.querySelectorAll("[data-journey-flows]")) new Flows(place).start();
