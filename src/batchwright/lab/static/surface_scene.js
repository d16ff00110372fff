// Two weights: rules started at once from where one clicks, over the levels of a surface.

import { draw, el, figure, fill } from "/static/pages/dom.js";
import { language } from "/static/pages/language.js";
import { Chart, look, padded } from "./chart.js";
import { button, choice } from "./controls.js";
import { lay, panel, sample } from "./frame.js";
import { RULES, Settings, copies, follow, player, say } from "./panel.js";
import { scheduleControls } from "./schedule.js";
import { grids, latest, question } from "./source.js";
import { t } from "./texts.js";

const DEFAULTS = { surface: "valley", rule: "all", learning_rate: "tuned", steps: "60", schedule: "constant", batch_size: "full", seed: "0" };
const SURFACES = ["bowl", "valley", "saddle", "rosenbrock", "beale", "ravine", "regression"];
const SOONER = ["adam", "sgd,momentum,rmsprop,adam"];
const BATCHES = ["full", "64", "16", "4", "1"];

/** Each rule is a program of its own, so that one is there long before all. */
function sooner(settings) {
  return grids || settings.get("rule") !== "all" ? [] : SOONER.map((rule) => ({ ...settings.texts, rule }));
}

/** Fill `host` with the scene; `warn` says what is the matter. */
export function showSurface(host, warn) {
  let answer = null;
  let levels = null;
  let levelsOf = "";
  let picked = "adam";
  const hidden = new Set();
  const settings = new Settings("surface", DEFAULTS, () => renew());
  const map = new Chart(t("surface_chart"), { wide: 520, tall: 460 });
  const curve = new Chart(t("curve_chart"), { tall: 260 });
  const state = new Chart(t("state_chart", { rule: "" }), { tall: 240 });
  const data = new Chart(t("data"), { tall: 240 });
  const legend = el("ul", { class: "legend", "aria-label": t("rules") });
  const words = el("div", { class: "words", "aria-live": "polite" });
  const formula = el("p", { class: "formula" });
  const copy = copies();
  const play = player(() => answer && drawAll(play.at));
  const stateTitle = el("h2", {});
  const stateKeys = el("ul", { class: "legend" });

  const pick = choice(t("state_of"), RULES.map((name) => [name, name]), { value: picked, changed: (name) => { picked = name; drawAll(play.at); sayWords(); } });
  const way = !grids && choice(t("learning_rate"), [["tuned", t("tuned")], ["given", t("given")]], {
    value: settings.get("learning_rate") === "tuned" ? "tuned" : "given",
    changed: (how) => settings.set({ learning_rate: how === "tuned" ? "tuned" : "0.05" }),
  });
  const rate = settings.slider("learning_rate", t("learning_rate"), {
    low: 0.0001, high: 3, log: true, value: 0.05, words: (value) => (value === "tuned" ? t("tuned") : value),
  });
  const batch = settings.choice("batch_size", t("batch_size"), BATCHES.map((rows) => [rows, rows === "full" ? t("full") : rows]), (rows) => settings.set({ batch_size: answer?.points[0].length && Number(rows) >= answer.points[0].length ? "full" : rows }));
  const momentum = settings.slider("optimizer.momentum", t("momentum"), { low: 0.05, high: 0.99, step: 0.01, value: 0.9 });
  const decay = settings.slider("optimizer.beta_1", t("beta_1"), { low: 0, high: 0.99, step: 0.01, value: 0.9 });
  const place = settings.choice("surface", t("surface_name"), SURFACES.map((name) => [name, name]), (name) => settings.set({ surface: name, start: null, points: null, batch_size: null }));
  const start = grids && settings.choice("start", t("start"), grids.surface.start.map((where) => [where, where || "—"]));
  const controls = [
    place, start, way, rate, momentum, decay, batch,
    settings.slider("steps", t("steps"), { low: 1, high: 400 }),
    ...scheduleControls(settings, warn),
    pick,
  ];
  const noise = settings.next("seed", t("noise_seed"));
  const dataPanel = panel(t("data"), data, !grids && t("points_help"));
  const all = button(t("all"), () => { hidden.clear(); drawAll(play.at); });
  const none = button(t("none"), () => { RULES.forEach((name) => hidden.add(name)); drawAll(play.at); });
  lay(host, {
    title: t("surface"), look: t("surface_look"), ask: t("surface_ask"), why: t("surface_why"),
    controls: [...controls, ...play.nodes],
    buttons: [noise, button(t("reset"), () => { hidden.clear(); settings.clear(); })],
    charts: [
      panel(t("surface_chart"), map, !grids && t("click_help"), legend, el("div", { class: "row" }, all, none)),
      el("div", {}, panel(t("curve_chart"), curve), el("section", {}, stateTitle, state.svg, stateKeys), dataPanel),
    ],
    said: [words, formula],
    copy,
  });

  const renew = follow(settings, warn, (found) => {
    answer = found;
    if (!answer.paths.some((path) => path.rule === picked)) picked = answer.paths[0].rule;
    pick.offer(answer.paths.map((path) => [path.rule, path.rule]), picked);
    const tuned = settings.get("learning_rate") === "tuned";
    if (way) {
      way.set(tuned ? "tuned" : "given");
      rate.node.hidden = tuned;
      rate.mark(answer.limits ? [[2 / answer.limits.steepest, t("limit")]] : []);
    }
    const any = (...names) => answer.paths.some((path) => names.includes(path.rule));
    if (momentum) momentum.node.hidden = !any("momentum", "nesterov", "muon");
    if (decay) decay.node.hidden = !any("adam", "amsgrad", "adamw", "nadam", "lion");
    dataPanel.hidden = !answer.points[0].length;
    if (batch) batch.node.hidden = !answer.points[0].length && answer.surface !== "ravine";
    if (noise) noise.hidden = batch?.node.hidden ?? true;
    formula.textContent = answer.formula[language];
    sayWords();
    copy.show(answer);
    play.renew(Math.max(...answer.paths.map((path) => path.losses.length - 1)));
    renewLevels();
  }, sooner);

  const renewLevels = latest(async () => {
    const texts = Object.fromEntries(["surface", "start", "points"].filter((key) => settings.texts[key]).map((key) => [key, settings.texts[key]]));
    const key = JSON.stringify([answer.surface, answer.points, answer.view]);
    if (key === levelsOf) return;
    try {
      levels = await question("levels", "surface", texts);
      levelsOf = key;
      drawAll(play.at);
    } catch (error) {
      warn(error.message);
    }
  });

  function sayWords() {
    say(words, (answer.words[picked] ?? []).map((one) => ({ en: `${picked}: ${one.en}`, zh: `${picked}：${one.zh}` })));
  }

  function drawAll(at) {
    drawMap(at);
    drawCurves(at);
    drawState(at);
    drawLegend();
    if (!dataPanel.hidden) drawData(at);
  }

  function drawMap(at) {
    map.plane({ range: answer.view[0], name: "w₁" }, { range: answer.view[1], name: "w₂" });
    if (levels && JSON.stringify(levels.view) === JSON.stringify(answer.view)) drawLevels();
    for (const [order, path] of shown()) {
      const points = path.points.slice(0, at + 1);
      const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
      if (path.rule === picked) map.line(xs, ys, { class: "halo" });
      map.line(xs, ys, { ...look(order), class: `${look(order).class}${path.rule === picked ? "" : " thin"}` });
      map.dot(xs.at(-1), ys.at(-1), { class: `f${order % 6}`, r: path.rule === picked ? 6 : 4 });
    }
    if (answer.minimum) {
      const [x, y] = [map.across(answer.minimum[0]), map.down(answer.minimum[1])];
      map.add("path", { class: "minimum", d: `M${x - 5} ${y}h10M${x} ${y - 5}v10` });
    }
    if (grids) return map.dot(answer.start[0], answer.start[1], { class: "grip start", r: 6 });
    map.grips([answer.start], { label: (_, x, y) => t("start_at", { x: `${figure(x, 3)}, ${figure(y, 3)}` }), moved: (_, x, y) => begin(x, y) });
    map.handles.firstElementChild.classList.add("start");
    return null;
  }

  function drawLevels() {
    const fit = `translate(${map.left} ${map.top}) scale(${map.w / 1000} ${map.h / 1000})`;
    const group = draw("g", { transform: fit });
    for (const level of levels.levels) {
      if (level.area) group.append(draw("path", { d: level.area, class: "area" }, draw("title", {}, `> ${level.loss}`)));
      if (level.line) group.append(draw("path", { d: level.line, class: "level" }, draw("title", {}, level.loss)));
    }
    map.layer.append(group);
  }

  function begin(x, y) {
    settings.set({ start: [x, y].map((value) => Number(value.toPrecision(4))).join(",") });
  }

  if (!grids) {
    map.svg.classList.add("clickable");
    map.svg.addEventListener("click", (event) => {
      if (!answer || event.target.closest(".grip")) return;
      const [x, y] = map.at(event);
      if (x >= map.x.range[0] && x <= map.x.range[1] && y >= map.y.range[0] && y <= map.y.range[1]) begin(x, y);
    });
  }

  /** The paths that are not hidden, each with its place; the picked one last, so that it is on top. */
  function shown() {
    const all = answer.paths.map((path, order) => [order, path]).filter(([, path]) => !hidden.has(path.rule));
    return [...all.filter(([, path]) => path.rule !== picked), ...all.filter(([, path]) => path.rule === picked)];
  }

  function drawCurves(at) {
    const paths = shown();
    const all = paths.flatMap(([, path]) => path.losses).filter(Number.isFinite);
    const lowest = Math.min(...all, answer.paths[0].losses[0]);
    const shift = lowest <= 0 ? lowest : 0;
    const first = answer.paths[0].losses[0] - shift;
    const positive = all.map((loss) => loss - shift).filter((loss) => loss > 0);
    const low = Math.max(Math.min(...positive, first), first * 1e-9);
    curve.plane({ range: [0, Math.max(1, ...answer.paths.map((path) => path.losses.length - 1))], name: t("step") }, { range: [low * 0.7, Math.max(Math.min(Math.max(...positive, first), first * 100), low) * 1.4], log: true, name: shift ? `${t("loss")} − (${figure(shift, 3)})` : t("loss") });
    for (const [order, path] of paths) {
      const losses = path.losses.map((loss) => Math.max(loss - shift, low * 0.5));
      curve.line(losses.map((_, step) => step), losses, { ...look(order), class: `${look(order).class}${path.rule === picked ? "" : " thin"}` });
    }
    curve.mark({ x: at });
  }

  function drawState(at) {
    const path = answer.paths.find((one) => one.rule === picked);
    const names = Object.keys(path.states);
    stateTitle.textContent = names.length ? t("state_chart", { rule: picked }) : t("no_state", { rule: picked });
    state.svg.toggleAttribute("hidden", !names.length);
    stateKeys.hidden = !names.length;
    if (!names.length) return;
    const lines = names.flatMap((name) => [0, 1].map((weight) => [`${name} w${weight ? "₂" : "₁"}`, path.states[name].map((row) => row[weight])]));
    const all = lines.flatMap(([, values]) => values).filter(Number.isFinite);
    const [low, high] = [Math.min(0, ...all), Math.max(0, ...all)];
    state.plane({ range: [0, Math.max(1, path.losses.length - 1)], name: t("step") }, { range: [low, high > low ? high : low + 1], name: "" });
    lines.forEach(([name, values], order) => {
      state.line(values.map((_, step) => step + 1), values, look(order));
      const last = Math.max(0, Math.min(at, values.length) - 1);
      if (values.length) state.dot(last + 1, values[last], { class: `f${order % 6}`, r: 4 });
    });
    const now = (values) => figure(values[Math.max(0, Math.min(at, values.length) - 1)], 3);
    fill(stateKeys, lines.map(([name, values], order) => el("li", {}, el("span", { class: "key" }, sample(look(order)), `${name} = ${now(values)}`))));
  }

  function drawLegend() {
    fill(
      legend,
      answer.paths.map((path, order) => {
        const box = el("input", { type: "checkbox", checked: !hidden.has(path.rule), onchange: () => { if (box.checked) hidden.delete(path.rule); else hidden.add(path.rule); drawAll(play.at); [...legend.querySelectorAll("input")][order].focus(); } });
        const end = path.ended === "diverged" ? ` — ${t("end_diverged")}` : "";
        return el("li", {}, el("label", {}, box, sample(look(order)), el("span", {}, `${t("rate_of", { rule: path.rule, rate: figure(path.rate, 3) })}${end}`)));
      }),
    );
  }

  function drawData(at) {
    const [xs, ys] = answer.points;
    const pad = (low, high, share) => [low - share * (high - low || 1), high + share * (high - low || 1)];
    data.plane({ range: pad(Math.min(0, ...xs), Math.max(...xs), 0.08), name: "x" }, { range: pad(Math.min(0, ...ys), Math.max(...ys), 0.15), name: "y" });
    for (const [order, path] of shown()) {
      const [w, b] = path.points[Math.min(at, path.points.length - 1)];
      const [low, high] = data.x.range;
      data.line([low, high], [w * low + b, w * high + b], { ...look(order), class: `${look(order).class} thin` });
    }
    if (grids) return xs.forEach((x, place) => data.dot(x, ys[place], { class: "f0", r: 5 }));
    const label = (place, x, y) => t("point", { n: place + 1, x: figure(x, 3), y: figure(y, 3) });
    return data.grips(xs.map((x, place) => [x, ys[place]]), { label, moved });
  }

  function moved(place, x, y) {
    const points = answer.points[0].map((value, at) => [value, answer.points[1][at]]);
    points[place] = [x, y];
    const short = (value) => String(Number(value.toPrecision(4)));
    settings.set({ points: points.map((pair) => pair.map(short).join(",")).join(" ") });
  }

  renew();
}
