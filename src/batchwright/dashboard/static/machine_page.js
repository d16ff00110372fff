// The machine: how much of it is taken, and what is being trained.

import { ask, bytes, el, figure, fill, span } from "/static/pages/dom.js";
import { warn } from "./main.js";
import { t } from "./texts.js";

const EVERY = 2000;

function gauge(free, all, words) {
  if (typeof free !== "number" || typeof all !== "number") return "";
  return [el("meter", { min: "0", max: String(all), value: String(all - free), "aria-label": words }), " ", t("taken", { used: bytes(all - free), all: bytes(all) })];
}

/** Show the page. */
export async function show(host) {
  document.title = `${t("machine")} · batchwright`;
  const facts = el("dl", {});
  const running = el("div", {});
  fill(host, el("h1", {}, t("machine")), facts, el("h2", {}, t("running")), running);
  const fact = (name, value) => el("div", {}, el("dt", {}, t(name)), el("dd", {}, value));
  async function look() {
    if (document.hidden) return;
    try {
      const found = await ask("/api/machine");
      warn("");
      fill(facts, fact("system", found.system), fact("processor", found.processor), fact("cores", String(found.cores ?? "")), fact("load", (found.load ?? []).map((value) => figure(value, 3)).join(", ")), fact("memory", gauge(found.memory_free, found.memory, t("memory"))), fact("disk", gauge(found.disk_free, found.disk, t("disk"))), fact("python", found.python));
      fill(running, found.running.length ? el("ul", {}, found.running.map((row) => el("li", {}, el("a", { href: `/${row.kind === "run" ? "runs" : "searches"}/${row.id}` }, row.name), ` ${row.source ?? ""}, ${t("epoch")} ${figure(row.last?.epoch) || "0"}/${figure(row.epochs)}, ${span(row.last?.seconds)}`))) : el("p", {}, t("nothing_runs")));
    } catch (error) {
      warn(error.message);
    }
  }
  await look();
  setInterval(look, EVERY);
}
