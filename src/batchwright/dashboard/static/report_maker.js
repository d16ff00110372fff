// The full report, which a process of its own makes when it is asked for.

import { act, ask, el, fill } from "/static/pages/dom.js";
import { t } from "./texts.js";

/** A button that has the report of a folder made, and the place where it is shown. */
export function reportMaker(id, readOnly) {
  const said = el("p", { role: "status" });
  const place = el("div", {});
  const button = el("button", { type: "button", disabled: readOnly, onclick: () => make() }, t("make_report"));
  const address = `/api/folders/${id}/report`;
  async function look() {
    try {
      const { state, reason } = await ask(address);
      said.textContent = state === "making" ? t("making") : state === "failed" ? t("report_failed", { reason }) : "";
      button.disabled = readOnly || state === "making";
      if (state === "ready" && !place.firstChild) fill(place, el("p", {}, el("a", { href: `${address}.html`, target: "_blank", rel: "noopener" }, t("open_alone"))), el("iframe", { src: `${address}.html`, sandbox: "allow-scripts", title: t("report") }));
      if (state === "making") setTimeout(look, 1000);
    } catch (error) {
      said.textContent = error.message;
    }
  }
  async function make() {
    try {
      fill(place);
      await act(address);
      await look();
    } catch (error) {
      said.textContent = error.message;
    }
  }
  look();
  return el("section", { "aria-label": t("report") }, el("h2", {}, t("report")), el("p", { class: "soft" }, t("report_hint")), button, said, place);
}
