// A run: its curves while it is trained, and everything that its folder says of it; buttons to stop it and to note.

import { act, ask, bytes, copyButton, el, figure, fill, sessionOf, span } from "/static/pages/dom.js";
import { scroller } from "/static/pages/scrolling.js";
import { sortable } from "/static/pages/sorting.js";
import { Chart } from "./chart.js";
import { diagnosisOf } from "./diagnosis.js";
import { Live } from "./live.js";
import { warn } from "./main.js";
import { Pace } from "./pace.js";
import { History, lineOf, smooth } from "./series.js";
import { reportMaker } from "./report_maker.js";
import { quote } from "./shell.js";
import { t } from "./texts.js";
import { wordOf } from "./words.js";

const PARTS = ["train", "validation", "test"];
/** Milliseconds after which the age of what is known is said again. */
const SAID_AGAIN = 1300;
const LAYER_FIGURES = ["gradient", "update_ratio", "dead"];

function facts(entries) {
  return el("dl", {}, entries.filter(([, value]) => value !== "" && value !== null && value !== undefined).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function section(title, ...children) {
  const id = `s-${title.replace(/\W+/g, "-")}`;
  return el("section", { "aria-labelledby": id }, el("h2", { id }, title), ...children);
}

function metricsTable(metrics) {
  const parts = PARTS.filter((part) => metrics[part]);
  const names = [...new Set(parts.flatMap((part) => Object.keys(metrics[part])))];
  if (!names.length) return null;
  return section(t("metrics"), scroller(t("metrics"), el("table", {}, el("thead", {}, el("tr", {}, el("td", {}), parts.map((part) => el("th", { scope: "col", class: "number" }, wordOf("part", part))))), el("tbody", {}, names.map((name) => el("tr", {}, el("th", { scope: "row" }, name), parts.map((part) => el("td", { class: "number" }, figure(metrics[part][name])))))))));
}

function confusionTable(run) {
  const part = ["test", "validation", "train"].find((one) => run.confusion[one]?.length);
  if (!part) return null;
  const matrix = run.confusion[part];
  const names = matrix.map((_, place) => run.classes[place] ?? String(place));
  const cell = (value, from, to) => {
    const whole = matrix[from].reduce((sum, one) => sum + one, 0) || 1;
    const shade = value === 0 ? 0 : 1 + Math.min(3, Math.floor((value / whole) * 4));
    return el("td", { class: `h${shade} ${from === to ? "right" : "wrong"}` }, figure(value));
  };
  const title = t("confusion", { part: wordOf("part", part) });
  return section(title, scroller(title, el("table", { class: "confusion" }, el("thead", {}, el("tr", {}, el("td", { class: "soft" }, t("true_class")), names.map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, matrix.map((values, from) => el("tr", {}, el("th", { scope: "row" }, names[from]), values.map((value, to) => cell(value, from, to))))))));
}

function settingsTable(settings) {
  const keys = Object.keys(settings);
  if (!keys.length) return null;
  const only = el("input", { type: "checkbox", checked: true, onchange: () => draw() });
  const body = el("tbody", {});
  const head = [["setting"], ["value"], ["origin"], ["reason"]].map(([key]) => el("th", { scope: "col" }, t(key)));
  const table = el("table", {}, el("thead", {}, el("tr", {}, head)), body);
  function draw() {
    const shown = keys.filter((key) => !only.checked || settings[key].origin !== "default");
    fill(body, shown.map((key) => el("tr", {}, el("th", { scope: "row" }, key), el("td", {}, valueText(settings[key].value)), el("td", {}, wordOf("origin", settings[key].origin)), el("td", {}, settings[key].reason))));
    sortable(table);
  }
  draw();
  return section(t("settings"), el("div", { class: "row" }, el("label", {}, only, t("only_chosen"))), scroller(t("settings"), table));
}

function valueText(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function planValue(name, value) {
  if (name === "memory_bytes") return value ? bytes(value) : ""; // known once it is compiled
  return typeof value === "number" ? figure(value) : wordOf(name === "compiled" ? name : "descent", valueText(value));
}

function commands(run) {
  const path = quote(run.row.path);
  const lines = [];
  if (["killed", "interrupted"].includes(run.status) && run.begun) lines.push([t("resume"), `batchwright resume ${path}`]);
  lines.push([t("report"), `batchwright report ${path} --html`]);
  if (run.metrics.train) lines.push([t("predict"), `batchwright predict ${path} new-rows.csv`], [t("evaluate"), `batchwright evaluate ${path}`]);
  return section(t("commands"), lines.map(([words, line]) => [el("h3", {}, words), el("pre", {}, line), copyButton(line, t("copy"), t("copied"))]));
}

function about(run) {
  const versions = Object.entries(run.versions ?? {}).map(([name, version]) => `${name} ${version}`).join(", ");
  return section(t("about"), facts([[t("source"), run.source], [t("created"), (run.created ?? "").slice(0, 19).replace("T", " ")], [t("device"), run.device], [t("versions"), versions], [t("processor"), run.machine?.processor], [t("threads"), run.machine?.threads], [t("fingerprint"), run.fingerprint], [t("begun_from"), run.begun_from], [t("path"), run.row.path]]));
}

function filesTable(files) {
  const names = Object.keys(files ?? {});
  if (!names.length) return null;
  return section(t("files"), scroller(t("files"), el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("name")), el("th", { scope: "col", class: "number" }, t("bytes")), el("th", { scope: "col" }, "SHA-256"))), el("tbody", {}, names.map((name) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "number" }, bytes(files[name].bytes)), el("td", {}, el("code", {}, String(files[name].sha256).slice(0, 16)))))))));
}

function notesForm(id, row, readOnly) {
  const note = el("textarea", { "aria-label": t("note"), maxlength: "10000", disabled: readOnly }, row.note);
  const tags = el("input", { value: row.tags.join(", "), placeholder: t("tags_hint"), "aria-label": t("tags"), size: 40, disabled: readOnly });
  const said = el("span", { role: "status", class: "soft" });
  const save = el("button", { type: "button", disabled: readOnly, onclick: async () => {
    try {
      await act(`/api/folders/${id}/notes`, { note: note.value, tags: tags.value.split(/[,，]/).map((tag) => tag.trim()).filter(Boolean) });
      said.textContent = t("saved");
    } catch (error) {
      said.textContent = error.message;
    }
  } }, t("save"));
  return section(t("notes"), readOnly ? el("p", { class: "soft" }, t("read_only")) : null, note, el("div", { class: "row" }, tags, save, said));
}

function stopButtons(id, status, readOnly) {
  if (status !== "running" && status !== "compiling") return null;
  const said = el("span", { role: "status" });
  const stop = async (now) => {
    if (now && !confirm(t("sure_stop"))) return;
    try {
      await act(`/api/runs/${id}/stop`, { now });
      said.textContent = t(status === "compiling" ? "asked_early" : "asked");
    } catch (error) {
      said.textContent = error.message;
    }
  };
  return el("div", { class: "row" }, el("button", { type: "button", disabled: readOnly, onclick: () => stop(false) }, t("stop")), el("button", { type: "button", disabled: readOnly, onclick: () => stop(true) }, t("stop_now")), said);
}

/** The difference of the losses, which is no column of the history. */
const GAP = Symbol("gap");

function gapOf(past, along) {
  const [loss, validation] = ["loss", "val_loss"].map((name) => lineOf(past, along, name));
  return { x: loss.x, y: loss.y.map((value, place) => (value === null || validation.y[place] === null ? null : validation.y[place] - value)) };
}

/** The name of a line: a column, or the layer of one. */
function labelOf(name) {
  if (name === GAP) return t("gap");
  return name.startsWith("layers/") ? name.split("/").slice(1, -1).join("/") : name;
}

/** The charts of a history, each with the columns that it shows. */
function groupsOf(names) {
  const has = (name) => names.includes(name);
  const metrics = names.filter((name) => name.startsWith("val_") && name !== "val_loss");
  const groups = [[t("losses"), ["loss", "val_loss"].filter(has), true]];
  if (has("val_loss")) groups.push([t("gap"), [GAP], false]);
  for (const name of metrics) groups.push([name, [name], false]);
  for (const name of ["learning_rate", "batch_size", "noise_scale"]) if (has(name)) groups.push([name, [name], false]);
  for (const figureName of LAYER_FIGURES) {
    const layers = names.filter((name) => name.startsWith("layers/") && name.endsWith(`/${figureName}`));
    if (layers.length) groups.push([t(figureName), layers, figureName !== "dead"]);
  }
  return groups;
}

/** Show the page. */
export async function show(host, id) {
  const { read_only: readOnly } = await sessionOf();
  let run = await ask(`/api/runs/${id}`);
  const past = new History();
  const charts = new Map();
  const options = { along: "epoch", weight: 0, logX: false, logY: false };
  document.title = `${run.row.name} · batchwright`;
  const head = el("div", {});
  const upto = el("p", { class: "soft", role: "status" });
  const grid = el("div", { class: "charts" });
  const told = el("div", {});
  const diagnosis = diagnosisOf(id, run.row.path);
  const pace = new Pace(draw);
  fill(host, head, upto, diagnosis.element, section(t("curves"), controls(), run.has_members ? el("p", {}, t("first_member")) : null, grid, el("p", { class: "soft small" }, t("reading_help"))), told, notesForm(id, run.row, readOnly), reportMaker(id, readOnly));

  function controls() {
    const along = el("select", { onchange: () => { options.along = along.value; pace.now(); } }, ["epoch", "iteration", "seconds"].map((name) => el("option", { value: name }, t(name))));
    const weight = el("input", { type: "range", min: "0", max: "0.99", step: "0.01", value: "0", oninput: () => { options.weight = Number(weight.value); pace.now(); } });
    const toggle = (key, words) => {
      const button = el("button", { type: "button", "aria-pressed": "false", onclick: () => { options[key] = !options[key]; button.setAttribute("aria-pressed", String(options[key])); pace.now(); } }, words);
      return button;
    };
    return el("div", { class: "row" }, el("label", {}, t("x_axis"), along), el("label", {}, t("smoothing"), weight), toggle("logX", t("log_x")), toggle("logY", t("log_y")));
  }

  function describe() {
    const { row } = run;
    fill(head, el("h1", {}, row.name), el("p", {}, el("span", { class: `status-${run.status}` }, wordOf("status", run.status)), run.reason ? `: ${run.reason}` : ""), stopButtons(id, run.status, readOnly));
    fill(told, metricsTable(run.metrics ?? {}), run.remarks?.length ? section(t("remarks"), el("ul", {}, run.remarks.map((line) => el("li", {}, line)))) : null, confusionTable(run),
      section(t("plan"), facts(Object.entries(run.plan ?? {}).map(([name, value]) => [wordOf("plan", name), planValue(name, value)]))),
      section(t("times"), facts(Object.entries(run.seconds ?? {}).map(([name, value]) => [wordOf("seconds", name), span(value)]))),
      settingsTable(run.settings ?? {}), run.status === "gone" ? null : commands(run), about(run), filesTable(run.files));
  }

  function draw() {
    const groups = groupsOf(Object.keys(past.columns));
    for (const [title, columns, log] of groups) {
      if (!columns.length) continue;
      if (!charts.has(title)) {
        charts.set(title, new Chart(title, { height: 210 }));
        grid.append(charts.get(title).element);
      }
      const lines = () => columns.map((name, place) => {
        const { x, y } = name === GAP ? gapOf(past, options.along) : lineOf(past, options.along, name);
        return { label: labelOf(name), x, y: smooth(y, options.weight), place };
      });
      charts.get(title).draw(lines, { xLabel: t(options.along), yLabel: title, logX: options.logX, logY: options.logY && log, legend: true });
    }
    say();
  }

  let saying;
  /** Say up to where is known, and again after a while in which nothing came: each saying is a picture that the browser makes. */
  function say() {
    const known = past.known();
    const age = known && span(Math.max(0, (Date.now() - known.writtenAt) / 1000));
    const read = known ? t("upto", { epoch: figure(known.epoch), iteration: figure(known.iteration), age }) : t(run.status === "compiling" ? "compiling" : "nothing_yet");
    const words = known && known === past.progress ? `${read}; ${t("so_far", { loss: figure(known.loss) })}` : read;
    const said = past.damaged ? `${words}; ${t("damaged", { n: past.damaged })}` : words;
    if (upto.textContent !== said) upto.textContent = said;
    clearTimeout(saying);
    saying = setTimeout(say, SAID_AGAIN);
  }

  let trouble = "";
  /** Take in how the run stands, which may be that its folder is gone. */
  async function stand({ status, reason, updates }) {
    if (!trouble && status === run.status && reason === run.reason && updates === (run.plan?.updates ?? null)) return;
    try {
      if (status === "gone") throw new Error(t("gone"));
      run = await ask(`/api/runs/${id}`);
      trouble = "";
    } catch (error) {
      trouble = error.message;
      run = { ...run, status, reason: trouble };
    }
    describe();
    say();
    diagnosis.look();
    warn(trouble);
  }

  new Live(
    () => ({ runs: [id], columns: null, table: false }),
    (kind, event) => {
      if (event.id !== id) return;
      if (kind === "state") stand(event);
      if (kind === "progress") {
        past.note(event, Date.now());
        say();
      }
      if (kind !== "rows") return;
      past.take(event, Date.now());
      if (!event.more) pace.soon();
    },
    (words) => warn(words || trouble),
  );
  describe();
  say();
  diagnosis.look();
}
