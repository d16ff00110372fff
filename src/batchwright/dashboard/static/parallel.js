// Parallel coordinates: an upright axis for each setting, a line for each trial; a trial can be pointed at and reached by keys.

import { draw, el, figure } from "/static/pages/dom.js";
import { t } from "./texts.js";

const WIDTH = 960;
const HEIGHT = 340;
const TOP = 34;
const BOTTOM = 24;
const BEST = 5;
const WIDE = 30;

/** Where the values of an axis are, from 0 at the bottom to 1, and the words at its ends. */
export function axisOf(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.every((value) => typeof value === "number")) {
    const low = Math.min(...known);
    const high = Math.max(...known);
    const log = low > 0 && high / low > WIDE;
    const at = (value) => (log ? Math.log(value) : value);
    const place = (value) => (typeof value !== "number" ? null : high === low ? 0.5 : (at(value) - at(low)) / (at(high) - at(low)));
    return { place, ends: [figure(low), figure(high)], names: [] };
  }
  const names = [...new Set(known.map((value) => JSON.stringify(value)))];
  const place = (value) => (value === null || value === undefined ? null : names.length === 1 ? 0.5 : names.indexOf(JSON.stringify(value)) / (names.length - 1));
  return { place, ends: ["", ""], names };
}

/** The picture of all trials, best first; `open` is given the trial that is clicked, or chosen by Enter. */
export function parallel(ranked, keys, objective, open) {
  const columns = [...keys.map((key) => [key, ranked.map((one) => one.settings[key])]), [objective, ranked.map((one) => one.value)]];
  const gap = WIDTH / columns.length;
  const axes = columns.map(([key, values], which) => ({ key, values, x: gap * (which + 0.5), ...axisOf(values) }));
  const y = (share) => HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  const said = el("p", { class: "small soft readout", "aria-live": "polite" });
  const picture = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "parallel", role: "img", "aria-label": t("parallel") });
  const paths = ranked.map((one, rank) => {
    const points = axes.map((axis) => [axis.x, axis.place(axis.values[rank])]).filter(([, share]) => share !== null && Number.isFinite(share));
    const path = draw("path", { d: points.map(([x, share], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y(share).toFixed(1)}`).join(""), class: rank < BEST ? "best" : "" });
    path.addEventListener("mouseenter", () => see(rank));
    path.addEventListener("click", () => open(one));
    return path;
  });
  picture.append(...[...paths].reverse());
  for (const axis of axes) {
    picture.append(draw("line", { x1: axis.x, x2: axis.x, y1: TOP, y2: HEIGHT - BOTTOM, class: "axis" }));
    picture.append(draw("text", { x: axis.x, y: 14, "text-anchor": "middle" }, axis.key.length > 26 ? `…${axis.key.slice(-25)}` : axis.key));
    picture.append(draw("text", { x: axis.x, y: TOP - 6, "text-anchor": "middle" }, axis.ends[1]), draw("text", { x: axis.x, y: HEIGHT - 8, "text-anchor": "middle" }, axis.ends[0]));
    axis.names.forEach((name, place) => picture.append(draw("text", { x: axis.x + 6, y: y(axis.names.length === 1 ? 0.5 : place / (axis.names.length - 1)) + 4 }, name.length > 20 ? `${name.slice(0, 19)}…` : name)));
  }
  let seen = -1;
  function see(rank) {
    paths[seen]?.classList.remove("seen");
    seen = rank;
    paths[rank].classList.add("seen");
    paths[rank].parentNode.append(paths[rank]);
    const one = ranked[rank];
    said.textContent = `${t("trial")} ${one.number}: ${keys.map((key) => `${key} ${JSON.stringify(one.settings[key])}`).join(", ")}; ${objective} ${figure(one.value)}`;
  }
  const host = el("div", { tabIndex: 0, role: "group", "aria-label": t("parallel"), onkeydown: (event) => {
    if (event.key === "Enter" && seen >= 0) open(ranked[seen]);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    see(Math.min(Math.max(seen + step, 0), ranked.length - 1));
  } }, picture);
  return el("div", {}, host, said);
}
