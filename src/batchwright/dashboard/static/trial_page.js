// A trial of a search alone: its curve beside the best one's, its settings, and how it ended; it waits for one to come.

import { el, figure, fill } from "/static/pages/dom.js";
import { scroller } from "/static/pages/scrolling.js";
import { Chart } from "./chart.js";
import { t } from "./texts.js";
import { bestFirst, curveOf, follow, showSetting } from "./trials.js";
import { wordOf } from "./words.js";

/** The settings of a trial beside those of the best one. */
function settingsTable(one, best) {
  const keys = [...new Set([one, best].flatMap((trial) => Object.keys(trial.settings)))];
  const head = [t("setting"), `${t("trial")} ${one.number}`, ...(best === one ? [] : [t("best_trial", { n: best.number })])];
  const row = (key) => el("tr", {}, el("th", { scope: "row" }, key), (best === one ? [one] : [one, best]).map((trial) => el("td", {}, showSetting(trial.settings[key]))));
  return scroller(t("settings"), el("table", {}, el("thead", {}, el("tr", {}, head.map((words) => el("th", { scope: "col" }, words)))), el("tbody", {}, keys.map(row))));
}

/** Show the page. */
export async function show(host, id, number) {
  const chart = new Chart(t("curves"), { height: 300 });
  const head = el("div", {});
  const curves = el("section", { "aria-label": t("curves"), hidden: true }, el("h2", {}, t("curves")), chart.element, el("p", { class: "soft small" }, t("reading_help")));
  const settings = el("div", {});
  fill(host, head, curves, settings);
  function draw(found) {
    const { row, objective } = found;
    const ranked = bestFirst(found);
    const place = ranked.findIndex((one) => String(one.number) === number);
    const title = `${t("trial")} ${number} · ${row.name}`;
    document.title = `${title} · batchwright`;
    const step = (trial, words) => (trial ? el("a", { href: `/searches/${id}/trials/${trial.number}` }, words) : null);
    const back = el("p", { class: "row" }, el("a", { href: `/searches/${id}` }, t("all_trials")), step(ranked[place - 1], t("better")), place < 0 ? null : step(ranked[place + 1], t("worse")));
    if (place < 0) {
      fill(head, el("h1", {}, title), back, el("p", { role: "status" }, t(row.status === "running" ? "trial_to_come" : "no_trial")));
      return;
    }
    const [one, best] = [ranked[place], ranked[0]];
    const how = `: ${objective} ${figure(one.value) || "-"}, ${t("rank", { place: place + 1, all: ranked.length })}, ${t("epochs_run")}: ${figure(one.curve.length)}`;
    fill(head, el("h1", {}, title), back, el("p", {}, el("span", { class: `status-${one.ending}` }, wordOf("ending", one.ending)), how), one === best && found.best ? el("p", {}, el("a", { href: `/runs/${found.best}` }, t("best"))) : null);
    curves.hidden = !one.curve.length;
    chart.draw(() => (one === best ? [one] : [one, best]).map(curveOf), { xLabel: t("epoch"), yLabel: objective, logX: false, logY: false, legend: true });
    fill(settings, el("section", { "aria-label": t("settings") }, el("h2", {}, t("settings")), settingsTable(one, best)));
  }
  await follow(id, draw);
}
