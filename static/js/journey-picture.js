/*
 * The picture of a journey: one lane per channel, time from start to end, what would overlap bundled into one point.
 * Whoever owns it gives marks `[at, until, count, out, open, missed, id]` (seconds) by lane, and is told what was opened
 * and which span of time is in view. Everything drawn can be reached by key, and is said in words.
 */

import { el, fill, icon } from "./elements.js";
import { language, timeZone } from "./page.js";
import { channelOf, LANES } from "./journey-words.js";
import { count as countWords } from "./values.js";

const HEAD = 36;
const TALLEST = 84;
const LOWEST = 44;
const BIN = 46;
const REACH = 24;
const LABEL_ROOM = 30;
const SHORTEST = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;
const STEPS = [60, 300, 900, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
const MONTHS = [1, 2, 3, 6, 12, 24, 60];
const TICK_WIDTH = 108;

const dayMonth = new Intl.DateTimeFormat(language, { day: "2-digit", month: "short", timeZone });
const monthYear = new Intl.DateTimeFormat(language, { month: "short", year: "numeric", timeZone });
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone });
const full = new Intl.DateTimeFormat(language, { day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone });
const parts = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone });

export const momentWords = (seconds) => full.format(seconds * 1000).replace(",", "");

/** How far the reader's clock is ahead of UTC at a moment, in seconds. */
function offsetAt(seconds) {
  const found = Object.fromEntries(parts.formatToParts(seconds * 1000).map((part) => [part.type, Number(part.value)]));
  return Date.UTC(found.year, found.month - 1, found.day, found.hour, found.minute, found.second) / 1000 - seconds;
}

function ticks(from, to, width) {
  const wanted = ((to - from) * TICK_WIDTH) / Math.max(width, 1);
  const offset = offsetAt((from + to) / 2);
  const step = STEPS.find((one) => one >= wanted);
  const found = [];
  if (step) {
    // Weeks begin on Monday: the epoch was a Thursday.
    const start = step >= 7 * DAY ? 4 * DAY : 0;
    for (let at = Math.ceil((from + offset - start) / step) * step + start - offset; at < to; at += step) found.push([at, (step < DAY ? clock : dayMonth).format(at * 1000), step < DAY && (at + offset) % DAY === 0 ? dayMonth.format(at * 1000) : ""]);
    return found;
  }
  const months = MONTHS.find((one) => one * 30 * DAY >= wanted) || MONTHS.at(-1);
  const first = new Date((from + offset) * 1000);
  for (let month = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth() + 1) / months) * months; ; month += months) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1) / 1000 - offset;
    if (at >= to) return found;
    if (at >= from) found.push([at, monthYear.format(at * 1000), ""]);
  }
}

/** The colours of the theme as a canvas wants them. */
function colours(place) {
  const probe = el("span", { hidden: true });
  place.append(probe);
  const cache = new Map();
  const read = (token) => {
    if (!cache.has(token)) {
      probe.style.color = `var(${token})`;
      cache.set(token, getComputedStyle(probe).color);
    }
    return cache.get(token);
  };
  for (const channel of LANES) { read(channelOf(channel).token); read(channelOf(channel).fill); }
  for (const token of ["--line", "--line2", "--ink2", "--ink3", "--surface", "--bad", "--on-bad", "--warn", "--acc", "--on-acc"]) read(token);
  probe.remove();
  return (token) => cache.get(token);
}

export class Picture {
  constructor({ canvas, lanes, overview }, { open, moved, announce }) {
    Object.assign(this, { canvas, lanesPlace: lanes, overviewPlace: overview, open, moved, announce });
    this.marks = new Map();
    this.fine = null;
    this.drawn = [];
    this.cursor = null;
    this.selected = null;
    this.path = [];
    this.from = 0;
    this.to = 1;
    this.limits = [0, 1];
    this.isRightToLeft = document.dir === "rtl";
    this.tip = el("div", { class: "journey-tip", "aria-hidden": "true", hidden: true });
    canvas.parentNode.append(this.tip);
  }

  /** Fetch the engine; what was set before is drawn then. */
  async start(address) {
    const engine = await import(address);
    this.colour = colours(this.canvas);
    this.holder = el("div", { class: "canvas" });
    this.canvas.append(this.holder);
    this.chart = engine.init(this.holder, null, { renderer: "canvas" });
    this.chart.setOption(this.frame());
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => { this.colour = colours(this.canvas); this.draw(); });
    this.attach();
    this.resize();
  }

  frame() {
    const series = (id, draw) => ({ id, type: "custom", coordinateSystem: "cartesian2d", renderItem: draw, data: [], silent: true, clip: true, animation: false });
    return {
      animation: false,
      grid: { left: 0, right: 0, top: 0, bottom: 0 },
      xAxis: { type: "value", min: 0, max: 1, show: false, inverse: this.isRightToLeft },
      yAxis: { type: "value", min: 0, max: 1, inverse: true, show: false },
      series: [
        series("ticks", (_params, api) => this.tickShape(api)),
        series("path", (_params, api) => this.pathShape(api)),
        series("marks", (_params, api) => this.markShape(api)),
      ],
    };
  }

  /* What is shown */

  set(lanes, limits) {
    this.marks = new Map(lanes.map((lane) => [lane.channel || "", lane.marks]));
    this.fine = null;
    this.limits = limits;
    this.channels = LANES.filter((channel) => this.marks.has(channel));
    const counts = new Map(lanes.map((lane) => [lane.channel || "", lane.count]));
    fill(this.lanesPlace, this.channels.map((channel) => el(
      "li", { class: "lane" }, el("span", { class: `tile ${channelOf(channel).tile}` }, icon(channelOf(channel).icon)),
      el("span", {}, el("strong", { class: "strong" }, channelOf(channel).name()), el("span", { class: "hint tabular" }, interpolate(ngettext("%s point", "%s points", counts.get(channel)), [countWords(counts.get(channel))]))),
    )));
    this.resize();
  }

  /** Finer marks for the span that they were asked for. */
  setFine(lanes, from, to) {
    this.fine = { from, to, marks: new Map(lanes.map((lane) => [lane.channel || "", lane.marks])) };
    this.draw();
  }

  setOverview(overview) {
    this.overview = overview;
    this.drawOverview();
  }

  setWindow(from, to, { tell = true } = {}) {
    const span = Math.max(SHORTEST, Math.min(to - from, (this.limits[1] - this.limits[0]) * 1.2 + HOUR));
    const slack = span * 0.5;
    let start = (from + to - span) / 2;
    start = Math.max(this.limits[0] - slack, Math.min(start, this.limits[1] + slack - span));
    this.from = start;
    this.to = start + span;
    if (!this.asked) this.asked = requestAnimationFrame(() => { this.asked = 0; this.draw(); });
    if (tell) this.moved(this.from, this.to);
  }

  /** Bring one point into view and mark it. `path` are the `[channel, at]` of all that belongs with it. */
  select(id, path = []) {
    this.selected = id;
    this.path = path;
    const at = path.length ? path[0][1] : null;
    if (at !== null && (at < this.from || at > this.to)) {
      const half = (this.to - this.from) / 2;
      this.setWindow(at - half, at + half);
    } else {
      this.draw();
    }
  }

  visible(channel) {
    const fine = this.fine;
    if (fine && fine.from <= this.from && fine.to >= this.to) return fine.marks.get(channel) || [];
    return this.marks.get(channel) || [];
  }

  /** How many points are in view. */
  countInView() {
    let found = 0;
    for (const channel of this.channels || []) for (const mark of this.visible(channel)) if (mark[1] >= this.from && mark[0] <= this.to) found += mark[2];
    return found;
  }

  x(at) {
    const share = (at - this.from) / (this.to - this.from);
    return (this.isRightToLeft ? 1 - share : share) * this.width;
  }

  /** The marks in view, those that would overlap as one. Bins are fixed in time, so that moving does not shuffle them. */
  bundle(channel, lane) {
    const perPixel = (this.to - this.from) / this.width;
    const bin = BIN * perPixel;
    const found = [];
    let current = null;
    let place = null;
    for (const mark of this.visible(channel)) {
      const [at, until, number, out, isOpen, missed, id] = mark;
      if (at > this.to + bin) break;
      if ((isOpen ? this.limits[1] : until) < this.from - bin) continue;
      const here = Math.floor(at / bin);
      if (current && here === place) {
        current.sum += at * number;
        current.count += number;
        current.out += out;
        current.open += isOpen;
        current.missed += missed;
        current.from = Math.min(current.from, at);
        current.to = Math.max(current.to, number > 1 ? until : at);
        if (id) current.ids.push(id);
      } else {
        current = { lane, channel, bin: here, from: at, to: number > 1 ? until : at, until, count: number, out, open: isOpen, missed, sum: at * number, ids: id ? [id] : [] };
        place = here;
        found.push(current);
      }
    }
    for (const one of found) {
      const radius = one.count > 1 ? Math.min(20, 9 + 1.7 * Math.log2(one.count) + (one.count > 99 ? 2 : 0)) : 7;
      const room = ((BIN / 2 - radius) * perPixel);
      const middle = (one.bin + 0.5) * bin;
      one.at = one.count > 1 && bin > 1 ? Math.max(middle - Math.max(room, 0), Math.min(middle + Math.max(room, 0), one.sum / one.count)) : one.from;
      one.radius = radius;
      one.x = this.x(one.at);
      one.y = HEAD + (lane + 0.5) * this.laneHeight;
      one.key = `${channel}:${one.from}`;
    }
    return found;
  }

  /* Drawing */

  resize() {
    if (!this.chart || !this.channels) return;
    const { width } = this.canvas.getBoundingClientRect();
    if (!width) return;
    const room = this.canvas.parentNode.parentNode.clientHeight - HEAD - 84;
    this.laneHeight = Math.max(LOWEST, Math.min(TALLEST, Math.floor(room / Math.max(1, this.channels.length))));
    this.width = width;
    this.height = HEAD + this.laneHeight * Math.max(1, this.channels.length);
    this.canvas.style.blockSize = `${this.height}px`;
    this.lanesPlace.style.setProperty("--lane", `${this.laneHeight}px`);
    this.chart.resize({ width, height: this.height });
    this.draw();
    this.drawOverview();
  }

  draw() {
    if (!this.chart || !this.width || !this.channels) return;
    this.tip.hidden = true;
    this.drawn = this.channels.flatMap((channel, lane) => this.bundle(channel, lane));
    this.keepCursor();
    this.ticks = ticks(this.from, this.to, this.width);
    const plot = (items) => items.map((item, place) => [place, 0]);
    this.chart.setOption({
      series: [
        { id: "ticks", data: plot([null, ...this.ticks]) },
        { id: "path", data: this.path.length > 1 ? [[0, 0]] : [] },
        { id: "marks", data: plot(this.drawn) },
      ],
    });
    this.moveBrush();
  }

  /** The same point may come in other words: told by the second once the picture is fetched more closely, or in a bundle. */
  keepCursor() {
    if (!this.cursor || !this.under || this.drawn.some((one) => one.key === this.cursor)) return;
    const far = (BIN * (this.to - this.from)) / this.width;
    const away = (one) => Math.max(one.from - this.under.to, this.under.from - one.to, 0);
    const near = this.drawn.filter((one) => one.channel === this.under.channel && away(one) <= far).sort((a, b) => away(a) - away(b))[0];
    if (near) this.cursor = near.key;
  }

  tickShape(api) {
    const place = api.value(0);
    const line = (x1, y1, x2, y2, token) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: this.colour(token), lineWidth: 1 } });
    if (place === 0) {
      const rows = this.channels.map((_channel, lane) => line(0, HEAD + (lane + 1) * this.laneHeight - 0.5, this.width, HEAD + (lane + 1) * this.laneHeight - 0.5, "--line"));
      return { type: "group", children: [line(0, HEAD - 0.5, this.width, HEAD - 0.5, "--line2"), ...rows, ...this.nowLine(line)] };
    }
    const tick = this.ticks[place - 1];
    if (!tick) return null;
    const x = Math.round(this.x(tick[0])) + 0.5;
    const hasRoom = x > LABEL_ROOM && x < this.width - LABEL_ROOM;
    return {
      type: "group",
      children: [
        line(x, HEAD - 6, x, this.height, "--line"),
        hasRoom && { type: "text", style: { x, y: HEAD / 2 - 1, text: tick[2] ? `${tick[2]}` : tick[1], align: "center", verticalAlign: "middle", fill: this.colour("--ink2"), font: `${tick[2] ? "600" : "400"} 12px ${getComputedStyle(this.canvas).fontFamily}` } },
      ].filter(Boolean),
    };
  }

  nowLine(line) {
    const x = Math.round(this.x(this.limits[1])) + 0.5;
    return x > 0 && x < this.width ? [{ ...line(x, HEAD, x, this.height, "--acc"), style: { stroke: this.colour("--acc"), lineWidth: 1, opacity: 0.45 } }] : [];
  }

  pathShape() {
    const points = this.path
      .filter(([channel]) => this.channels.includes(channel))
      .map(([channel, at]) => [this.x(at), HEAD + (this.channels.indexOf(channel) + 0.5) * this.laneHeight])
      .sort((a, b) => a[0] - b[0]);
    if (points.length < 2) return null;
    return { type: "polyline", shape: { points, smooth: 0.25 }, style: { stroke: this.colour("--ink3"), lineWidth: 1.5, lineDash: [4, 4], fill: "none" } };
  }

  markShape(api) {
    const one = this.drawn[api.value(0)];
    if (!one) return null;
    const circle = (r, style) => ({ type: "circle", shape: { cx: one.x, cy: one.y, r }, style });
    const children = [];
    const isSelected = one.ids.includes(this.selected);
    if (one.open && one.count === 1) {
      const end = this.x(this.limits[1]);
      children.push({ type: "line", shape: { x1: one.x, y1: one.y, x2: end, y2: one.y }, style: { stroke: this.colour("--warn"), lineWidth: 3, opacity: 0.35 } });
    }
    if (isSelected) {
      children.push({ type: "line", shape: { x1: one.x, y1: HEAD, x2: one.x, y2: this.height }, style: { stroke: this.colour("--acc"), lineWidth: 1, opacity: 0.6 } });
      children.push(circle(one.radius + 5, { fill: this.colour("--surface"), stroke: this.colour("--acc"), lineWidth: 2 }));
    }
    if (one.open) children.push(circle(one.radius + 3.5, { fill: this.colour("--surface"), stroke: this.colour("--warn"), lineWidth: 2.5 }));
    if (this.cursor === one.key && document.activeElement === this.canvas) children.push(circle(one.radius + 7, { fill: "none", stroke: this.colour("--acc"), lineWidth: 2 }));
    const own = this.colour(channelOf(one.channel).token);
    if (one.count > 1) {
      children.push(circle(one.radius, { fill: this.colour(channelOf(one.channel).fill), stroke: this.colour("--surface"), lineWidth: 1 }));
      const text = one.count > 999 ? `${Math.round(one.count / 100) / 10}k` : String(one.count);
      children.push({ type: "text", style: { x: one.x, y: one.y, text, align: "center", verticalAlign: "middle", fill: this.colour("--on-acc"), font: `600 12px ${getComputedStyle(this.canvas).fontFamily}` } });
      if (one.missed) children.push({ type: "circle", shape: { cx: one.x + one.radius * 0.75, cy: one.y - one.radius * 0.75, r: 4.5 }, style: { fill: this.colour("--bad"), stroke: this.colour("--surface"), lineWidth: 1.5 } });
    } else if (one.missed) {
      children.push(circle(8, { fill: this.colour("--bad"), stroke: this.colour("--surface"), lineWidth: 1 }));
      for (const turn of [1, -1]) children.push({ type: "line", shape: { x1: one.x - 3, y1: one.y - 3 * turn, x2: one.x + 3, y2: one.y + 3 * turn }, style: { stroke: this.colour("--on-bad"), lineWidth: 2 } });
    } else if (one.out) {
      children.push(circle(6, { fill: this.colour("--surface"), stroke: own, lineWidth: 3 }));
    } else {
      children.push(circle(7, { fill: own, stroke: this.colour("--surface"), lineWidth: 1 }));
    }
    return { type: "group", children };
  }

  drawOverview() {
    const overview = this.overview;
    if (!overview) return;
    const space = "http://www.w3.org/2000/svg";
    const most = Math.max(1, ...overview.counts);
    const wide = overview.counts.length;
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", `0 0 ${wide * 10} 36`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    overview.counts.forEach((number, place) => {
      if (!number) return;
      const bar = document.createElementNS(space, "rect");
      const height = 3 + (31 * Math.sqrt(number)) / Math.sqrt(most);
      for (const [name, value] of Object.entries({ x: (this.isRightToLeft ? wide - 1 - place : place) * 10 + 1, y: 36 - height, width: 8, height, rx: 1 })) bar.setAttribute(name, value);
      svg.append(bar);
    });
    this.brush = el("div", { class: "brush" }, el("span", { class: "handle start" }), el("span", { class: "handle end" }));
    fill(this.overviewPlace, svg, this.brush, el("div", { class: "overview-ends tabular" }, el("span", {}, monthYear.format(overview.from * 1000)), el("span", {}, monthYear.format(overview.to * 1000))));
    this.moveBrush();
  }

  moveBrush() {
    if (!this.brush || !this.overview) return;
    const length = Math.max(1, this.overview.to - this.overview.from);
    const clamp = (share) => Math.max(0, Math.min(1, share));
    const start = clamp((this.from - this.overview.from) / length);
    const end = clamp((this.to - this.overview.from) / length);
    this.brush.style.insetInlineStart = `${start * 100}%`;
    this.brush.style.inlineSize = `${Math.max(0.6, (end - start) * 100)}%`;
  }

  /* The reader's hands */

  attach() {
    const place = this.canvas;
    place.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) this.pan(((event.deltaX || event.deltaY) / this.width) * (this.isRightToLeft ? -1 : 1));
      else this.zoom(Math.exp(Math.max(-80, Math.min(80, event.deltaY)) * 0.004), this.at(event));
    }, { passive: false });
    let grip = null;
    place.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      grip = { x: event.clientX, from: this.from, to: this.to, moved: false };
      place.setPointerCapture(event.pointerId);
    });
    place.addEventListener("pointermove", (event) => {
      if (!grip) { this.hover(event); return; }
      const by = event.clientX - grip.x;
      if (!grip.moved && Math.abs(by) < 4) return;
      grip.moved = true;
      this.tip.hidden = true;
      const shift = (by / this.width) * (grip.to - grip.from) * (this.isRightToLeft ? -1 : 1);
      this.setWindow(grip.from - shift, grip.to - shift);
    });
    place.addEventListener("pointerup", (event) => {
      const was = grip;
      grip = null;
      if (was && !was.moved) {
        const hit = this.hit(event);
        if (hit) { this.cursor = hit.key; this.enter(hit); }
      }
    });
    place.addEventListener("pointercancel", () => { grip = null; });
    place.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    place.addEventListener("focus", () => this.draw());
    place.addEventListener("blur", () => this.draw());
    place.addEventListener("keydown", (event) => this.key(event));
    this.attachOverview();
  }

  attachOverview() {
    const place = this.overviewPlace;
    let grip = null;
    const at = (event) => {
      const box = place.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      return this.overview.from + (this.isRightToLeft ? 1 - share : share) * (this.overview.to - this.overview.from);
    };
    place.addEventListener("pointerdown", (event) => {
      if (!this.overview || event.button !== 0) return;
      const here = at(event);
      const handle = event.target.closest(".handle");
      const inside = event.target.closest(".brush");
      if (!inside) { const half = (this.to - this.from) / 2; this.setWindow(here - half, here + half); }
      grip = { here, from: this.from, to: this.to, side: handle ? (handle.classList.contains("start") ? "from" : "to") : "" };
      place.setPointerCapture(event.pointerId);
    });
    place.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const by = at(event) - grip.here;
      if (grip.side === "from") this.setWindow(Math.min(grip.from + by, this.to - SHORTEST), this.to);
      else if (grip.side === "to") this.setWindow(this.from, Math.max(grip.to + by, this.from + SHORTEST));
      else this.setWindow(grip.from + by, grip.to + by);
    });
    for (const end of ["pointerup", "pointercancel"]) place.addEventListener(end, () => { grip = null; });
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const forward = this.isRightToLeft ? -1 : 1;
    const run = {
      ArrowRight: () => this.step(forward), ArrowLeft: () => this.step(-forward), ArrowDown: () => this.changeLane(1), ArrowUp: () => this.changeLane(-1),
      Home: () => this.setWindow(this.limits[0], this.limits[0] + this.to - this.from), End: () => this.setWindow(this.limits[1] - (this.to - this.from), this.limits[1]),
      Enter: () => this.enterCursor(), " ": () => this.enterCursor(),
    }[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return this.from + (this.isRightToLeft ? 1 - share : share) * (this.to - this.from);
  }

  hit(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    let nearest = REACH;
    for (const one of this.drawn) {
      const distance = Math.hypot(one.x - x, one.y - y) - (one.radius - 7);
      if (distance < nearest) { nearest = distance; best = one; }
    }
    return best;
  }

  hover(event) {
    const hit = this.hit(event);
    this.canvas.classList.toggle("over-point", Boolean(hit));
    this.tip.hidden = !hit;
    if (!hit) return;
    this.tip.textContent = this.words(hit);
    const width = this.tip.offsetWidth;
    const left = this.canvas.offsetLeft + Math.max(0, Math.min(this.width - width, hit.x - width / 2));
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${this.canvas.offsetTop + hit.y + hit.radius + 8}px`;
  }

  /** A point in words, for the tip and for whoever hears instead of sees. */
  words(one) {
    const name = channelOf(one.channel).name();
    const extra = [];
    if (one.count === 1) {
      if (one.missed) extra.push(gettext("missed"));
      else extra.push(one.out ? gettext("out") : gettext("in"));
      if (one.open) extra.push(gettext("still open"));
      return `${name}, ${extra.join(", ")}, ${momentWords(one.from)}`;
    }
    if (one.missed) extra.push(interpolate(ngettext("%s missed", "%s missed", one.missed), [one.missed]));
    if (one.open) extra.push(interpolate(ngettext("%s still open", "%s still open", one.open), [one.open]));
    const span = one.from === one.to ? momentWords(one.from) : interpolate(gettext("%(from)s to %(to)s"), { from: momentWords(one.from), to: momentWords(one.to) }, true);
    return [`${countWords(one.count)} ${name}`, ...extra, span].join(", ");
  }

  /** The points in view in their order. A key may come before the frame that draws the window it is meant for. */
  ordered() {
    if (this.asked) this.draw();
    return this.drawn.filter((one) => one.x >= 0 && one.x <= this.width).sort((a, b) => a.from - b.from || a.lane - b.lane);
  }

  /** Move the cursor to the next or previous point, in time, across the lanes; beyond the edge the picture moves along. */
  step(by, { opening = false } = {}) {
    const all = this.ordered();
    const at = all.findIndex((one) => one.key === this.cursor);
    const next = at < 0 ? (by > 0 ? all[0] : all.at(-1)) : all[at + by];
    if (!next) {
      const room = by > 0 ? this.to < this.limits[1] : this.from > this.limits[0];
      if (!room) { this.announce(by > 0 ? gettext("That was the last point.") : gettext("That was the first point.")); return; }
      this.pan(by * 0.6);
      this.draw();
      this.cursor = null;
      if (this.ordered().length) this.step(by, { opening });
      return;
    }
    this.put(next);
    if (opening && next.count === 1) this.enter(next);
  }

  changeLane(by) {
    const here = this.drawn.find((one) => one.key === this.cursor);
    if (!here) { this.step(1); return; }
    const others = this.ordered().filter((one) => (by > 0 ? one.lane > here.lane : one.lane < here.lane));
    const lane = by > 0 ? Math.min(...others.map((one) => one.lane)) : Math.max(...others.map((one) => one.lane));
    const near = others.filter((one) => one.lane === lane).sort((a, b) => Math.abs(a.x - here.x) - Math.abs(b.x - here.x))[0];
    if (near) this.put(near);
  }

  put(one) {
    this.cursor = one.key;
    this.under = one;
    this.announce(one.count > 1 ? `${this.words(one)}. ${gettext("Enter shows them apart.")}` : this.words(one));
    this.draw();
  }

  enterCursor() {
    if (this.asked) this.draw();
    const one = this.drawn.find((item) => item.key === this.cursor);
    if (one) this.enter(one);
    else this.step(1);
  }

  /** Open a point; of several show them apart, or the newest where they stand at one moment. */
  enter(one) {
    if (one.count === 1) { this.open(one.ids[0]); return; }
    const span = one.to - one.from;
    if (span < 2 && one.ids.length) { this.open(one.ids.at(-1)); return; }
    const room = Math.max(SHORTEST, span * 1.3);
    const middle = (one.from + one.to) / 2;
    this.cursor = null;
    this.setWindow(middle - room / 2, middle + room / 2);
    this.announce(interpolate(gettext("Shown apart: %s"), [this.words(one)]));
  }

  zoom(factor, around = (this.from + this.to) / 2) {
    const span = Math.max(SHORTEST, (this.to - this.from) * factor);
    const share = (around - this.from) / (this.to - this.from);
    this.setWindow(around - span * share, around + span * (1 - share));
  }

  pan(share) {
    const by = (this.to - this.from) * share;
    this.setWindow(this.from + by, this.to + by);
  }
}
