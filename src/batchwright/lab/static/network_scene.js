// A small network, live: it is trained by the server, a few iterations a frame, and drawn here.

import { el, figure, fill } from "/static/pages/dom.js";
import { Chart } from "./chart.js";
import { button, choice, slider } from "./controls.js";
import { answerColour, classColour, colours, css, drawNetwork, drawPoints, drawSurface, layout, prepare, signedColour, unitColour, unpack } from "./network_picture.js";
import { n } from "./network_texts.js";
import { RULES, Settings, copies } from "./panel.js";
import { question } from "./source.js";

const DEFAULTS = {
  data: "moons", noise: "", rows: "200", points_seed: "0", inputs: "", target: "", layers: "4,2", activation: "tanh", batch_normalization: "false",
  dropout: "0", rule: "adam", learning_rate: "0.03", batch_size: "10", seed: "0", steps: "0",
};
const NOISE = { moons: 0.15, circles: 0.08, spirals: 0.03, xor: 0, sine: 0.1, step: 0.1, bump: 0.1 };
const ACTIVATIONS = ["tanh", "relu", "sigmoid", "leaky_relu", "gelu", "silu", "identity"];
const MOST_LAYERS = 4;
const MOST_UNITS = 8;
const FRAME = 50; // milliseconds of a frame, at least
const SIDE = 44;
const KEPT = 4000; // points of the curves

/** Fill `host` with the scene; `warn` says what is the matter. */
export function showNetwork(host, warn) {
  const page = Math.random().toString(36).slice(2);
  let frame = null;
  let rows = null;
  let choices = null;
  let playing = false;
  let busy = false;
  let again = false;
  let chosen = null; // [hidden layer, unit] whose output is shown, or null for the answer
  let curves = { at: [], train: [], validation: [], batchAt: [], batch: [] };
  let speeds = [];

  const settings = new Settings("network", DEFAULTS, () => renew());
  const network = el("canvas", { class: "network", role: "img", "aria-label": n("network_chart") });
  const plane = el("canvas", { class: "plane", role: "img", "aria-label": n("answer_chart") });
  const curveChart = new Chart(n("answer_chart"), { wide: 460, tall: 420 });
  const losses = new Chart(n("loss_chart"), { wide: 460, tall: 240 });
  const stand = el("p", { class: "words" });
  const pace = el("p", { class: "soft small" });
  const status = el("p", { class: "soft", role: "status" });
  const measured = el("table", {});
  const notes = el("div", { class: "soft small" });
  const copy = copies();
  const shown = choice(n("show"), [["", n("answer")]], { value: "", changed: (text) => { chosen = text ? text.split(",").map(Number) : null; draw(); } });
  const shownTitle = el("h2", {}, n("answer_chart"));
  const numbers = numbersPanel();

  const play = button(n("play"), () => (playing ? pause() : start()));
  let perFrame = 60;
  const speed = slider(n("speed"), { low: 1, high: 1000, log: true, value: perFrame, show: (value) => String(Math.round(value)), changed: (value) => (perFrame = Math.round(value)) });
  const player = el(
    "div",
    { class: "group" },
    play,
    button(n("step"), () => go(1)),
    button(n("epoch"), () => go(frame ? frame.each - (frame.iteration % frame.each) : 1)),
    button(n("reset"), () => settings.set({ steps: "0" })),
  );
  const controls = makeControls();
  fill(
    host,
    el("h1", {}, n("title")),
    el("p", {}, n("look")),
    el("p", { class: "ask" }, n("ask")),
    el(
      "div",
      { class: "lab" },
      el("div", { class: "controls" }, player, controls.node),
      el(
        "div",
        { class: "show" },
        stand,
        status,
        el(
          "div",
          { class: "charts" },
          el("figure", { class: "both" }, el("h2", {}, n("network_chart")), network, el("figcaption", {}, n("weight_lines"))),
          el("figure", {}, shownTitle, plane, curveChart.svg, el("figcaption", {}, n("legend")), shown.node),
          el("figure", {}, el("h2", {}, n("loss_chart")), losses.svg, legend(), pace, el("h3", {}, n("measured")), el("div", { class: "wide" }, measured), notes),
        ),
      ),
    ),
    numbers.node,
    copy.node,
  );
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

  function makeControls() {
    const data = choice(n("data"), [["moons", "moons"]], { value: settings.get("data"), changed: (name) => settings.set({ data: name, noise: null, inputs: null, target: null, steps: null }) });
    const across = choice(n("inputs_1"), [], { value: "", changed: () => columns() });
    const up = choice(n("inputs_2"), [], { value: "", changed: () => columns() });
    const target = choice(n("target"), [], { value: "", changed: (name) => { choices = null; settings.set({ target: name, inputs: null, steps: null }); } });
    const noise = slider(n("noise"), { low: 0, high: 0.6, step: 0.01, value: 0.1, changed: (value) => settings.set({ noise: value, steps: null }) });
    const layers = el("div", { class: "units", role: "group", "aria-label": n("layers") });
    const activation = choice(n("activation"), ACTIVATIONS.map((name) => [name, name]), { value: settings.get("activation"), changed: (name) => settings.set({ activation: name, steps: null }) });
    const normal = choice(n("batch_normalization"), [["false", n("off")], ["true", n("on")]], { value: settings.get("batch_normalization"), changed: (on) => settings.set({ batch_normalization: on, steps: null }) });
    const dropout = slider(n("dropout"), { low: 0, high: 0.8, step: 0.05, value: settings.number("dropout"), changed: (value) => settings.set({ dropout: value, steps: null }) });
    const rule = choice(n("rule"), RULES.map((name) => [name, name]), { value: settings.get("rule"), changed: (name) => settings.set({ rule: name, steps: null }) });
    const rate = slider(n("learning_rate"), { low: 0.0001, high: 10, log: true, value: settings.number("learning_rate"), changed: (value) => settings.set({ learning_rate: value, steps: null }) });
    const batch = slider(n("batch_size"), {
      low: 1, high: 150, value: 10, show: (size) => (rows && size >= rows.training ? n("full") : String(size)),
      changed: (size) => settings.set({ batch_size: rows && size >= rows.training ? "full" : size, steps: null }),
    });
    const table = el("div", { class: "columns" }, across.node, up.node, target.node);
    const made = el("div", { class: "group" });
    fill(
      made,
      button(n("seed"), () => settings.set({ seed: settings.number("seed") + 1, steps: null })),
      button(n("points_seed"), () => settings.set({ points_seed: settings.number("points_seed") + 1, steps: null })),
      button(n("clear"), () => settings.clear()),
    );
    const node = [data.node, table, noise.node, el("div", { class: "choice" }, el("span", { class: "name" }, n("layers")), layers), activation.node, normal.node, dropout.node, rule.node, rate.node, batch.node, speed.node, made];

    function columns() {
      const [first, second] = [across, up].map((one) => one.node.querySelector("select").value);
      if (first === second) return warn(n("two"));
      settings.set({ inputs: JSON.stringify([first, second].filter(Boolean)), steps: null });
    }

    /** The columns that the settings name, or those that are taken if they name none. */
    function inputNames() {
      const text = settings.get("inputs");
      try {
        return text ? JSON.parse(text) : choices.table.numbers.slice(0, 2);
      } catch {
        return text.split(",");
      }
    }

    /** The controls as the settings are. */
    function renewControls() {
      const isTable = settings.get("data") === "table";
      data.offer(choices.data.map((name) => [name, name === "table" ? n("table", { name: choices.table.name }) : name]), settings.get("data"));
      table.hidden = !isTable;
      noise.node.hidden = isTable;
      noise.set(settings.get("noise") === "" ? NOISE[settings.get("data")] ?? 0 : settings.number("noise"));
      if (isTable && choices.table) {
        const offered = choices.table.numbers.map((name) => [name, name]);
        const [first, second] = inputNames();
        across.offer(offered, first ?? "");
        up.offer([["", n("none")], ...offered], second ?? "");
        target.offer(choices.table.targets.map((name) => [name, name]), choices.table.target);
      }
      for (const [one, key] of [[activation, "activation"], [normal, "batch_normalization"], [rule, "rule"]]) one.set(settings.get(key));
      rate.set(settings.number("learning_rate"));
      dropout.set(settings.number("dropout"));
      if (rows) batch.set(settings.get("batch_size") === "full" ? rows.training : settings.number("batch_size"), rows.training);
      renewLayers();
    }

    function renewLayers() {
      const sizes = sizesOf();
      const set = (next) => settings.set({ layers: next.join(","), steps: null });
      const focused = document.activeElement?.dataset?.what;
      fill(
        layers,
        sizes.map((size, at) => el(
          "div",
          { class: "unit" },
          el("span", {}, n("layer", { n: at + 1 })),
          named("button", { type: "button", disabled: size <= 1, "aria-label": n("fewer", { n: at + 1 }), onclick: () => set(sizes.with(at, size - 1)) }, `fewer${at}`, "−"),
          el("output", {}, String(size)),
          named("button", { type: "button", disabled: size >= MOST_UNITS, "aria-label": n("more", { n: at + 1 }), onclick: () => set(sizes.with(at, size + 1)) }, `more${at}`, "+"),
        )),
        el(
          "div",
          { class: "group" },
          named("button", { type: "button", disabled: sizes.length >= MOST_LAYERS, onclick: () => set([...sizes, 4]) }, "add", n("add_layer")),
          named("button", { type: "button", disabled: !sizes.length, onclick: () => set(sizes.slice(0, -1)) }, "remove", n("remove_layer")),
        ),
      );
      if (focused) layers.querySelector(`[data-what="${CSS.escape(focused)}"]`)?.focus();
    }

    function named(name, attributes, what, words) {
      return el(name, { ...attributes, "data-what": what }, words);
    }

    return { node, renew: renewControls };
  }

  function sizesOf() {
    return settings.get("layers").split(",").filter((text) => text.trim()).map(Number);
  }

  /** Ask for the network at this iteration; what it needs several questions for is gone through frame by frame. */
  async function ask(steps, whole) {
    return question("frame", "network", { ...settings.texts, steps, page, whole: whole ? "1" : "0" });
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
        let first = await ask(settings.get("steps"), true);
        rows = first.rows;
        while (!again && first.iteration < first.wanted && !first.diverged) first = await ask(first.wanted, false);
        curves = { at: [], train: [], validation: [], batchAt: [], batch: [] };
        chosen = null;
        offerUnits(first);
        take(first);
        warn("");
      } catch (error) {
        warn(error.message);
        choices ??= { data: Object.keys(NOISE), table: null };
      } finally {
        clearTimeout(slow);
        status.textContent = "";
      }
      controls.renew();
    }
    busy = false;
    numbers.renew();
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
      pace.textContent = n("rate", { frames: figure(1000 / mean, 2), iterations: perFrame });
    }
    settings.keep();
    numbers.renew();
  }

  /** Train for so many iterations more. */
  async function go(iterations, inLoop = false) {
    if (busy || !frame || (playing && !inLoop)) return;
    busy = true;
    const slow = setTimeout(() => (status.textContent = n("busy")), 700);
    try {
      const next = await ask(frame.iteration + iterations, false);
      if (!again) take(next);
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
      numbers.renew();
    }
  }

  /** A new frame: the curves grow, and all is drawn. */
  function take(next) {
    frame = next;
    if (next.iteration) settings.texts.steps = String(next.iteration);
    else delete settings.texts.steps;
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
    if (isCurve) drawCurve();
    else drawPlane(palette);
    drawLosses();
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

  function drawPlane(palette) {
    const wide = Math.min(plane.parentElement.clientWidth || 460, 460);
    const tall = wide;
    plane.style.height = `${tall}px`;
    plane.style.width = `${wide}px`;
    const context = prepare(plane, wide, tall);
    const box = [44, 8, wide - 52, tall - 44];
    const colour = chosen ? unitColour(palette, frame.units[chosen[0]][chosen[1]]) : answerColour(palette, frame.answers);
    drawSurface(context, frame.grid, colour, box);
    const [[left, right], [low, high]] = rows.view;
    const place = ([x, y]) => [box[0] + ((x - left) / (right - left)) * box[2], box[1] + (1 - (y - low) / (high - low)) * box[3]];
    const [least, most] = [Math.min(...rows.targets), Math.max(...rows.targets)];
    const colourOf = (target) => (rows.classes.length ? classColour(palette, target) : signedColour(palette, (2 * (target - least)) / (most - least || 1) - 1));
    drawPoints(context, palette, rows, frame.batch, place, colourOf);
    context.fillStyle = css(palette.soft);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "alphabetic";
    for (const [value, align] of [[left, "left"], [right, "right"]]) {
      context.textAlign = align;
      context.fillText(figure(value, 3), place([value, low])[0], tall - 20);
    }
    context.textAlign = "center";
    context.fillText(rows.inputs[0], box[0] + box[2] / 2, tall - 6, box[2]);
    context.textAlign = "right";
    for (const value of [low, high]) context.fillText(figure(value, 3), box[0] - 4, place([left, value])[1] + (value === high ? 10 : 0), 40);
    context.save();
    context.translate(11, box[1] + box[3] / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(rows.inputs[1], 0, 0, box[3] - 60);
    context.restore();
  }

  function drawCurve() {
    const [[left, right]] = rows.view;
    const across = Array.from({ length: frame.grid[0] }, (_, place) => left + ((right - left) * place) / (frame.grid[0] - 1));
    const ups = chosen ? Array.from(unpack(frame.units[chosen[0]][chosen[1]]), (one) => (one - 128) / 127) : frame.answers.curve ?? [];
    const targets = rows.targets;
    const pad = 0.1 * (Math.max(...targets) - Math.min(...targets) || 1);
    const range = chosen ? [-1.1, 1.1] : rows.classes.length ? [-0.1, rows.classes.length - 0.9] : [Math.min(...targets) - pad, Math.max(...targets) + pad];
    curveChart.plane({ range: [left, right], name: rows.inputs[0] }, { range, name: chosen ? n("unit_chart", { unit: "" }) : rows.target });
    if (!chosen) {
      const batch = new Set(frame.batch);
      rows.points.forEach(([x], row) => curveChart.dot(x, targets[row], { class: row < rows.training ? "f0" : "hollow", r: batch.has(row) ? 6 : 3.2, opacity: batch.has(row) ? 1 : 0.7 }));
      (frame.answers.classes ?? []).forEach((packed, place) => curveChart.line(across, Array.from(unpack(packed), (one) => (one / 255) * Math.max(1, rows.classes.length - 1)), { class: `curve s${place % 6}` }));
    }
    if (ups.length) curveChart.line(across, ups, { class: "curve s1" });
  }

  function drawLosses() {
    const all = [...curves.train, ...curves.validation, ...curves.batch].filter((loss) => loss > 0);
    if (!all.length) return;
    const low = Math.max(1e-12, all.reduce((least, one) => Math.min(least, one)));
    const high = Math.min(all.reduce((most, one) => Math.max(most, one)), 1e6);
    losses.plane({ range: [curves.at[0], Math.max(frame.iteration, curves.at[0] + 1)], name: n("iteration") }, { range: [low * 0.8, high * 1.25 + 1e-12], log: true, name: n("loss") });
    losses.line(curves.batchAt, curves.batch, { class: "curve s0 thin pale" });
    losses.line(curves.at, curves.validation, { class: "curve s2", "stroke-dasharray": "6 3" });
    losses.line(curves.at, curves.train, { class: "curve s1" });
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
        const language = document.documentElement.lang === "zh" ? "zh" : "en";
        fill(body, found.passages.map((part) => [el("h3", {}, part.title[language]), el("pre", { tabindex: 0 }, part.lines.join("\n"))]));
      } catch (error) {
        fill(body, el("p", { class: "banner" }, error.message));
      }
    }
    return { node, renew: renewNumbers };
  }
}
