// The choice of a learning-rate schedule, and the epochs and rates of the one that is given by hand.

import { entry } from "./controls.js";
import { t } from "./texts.js";

const SCHEDULES = [
  "constant", "inverse_time", "exponential", "inverse_sqrt", "staircase", "polynomial", "cosine", "cosine_restarts",
  "warmup", "one_cycle", "reduce_on_plateau", "piecewise",
];
const POINTS = "schedule.points";
const FIRST = "[[10,0.05],[20,0.01]]";

/** The controls; none in an exported copy, which has no schedules. `warn` says what is the matter. */
export function scheduleControls(settings, warn) {
  const chosen = settings.choice("schedule", t("schedule"), SCHEDULES.map((name) => [name, name]), (name) => settings.set({ ...noNumbers(settings), schedule: name, [POINTS]: name === "piecewise" ? FIRST : null }));
  if (!chosen) return [];
  const pieces = entry(t("pieces"), (text) => {
    const points = pointsOf(text);
    if (points) settings.set({ [POINTS]: JSON.stringify(points) });
    else warn(t("pieces_wrong"));
  });
  settings.shown.push(() => {
    pieces.node.hidden = settings.get("schedule") !== "piecewise";
    pieces.set(written(settings.get(POINTS)));
  });
  return [chosen, pieces];
}

/** The numbers of a schedule do not go with another one. */
function noNumbers(settings) {
  return Object.fromEntries(Object.keys(settings.texts).filter((key) => key.startsWith("schedule.")).map((key) => [key, null]));
}

/** "10: 0.05, 20: 0.01" as pairs; null if it is not that. */
function pointsOf(text) {
  const pairs = text.split(",").map((pair) => pair.split(":").map((part) => (part.trim() ? Number(part) : NaN)));
  return pairs.every((pair) => pair.length === 2 && pair.every((number) => number >= 0)) ? pairs : null;
}

function written(points) {
  try {
    return JSON.parse(points).map((pair) => pair.join(": ")).join(", ");
  } catch {
    return points;
  }
}
