// What seems to be wrong with a run that has ended: a process of its own finds it from the run's folder, and is asked for it.

import { ask, copyButton, el, fill } from "/static/pages/dom.js";
import { scroller } from "/static/pages/scrolling.js";
import { quote } from "./shell.js";
import { t } from "./texts.js";
import { wordOf } from "./words.js";

const EVERY = 1000;

/** Words with the settings that stand in backquotes as code. */
function withCode(words) {
  return words.split("`").map((part, place) => (place % 2 ? el("code", {}, part) : part));
}

function settingsOf(changes) {
  return Object.entries(changes ?? {}).map(([key, value]) => el("div", {}, el("code", {}, `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)));
}

function rowOf(one) {
  const sure = wordOf("sure", one.severity === "note" ? "note" : one.sure);
  const follows = one.follows ? el("div", { class: "soft small" }, t("follows", { kind: wordOf("kind", one.follows) })) : null;
  return el("tr", {}, el("th", { scope: "row" }, wordOf("kind", one.kind), follows), el("td", {}, sure), el("td", {}, withCode(one.evidence)), el("td", {}, withCode(one.advice), settingsOf(one.changes)));
}

function findings(found) {
  const heads = ["what", "how_sure", "evidence", "what_to_do"].map((key) => el("th", { scope: "col" }, t(key)));
  return scroller(t("diagnosis"), el("table", { class: "diagnosis" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, found.map(rowOf))));
}

/** All that is known: what the curves say, the diagnoses, how to try the remedies, and what could not be looked at. */
function told({ verdict, diagnosis, not_seen: notSeen }, path) {
  const wrong = diagnosis.filter((one) => one.severity !== "note");
  const command = `batchwright diagnose ${quote(path)} --try`;
  const mendable = wrong.some((one) => Object.keys(one.changes ?? {}).length);
  return [
    el("p", {}, el("strong", {}, t("curves_say", { kind: wordOf("kind", verdict.kind) })), diagnosis.some((one) => one.kind === verdict.kind) ? "" : ` ${verdict.reason}`),
    diagnosis.length ? findings(diagnosis) : null,
    wrong.length ? null : el("p", {}, t("nothing_wrong")),
    mendable ? [el("p", { class: "soft" }, t("try_remedies")), el("pre", {}, command), copyButton(command, t("copy"), t("copied"))] : null,
    el("details", {}, el("summary", {}, t("not_seen", { n: notSeen.length })), el("ul", {}, notSeen.map((line) => el("li", {}, withCode(line))))),
  ];
}

/** The part of a run's page with its diagnosis; `look` has to be called when the run has changed. */
export function diagnosisOf(id, path) {
  const host = el("section", { "aria-label": t("diagnosis"), hidden: true });
  let shown = "";
  let waiting;
  async function look() {
    clearTimeout(waiting);
    try {
      const answer = await ask(`/api/runs/${id}/diagnosis`);
      const { state } = answer;
      host.hidden = state === "none";
      if (state === "making" || state === "waiting") waiting = setTimeout(look, EVERY);
      const key = JSON.stringify(answer);
      if (key === shown) return;
      shown = key;
      const said = state === "ready" ? told(answer, path) : el("p", { class: "soft", role: "status" }, state === "failed" ? t("no_diagnosis", { reason: answer.reason }) : t("diagnosing"));
      fill(host, el("h2", {}, t("diagnosis")), said);
    } catch {
      host.hidden = !shown; // the page itself says what is the matter with the run
    }
  }
  return { element: host, look };
}
