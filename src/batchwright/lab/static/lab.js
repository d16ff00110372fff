// Which scene this is, by its address, and what is around every scene.

import { el, fill } from "/static/pages/dom.js";
import { otherLanguage } from "/static/pages/language.js";
import { showFit } from "./fit_scene.js";
import { showLine } from "./line_scene.js";
import { showNetwork } from "./network_scene.js";
import { showNormalization } from "./normalization_scene.js";
import { showRun } from "./run_scene.js";
import { grids } from "./source.js";
import { showSurface } from "./surface_scene.js";
import { t } from "./texts.js";

const ALL = { line: showLine, surface: showSurface, network: showNetwork, normalization: showNormalization, fit: showFit, run: showRun };

/** An exported copy has the scenes for which it has answers. */
const SCENES = grids ? Object.fromEntries(Object.entries(ALL).filter(([name]) => name in grids)) : ALL;

/** A line on top that says what is the matter; without words it is not there. */
const banner = el("p", { class: "banner", role: "status" });

function warn(words) {
  if (banner.textContent !== words) banner.textContent = words;
}

function sceneName() {
  const name = grids ? document.documentElement.dataset.scene : location.pathname.split("/").at(-1);
  return name in SCENES ? name : "line";
}

function address(name) {
  if (!grids) return `/lab/${name}`;
  return `${name}${document.documentElement.lang === "zh" ? ".zh" : ""}.html`;
}

function language() {
  if (!grids) return otherLanguage();
  return `${sceneName()}${document.documentElement.lang === "zh" ? "" : ".zh"}.html${location.search}`;
}

const now = sceneName();
const main = el("main", {});
const host = el("div", {});
const links = Object.keys(SCENES).map((name) => el("a", { href: address(name), "aria-current": name === now ? "page" : null }, t(name)));
const other = el("a", { href: language(), lang: document.documentElement.lang === "zh" ? "en" : "zh" }, t("other"));
if (!grids) {
  other.addEventListener("pointerdown", () => (other.href = otherLanguage()));
  other.addEventListener("focus", () => (other.href = otherLanguage()));
}
fill(document.body, el("header", { class: "top" }, el("strong", {}, "batchwright ", t("lab")), el("nav", { "aria-label": t("lab") }, links), other), main);
fill(main, banner, grids ? el("p", { class: "soft" }, t("exported")) : null, host);
document.title = `batchwright ${t("lab")}: ${t(now)}`;
SCENES[now](host, warn);
