// Charts in SVG: a plane with two axes, layers that are drawn anew, and handles that stay and can be dragged.

import { draw, figure } from "/static/pages/dom.js";

const DASHES = ["", "7 3", "2 3", "9 3 2 3", "14 4", "5 2 1 2 1 2"];

/** The class and the dash of the line at a place: six colours, and another dash for each further six. */
export function look(place) {
  return { class: `curve s${place % 6}`, "stroke-dasharray": DASHES[(place + Math.floor(place / 6)) % 6] };
}

/** The range of an axis for these numbers, wider by a share of it on each side. */
export function padded(values, share) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return [low - share * (high - low || 1), high + share * (high - low || 1)];
}

/** The range of a logarithmic axis for what is above 0. */
export function logRange(values) {
  const known = values.filter((value) => value !== null && value > 0);
  if (!known.length) return [0.01, 1];
  return [Math.min(...known) / 1.3, Math.max(...known) * 1.3];
}

function ticksOf([low, high], log, most) {
  if (log) {
    const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
    const every = Math.max(1, Math.ceil((last - first) / most));
    const powers = [];
    for (let power = first; power <= last; power += every) powers.push(10 ** power);
    if (powers.length > 1) return powers;
  }
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough);
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) ticks.push(Math.abs(at) < step * 1e-6 ? 0 : at);
  return ticks;
}

/** A chart; `label` is read out. `plane(x, y)` sets its ranges and draws the axes. */
export class Chart {
  constructor(label, { wide = 460, tall = 320 } = {}) {
    Object.assign(this, { wide, tall, left: 52, right: 12, top: 24, bottom: 40 });
    this.axes = draw("g");
    this.layer = draw("g");
    this.handles = draw("g");
    this.inner = draw("svg", { overflow: "hidden" }, this.layer);
    this.svg = draw("svg", { viewBox: `0 0 ${wide} ${tall}`, class: "chart", role: "group", "aria-label": label }, this.axes, this.inner, this.handles);
  }

  plane(x, y) {
    const { left, top } = this;
    Object.assign(this, { x, y, w: this.wide - left - this.right, h: this.tall - top - this.bottom });
    for (const [key, value] of Object.entries({ x: left, y: top, width: this.w, height: this.h, viewBox: `${left} ${top} ${this.w} ${this.h}` })) {
      this.inner.setAttribute(key, value);
    }
    const lines = [];
    for (const at of ticksOf(x.range, x.log, 6)) {
      const across = this.across(at);
      lines.push(draw("line", { x1: across, x2: across, y1: top + this.h, y2: top + this.h + 4, class: "tick" }));
      lines.push(draw("text", { x: across, y: top + this.h + 17, "text-anchor": "middle" }, figure(at, 3) || "0"));
    }
    for (const at of ticksOf(y.range, y.log, 5)) {
      const down = this.down(at);
      lines.push(draw("line", { x1: left, x2: left + this.w, y1: down, y2: down, class: "grid" }));
      lines.push(draw("text", { x: left - 6, y: down + 4, "text-anchor": "end" }, figure(at, 3) || "0"));
    }
    lines.push(draw("line", { x1: left, x2: left + this.w, y1: top + this.h, y2: top + this.h, class: "tick" }));
    lines.push(draw("text", { x: left + this.w, y: top + this.h + 33, "text-anchor": "end" }, x.name ?? ""));
    lines.push(draw("text", { x: left, y: top - 9 }, y.name ?? ""));
    this.axes.replaceChildren(...lines);
    this.layer.replaceChildren();
    return this;
  }

  share(axis, value) {
    const [low, high] = axis.range;
    const found = axis.log ? (Math.log10(value) - Math.log10(low)) / (Math.log10(high) - Math.log10(low)) : (value - low) / (high - low);
    return Math.min(9, Math.max(-8, found));
  }

  across(value) {
    return this.left + this.share(this.x, value) * this.w;
  }

  down(value) {
    return this.top + (1 - this.share(this.y, value)) * this.h;
  }

  /** A line through points; what cannot be shown breaks it. */
  line(xs, ys, attributes) {
    let path = "";
    let pen = false;
    xs.forEach((x, at) => {
      const [across, down] = [this.across(x), this.down(ys[at])];
      const seen = x !== null && ys[at] !== null && Number.isFinite(across) && Number.isFinite(down);
      if (seen) path += `${pen ? "L" : "M"}${across.toFixed(1)} ${down.toFixed(1)}`;
      pen = seen;
    });
    this.add("path", { d: path || "M0 0", fill: "none", ...attributes });
  }

  dot(x, y, attributes) {
    this.add("circle", { cx: this.across(x).toFixed(1), cy: this.down(y).toFixed(1), r: 3, ...attributes });
  }

  /** An upright or a level line across the plane. */
  mark({ x, y }) {
    if (x !== undefined) this.line([x, x], this.y.range, { class: "mark" });
    if (y !== undefined) this.line(this.x.range, [y, y], { class: "mark" });
  }

  add(name, attributes, ...children) {
    const made = draw(name, attributes, ...children);
    this.layer.append(made);
    return made;
  }

  /** What a pointer points at, in the numbers of the axes. */
  at(event) {
    const box = this.svg.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * this.wide;
    const down = ((event.clientY - box.top) / box.height) * this.tall;
    const of = (axis, share) => axis.range[0] + share * (axis.range[1] - axis.range[0]);
    return [of(this.x, (across - this.left) / this.w), of(this.y, 1 - (down - this.top) / this.h)];
  }

  /** Handles at these points: each can be dragged, or moved with the arrow keys; `moved(place, x, y)` is told. */
  grips(points, { label, moved, upright = true }) {
    while (this.handles.childElementCount > points.length) this.handles.lastElementChild.remove();
    while (this.handles.childElementCount < points.length) this.handles.append(this.grip(this.handles.childElementCount));
    this.moved = moved;
    this.upright = upright;
    points.forEach(([x, y], place) => {
      const handle = this.handles.children[place];
      handle.place = [x, y];
      handle.setAttribute("cx", this.across(x).toFixed(1));
      handle.setAttribute("cy", this.down(y).toFixed(1));
      handle.setAttribute("aria-label", label(place, x, y));
      handle.setAttribute("aria-valuenow", figure(x));
      handle.setAttribute("aria-valuetext", label(place, x, y));
    });
  }

  grip(place) {
    const handle = draw("circle", { r: 7, class: "grip", tabindex: 0, role: "slider" });
    const drag = (event) => this.moved(place, ...this.at(event));
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      handle.addEventListener("pointermove", drag);
      handle.focus();
      event.preventDefault();
      event.stopPropagation();
    });
    for (const end of ["pointerup", "pointercancel"]) handle.addEventListener(end, () => handle.removeEventListener("pointermove", drag));
    handle.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      const move = moves[event.key];
      if (!move || (!this.upright && move[1])) return;
      const size = event.shiftKey ? 0.1 : 0.02;
      const reach = [this.x, this.y].map((axis) => (axis.range[1] - axis.range[0]) * size);
      this.moved(place, handle.place[0] + move[0] * reach[0], handle.place[1] + move[1] * reach[1]);
      event.preventDefault();
    });
    return handle;
  }
}
