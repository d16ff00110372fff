// Which page this is, by its address, and what is around every page.

import { el, fill, sessionOf } from "/static/pages/dom.js";
import { otherLanguage } from "/static/pages/language.js";
import { t } from "./texts.js";

const PAGES = [
  [/^\/$/, "./table_page.js"],
  [/^\/runs\/(\w+)$/, "./run_page.js"],
  [/^\/searches\/(\w+)$/, "./search_page.js"],
  [/^\/searches\/(\w+)\/trials\/(\d+)$/, "./trial_page.js"],
  [/^\/comparisons\/(\w+)$/, "./comparison_page.js"],
  [/^\/machine$/, "./machine_page.js"],
];

/** A line on top that says what is the matter; without words it is not there. */
const banner = el("p", { class: "banner", role: "status" });

/** Say what is the matter, or with "" that nothing is. */
export function warn(words) {
  if (banner.textContent !== words) banner.textContent = words;
}

function link(address, words) {
  return el("a", { href: address, "aria-current": location.pathname === address ? "page" : null }, words);
}

async function begin() {
  const place = el("span", { class: "end" });
  const main = el("main", { id: "main" });
  const nav = el("nav", { "aria-label": "batchwright" }, link("/", t("runs")), link("/machine", t("machine")));
  const other = el("a", { href: otherLanguage(), lang: document.documentElement.lang === "zh" ? "en" : "zh" }, t("other"));
  fill(document.body, el("header", { class: "top" }, el("strong", {}, "batchwright"), nav, other, place), main);
  try {
    place.textContent = t("folder", { root: (await sessionOf()).root });
    for (const [pattern, module] of PAGES) {
      const found = location.pathname.match(pattern);
      if (!found) continue;
      const { show } = await import(module);
      const content = el("div", {});
      fill(main, banner, content);
      await show(content, ...found.slice(1));
      return;
    }
  } catch (error) {
    fill(main, banner, el("p", {}, el("a", { href: "/" }, t("go"))));
    warn(error.message);
  }
}

begin();
