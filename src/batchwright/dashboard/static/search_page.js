// A search: its trials so far, when they were stopped, what mattered, and a line for each trial through its settings.

import { el, figure, fill, sessionOf } from "/static/pages/dom.js";
import { scroller } from "/static/pages/scrolling.js";
import { sortable } from "/static/pages/sorting.js";
import { Chart } from "./chart.js";
import { parallel } from "./parallel.js";
import { reportMaker } from "./report_maker.js";
import { t } from "./texts.js";
import { bestFirst, curveOf, follow, showSetting } from "./trials.js";
import { wordOf } from "./words.js";

const CURVES = 12;

function section(title, ...children) {
  return el("section", { "aria-label": title }, el("h2", {}, title), ...children);
}

function trialsTable(id, trials, keys, objective) {
  const head = [t("trial"), ...keys, objective, t("ending"), t("epochs_run")];
  const table = el("table", {}, el("thead", {}, el("tr", {}, head.map((words) => el("th", { scope: "col" }, words)))), el("tbody", {}, trials.map((one) => el("tr", {},
    el("th", { scope: "row", "data-value": String(one.number) }, el("a", { href: `/searches/${id}/trials/${one.number}`, "aria-label": `${t("trial")} ${one.number}` }, figure(one.number))),
    keys.map((key) => el("td", { class: "number", "data-value": one.settings[key] === undefined ? "" : String(one.settings[key]) }, showSetting(one.settings[key]))),
    el("td", { class: "number", "data-value": one.value === null ? "" : String(one.value) }, figure(one.value)), el("td", {}, wordOf("ending", one.ending)), el("td", { class: "number" }, figure(one.curve.length))))));
  sortable(table);
  return table;
}

function importanceTable(importance) {
  const rows = importance?.fanova;
  if (!Array.isArray(rows)) return el("p", { class: "soft" }, t("no_importance"));
  const percent = (value) => (typeof value === "number" ? `${figure(100 * value, 3)} %` : "");
  const table = el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("setting")), el("th", { scope: "col" }, t("share")), el("td", {}), el("th", { scope: "col" }, t("low")), el("th", { scope: "col" }, t("high")))), el("tbody", {}, rows.map((one) => el("tr", {}, el("th", { scope: "row" }, one.name), el("td", { class: "number" }, percent(one.share)), el("td", {}, el("meter", { min: "0", max: "1", value: String(one.share ?? 0), "aria-label": `${one.name} ${percent(one.share)}` })), el("td", { class: "number" }, percent(one.low)), el("td", { class: "number" }, percent(one.high))))));
  return [importance.sentence ? el("p", {}, importance.sentence) : null, scroller(t("importance"), table)];
}

/** After how many epochs trials were stopped, and how many went on. */
function halvingTable(trials) {
  const stops = new Map();
  for (const one of trials) if (one.ending !== "finished") stops.set(one.curve.length, (stops.get(one.curve.length) ?? 0) + 1);
  let left = trials.length;
  const rows = [...stops].sort(([a], [b]) => a - b).map(([epoch, count]) => {
    left -= count;
    return el("tr", {}, el("td", { class: "number" }, figure(epoch)), el("td", { class: "number" }, figure(count)), el("td", { class: "number" }, figure(left)));
  });
  if (!rows.length) return null;
  return el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "number" }, t("stopped_after")), el("th", { scope: "col", class: "number" }, t("number_of_trials")), el("th", { scope: "col", class: "number" }, t("goes_on")))), el("tbody", {}, rows));
}

/** Show the page. */
export async function show(host, id) {
  const chart = new Chart(t("curves"), { height: 260 });
  const head = el("div", {});
  const after = el("div", {});
  fill(host, head, section(t("curves"), chart.element, el("p", { class: "soft small" }, t("reading_help"))), after, reportMaker(id, (await sessionOf()).read_only));
  function draw(found) {
    const { row, trials, objective } = found;
    document.title = `${row.name} · batchwright`;
    const ranked = bestFirst(found);
    const keys = [...new Set(trials.flatMap((one) => Object.keys(one.settings)))];
    fill(head, el("h1", {}, row.name), el("p", {}, el("span", { class: `status-${row.status}` }, wordOf("status", row.status)), ` · ${row.source} · ${t("progress", { done: trials.length, all: figure(row.trials) })}`), found.best ? el("p", {}, el("a", { href: `/runs/${found.best}` }, t("best"))) : null, found.plan.batch_size_reason ? el("p", { class: "soft" }, `${t("batch")} ${figure(found.plan.batch_size)}: ${found.plan.batch_size_reason}`) : null);
    chart.draw(() => ranked.filter((one) => one.curve.length).slice(0, CURVES).map(curveOf), { xLabel: t("epoch"), yLabel: objective, logX: false, logY: false, legend: true });
    const halving = halvingTable(trials);
    fill(after, section(t("importance"), importanceTable(found.importance)), trials.length ? section(t("parallel"), parallel(ranked, keys, objective, (one) => location.assign(`/searches/${id}/trials/${one.number}`))) : null, halving ? section(t("halving"), scroller(t("halving"), halving)) : null, section(t("trials"), scroller(t("trials"), trialsTable(id, ranked, keys, objective))));
  }
  await follow(id, draw);
}
