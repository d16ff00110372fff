// What may be wider than the window: it scrolls by itself, and a shade at an edge says that there is more behind it.

import { el } from "./dom.js";

/** A part of the page that scrolls sideways, also by the arrow keys; `label` is what is read out for it. */
export function scroller(label, ...children) {
  const inner = el("div", { class: "wide", tabIndex: 0, role: "group", "aria-label": label }, ...children);
  const outer = el("div", { class: "scroller" }, inner);
  const look = () => {
    const rest = inner.scrollWidth - inner.clientWidth - inner.scrollLeft;
    outer.classList.toggle("more-before", inner.scrollLeft > 1);
    outer.classList.toggle("more-after", rest > 1);
  };
  inner.addEventListener("scroll", look, { passive: true });
  const watch = new ResizeObserver(look);
  watch.observe(inner);
  for (const child of inner.children) watch.observe(child);
  return outer;
}
