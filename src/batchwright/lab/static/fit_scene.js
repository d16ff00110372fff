// Over- and underfitting: a curve with noise, the losses by epoch, and the U of the validation loss by capacity.

import { draw, el, fill } from "/static/pages/dom.js";
import { Chart } from "./chart.js";
import { button } from "./controls.js";
import { f } from "./fit_texts.js";
import { Settings, copies, follow, say } from "./panel.js";
import { question } from "./source.js";
import { t } from "./texts.js";

const DEFAULTS = {
  data: "sine", model: "polynomial", capacity: "4", rows: "20", noise: "0.3", dropout: "0", epochs: "400", patience: "0",
  learning_rate: "0.03", points_seed: "0", seed: "0",
};
const TOP = { polynomial: 20, network: 64 };
const LOOKS = { train: { class: "curve s0" }, validation: { class: "curve s1", "stroke-dasharray": "7 3" } };

/** Fill `host` with the scene; `warn` says what is the matter. */
export function showFit(host, warn) {
  let answer = null;
  let compared = { key: "", losses: new Map() };
  const settings = new Settings("fit", DEFAULTS, () => renew());
  const curve = new Chart(f("curve_chart"));
  const loss = new Chart(f("loss_chart"));
  const sizes = new Chart(f("u_chart"));
  const words = el("div", { class: "words", "aria-live": "polite" });
  const formula = el("p", { class: "formula" });
  const progress = el("p", { class: "soft small", role: "status" });
  const copy = copies();

  const model = settings.choice("model", f("model"), ["polynomial", "network"].map((name) => [name, f(name)]), (name) =>
    settings.set({ model: name, capacity: name === "network" ? 16 : 4, dropout: 0 }));
  const degree = settings.slider("capacity", f("degree"), { low: 1, high: TOP.polynomial });
  const width = settings.slider("capacity", f("width"), { low: 1, high: TOP.network });
  const sliders = {
    rows: settings.slider("rows", f("rows"), { low: 8, high: 500, log: true, changed: (rows) => settings.set({ rows: Math.round(rows) }) }),
    noise: settings.slider("noise", f("noise"), { low: 0, high: 1, step: 0.05 }),
    dropout: settings.slider("dropout", f("dropout"), { low: 0, high: 0.9, step: 0.05 }),
    epochs: settings.slider("epochs", f("epochs"), { low: 10, high: 2000, step: 10 }),
    patience: settings.slider("patience", f("patience"), { low: 0, high: 200, step: 10, show: (epochs) => (epochs ? String(epochs) : f("off")) }),
    learning_rate: settings.slider("learning_rate", f("learning_rate"), { low: 0.001, high: 1, log: true }),
  };
  const data = settings.choice("data", f("data"), ["sine", "step", "bump"].map((name) => [name, f(name)]));
  const compare = button(f("compare"), () => compareAll());
  const next = (key) => button(f(key === "seed" ? "seed" : "points"), () => settings.set({ [key]: settings.number(key) + 1 }));
  fill(
    host,
    el("h1", {}, t("fit")),
    el("p", {}, f("look")),
    el("p", { class: "ask" }, f("ask")),
    el(
      "div",
      { class: "lab" },
      el("div", { class: "controls" }, [degree, width, model, data, ...Object.values(sliders)].map((one) => one.node),
        el("div", { class: "group" }, next("points_seed"), next("seed"), button(f("reset"), () => settings.clear()))),
      el(
        "div",
        { class: "show" },
        el(
          "div",
          { class: "charts" },
          panel("curve", curve),
          panel("loss", loss, legend()),
          panel("u", sizes, el("div", { class: "group" }, compare), progress),
        ),
        words,
        formula,
        el("p", {}, f("why")),
      ),
    ),
    copy.node,
  );

  const renew = follow(settings, warn, (found) => {
    answer = found;
    const network = settings.get("model") === "network";
    degree.node.hidden = network;
    width.node.hidden = sliders.dropout.node.hidden = !network;
    for (const one of [degree, width]) one.set(settings.number("capacity"));
    for (const [key, one] of Object.entries(sliders)) one.set(settings.number(key));
    model.set(settings.get("model"));
    data.set(settings.get("data"));
    formula.textContent = answer.formula[document.documentElement.lang === "zh" ? "zh" : "en"];
    say(words, answer.words);
    copy.show(answer);
    keep(settings.number("capacity"), answer.losses);
    drawCurve();
    drawLosses();
    drawSizes();
  });

  /** Losses of a capacity; they are forgotten when any other setting changes. */
  function keep(capacity, losses) {
    if (compared.key !== keyOf()) compared = { key: keyOf(), losses: new Map() };
    if (losses.every((one) => one !== null)) compared.losses.set(capacity, losses);
  }

  function keyOf() {
    return JSON.stringify({ ...settings.texts, capacity: "" });
  }

  /** One training after the other, so that the page can be used meanwhile; another setting ends it. */
  async function compareAll() {
    const key = keyOf();
    compare.disabled = true;
    try {
      for (const capacity of answer.capacities) {
        if (key !== keyOf()) break;
        progress.textContent = f("comparing", { capacity });
        const found = await question("answer", "fit", { ...settings.texts, capacity });
        if (key !== keyOf()) break;
        keep(capacity, found.losses);
        drawSizes();
      }
    } catch (error) {
      warn(error.message);
    }
    progress.textContent = "";
    compare.disabled = false;
  }

  function drawCurve() {
    const [[xs, ys], [newX, newY]] = answer.points;
    const [low, high] = [Math.min(...ys, ...answer.truth), Math.max(...ys, ...answer.truth)];
    curve.plane({ range: [-1, 1], name: "x" }, { range: [low - 0.3 * (high - low), high + 0.3 * (high - low)], name: "y" });
    newX.forEach((x, at) => curve.dot(x, newY[at], { class: "s1 pale", r: 2, fill: "none" }));
    curve.line(answer.places, answer.truth, { class: "mark" });
    curve.line(answer.places, answer.curve, { class: "curve s2" });
    xs.forEach((x, at) => curve.dot(x, ys[at], { class: "f0", r: 3.5 }));
  }

  function drawLosses() {
    const { train, validation, best, noise } = answer;
    const epochs = validation.map((_, at) => at + 1);
    loss.plane({ range: [1, Math.max(2, epochs.length)], name: f("epoch") }, { range: rangeOf([...train, ...validation, noise]), log: true, name: f("loss") });
    if (best) mark(loss, best);
    if (noise > 0) loss.line(loss.x.range, [noise, noise], { class: "mark" });
    loss.line(epochs, train, LOOKS.train);
    loss.line(epochs, validation, LOOKS.validation);
  }

  function drawSizes() {
    const network = settings.get("model") === "network";
    const tried = [...compared.losses.keys()].sort((one, other) => one - other);
    const losses = tried.map((capacity) => compared.losses.get(capacity));
    sizes.plane(
      { range: [1, TOP[network ? "network" : "polynomial"]], log: network, name: f(network ? "width" : "degree") },
      { range: rangeOf([...losses.flat(), answer.noise]), log: true, name: f("loss") },
    );
    mark(sizes, settings.number("capacity"));
    if (answer.noise > 0) sizes.line(sizes.x.range, [answer.noise, answer.noise], { class: "mark" });
    ["train", "validation"].forEach((part, place) => {
      sizes.line(tried, losses.map((pair) => pair[place]), LOOKS[part]);
      tried.forEach((capacity, at) => sizes.dot(capacity, losses[at][place], { class: `f${place}` }));
    });
  }

  renew();
}

/** An upright line at a place. */
function mark(chart, at) {
  chart.line([at, at], chart.y.range, { class: "mark" });
}

/** The range of a logarithmic axis for what is above 0. */
function rangeOf(values) {
  const known = values.filter((value) => value !== null && value > 0);
  if (!known.length) return [0.01, 1];
  return [Math.min(...known) / 1.3, Math.max(...known) * 1.3];
}

function legend() {
  return el("ul", { class: "legend" }, ["train", "validation"].map((part) =>
    el("li", { class: "key" }, draw("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, draw("path", { d: "M0 5H26", ...LOOKS[part] })), el("span", {}, f(part)))));
}

function panel(name, chart, ...below) {
  return el("section", {}, el("h2", {}, f(`${name}_chart`)), chart.svg, below, el("p", { class: "soft small" }, f(`${name}_help`)));
}
