// A chart of lines with bands: thinned to its width, drawn by uPlot, read with the mouse and with the arrow keys.

import uPlot from "/static/pages/uplot/uPlot.esm.js";
import { draw, el, figure, fill } from "/static/pages/dom.js";
import { thinPlaces } from "./series.js";

const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [14, 4], [5, 2, 1, 2, 1, 2]];
const COLOURS = 6;
/** Distances of ticks between whole numbers, such as epochs. */
const WHOLE = Array.from({ length: 9 }, (_, place) => [1, 2, 5].map((step) => step * 10 ** place)).flat();

/** The colour of the line at this place, as the style sheet has it. */
export function colourOf(place) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--s${place % COLOURS}`).trim();
}

function dashOf(place) {
  return DASHES[(place + Math.floor(place / COLOURS)) % DASHES.length];
}

/** A short piece of the line at this place. */
function keyOf(place) {
  const line = draw("line", { x1: 0, x2: 30, y1: 3, y2: 3, class: `p${place % COLOURS}`, "stroke-dasharray": dashOf(place).join(" ") });
  return draw("svg", { class: "key", width: 30, height: 6, "aria-hidden": "true" }, line);
}

function role(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Pixels below and above the window in which charts are drawn too. */
const NEAR = 150;

/** A chart in a figure; `draw` shows lines `{label, x, y, low?, high?, place}`. */
export class Chart {
  constructor(title, { height = 240 } = {}) {
    this.title = title;
    this.height = height;
    this.caption = el("figcaption", {}, title);
    this.said = el("p", { class: "small soft readout", "aria-live": "polite" });
    this.host = el("div", { class: "chart", tabIndex: 0, role: "img", "aria-label": title, onkeydown: (event) => this.#key(event) });
    this.legend = el("ul", { class: "legend" });
    this.element = el("figure", {}, this.caption, this.host, this.legend, this.said);
    this.plot = null;
    this.lines = [];
    this.options = {};
    this.shape = "";
    this.range = [-Infinity, Infinity];
    this.near = true;
    this.stale = false;
    new ResizeObserver(() => this.#resize()).observe(this.host);
    new IntersectionObserver(([entry]) => this.#see(entry.isIntersecting), { rootMargin: `${NEAR}px` }).observe(this.host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#make());
  }

  /**
   * Show the lines that `make` gives; `options` are `{xLabel, yLabel, logX, logY, legend}`. A chart that nobody sees is
   * drawn when it is scrolled to.
   */
  draw(make, options) {
    this.lineMaker = make;
    this.options = options;
    this.stale = true;
    if (this.near || !this.plot) this.#show();
  }

  #see(near) {
    this.near = near;
    if (near && this.stale) this.#show();
  }

  #show() {
    const { options } = this;
    this.stale = false;
    this.lines = this.lineMaker().filter((line) => line.x.length > 0);
    const shape = JSON.stringify([options, this.lines.map((line) => [line.label, line.place, "low" in line])]);
    if (shape !== this.shape || !this.plot) {
      this.shape = shape;
      this.range = [-Infinity, Infinity];
      const named = options.legend && this.lines.length > 1 ? this.lines : [];
      fill(this.legend, named.map((line) => el("li", {}, keyOf(line.place), line.label)));
      this.#make();
    } else {
      this.plot.setData(this.#data(), this.range[0] === -Infinity);
    }
    const ends = this.lines.slice(0, 8).map((line) => `${line.label} ${figure(lastOf(line.y))}`);
    this.host.setAttribute("aria-label", `${this.title}: ${ends.join(", ") || "-"}`);
  }

  #data() {
    const { logX, logY } = this.options;
    const pixels = Math.max(this.host.clientWidth, 200);
    const positive = (values) => (logY ? values.map((value) => (value > 0 ? value : null)) : values);
    const tables = this.lines.map((line) => {
      let places = thinPlaces(line.x, line.y, pixels, ...this.range);
      if (logX) places = places.filter((place) => line.x[place] > 0);
      const pick = (values) => positive(places.map((place) => values[place] ?? null));
      const x = places.map((place) => line.x[place]);
      return "low" in line ? [x, pick(line.y), pick(line.low), pick(line.high)] : [x, pick(line.y)];
    });
    return tables.length ? uPlot.join(tables, tables.map((table) => table.map(() => 1))) : [[]];
  }

  #make() {
    this.plot?.destroy();
    this.plot = null;
    this.host.replaceChildren();
    const width = this.host.clientWidth;
    if (!width || !this.lines.length) return;
    const axis = { stroke: role("soft"), grid: { stroke: role("grid"), width: 1 }, ticks: { stroke: role("grid"), width: 1 }, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif", labelSize: 18 };
    const series = [{}];
    const bands = [];
    for (const line of this.lines) {
      const colour = colourOf(line.place);
      series.push({ label: line.label, stroke: colour, width: 1.75, dash: dashOf(line.place), spanGaps: true, points: { show: line.x.length === 1 } });
      if ("low" in line) {
        const edge = { stroke: "transparent", width: 0, spanGaps: true, points: { show: false } };
        series.push({ ...edge, label: `${line.label} -` }, { ...edge, label: `${line.label} +` });
        bands.push({ series: [series.length - 1, series.length - 2], fill: `${colour}33` });
      }
    }
    const whole = this.lines.every((line) => line.x.every(Number.isInteger));
    const values = (plot, ticks) => ticks.map((value) => (value === null ? "" : figure(value, 4)));
    this.plot = new uPlot(
      {
        width,
        height: this.height,
        series,
        bands,
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: true }, points: { size: 6 } },
        scales: { x: { time: false, distr: this.options.logX ? 3 : 1 }, y: this.options.logY ? { distr: 3 } : { range: rangeOf } },
        axes: [
          { ...axis, label: this.options.xLabel, values, size: 32, ...(whole ? { incrs: WHOLE } : {}) },
          { ...axis, label: this.options.yLabel, size: 64, values },
        ],
        hooks: { setCursor: [(plot) => this.#read(plot)], setScale: [(plot, key) => key === "x" && this.#zoom(plot)] },
      },
      this.#data(),
      this.host,
    );
    this.plot.over.addEventListener("dblclick", () => {
      this.range = [-Infinity, Infinity];
      this.plot.setData(this.#data());
    });
  }

  #zoom(plot) {
    const data = plot.data[0];
    const { min, max } = plot.scales.x;
    if (this.zooming || min === undefined || !data.length || (min <= data[0] && max >= data[data.length - 1])) return;
    this.range = [min, max];
    this.zooming = true;
    queueMicrotask(() => {
      plot.setData(this.#data(), false);
      plot.setScale("x", { min, max });
      this.zooming = false;
    });
  }

  #resize() {
    const width = this.host.clientWidth;
    if (!width) return;
    if (!this.plot) this.#make();
    else if (this.plot.width !== width) this.plot.setSize({ width, height: this.height });
  }

  #read(plot) {
    const place = plot.cursor.idx;
    if (place === null || place === undefined) {
      this.said.textContent = "";
      return;
    }
    const at = plot.data[0][place];
    const found = [];
    plot.series.forEach((series, which) => {
      if (which === 0 || series.stroke === "transparent" || series.width === 0) return;
      const value = plot.data[which]?.[place] ?? nearest(plot.data[which], place);
      if (value !== null && value !== undefined) found.push([series.label, value]);
    });
    const shown = found.slice(0, 12).map(([label, value]) => `${label} ${figure(value)}`);
    this.said.textContent = `${this.options.xLabel} ${figure(at)}: ${shown.join(", ")}`;
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    if (event.key === "Escape" && this.plot) {
      this.range = [-Infinity, Infinity];
      this.plot.setData(this.#data());
    }
    if (!step || !this.plot || !this.plot.data[0].length) return;
    event.preventDefault();
    const count = this.plot.data[0].length;
    const before = this.plot.cursor.idx ?? (step > 0 ? -1 : count);
    const place = Math.min(Math.max(before + step, 0), count - 1);
    const left = this.plot.valToPos(this.plot.data[0][place], "x");
    this.plot.setCursor({ left, top: this.plot.over.clientHeight / 2 });
  }
}

/** The ends of an upright axis: some room, and room around a line that is level. */
function rangeOf(plot, low, high) {
  if (low === null) return [0, 1];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 0.5;
  return [low - room, high + room];
}

function lastOf(values) {
  for (let place = values.length - 1; place >= 0; place--) if (values[place] !== null) return values[place];
  return null;
}

function nearest(values, place) {
  for (let away = 1; away < 40; away++) {
    for (const other of [place - away, place + away]) {
      const value = values?.[other];
      if (value !== null && value !== undefined) return value;
    }
  }
  return null;
}
