// The curves of the picked runs, overlaid: which columns, along what, how smooth, on which axes, seeds as bands.

import { arrange, el, figure, fill, span } from "/static/pages/dom.js";
import { Chart } from "./chart.js";
import { Pace } from "./pace.js";
import { band, History, lineOf, smooth } from "./series.js";
import { t } from "./texts.js";

export const MOST_PICKED = 100;
/** Seeds that a name lists. */
const MOST_SEEDS = 5;
const ALONG = ["epoch", "iteration", "seconds"];
const FIRST = ["loss", "val_loss"];
/** Columns that an address may ask for. */
const MOST_COLUMNS = 12;

/** Whether two lists hold the same, in the same order; also with commas within. */
function sameNames(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The part of the page with the controls and a chart for each column that is shown. */
export class Curves {
  constructor({ noted, changed, rows }) {
    const query = new URLSearchParams(location.search);
    this.noted = noted;
    this.changed = changed;
    this.rows = rows;
    this.begun = false;
    this.picked = [];
    this.histories = new Map();
    this.charts = new Map();
    this.along = ALONG.includes(query.get("along")) ? query.get("along") : "epoch";
    this.weight = Math.min(Math.max(Number(query.get("smooth")) || 0, 0), 0.99);
    this.logX = query.get("logx") === "1";
    this.logY = query.get("logy") === "1";
    this.bands = query.get("bands") !== "0";
    this.columns = query.has("column") ? query.getAll("column").filter(Boolean).slice(0, MOST_COLUMNS) : FIRST;
    this.legend = el("ul", { class: "legend" });
    this.grid = el("div", { class: "charts" });
    this.chips = el("fieldset", {}, el("legend", {}, t("columns")));
    this.chipRow = el("div", { class: "row" });
    this.chips.append(this.chipRow);
    this.hint = el("p", { class: "soft" });
    this.element = el("section", { class: "curves", "aria-label": t("curves") }, this.#controls(), this.chips, this.legend, this.hint, this.grid, el("p", { class: "soft small" }, t("reading_help")));
    this.pace = new Pace(() => this.draw());
    setInterval(() => this.#say(), 1000);
  }

  #controls() {
    const along = el("select", { onchange: () => { this.along = along.value; this.#redraw(); } }, ALONG.map((name) => el("option", { value: name, selected: name === this.along }, t(name))));
    const weight = el("input", { type: "range", min: "0", max: "0.99", step: "0.01", value: String(this.weight), oninput: () => { this.weight = Number(weight.value); said.textContent = weight.value; this.#redraw(); } });
    const said = el("span", { class: "small soft" }, String(this.weight));
    const toggle = (key, words) => {
      const button = el("button", { type: "button", "aria-pressed": String(this[key]), onclick: () => { this[key] = !this[key]; button.setAttribute("aria-pressed", String(this[key])); this.#redraw(); } }, words);
      return button;
    };
    return el("div", { class: "row" }, el("label", {}, t("x_axis"), along), el("label", {}, t("smoothing"), weight, said), toggle("logX", t("log_x")), toggle("logY", t("log_y")), toggle("bands", t("bands")));
  }

  /** What the address of the page has to say of the curves. */
  address() {
    return { along: this.along === "epoch" ? "" : this.along, smooth: this.weight || "", logx: this.logX ? "1" : "", logy: this.logY ? "1" : "", bands: this.bands ? "" : "0", column: sameNames(this.columns, FIRST) ? [] : this.columns };
  }

  /** The columns of histories that are needed. */
  wanted() {
    return [...ALONG, ...this.columns];
  }

  /** Draw these runs. */
  pick(ids) {
    this.begun = true;
    this.picked = ids;
    for (const id of ids) if (!this.histories.has(id)) this.histories.set(id, new History());
    for (const id of this.histories.keys()) if (!ids.includes(id)) this.histories.delete(id);
    this.refresh();
  }

  /** Which colour a run has: that of its group if seeds are bands. */
  colour(id) {
    return Math.max(this.#groups().findIndex((ids) => ids.includes(id)), 0) % 6;
  }

  /** How far the epoch in progress of a run is. */
  note(event) {
    this.histories.get(event.id)?.note(event, Date.now());
  }

  /** New rows of a run. */
  take(event) {
    this.histories.get(event.id)?.take(event, Date.now());
    if (!event.more) this.pace.soon();
  }

  refresh() {
    this.#drawChips();
    this.pace.soon();
  }

  #redraw() {
    this.notedSoon ??= setTimeout(() => { this.notedSoon = undefined; this.noted(); }, 300);
    this.pace.now();
  }

  #groups() {
    if (!this.bands) return this.picked.map((id) => [id]);
    const found = new Map();
    for (const id of this.picked) {
      const group = this.rows.get(id)?.group ?? id;
      found.set(group, [...(found.get(group) ?? []), id]);
    }
    return [...found.values()];
  }

  /** The name of a run, or of runs that are one line, with their seeds; the same run twice has one seed. */
  #nameOf(ids) {
    const name = this.rows.get(ids[0])?.name ?? ids[0];
    if (ids.length === 1) return name;
    const seeds = [...new Set(ids.map((id) => this.rows.get(id)?.seed))].sort((a, b) => a - b);
    const shown = seeds.length > MOST_SEEDS ? `${seeds.slice(0, MOST_SEEDS).join(", ")}, …` : seeds.join(", ");
    return t("seeds_of", { name, n: ids.length, more: ids.length - 1, seeds: shown });
  }

  #drawChips() {
    const names = new Set(FIRST);
    for (const id of this.picked) for (const name of Object.keys(this.rows.get(id)?.last ?? {})) if (!ALONG.includes(name)) names.add(name);
    for (const name of this.columns) names.add(name);
    if (sameNames(this.chipNames, [...names])) return;
    this.chipNames = [...names];
    fill(this.chipRow, [...names].map((name) => {
      const button = el("button", { type: "button", "aria-pressed": String(this.columns.includes(name)), onclick: () => {
        this.columns = this.columns.includes(name) ? this.columns.filter((other) => other !== name) : [...this.columns, name];
        button.setAttribute("aria-pressed", String(this.columns.includes(name)));
        for (const id of this.picked) this.histories.set(id, new History());
        this.changed(this.picked);
        this.pace.now();
      } }, name);
      return button;
    }));
  }

  /** The lines of a column: a line for each run, or mean and band for each group of seeds. */
  lines(column) {
    return this.#groups().map((ids, place) => {
      const lines = ids.map((id) => {
        const { x, y } = lineOf(this.histories.get(id), this.along, column);
        return { x, y: smooth(y, this.weight) };
      }).filter((line) => line.x.length && line.y.some((value) => value !== null));
      const name = this.rows.get(ids[0])?.name ?? ids[0];
      if (!lines.length) return { label: name, x: [], y: [], place };
      if (lines.length === 1) return { label: name, ...lines[0], place };
      return { label: this.#nameOf(ids), ...band(lines), place };
    });
  }

  draw() {
    const shown = this.columns.filter((column) => this.picked.some((id) => this.histories.get(id).has(column)));
    for (const column of shown) if (!this.charts.has(column)) this.charts.set(column, new Chart(column));
    arrange(this.grid, shown.map((column) => this.charts.get(column).element));
    for (const column of shown) this.charts.get(column).draw(() => this.lines(column), { xLabel: t(this.along), yLabel: column, logX: this.logX, logY: this.logY });
    this.#say();
  }

  #say() {
    this.hint.textContent = this.picked.length ? "" : t("pick_hint");
    const groups = this.#groups();
    const said = groups.map((ids, place) => {
      const history = this.histories.get(ids[0]);
      const { status } = this.rows.get(ids[0]) ?? {};
      const known = history?.known();
      const age = known && span(Math.max(0, (Date.now() - known.writtenAt) / 1000));
      const words = known ? (status === "running" ? t("upto", { epoch: figure(known.epoch), iteration: figure(known.iteration), age }) : "") : t(status === "compiling" ? "compiling" : "anew");
      const upto = words && ` · ${words}`;
      return [`swatch p${place % 6}`, this.#nameOf(ids), upto];
    });
    if (sameNames(this.said, said)) return;
    this.said = said;
    fill(this.legend, said.map(([swatch, name, upto]) => el("li", {}, el("span", { class: swatch }), name, el("span", { class: "soft" }, upto))));
  }
}
