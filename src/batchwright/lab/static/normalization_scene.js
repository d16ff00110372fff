// Batch normalization: what the layers of a network get with it and without, the losses, and where it fails.

import { el } from "/static/pages/dom.js";
import { language } from "/static/pages/language.js";
import { Chart, logRange } from "./chart.js";
import { button } from "./controls.js";
import { lay, legend, panel } from "./frame.js";
import { b } from "./normalization_texts.js";
import { Settings, copies, follow, say } from "./panel.js";
import { question } from "./source.js";
import { t } from "./texts.js";

const DEFAULTS = { data: "moons", layers: "4", activation: "sigmoid", batch_size: "16", steps: "300", learning_rate: "0.1", seed: "0", points_seed: "0" };
const SIZES = ["1", "2", "4", "8", "16", "32", "64", "full"];
const DATA = ["moons", "circles", "spirals", "xor", "sine", "step", "bump"];
const LOOKS = {
  with: { class: "curve s0" },
  without: { class: "curve s1", "stroke-dasharray": "7 3" },
  batch: { class: "curve s3", "stroke-dasharray": "2 3" },
};

/** Fill `host` with the scene; `warn` says what is the matter. */
export function showNormalization(host, warn) {
  let answer = null;
  let compared = { key: "", found: new Map() };
  const settings = new Settings("normalization", DEFAULTS, () => renew());
  const layers = new Chart(b("layer_chart"));
  const loss = new Chart(b("loss_chart"));
  const sizes = new Chart(b("size_chart"));
  const words = el("div", { class: "words", "aria-live": "polite" });
  const formula = el("p", { class: "formula" });
  const progress = el("p", { class: "soft small", role: "status" });
  const copy = copies();

  const size = settings.choice("batch_size", b("batch_size"), SIZES.map((one) => [one, one === "full" ? b("full") : one]));
  const activation = settings.choice("activation", b("activation"), ["sigmoid", "tanh", "relu"].map((name) => [name, name]));
  const data = settings.choice("data", b("data"), DATA.map((name) => [name, name]));
  const sliders = {
    layers: settings.slider("layers", b("layers"), { low: 1, high: 4 }),
    steps: settings.slider("steps", b("steps"), { low: 0, high: 2000, step: 20 }),
    learning_rate: settings.slider("learning_rate", b("learning_rate"), { low: 0.001, high: 3, log: true }),
  };
  const compare = button(b("compare"), () => compareAll());
  const keys = (...names) => legend(names.map((name) => [LOOKS[name], b(name)]));
  lay(host, {
    title: t("normalization"), look: b("look"), ask: b("ask"), why: b("why"),
    controls: [size, ...Object.values(sliders), activation, data],
    buttons: [settings.next("points_seed", b("points")), settings.next("seed", b("seed")), button(b("reset"), () => settings.clear())],
    charts: [
      panel(b("layer_chart"), layers, keys("with", "without"), b("layer_help")),
      panel(b("loss_chart"), loss, keys("with", "without"), b("loss_help")),
      panel(b("size_chart"), sizes, keys("with", "without", "batch"), el("div", { class: "group" }, compare), progress, b("size_help")),
    ],
    said: [words, formula],
    copy,
  });

  const renew = follow(settings, warn, (found) => {
    answer = found;
    size.offer([...new Set([...settings.values("batch_size", SIZES), settings.get("batch_size")])].map((one) => [one, one === "full" ? b("full") : one]), settings.get("batch_size"));
    formula.textContent = answer.formula[language];
    say(words, answer.words);
    copy.show(answer);
    keep(settings.get("batch_size"), answer);
    drawLayers();
    drawLosses();
    drawSizes();
  });

  /** Losses of a batch size; they are forgotten when any other setting changes. */
  function keep(batch, found) {
    if (compared.key !== keyOf()) compared = { key: keyOf(), found: new Map() };
    const rows = batch === "full" ? found.rows : Math.min(Number(batch), found.rows);
    compared.found.set(rows, { with: found.normal.train.at(-1), without: found.plain.train.at(-1), batch: found.normal.batch_loss });
  }

  function keyOf() {
    return JSON.stringify({ ...settings.texts, batch_size: "" });
  }

  /** One training after the other, so that the page can be used meanwhile; another setting ends it. */
  async function compareAll() {
    const key = keyOf();
    compare.disabled = true;
    try {
      for (const one of settings.values("batch_size", answer.batch_sizes).map(String)) {
        if (key !== keyOf()) break;
        progress.textContent = b("comparing", { size: one === "full" ? b("full") : one });
        const found = await question("answer", "normalization", { ...settings.texts, batch_size: one });
        if (key !== keyOf()) break;
        keep(one, found);
        drawSizes();
      }
    } catch (error) {
      warn(error.message);
    }
    progress.textContent = "";
    compare.disabled = false;
  }

  function drawLayers() {
    const nets = [[answer.normal, "with", -0.06], [answer.plain, "without", 0.06]];
    const ends = nets.flatMap(([net]) => net.means.flatMap((mean, at) => [mean - net.deviations[at], mean + net.deviations[at]])).filter(Number.isFinite);
    const reach = 1.1 * Math.max(0.1, ...ends.map(Math.abs));
    const count = answer.normal.means.length;
    layers.plane({ range: [0.5, count + 0.5], name: b("layer") }, { range: [-reach, reach], name: b("input") });
    for (const [net, name, beside] of nets) {
      net.means.forEach((mean, at) => {
        if (mean === null || net.deviations[at] === null) return;
        const place = at + 1 + beside;
        layers.line([place, place], [mean - net.deviations[at], mean + net.deviations[at]], LOOKS[name]);
        layers.dot(place, mean, { class: name === "with" ? "f0" : "f1", r: 4 });
      });
    }
  }

  function drawLosses() {
    const steps = answer.normal.iterations;
    loss.plane({ range: [0, Math.max(1, ...steps, ...answer.plain.iterations)], name: b("iteration") }, { range: logRange([...answer.normal.train, ...answer.plain.train]), log: true, name: b("loss") });
    loss.line(steps, answer.normal.train, LOOKS.with);
    loss.line(answer.plain.iterations, answer.plain.train, LOOKS.without);
  }

  function drawSizes() {
    const tried = [...compared.found.keys()].sort((one, other) => one - other);
    const all = tried.map((one) => compared.found.get(one));
    sizes.plane({ range: [0.9, 1.1 * answer.rows], log: true, name: b("batch_size") }, { range: logRange(all.flatMap((one) => Object.values(one))), log: true, name: b("loss") });
    for (const [name, look] of Object.entries(LOOKS)) {
      const losses = all.map((one) => one[name]);
      sizes.line(tried, losses, look);
      tried.forEach((one, at) => losses[at] !== null && sizes.dot(one, losses[at], { class: look.class.replace("curve s", "f") }));
    }
  }

  renew();
}
