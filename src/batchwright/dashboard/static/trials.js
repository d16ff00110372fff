// Trials of a search: as they come, their order, their lines, their settings in words.

import { ask, figure } from "/static/pages/dom.js";
import { warn } from "./main.js";
import { t } from "./texts.js";

const EVERY = 3000;

/** Draw a search now, and again whenever there is more of it. */
export async function follow(id, draw) {
  let seen = "";
  async function look() {
    if (document.hidden && seen) return;
    try {
      const found = await ask(`/api/searches/${id}`);
      warn("");
      const mark = JSON.stringify([found.trials.length, found.finished, found.row.status]);
      if (mark === seen) return;
      seen = mark;
      draw(found);
    } catch (error) {
      warn(error.message);
    }
  }
  await look();
  setInterval(look, EVERY);
}

/** The trials of a search, the best first; those without a value last. */
export function bestFirst({ trials, larger_is_better: larger }) {
  const sign = larger ? -1 : 1;
  return [...trials].sort((a, b) => (a.value === null) - (b.value === null) || sign * (a.value - b.value));
}

/** The line of a trial. */
export function curveOf(one, place) {
  return { label: `${t("trial")} ${one.number}`, x: one.curve.map((_, epoch) => epoch + 1), y: one.curve, place };
}

/** The value of a setting as a person reads it. */
export function showSetting(value) {
  if (value === undefined) return "";
  return typeof value === "number" ? figure(value) : typeof value === "string" ? value : JSON.stringify(value);
}
