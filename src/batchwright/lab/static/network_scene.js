// A small network, live: it is trained by the server, a few iterations a frame, and drawn here.

import { el, figure, fill } from "/static/pages/dom.js";
import { language } from "/static/pages/language.js";
import { Chart } from "./chart.js";
import { button, choice, slider } from "./controls.js";
import { lay, panel } from "./frame.js";
import { Histograms, drawCurve, drawLosses, drawPlane } from "./network_charts.js";
import { CHOICES, networkControls } from "./network_controls.js";
import { colours, drawNetwork, layout, prepare } from "./network_picture.js";
import { n } from "./network_texts.js";
import { Settings, copies } from "./panel.js";
import { grids, question } from "./source.js";

const DEFAULTS = {
  data: "moons", noise: "", rows: "200", points_seed: "0", inputs: "", target: "", layers: "4,2", activation: "tanh", batch_normalization: "false",
  dropout: "0", rule: "adam", learning_rate: "0.03", batch_size: "10", seed: "0", steps: "0",
};
const FRAME = grids ? 500 : 50; // milliseconds of a frame, at least
const SIDE = 44;
const KEPT = 4000; // points of the curves

/** The iterations of which an exported copy has a frame; null where any may be asked for. */
const STOPS = grids?.network?.steps.map(Number) ?? null;

function noCurves() {
  return { at: [], train: [], validation: [], batchAt: [], batch: [] };
}

/** Fill `host` with the scene; `warn` says what is the matter. */
export function showNetwork(host, warn) {
  const page = Math.random().toString(36).slice(2);
  let frame = null;
  let rows = null;
  let choices = grids ? CHOICES : null;
  let playing = false;
  let busy = false;
  let again = false;
  let chosen = null; // [hidden layer, unit] whose output is shown, or null for the answer
  let curves = noCurves();
  let speeds = [];

  const settings = new Settings("network", DEFAULTS, () => renew());
  settings.along = { steps: null };
  const network = el("canvas", { class: "network", role: "img", "aria-label": n("network_chart") });
  const plane = el("canvas", { class: "plane", role: "img", "aria-label": n("answer_chart") });
  const curveChart = new Chart(n("answer_chart"), { wide: 460, tall: 420 });
  const losses = new Chart(n("loss_chart"), { wide: 460, tall: 240 });
  const spread = new Histograms();
  const stand = el("p", { class: "words" });
  const pace = el("p", { class: "soft small" });
  const status = el("p", { class: "soft", role: "status" });
  const measured = el("table", {});
  const notes = el("div", { class: "soft small" });
  const copy = copies();
  const shown = choice(n("show"), [["", n("answer")]], { value: "", changed: (text) => { chosen = text ? text.split(",").map(Number) : null; draw(); } });
  const shownTitle = el("h2", {}, n("answer_chart"));
  const numbers = grids ? null : numbersPanel();

  const play = button(n("play"), () => (playing ? pause() : start()));
  let perFrame = 60;
  const speed = slider(n("speed"), { low: 1, high: 1000, log: true, value: perFrame, show: (value) => String(Math.round(value)), changed: (value) => (perFrame = Math.round(value)) });
  const player = el(
    "div",
    { class: "group" },
    play,
    button(n(grids ? "next" : "step"), () => go(1)),
    !grids && button(n("epoch"), () => go(frame ? frame.each - (frame.iteration % frame.each) : 1)),
    button(n("reset"), () => settings.set({ steps: "0" })),
  );
  const at = grids && settings.slider("steps", n("iteration"), {});
  const controls = networkControls(settings, warn, () => (choices = grids ? CHOICES : null));
  lay(host, {
    title: n("title"), look: n("look"), ask: n("ask"),
    controls: [player, at, ...controls.nodes, grids ? null : speed],
    buttons: controls.buttons,
    charts: [
      el("figure", { class: "both" }, el("h2", {}, n("network_chart")), network, el("figcaption", {}, n("weight_lines"))),
      el("figure", {}, shownTitle, plane, curveChart.svg, el("figcaption", {}, n("legend")), shown.node),
      panel(n("loss_chart"), losses, legend(), pace, el("h3", {}, n("measured")), el("div", { class: "wide", role: "region", tabindex: 0, "aria-label": n("measured") }, measured), notes),
      el("section", {}, el("h2", {}, n("spread_chart")), spread.node, el("p", { class: "soft small" }, n("spread_help"))),
    ],
    below: numbers?.node,
    copy,
  });
  host.querySelector(".show").prepend(stand, status);
  network.addEventListener("click", (event) => {
    const unit = unitAt(event);
    if (unit) choose(chosen && chosen[0] === unit[0] && chosen[1] === unit[1] ? null : unit);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  addEventListener("resize", () => draw());
  renew();

  function legend() {
    const key = (name, words) => el("span", { class: "key" }, el("span", { class: `dash ${name}`, "aria-hidden": "true" }), words);
    return el("p", { class: "row small" }, key("b1", n("train")), key("b2", n("validation")), key("b0", n("batch")));
  }

  function ask(steps) {
    return question("frame", "network", { ...settings.texts, steps, page });
  }

  /** The network at this iteration: the server may need several questions for it, and a copy has frames on the way. */
  async function arrive(steps) {
    let found = null;
    for (const at of STOPS?.filter((one) => one <= steps) ?? [steps]) {
      found = await ask(at);
      while (!again && !STOPS && found.iteration < found.wanted && !found.diverged) found = await ask(at);
      grow(found);
    }
    return found;
  }

  /** The settings have changed: begin anew, at the iteration that they say. Of changes meanwhile, the last counts. */
  async function renew() {
    pause();
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      const slow = setTimeout(() => (status.textContent = n("busy")), 300);
      try {
        choices ??= await question("choices", "network", settings.get("target") ? { target: settings.get("target") } : {});
        rows = await question("rows", "network", settings.texts);
        curves = noCurves();
        chosen = null;
        const first = await arrive(settings.number("steps"));
        offerUnits(first);
        show(first);
        warn("");
      } catch (error) {
        warn(error.message);
        choices ??= CHOICES;
      } finally {
        clearTimeout(slow);
        status.textContent = "";
      }
      controls.renew(choices, rows);
    }
    busy = false;
    numbers?.renew();
  }

  function offerUnits(first) {
    const units = first.units.flatMap((layer, at) => layer.map((_, unit) => [`${at},${unit}`, n("unit", { layer: at + 1, unit: unit + 1 })]));
    shown.offer([["", n("answer")], ...units], "");
  }

  function choose(unit) {
    chosen = unit;
    shown.set(unit ? unit.join(",") : "");
    draw();
  }

  function start() {
    if (!frame || playing) return;
    playing = true;
    play.textContent = n("pause");
    loop();
  }

  function pause() {
    if (!playing) return;
    playing = false;
    play.textContent = n("play");
  }

  async function loop() {
    while (playing) {
      const begun = performance.now();
      await go(perFrame, true);
      const rest = FRAME - (performance.now() - begun);
      await new Promise((done) => (rest > 0 ? setTimeout(done, rest) : requestAnimationFrame(done)));
      speeds = [...speeds.slice(-19), performance.now() - begun];
      const mean = speeds.reduce((sum, one) => sum + one, 0) / speeds.length;
      if (!grids) pace.textContent = n("rate", { frames: figure(1000 / mean, 2), iterations: perFrame });
    }
    settings.keep();
    numbers?.renew();
  }

  /** Train for so many iterations more; in a copy, go on to the next frame. */
  async function go(iterations, inLoop = false) {
    if (busy || !frame || (playing && !inLoop)) return;
    const wanted = STOPS ? STOPS.find((one) => one > frame.wanted) : frame.iteration + iterations;
    if (wanted === undefined) return pause();
    busy = true;
    const slow = setTimeout(() => (status.textContent = n("busy")), 700);
    try {
      const next = await ask(wanted);
      if (!again) {
        grow(next);
        show(next);
      }
      warn(next.diverged ? n("diverged") : "");
      if (next.diverged) pause();
    } catch (error) {
      pause();
      warn(error.message);
    } finally {
      clearTimeout(slow);
      status.textContent = "";
      busy = false;
    }
    if (again) renew();
    else if (!inLoop) {
      settings.keep();
      numbers?.renew();
    }
  }

  /** The curves get the losses of one more frame. */
  function grow(next) {
    curves.at.push(next.iteration);
    curves.train.push(next.metrics.train.loss);
    curves.validation.push(next.metrics.validation?.loss ?? null);
    next.losses.forEach((loss, place) => {
      curves.batchAt.push(next.before + ((place + 1) * (next.iteration - next.before)) / next.losses.length);
      curves.batch.push(loss);
    });
    for (const [at, ...series] of [["at", "train", "validation"], ["batchAt", "batch"]]) {
      if (curves[at].length > KEPT) for (const key of [at, ...series]) curves[key] = curves[key].filter((_, place) => place % 2);
    }
  }

  function show(next) {
    frame = next;
    const stand = STOPS ? next.wanted : next.iteration;
    if (stand) settings.texts.steps = String(stand);
    else delete settings.texts.steps;
    at?.set(stand);
    copy.show(next);
    draw();
  }

  function draw() {
    if (!frame || !rows) return;
    const palette = colours();
    drawUnits(palette);
    const isCurve = rows.inputs.length === 1;
    plane.hidden = isCurve;
    curveChart.svg.toggleAttribute("hidden", !isCurve);
    shownTitle.textContent = chosen ? n("unit_chart", { unit: n("unit", { layer: chosen[0] + 1, unit: chosen[1] + 1 }) }) : n("answer_chart");
    if (isCurve) drawCurve(curveChart, frame, rows, chosen);
    else drawPlane(plane, palette, frame, rows, chosen);
    drawLosses(losses, curves, frame.iteration);
    spread.draw(frame.spread);
    say();
  }

  function sizes() {
    const outputs = frame.weights.at(-1).kernel[0].length;
    return [rows.inputs.length, ...frame.units.map((layer) => layer.length), outputs];
  }

  function placesOf() {
    const all = sizes();
    const tall = Math.max(150, Math.max(...all) * (SIDE + 12) + 30);
    const wide = network.parentElement.clientWidth || 460;
    const places = layout(all, wide, tall, Math.min(SIDE, wide / (all.length * 1.6)));
    rows.inputs.forEach((name, place) => (places[0][place].name = name));
    places.at(-1).forEach((place, at) => (place.name = rows.classes.length ? rows.classes[at] ?? "" : rows.target));
    return { places, wide, tall };
  }

  function drawUnits(palette) {
    const { places, wide, tall } = placesOf();
    network.style.height = `${tall}px`;
    drawNetwork(prepare(network, wide, tall), palette, frame, places, chosen);
  }

  function unitAt(event) {
    const { places } = placesOf();
    const box = network.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    for (let layer = 1; layer < places.length - 1; layer++) {
      const unit = places[layer].findIndex((place) => Math.abs(place.x - x) <= place.side / 2 && Math.abs(place.y - y) <= place.side / 2);
      if (unit >= 0) return [layer - 1, unit];
    }
    return null;
  }

  function say() {
    const size = frame.batch.length;
    stand.textContent = n("stand", { iteration: figure(frame.iteration), epoch: figure(Math.round(frame.epoch * 100) / 100), each: figure(frame.each), size: settings.get("batch_size") === "full" ? n("full") : settings.get("batch_size") });
    const names = Object.keys(frame.metrics.train).slice(0, 3);
    const cells = (part) => names.map((name) => el("td", { class: "number" }, figure(frame.metrics[part][name], 4)));
    fill(
      measured,
      el("thead", {}, el("tr", {}, el("td", {}), names.map((name) => el("th", { scope: "col", class: "number" }, name)))),
      el("tbody", {}, Object.keys(frame.metrics).map((part) => el("tr", {}, el("th", { scope: "row" }, n(part)), cells(part)))),
    );
    if (size) fill(notes, rows.notes.map((note) => el("p", {}, note)));
  }

  /** The next iteration with all its numbers, for a row of the batch; asked for while it is open and nothing plays. */
  function numbersPanel() {
    const body = el("div", {});
    let row = 0;
    const chooser = slider(n("row"), { low: 1, high: 2, value: 1, show: String, changed: (place) => { row = place - 1; renewNumbers(); } });
    const node = el("details", { class: "numbers" }, el("summary", {}, n("numbers")), chooser.node, body);
    node.addEventListener("toggle", () => renewNumbers());
    async function renewNumbers() {
      if (!node.open || !frame || playing || busy) return;
      const at = frame.iteration;
      try {
        const found = await question("chain", "network", { ...settings.texts, steps: at, page, row });
        if (!frame || frame.iteration !== at) return;
        row = Math.min(row, found.rows.length - 1);
        chooser.set(row + 1, Math.max(2, found.rows.length));
        fill(body, found.passages.map((part) => [el("h3", {}, part.title[language]), el("pre", { tabindex: 0 }, part.lines.join("\n"))]));
      } catch (error) {
        fill(body, el("p", { class: "banner" }, error.message));
      }
    }
    return { node, renew: renewNumbers };
  }
}
