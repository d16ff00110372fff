// Over- and underfitting: a curve with noise, the losses by epoch, and the U of the validation loss by capacity.

import { el } from "/static/pages/dom.js";
import { language } from "/static/pages/language.js";
import { Chart, logRange } from "./chart.js";
import { button } from "./controls.js";
import { f } from "./fit_texts.js";
import { lay, legend, panel } from "./frame.js";
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
    patience: settings.slider("patience", f("patience"), { low: 0, high: 200, step: 10, show: (epochs) => (epochs ? String(epochs) : f("off")), words: (epochs) => (epochs === "0" ? f("off") : epochs) }),
    learning_rate: settings.slider("learning_rate", f("learning_rate"), { low: 0.001, high: 1, log: true }),
  };
  const data = settings.choice("data", f("data"), ["sine", "step", "bump"].map((name) => [name, f(name)]));
  const compare = button(f("compare"), () => compareAll());
  lay(host, {
    title: t("fit"), look: f("look"), ask: f("ask"), why: f("why"),
    controls: [degree, width, model, data, ...Object.values(sliders)],
    buttons: [settings.next("points_seed", f("points")), settings.next("seed", f("seed")), button(f("reset"), () => settings.clear())],
    charts: [
      panel(f("curve_chart"), curve, f("curve_help")),
      panel(f("loss_chart"), loss, legend(Object.entries(LOOKS).map(([part, look]) => [look, f(part)])), f("loss_help")),
      panel(f("u_chart"), sizes, el("div", { class: "group" }, compare), progress, f("u_help")),
    ],
    said: [words, formula],
    copy,
  });

  const renew = follow(settings, warn, (found) => {
    answer = found;
    const network = settings.get("model") === "network";
    degree.node.hidden = network;
    width.node.hidden = !network;
    if (sliders.dropout) sliders.dropout.node.hidden = !network;
    formula.textContent = answer.formula[language];
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
      for (const capacity of settings.values("capacity", answer.capacities).map(Number)) {
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
    loss.plane({ range: [1, Math.max(2, epochs.length)], name: f("epoch") }, { range: logRange([...train, ...validation, noise]), log: true, name: f("loss") });
    if (best) loss.mark({ x: best });
    if (noise > 0) loss.mark({ y: noise });
    loss.line(epochs, train, LOOKS.train);
    loss.line(epochs, validation, LOOKS.validation);
  }

  function drawSizes() {
    const network = settings.get("model") === "network";
    const tried = [...compared.losses.keys()].sort((one, other) => one - other);
    const losses = tried.map((capacity) => compared.losses.get(capacity));
    sizes.plane(
      { range: [1, TOP[network ? "network" : "polynomial"]], log: network, name: f(network ? "width" : "degree") },
      { range: logRange([...losses.flat(), answer.noise]), log: true, name: f("loss") },
    );
    sizes.mark({ x: settings.number("capacity") });
    if (answer.noise > 0) sizes.mark({ y: answer.noise });
    ["train", "validation"].forEach((part, place) => {
      sizes.line(tried, losses.map((pair) => pair[place]), LOOKS[part]);
      tried.forEach((capacity, at) => sizes.dot(capacity, losses[at][place], { class: `f${place}` }));
    });
  }

  renew();
}
