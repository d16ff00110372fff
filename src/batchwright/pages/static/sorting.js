// Tables that are sorted by a click on, or Enter in, the head of a column.

import { el } from "./dom.js";

function keyOf(row, place) {
  const cell = row.cells[place];
  const text = cell.dataset.value ?? cell.textContent;
  const number = Number(text.replaceAll(",", ""));
  return text === "" ? null : Number.isNaN(number) ? text : number;
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** Give every column head of a table a button; a table that has them is left as it is, with its rows sorted again. */
export function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  const sort = (place, down) => {
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [keyOf(row, place), row]);
    keyed.sort(([a], [b]) => (a === null || b === null ? compare(a, b) : (down ? -1 : 1) * compare(a, b)));
    body.append(...keyed.map(([, row]) => row));
  };
  heads.forEach((head, place) => {
    if (head.tagName !== "TH" || head.querySelector("button")) return;
    const button = el("button", { type: "button", class: "sort" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(place, down);
    });
  });
  const place = heads.findIndex((head) => head.hasAttribute("aria-sort"));
  if (place >= 0) sort(place, heads[place].getAttribute("aria-sort") === "descending");
}
