// Sliders, choices and buttons, each with its label; all of them can be used with the keyboard.

import { el, figure } from "/static/pages/dom.js";

/** A slider. `show` gives the words of a value; `marks` are set with `mark([[value, words], ...])`. */
export function slider(label, { low, high, step = 1, log = false, value, show = (number) => figure(number, 3), changed }) {
  const to = (number) => (log ? Math.log10(number) : number);
  const from = (place) => (log ? Number((10 ** place).toPrecision(3)) : place);
  const output = el("output", {}, show(value));
  const input = el("input", { type: "range", min: String(to(low)), max: String(to(high)), step: log ? "any" : String(step), "aria-label": label });
  const marks = el("span", { class: "marks", "aria-hidden": "true" });
  const say = (number) => {
    output.textContent = show(number);
    input.setAttribute("aria-valuetext", show(number));
  };
  input.value = String(to(value));
  say(value);
  input.addEventListener("input", () => {
    const number = from(Number(input.value));
    say(number);
    changed(number);
  });
  // Of a logarithmic slider, an arrow key moves by a fiftieth of a decade.
  if (log) {
    input.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!move) return;
      input.value = String(Number(input.value) + move / 50);
      input.dispatchEvent(new Event("input"));
      event.preventDefault();
    });
  }
  const node = el("label", { class: "slider" }, el("span", { class: "name" }, label), output, input, marks);
  return {
    node,
    set(number, top) {
      if (top !== undefined) input.max = String(to(top));
      if (document.activeElement !== input || Math.abs(Number(input.value) - to(number)) > 0.01) input.value = String(to(number));
      say(number);
    },
    mark(places) {
      marks.replaceChildren(
        ...places
          .filter(([at]) => at >= low && at <= high)
          .map(([at, words]) => {
            const made = el("span", {}, words);
            made.style.left = `${(100 * (to(at) - to(low))) / (to(high) - to(low))}%`;
            return made;
          }),
      );
    },
  };
}

/** A slider over the few values of an exported copy. */
export function steps(label, values, { value, show = (text) => text, changed }) {
  const placeOf = (text) => Math.max(0, values.indexOf(String(text)));
  const made = slider(label, { low: 0, high: values.length - 1, value: placeOf(value), show: (at) => show(values[at]), changed: (at) => changed(values[at]) });
  return { node: made.node, set: (text) => made.set(placeOf(text)), mark() {} };
}

/** A choice among words: pairs of a value and its words. */
export function choice(label, options, { value, changed }) {
  const select = el("select", { "aria-label": label }, options.map(([key, words]) => el("option", { value: key }, words)));
  select.value = value;
  select.addEventListener("change", () => changed(select.value));
  return {
    node: el("label", { class: "choice" }, el("span", { class: "name" }, label), select),
    set(key) {
      select.value = key;
    },
    offer(pairs, key) {
      select.replaceChildren(...pairs.map(([name, words]) => el("option", { value: name }, words)));
      select.value = key;
    },
  };
}

/** A line of text; `changed` is told when it is left, or at Enter. */
export function entry(label, changed) {
  const input = el("input", { type: "text", "aria-label": label });
  input.addEventListener("change", () => changed(input.value));
  return {
    node: el("label", { class: "choice" }, el("span", { class: "name" }, label), input),
    set(text) {
      input.value = text;
    },
  };
}

/** A button. */
export function button(label, pressed) {
  return el("button", { type: "button", onclick: pressed }, label);
}
