// One weight: y = w·x on points that can be dragged, the line and the parabola side by side.

import { el, figure } from "/static/pages/dom.js";
import { language } from "/static/pages/language.js";
import { Chart, padded } from "./chart.js";
import { button } from "./controls.js";
import { lay, panel } from "./frame.js";
import { RULES, Settings, copies, follow, player, say } from "./panel.js";
import { scheduleControls } from "./schedule.js";
import { grids } from "./source.js";
import { t } from "./texts.js";

const DEFAULTS = { rule: "sgd", learning_rate: "0.05", steps: "30", schedule: "constant", batch_size: "full", seed: "0", until: "" };
const MOST_POINTS = 64;

/** Fill `host` with the scene; `warn` says what is the matter. */
export function showLine(host, warn) {
  let answer = null;
  const settings = new Settings("line", DEFAULTS, () => renew());
  const data = new Chart(t("data_chart"));
  const parabola = new Chart(t("loss_chart"));
  const curve = new Chart(t("curve_chart"), { tall: 200 });
  const cloud = new Chart(t("cloud_chart"), { tall: 120 });
  const words = el("div", { class: "words", "aria-live": "polite" });
  const formula = el("p", { class: "formula" });
  const numbers = el("p", { class: "formula" });
  const copy = copies();
  const play = player(() => answer && drawStep(play.at));

  const rate = settings.slider("learning_rate", t("learning_rate"), { low: 0.001, high: 3, log: true });
  const batch = settings.slider("batch_size", t("batch_size"), {
    low: 1, high: 6, value: 6, show: (rows) => (answer && rows < answer.points[0].length ? String(rows) : t("full")),
    words: (rows) => (rows === "full" ? t("full") : rows), changed: (rows) => settings.set({ batch_size: answer && rows < answer.points[0].length ? rows : "full" }),
  });
  const rule = settings.choice("rule", t("rule"), RULES.map((name) => [name, name]), (name) => settings.set({ rule: name, "optimizer.momentum": null }));
  const momentum = settings.slider("optimizer.momentum", t("momentum"), { low: 0.05, high: 0.99, step: 0.01, value: 0.9 });
  const controls = [
    rate, rule, momentum, batch,
    settings.slider("steps", t("steps"), { low: 1, high: 200 }),
    ...scheduleControls(settings, warn),
    settings.choice("until", t("until"), [["", t("until_steps")], ...["loss", "gradient", "step"].map((by) => [`${by}:1e-6`, t(`until_${by}`)])]),
  ];
  const points = settings.has("points") && [button(t("add"), add), button(t("remove"), remove)];
  lay(host, {
    title: t("line"), look: t("line_look"), ask: t("line_ask"), why: t("line_why"),
    controls: [...controls, ...play.nodes],
    buttons: [settings.next("seed", t("seed")), points, button(t("reset"), () => settings.clear())],
    charts: [
      panel(t("data_chart"), data, settings.has("points") && t("points_help")),
      panel(t("loss_chart"), parabola, settings.has("start") && t("start_help")),
      panel(t("curve_chart"), curve),
      panel(t("cloud_chart"), cloud),
    ],
    said: [words, formula, numbers],
    copy,
  });

  const renew = follow(settings, warn, (found) => {
    answer = found;
    const { limits } = answer;
    rate?.mark(limits ? [[1 / limits.steepest, t("best")], [2 / limits.steepest, t("limit")]] : []);
    if (!grids) batch.set(settings.get("batch_size") === "full" ? answer.points[0].length : settings.number("batch_size"), answer.points[0].length);
    if (momentum) momentum.node.hidden = !["momentum", "nesterov"].includes(settings.get("rule"));
    formula.textContent = answer.formula;
    say(words, answer.words);
    copy.show(answer);
    play.renew(answer.path.losses.length - 1);
  });

  function drawStep(at) {
    drawData(at);
    drawParabola(at);
    drawCurve(at);
    drawCloud(at);
    numbers.textContent = answer.at[at][language];
  }

  function drawData(at) {
    const [xs, ys] = answer.points;
    data.plane({ range: padded([0, ...xs], 0.08), name: "x" }, { range: padded([0, ...ys], 0.15), name: "y" });
    const [low, high] = data.x.range;
    const line = (w, look) => data.line([low, high], [w * low, w * high], look);
    line(answer.minimum[0], { class: "mark" });
    line(answer.path.points[0][0], { class: "curve s1 pale" });
    line(answer.path.points[at][0], { class: "curve s1" });
    const label = (place, x, y) => t("point", { n: place + 1, x: figure(x, 3), y: figure(y, 3) });
    if (settings.has("points")) data.grips(xs.map((x, place) => [x, ys[place]]), { label, moved });
    else xs.forEach((x, place) => data.dot(x, ys[place], { class: "f0", r: 5 }));
  }

  function drawParabola(at) {
    const [weights, losses] = answer.parabola;
    const { points, losses: path } = answer.path;
    parabola.plane({ range: [weights[0], weights.at(-1)], name: "w" }, { range: [0, 1.05 * Math.max(losses[0], losses.at(-1))], name: t("loss") });
    parabola.line(weights, losses, { class: "curve s0" });
    parabola.line(points.slice(0, at + 1).map(([w]) => w), path.slice(0, at + 1), { class: "curve s1 thin" });
    points.slice(0, at + 1).forEach(([w], step) => {
      parabola.dot(w, path[step], { class: "f1", r: step === at ? 5 : 2.5 });
      if (step) arrow(points[step - 1][0], path[step - 1], w, path[step]);
    });
    const [w, slope] = [points[at][0], answer.slopes[at]];
    const reach = (weights.at(-1) - weights[0]) / 6;
    if (slope !== null) parabola.line([w - reach, w + reach], [path[at] - slope * reach, path[at] + slope * reach], { class: "curve s2 thin" });
    const batches = answer.clouds[at] ?? [];
    if (batches.length > 1) {
      for (const one of batches) parabola.line([w - reach / 2, w + reach / 2], [path[at] - (one * reach) / 2, path[at] + (one * reach) / 2], { class: "curve s3 pale thin" });
    }
    if (!settings.has("start")) return;
    parabola.grips([[points[0][0], path[0]]], { label: (_, x) => t("start_at", { x: figure(x, 3) }), moved: (_, x) => settings.set({ start: Number(x.toPrecision(4)) }), upright: false });
    parabola.handles.firstElementChild.classList.add("start");
  }

  function arrow(x0, y0, x1, y1) {
    const [ax, ay, bx, by] = [parabola.across(x0), parabola.down(y0), parabola.across(x1), parabola.down(y1)];
    const long = Math.hypot(bx - ax, by - ay);
    if (!(long > 14)) return;
    const [ux, uy] = [(bx - ax) / long, (by - ay) / long];
    const [mx, my] = [ax + ux * long * 0.6, ay + uy * long * 0.6];
    parabola.add("path", { class: "f1", d: `M${mx + ux * 6} ${my + uy * 6}L${mx - uy * 4} ${my + ux * 4}L${mx + uy * 4} ${my - ux * 4}z` });
  }

  function drawCurve(at) {
    const { losses } = answer.path;
    const seen = losses.filter((loss) => loss > 0);
    if (!seen.length) seen.push(1); // the path begins at the minimum, and a logarithm shows no 0
    const low = Math.max(Math.min(...seen), 1e-12);
    curve.plane({ range: [0, Math.max(1, losses.length - 1)], name: t("step") }, { range: [low * 0.7, Math.max(...seen, low) * 1.4], log: true, name: t("loss") });
    curve.line(losses.map((_, step) => step), losses, { class: "curve s1" });
    if (losses[at] > 0) curve.dot(at, losses[at], { class: "f1", r: 5 });
  }

  function drawCloud(at) {
    const slope = answer.slopes[at];
    const batches = answer.clouds[at] ?? [];
    const all = [...batches, slope, 0].filter(Number.isFinite);
    cloud.plane({ range: padded(all, 0.08), name: t("gradient") }, { range: [0, 3], name: "" });
    cloud.axes.querySelectorAll('[text-anchor="end"]').forEach((label) => label.getAttribute("x") < cloud.left && label.remove());
    for (const one of batches) cloud.dot(one, 1, { class: "f3", r: 5, opacity: 0.6 });
    cloud.line([slope, slope], [0, 2], { class: "curve s2" });
    cloud.add("text", { x: cloud.across(slope) + 5, y: cloud.down(2) }, t("mean"));
  }

  /** Points as the settings write them. */
  function written(xs, ys) {
    const short = (value) => String(Number(value.toPrecision(4)));
    settings.set({ points: xs.map((x, place) => `${short(x)},${short(ys[place])}`).join(" ") });
  }

  function moved(place, x, y) {
    const [xs, ys] = answer.points.map((values) => [...values]);
    [xs[place], ys[place]] = [x, y];
    written(xs, ys);
  }

  function add() {
    const [xs, ys] = answer.points;
    if (xs.length >= MOST_POINTS) return;
    const x = Math.max(...xs) + 0.5;
    written([...xs, x], [...ys, answer.minimum[0] * x]);
  }

  function remove() {
    const [xs, ys] = answer.points;
    if (xs.length <= 1) return;
    if (settings.number("batch_size") >= xs.length - 1) delete settings.texts.batch_size; // all that are left
    written(xs.slice(0, -1), ys.slice(0, -1));
  }

  renew();
}
