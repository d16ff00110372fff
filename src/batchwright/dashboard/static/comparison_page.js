// A comparison: the curves of its variants with bands over seeds, and what came of each.

import { ask, copyButton, el, figure, fill, sessionOf, span } from "/static/pages/dom.js";
import { scroller } from "/static/pages/scrolling.js";
import { sortable } from "/static/pages/sorting.js";
import { Chart } from "./chart.js";
import { Live } from "./live.js";
import { warn } from "./main.js";
import { band } from "./series.js";
import { reportMaker } from "./report_maker.js";
import { quote } from "./shell.js";
import { t } from "./texts.js";

function section(title, ...children) {
  return el("section", { "aria-label": title }, el("h2", {}, title), ...children);
}

/** The mean of the seeds with their extremes; the curve alone where there are no seeds. */
function lineOfVariant(one, place) {
  const epochs = (curve) => curve.map((_, epoch) => epoch + 1);
  const lines = one.curves_by_seed.filter((curve) => curve.length).map((curve) => ({ x: epochs(curve), y: curve }));
  const line = lines.length > 1 ? band(lines) : { x: epochs(one.curve), y: one.curve };
  return { label: one.name, ...line, place };
}

function variantsTable(variants) {
  const heads = ["name", "mean", "low_95", "high_95", "stable_from", "stable_to", "at_equal_seconds", "updates_to_target", "seconds_to_target", "seconds_per_epoch"];
  const cell = (value) => el("td", { class: "number", "data-value": value === null || value === undefined ? "" : String(value) }, figure(value));
  const row = (one) => el("tr", {}, el("th", { scope: "row" }, one.name), [one.validation.mean, one.validation.low, one.validation.high, one.stable_range?.[0], one.stable_range?.[1], one.at_equal_seconds, one.updates_to_target, one.seconds_to_target, one.seconds_per_epoch].map(cell));
  const table = el("table", {}, el("thead", {}, el("tr", {}, heads.map((key) => el("th", { scope: "col" }, t(key))))), el("tbody", {}, variants.map(row)));
  sortable(table);
  return scroller(t("variants"), table);
}

/** Show the page. */
export async function show(host, id) {
  const found = await ask(`/api/comparisons/${id}`);
  const { row, plan, variants } = found;
  const command = `batchwright report ${quote(row.path)} --html`;
  const chart = new Chart(t("lowest_so_far"), { height: 320 });
  document.title = `${row.name} · batchwright`;
  const facts = [row.source, plan.vary, `${t("seeds")}: ${figure(plan.seeds)}`, `${t("trials")}: ${figure(plan.trials)}`, span(found.seconds)].filter(Boolean);
  fill(host, el("h1", {}, row.name), el("p", { class: "soft" }, facts.join(" · ")), found.verdict ? el("p", {}, found.verdict) : null, Array.isArray(plan.notes) && plan.notes.length ? el("ul", {}, plan.notes.map((note) => el("li", {}, note))) : null,
    section(t("curves"), el("p", { class: "soft small" }, t("lowest_help")), chart.element, el("p", { class: "soft small" }, t("reading_help"))),
    section(t("variants"), variantsTable(variants)),
    section(t("commands"), el("pre", {}, command), copyButton(command, t("copy"), t("copied"))),
    reportMaker(id, (await sessionOf()).read_only));
  chart.draw(() => variants.map(lineOfVariant), { xLabel: t("epoch"), yLabel: t("lowest_so_far"), logX: false, logY: false, legend: true });
  let trouble = "";
  new Live(
    () => ({ runs: [id], columns: null, table: false }),
    (kind, event) => {
      if (kind !== "state") return;
      trouble = event.status === "gone" ? t("gone") : event.status === "unreadable" ? event.reason : "";
      warn(trouble);
    },
    (words) => warn(words || trouble),
  );
}
