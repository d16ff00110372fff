// What is around the charts of every scene: what to look for, the controls, the words, and the copies.

import { draw, el, fill } from "/static/pages/dom.js";

/** Fill `host` with a scene. A control or a button that is null, as in an exported copy, is left out. */
export function lay(host, { title, look, ask, why, controls, buttons, charts, said, below = [], copy }) {
  fill(
    host,
    el("h1", {}, title),
    el("p", {}, look),
    el("p", { class: "ask" }, ask),
    el(
      "div",
      { class: "lab" },
      el("div", { class: "controls" }, controls.map((one) => one && (one.node ?? one)), el("div", { class: "group" }, buttons)),
      el("div", { class: "show" }, el("div", { class: "charts" }, charts), said, why && el("p", {}, why)),
    ),
    below,
    copy.node,
  );
}

/** A chart with its title; strings below it are read as help. */
export function panel(title, chart, ...below) {
  const help = (one) => (typeof one === "string" ? el("p", { class: "soft small" }, one) : one);
  return el("section", {}, el("h2", {}, title), chart.svg, below.map(help));
}

/** A piece of a line of this look, beside its name. */
export function sample(look) {
  return draw("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, draw("path", { ...look, d: "M1 5h24" }));
}

/** Which line is which: pairs of a look and its words. */
export function legend(pairs) {
  return el("ul", { class: "legend" }, pairs.map(([look, words]) => el("li", { class: "key" }, sample(look), el("span", {}, words))));
}
