// What a small network answers over its inputs, its losses, and how its activations are spread.

import { el, figure, fill } from "/static/pages/dom.js";
import { Chart, look } from "./chart.js";
import { answerColour, classColour, css, drawPoints, drawSurface, prepare, signedColour, unitColour, unpack } from "./network_picture.js";
import { n } from "./network_texts.js";

/** Draw the answer, or what the chosen unit gives, over the plane of two inputs. */
export function drawPlane(canvas, palette, frame, rows, chosen) {
  const wide = Math.min(canvas.parentElement.clientWidth || 460, 460);
  canvas.style.height = canvas.style.width = `${wide}px`;
  const context = prepare(canvas, wide, wide);
  const box = [44, 8, wide - 52, wide - 44];
  const colour = chosen ? unitColour(palette, frame.units[chosen[0]][chosen[1]]) : answerColour(palette, frame.answers);
  drawSurface(context, frame.grid, colour, box);
  const [[left, right], [low, high]] = rows.view;
  const place = ([x, y]) => [box[0] + ((x - left) / (right - left)) * box[2], box[1] + (1 - (y - low) / (high - low)) * box[3]];
  const [least, most] = [Math.min(...rows.targets), Math.max(...rows.targets)];
  const colourOf = (target) => (rows.classes.length ? classColour(palette, target) : signedColour(palette, (2 * (target - least)) / (most - least || 1) - 1));
  drawPoints(context, palette, rows, frame.batch, place, colourOf);
  drawEdges(context, palette, rows, place, box);
}

function drawEdges(context, palette, rows, place, [x, y, w, h]) {
  const [[left, right], [low, high]] = rows.view;
  const foot = y + h + 36;
  context.fillStyle = css(palette.soft);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "alphabetic";
  for (const [value, align] of [[left, "left"], [right, "right"]]) {
    context.textAlign = align;
    context.fillText(figure(value, 3), place([value, low])[0], foot - 20);
  }
  context.textAlign = "center";
  context.fillText(rows.inputs[0], x + w / 2, foot - 6, w);
  context.textAlign = "right";
  for (const value of [low, high]) context.fillText(figure(value, 3), x - 4, place([left, value])[1] + (value === high ? 10 : 0), 40);
  context.save();
  context.translate(11, y + h / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(rows.inputs[1], 0, 0, h - 60);
  context.restore();
}

/** Draw the answer, or what the chosen unit gives, as a curve over one input. */
export function drawCurve(chart, frame, rows, chosen) {
  const [[left, right]] = rows.view;
  const across = Array.from({ length: frame.grid[0] }, (_, place) => left + ((right - left) * place) / (frame.grid[0] - 1));
  const ups = chosen ? Array.from(unpack(frame.units[chosen[0]][chosen[1]]), (one) => (one - 128) / 127) : frame.answers.curve ?? [];
  const targets = rows.targets;
  const pad = 0.1 * (Math.max(...targets) - Math.min(...targets) || 1);
  const range = chosen ? [-1.1, 1.1] : rows.classes.length ? [-0.1, rows.classes.length - 0.9] : [Math.min(...targets) - pad, Math.max(...targets) + pad];
  chart.plane({ range: [left, right], name: rows.inputs[0] }, { range, name: chosen ? n("unit_chart", { unit: "" }) : rows.target });
  if (!chosen) {
    const batch = new Set(frame.batch);
    rows.points.forEach(([x], row) => chart.dot(x, targets[row], { class: row < rows.training ? "f0" : "hollow", r: batch.has(row) ? 6 : 3.2, opacity: batch.has(row) ? 1 : 0.7 }));
    (frame.answers.classes ?? []).forEach((packed, place) => chart.line(across, Array.from(unpack(packed), (one) => (one / 255) * Math.max(1, rows.classes.length - 1)), { class: `curve s${place % 6}` }));
  }
  if (ups.length) chart.line(across, ups, { class: "curve s1" });
}

/** Draw the losses of batches, training rows and validation rows by iteration. */
export function drawLosses(chart, curves, iteration) {
  const all = [...curves.train, ...curves.validation, ...curves.batch].filter((loss) => loss > 0);
  if (!all.length) return;
  const low = Math.max(1e-12, all.reduce((least, one) => Math.min(least, one)));
  const high = Math.min(all.reduce((most, one) => Math.max(most, one)), 1e6);
  chart.plane({ range: [curves.at[0], Math.max(iteration, curves.at[0] + 1)], name: n("iteration") }, { range: [low * 0.8, high * 1.25 + 1e-12], log: true, name: n("loss") });
  chart.line(curves.batchAt, curves.batch, { class: "curve s0 thin pale" });
  chart.line(curves.at, curves.validation, { class: "curve s2", "stroke-dasharray": "6 3" });
  chart.line(curves.at, curves.train, { class: "curve s1" });
}

/** Histograms of what the units of each hidden layer give for the training rows. */
export class Histograms {
  constructor() {
    this.node = el("div", {});
    this.charts = [];
  }

  draw(layers) {
    while (this.charts.length < layers.length) this.charts.push(new Chart(n("spread", { n: this.charts.length + 1 }), { tall: 150 }));
    fill(this.node, layers.length ? this.charts.slice(0, layers.length).map((chart) => chart.svg) : el("p", { class: "soft" }, n("no_spread")));
    layers.forEach(({ range, counts }, at) => this.drawOne(this.charts[at], range, counts, at));
  }

  drawOne(chart, range, counts, at) {
    if (range === null) return;
    const wide = (range[1] - range[0]) / counts.length;
    chart.plane({ range, name: n("output") }, { range: [0, Math.max(...counts, 1) * 1.05], name: n("spread", { n: at + 1 }) });
    counts.forEach((count, place) => {
      const [left, right] = [place, place + 1].map((one) => chart.across(range[0] + one * wide));
      const top = chart.down(count);
      chart.add("rect", { x: left + 0.5, y: top, width: Math.max(0.5, right - left - 1), height: chart.down(0) - top, class: look(at).class.replace("curve s", "f") });
    });
  }
}
