// The controls of the small network: its points or columns, its layers, and how it is trained.

import { el, fill } from "/static/pages/dom.js";
import { button, choice } from "./controls.js";
import { n } from "./network_texts.js";
import { RULES } from "./panel.js";
import { grids } from "./source.js";

const NOISE = { moons: 0.15, circles: 0.08, spirals: 0.03, xor: 0, sine: 0.1, step: 0.1, bump: 0.1 };
const ACTIVATIONS = ["tanh", "relu", "sigmoid", "leaky_relu", "gelu", "silu", "identity"];
const MOST_LAYERS = 4;
const MOST_UNITS = 8;

/** What may be chosen where the server does not say so. */
export const CHOICES = { data: grids?.network?.data ?? Object.keys(NOISE), table: null };

/** The controls; `renew(choices, rows)` shows them as the settings are, `retarget` is told of another target. */
export function networkControls(settings, warn, retarget) {
  let choices = CHOICES;
  let rows = null;
  const named = (names) => names.map((name) => [name, name]);
  const data = choice(n("data"), named(choices.data), { value: settings.get("data"), changed: (name) => settings.set({ data: name, noise: null, inputs: null, target: null, steps: null }) });
  const across = choice(n("inputs_1"), [], { value: "", changed: () => columns() });
  const up = choice(n("inputs_2"), [], { value: "", changed: () => columns() });
  const target = choice(n("target"), [], { value: "", changed: (name) => { retarget(); settings.set({ target: name, inputs: null, steps: null }); } });
  const noise = settings.slider("noise", n("noise"), { low: 0, high: 0.6, step: 0.01, value: 0.1 });
  const layers = el("div", { class: "units", role: "group", "aria-label": n("layers") });
  const batch = settings.slider("batch_size", n("batch_size"), {
    low: 1, high: 150, value: 10, show: (size) => (rows && size >= rows.training ? n("full") : String(size)),
    changed: (size) => settings.set({ batch_size: rows && size >= rows.training ? "full" : size, steps: null }),
  });
  const table = el("div", { class: "columns" }, across.node, up.node, target.node);
  const nodes = [
    data, table, noise,
    grids ? settings.choice("layers", n("layers"), named(grids.network.layers)) : el("div", { class: "choice" }, el("span", { class: "name" }, n("layers")), layers),
    settings.choice("activation", n("activation"), named(ACTIVATIONS)),
    settings.choice("batch_normalization", n("batch_normalization"), [["false", n("off")], ["true", n("on")]]),
    settings.slider("dropout", n("dropout"), { low: 0, high: 0.8, step: 0.05 }),
    settings.choice("rule", n("rule"), named(RULES)),
    settings.slider("learning_rate", n("learning_rate"), { low: 0.0001, high: 10, log: true }),
    batch,
  ];
  const buttons = [settings.next("seed", n("seed")), settings.next("points_seed", n("points_seed")), button(n("clear"), () => settings.clear())];

  function columns() {
    const [first, second] = [across, up].map((one) => one.node.querySelector("select").value);
    if (first === second) return warn(n("two"));
    return settings.set({ inputs: JSON.stringify([first, second].filter(Boolean)), steps: null });
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

  function renew(nowChoices, nowRows) {
    [choices, rows] = [nowChoices, nowRows];
    const isTable = settings.get("data") === "table";
    settings.renew();
    data.offer(choices.data.map((name) => [name, name === "table" ? n("table", { name: choices.table.name }) : name]), settings.get("data"));
    table.hidden = !isTable;
    if (isTable && choices.table) renewColumns();
    if (noise) noise.node.hidden = isTable;
    if (noise && settings.get("noise") === "") noise.set(NOISE[settings.get("data")] ?? 0);
    if (batch && rows) batch.set(settings.get("batch_size") === "full" ? rows.training : settings.number("batch_size"), rows.training);
    renewLayers();
  }

  function renewColumns() {
    const offered = named(choices.table.numbers);
    const [first, second] = inputNames();
    across.offer(offered, first ?? "");
    up.offer([["", n("none")], ...offered], second ?? "");
    target.offer(named(choices.table.targets), choices.table.target);
  }

  function renewLayers() {
    const sizes = settings.get("layers").split(",").filter((text) => text.trim()).map(Number);
    const set = (next) => settings.set({ layers: next.join(","), steps: null });
    const press = (what, words, attributes) => el("button", { type: "button", "data-what": what, ...attributes }, words);
    const focused = document.activeElement?.dataset?.what;
    fill(
      layers,
      sizes.map((size, at) => el(
        "div",
        { class: "unit" },
        el("span", {}, n("layer", { n: at + 1 })),
        press(`fewer${at}`, "−", { disabled: size <= 1, "aria-label": n("fewer", { n: at + 1 }), onclick: () => set(sizes.with(at, size - 1)) }),
        el("output", {}, String(size)),
        press(`more${at}`, "+", { disabled: size >= MOST_UNITS, "aria-label": n("more", { n: at + 1 }), onclick: () => set(sizes.with(at, size + 1)) }),
      )),
      el(
        "div",
        { class: "group" },
        press("add", n("add_layer"), { disabled: sizes.length >= MOST_LAYERS, onclick: () => set([...sizes, 4]) }),
        press("remove", n("remove_layer"), { disabled: !sizes.length, onclick: () => set(sizes.slice(0, -1)) }),
      ),
    );
    if (focused) layers.querySelector(`[data-what="${CSS.escape(focused)}"]`)?.focus();
  }

  return { nodes, buttons, renew };
}
