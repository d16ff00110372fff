// All runs and searches in a table: sorted, filtered, picked; the curves of the picked ones beside it.

import { arrange, el, figure, fill, span } from "/static/pages/dom.js";
import { scroller } from "/static/pages/scrolling.js";
import { Curves, MOST_PICKED } from "./curves.js";
import { Live } from "./live.js";
import { warn } from "./main.js";
import { Pace } from "./pace.js";
import { t } from "./texts.js";
import { wordOf } from "./words.js";

const STEP = 100;
const FIRST_PICKS = 4;
const ADDRESS = { run: "runs", search: "searches", comparison: "comparisons" };

/** The columns: a key, the value that is sorted by, and the cell where that is not the value itself. */
const COLUMNS = [
  { key: "name", value: (row) => row.name, cell: (row) => el("a", { href: `/${ADDRESS[row.kind]}/${row.id}` }, row.name), class: "name" },
  { key: "status", value: (row) => row.status, cell: (row) => el("span", { class: `status-${row.status}`, title: row.reason || null }, wordOf("status", row.status)) },
  { key: "epoch", number: true, value: (row) => row.last?.epoch, cell: (row) => (typeof row.epochs !== "number" || row.status === "unreadable" ? "" : `${figure(row.last?.epoch) || "0"}/${figure(row.epochs)}`) },
  { key: "loss", number: true, value: (row) => row.last?.loss },
  { key: "val_loss", number: true, value: (row) => row.last?.val_loss },
  { key: "metric", number: true, value: (row) => metricOf(row) },
  { key: "network", value: (row) => row.network },
  { key: "optimizer", value: (row) => row.optimizer },
  { key: "rate", number: true, value: (row) => row.learning_rate },
  { key: "batch", number: true, value: (row) => row.batch_size },
  { key: "seed", number: true, value: (row) => row.seed },
  { key: "seconds", number: true, value: (row) => row.seconds ?? row.last?.seconds, cell: (row) => span(row.seconds ?? row.last?.seconds) },
  { key: "created", value: (row) => row.created, cell: (row) => (row.created ?? "").slice(0, 16).replace("T", " ") },
  { key: "tags", value: (row) => row.tags.join(", "), cell: (row) => [...row.tags.map((tag) => el("span", { class: "tag" }, tag)), row.note ? el("span", { title: row.note }, "✎") : null] },
];

const BY_NAME = new Intl.Collator(undefined, { numeric: true });

const rows = new Map();
const state = { sort: "created", down: true, filter: "", metric: "", shown: STEP, picked: [], chosen: false };

function metricOf(row) {
  const end = state.metric.indexOf("/");
  return row.metrics?.[state.metric.slice(0, end)]?.[state.metric.slice(end + 1)];
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  state.filter = query.get("filter") ?? "";
  state.metric = query.get("metric") ?? "";
  const sort = query.get("sort") ?? "-created";
  state.down = sort.startsWith("-");
  state.sort = sort.replace(/^-/, "");
  if (!COLUMNS.some((column) => column.key === state.sort)) state.sort = "created";
  if (query.has("pick")) {
    state.picked = query.get("pick").split(",").filter(Boolean).slice(0, MOST_PICKED);
    state.chosen = true;
  }
}

function writeAddress(more) {
  const query = new URLSearchParams(location.search);
  const put = (key, value) => {
    query.delete(key);
    for (const one of Array.isArray(value) ? value : [value]) if (one) query.append(key, one);
  };
  put("filter", state.filter);
  put("metric", state.metric);
  put("sort", state.sort === "created" && state.down ? "" : `${state.down ? "-" : ""}${state.sort}`);
  if (state.chosen) query.set("pick", state.picked.join(","));
  for (const [key, value] of Object.entries(more)) put(key, value);
  if (location.search !== `?${query}`) history.replaceState(null, "", `?${query}`);
}

function textOf(row) {
  row.text ??= [row.name, row.kind, row.status, wordOf("status", row.status), row.source, row.network, row.optimizer, row.note, ...row.tags,
    ...Object.entries(row.changed ?? {}).map(([key, value]) => `${key}=${JSON.stringify(value)}`), `seed=${row.seed}`,
    `batch_size=${row.batch_size}`, `learning_rate=${row.learning_rate}`].join(" ").toLowerCase();
  return row.text;
}

function shownRows() {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...rows.values()].filter((row) => words.every((word) => textOf(row).includes(word)));
  const { value } = COLUMNS.find((column) => column.key === state.sort);
  const sign = state.down ? -1 : 1;
  const keyed = found.map((row) => [value(row), row]);
  keyed.sort(([a, one], [b, other]) => {
    const empty = (key) => key === null || key === undefined || key === "";
    if (empty(a) || empty(b)) return empty(a) - empty(b) || BY_NAME.compare(one.name, other.name);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
    return sign * order || BY_NAME.compare(one.name, other.name);
  });
  return keyed.map(([, row]) => row);
}

function metricNames() {
  const counts = new Map();
  for (const row of rows.values()) {
    for (const [part, found] of Object.entries(row.metrics ?? {})) {
      for (const name of Object.keys(found)) counts.set(`${part}/${name}`, (counts.get(`${part}/${name}`) ?? 0) + 1);
    }
  }
  const order = ["test", "validation", "train"];
  return [...counts].sort(([a, n], [b, m]) => order.indexOf(a.split("/")[0]) - order.indexOf(b.split("/")[0]) || m - n).map(([name]) => name);
}

/** Show the page. */
export async function show(host) {
  readAddress();
  const filter = el("input", { type: "search", value: state.filter, placeholder: t("filter_hint"), size: 34, "aria-label": t("filter"), oninput: () => { state.filter = filter.value; state.shown = STEP; draw(); } });
  const metric = el("select", { "aria-label": t("metric"), onchange: () => { state.metric = metric.value; draw(); } });
  const count = el("span", { class: "soft small", role: "status" });
  const head = el("tr", {});
  const body = el("tbody", {});
  const table = el("table", { class: "runs" }, el("caption", { class: "hidden" }, t("runs")), el("thead", {}, head), body);
  const below = el("div", { class: "row" });
  const curves = new Curves({ noted: () => writeAddress(curves.address()), changed: (again) => { writeAddress(curves.address()); live.open(again); }, rows });
  const buttons = el("span", { class: "row" },
    el("button", { type: "button", onclick: () => pick(shownRows().filter((row) => row.kind === "run").slice(0, 10).map((row) => row.id)) }, t("pick_shown", { n: 10 })),
    el("button", { type: "button", onclick: () => pick([]) }, t("pick_none")));
  fill(host,
    el("h1", { class: "hidden" }, t("runs")),
    el("div", { class: "board" },
      el("section", { "aria-label": t("runs") }, el("div", { class: "row" }, el("label", {}, t("filter"), filter), el("label", {}, t("metric"), metric), count, buttons), scroller(t("runs"), table), below),
      curves.element));

  let [silent, tooMany, leftOut] = ["", "", ""];
  function say() {
    warn(silent || tooMany || leftOut);
  }

  function pick(ids) {
    state.picked = ids.slice(0, MOST_PICKED);
    state.chosen = true;
    tooMany = ids.length > MOST_PICKED ? t("too_many", { n: MOST_PICKED }) : "";
    say();
    changePicks();
  }

  function changePicks() {
    curves.pick(state.picked);
    writeAddress(curves.address());
    draw();
    live.open();
  }

  let headKey = "";
  function drawHead() {
    const key = JSON.stringify([state.sort, state.down, state.metric]);
    if (headKey === key) return;
    headKey = key;
    fill(head, el("td", {}), COLUMNS.map((column) => {
      const order = state.sort === column.key ? (state.down ? "descending" : "ascending") : null;
      const words = column.key === "metric" ? state.metric || t("metric") : t(column.key);
      const sort = () => {
        state.down = state.sort === column.key ? !state.down : Boolean(column.number) || column.key === "created";
        state.sort = column.key;
        draw();
      };
      return el("th", { scope: "col", "aria-sort": order, class: column.number ? "number" : null }, el("button", { type: "button", class: "sort", "data-key": column.key, onclick: sort }, words));
    }));
  }

  const made = new Map();
  /** The row of the table for a run. What is the same as before stays as it is, also under the mouse that presses it. */
  function rowOf(row) {
    const place = state.picked.indexOf(row.id);
    const look = JSON.stringify([place >= 0 ? curves.colour(row.id) : -1, state.metric]);
    const before = made.get(row.id);
    if (before?.row === row && before.look === look) return checkIn(before.element, place);
    const element = makeRow(row, place);
    if (before?.look !== look) {
      made.set(row.id, { row, look, element });
      return element;
    }
    before.row = row;
    [...element.cells].forEach((cell, which) => {
      const old = before.element.cells[which];
      if (!old.isEqualNode(cell)) old.replaceWith(cell);
    });
    return checkIn(before.element, place);
  }

  function checkIn(element, place) {
    const box = element.querySelector("input");
    if (box) box.checked = place >= 0;
    return element;
  }

  function makeRow(row, place) {
    const box = row.kind === "run" ? el("input", { type: "checkbox", checked: place >= 0, "aria-label": t("pick", { name: row.name }), "data-id": row.id, onchange: () => pick(box.checked ? [...state.picked, row.id] : state.picked.filter((id) => id !== row.id)) }) : null;
    const swatch = el("span", { class: `swatch${place >= 0 ? ` p${curves.colour(row.id)}` : ""}` });
    return el("tr", { class: place >= 0 ? "picked" : null }, el("td", {}, box, " ", row.kind === "run" ? swatch : t(row.kind)), COLUMNS.map((column) => {
      const cell = column.cell ? column.cell(row) : column.number ? figure(column.value(row)) : column.value(row) ?? "";
      return el("td", { class: column.number ? "number" : column.class ?? null }, cell);
    }));
  }

  function draw() {
    const focused = document.activeElement?.dataset ?? {};
    const metrics = metricNames();
    if (!metrics.includes(state.metric)) state.metric = metrics.find((name) => !name.endsWith("/loss")) ?? metrics[0] ?? "";
    if (JSON.stringify([...metric.options].map((option) => option.value)) !== JSON.stringify(metrics)) fill(metric, metrics.map((name) => el("option", { value: name }, name)));
    metric.value = state.metric;
    const found = shownRows();
    drawHead();
    arrange(body, found.slice(0, state.shown).map(rowOf));
    count.textContent = `${t("count", { shown: found.length, all: rows.size })}, ${t("picked", { n: state.picked.length })}`;
    const rest = found.length - state.shown;
    fill(below,
      rest > 0 ? el("button", { type: "button", onclick: () => { state.shown += STEP; draw(); } }, t("more", { n: Math.min(rest, STEP) })) : null,
      rows.size === 0 ? el("p", {}, t("empty")) : found.length === 0 ? el("p", {}, t("no_match")) : null);
    if (focused.id) body.querySelector(`[data-id="${focused.id}"]`)?.focus();
    else if (focused.key) head.querySelector(`[data-key="${focused.key}"]`)?.focus();
    writeAddress(curves.address());
  }

  const pace = new Pace(draw);
  function told(kind, event) {
    if (kind === "rows") return curves.take(event);
    if (kind === "progress") return curves.note(event);
    if (kind !== "table") return undefined;
    for (const row of event.rows) rows.set(row.id, row);
    for (const id of event.gone) {
      rows.delete(id);
      made.delete(id);
    }
    leftOut = event.left_out;
    say();
    const before = state.picked.length;
    state.picked = state.picked.filter((id) => rows.has(id));
    if (!state.chosen && rows.size) {
      state.picked = shownRows().filter((row) => row.kind === "run" && row.status !== "unreadable").slice(0, FIRST_PICKS).map((row) => row.id);
      state.chosen = true;
      changePicks();
    } else if (before !== state.picked.length || !curves.begun) {
      changePicks();
    } else {
      curves.refresh();
      pace.soon();
    }
    return undefined;
  }

  const live = new Live(
    () => ({ runs: curves.begun ? state.picked : [], columns: curves.wanted(), table: true }),
    told,
    (words) => { silent = words; say(); },
  );
}
