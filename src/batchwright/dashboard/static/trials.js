// Trials of a search: their order, their lines, their settings in words.

import { figure } from "/static/pages/dom.js";
import { t } from "./texts.js";

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
