// What scenes share: their settings and the address, words and copies below, and a player of steps.

import { el, fill } from "/static/pages/dom.js";
import { language } from "/static/pages/language.js";
import { button, choice, slider, steps } from "./controls.js";
import { grids, latest, question } from "./source.js";
import { t } from "./texts.js";

export const RULES = ["sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "amsgrad", "adamw", "nadam", "lion", "muon"];

/** The settings of a scene: what differs from its defaults stands in the address, so that a link restores it. */
export class Settings {
  constructor(scene, defaults, changed) {
    Object.assign(this, { scene, defaults, changed });
    this.texts = {};
    this.shown = []; // each renews a control
    this.along = {}; // what changes along with any control
    for (const [key, value] of new URLSearchParams(location.search)) if (key !== "lang" && key !== "token") this.texts[key] = value;
    if (grids) this.texts = this.onGrid(this.texts);
  }

  /** The settings that an exported copy has for these: the default where it has no such value. */
  onGrid(texts) {
    const nearest = (key, values) => [texts[key], this.defaults[key], values[0]].find((value) => values.includes(value));
    return Object.fromEntries(Object.entries(grids[this.scene]).map(([key, values]) => [key, nearest(key, values)]));
  }

  get(key) {
    return this.texts[key] ?? this.defaults[key] ?? "";
  }

  number(key) {
    const found = Number(this.get(key));
    return Number.isFinite(found) ? found : Number(this.defaults[key]);
  }

  /** Change settings; null takes one away. */
  set(values) {
    for (const [key, value] of Object.entries(values)) {
      if (value === null || (!grids && String(value) === this.defaults[key])) delete this.texts[key];
      else this.texts[key] = String(value);
    }
    if (grids) this.texts = this.onGrid(this.texts);
    this.keep();
    this.changed();
  }

  keep() {
    const address = new URL(location.href);
    const lang = address.searchParams.get("lang");
    address.search = new URLSearchParams({ ...this.texts, ...(lang ? { lang } : {}) });
    try {
      history.replaceState(null, "", address);
    } catch {
      // A page that is a file may not have its address changed in every browser.
    }
  }

  forget() {
    this.texts = grids ? this.onGrid({}) : {};
  }

  /** Forget everything that was chosen, and show that. */
  clear() {
    this.forget();
    this.keep();
    this.changed();
  }

  /** Whether a control has a use here: an exported copy has few. */
  has(key) {
    return !grids || key in grids[this.scene];
  }

  /** The values of a setting for which there are answers: in an exported copy few, else those that are given. */
  values(key, usual) {
    return grids ? grids[this.scene][key] : usual;
  }

  slider(key, label, options) {
    if (!this.has(key)) return null;
    const changed = (value) => this.set({ ...this.along, [key]: value });
    const now = () => (this.get(key) === "" || Number.isNaN(this.number(key)) ? options.value : this.number(key));
    const made = grids
      ? steps(label, grids[this.scene][key], { value: this.get(key), show: options.words, changed })
      : slider(label, { changed, ...options, value: now() });
    this.shown.push(() => made.set(grids ? this.get(key) : now()));
    return made;
  }

  choice(key, label, options, changed) {
    if (!this.has(key)) return null;
    const offered = grids ? options.filter(([value]) => grids[this.scene][key].includes(value)) : options;
    const made = choice(label, offered, { value: this.get(key), changed: changed ?? ((value) => this.set({ ...this.along, [key]: value })) });
    this.shown.push(() => made.set(this.get(key)));
    return made;
  }

  /** A button that takes the next seed. */
  next(key, label) {
    return this.has(key) ? button(label, () => this.set({ ...this.along, [key]: this.number(key) + 1 })) : null;
  }

  /** Show all controls as the settings are. */
  renew() {
    for (const show of this.shown) show();
  }
}

/**
 * Ask for the answer to the settings, the newest only, and show it; a problem is said, and what was shown stays. The
 * first time, `sooner` gives settings whose answers need less to be compiled, and are shown until the whole is there.
 */
export function follow(settings, warn, show, sooner = () => []) {
  let [shown, told] = [false, false];
  setTimeout(() => !shown && !told && warn(t("compiling")), 700);
  return latest(async () => {
    try {
      for (const texts of shown ? [settings.texts] : [...sooner(settings), settings.texts]) {
        const found = await question("answer", settings.scene, texts);
        settings.renew();
        show(found);
        warn(texts === settings.texts ? "" : t("compiling"));
      }
      shown = true;
    } catch (error) {
      told = true;
      warn(t(shown ? "wrong" : "wrong_link", { words: error.message }));
      if (!shown) await begin();
    }
  });

  /** A link that cannot be followed: the scene begins as without one, so that it can be used. */
  async function begin() {
    settings.forget();
    const found = await question("answer", settings.scene, settings.texts);
    settings.renew();
    show(found);
    shown = true;
  }
}

/** A slider of steps with a button that plays them; `shown(step)` draws. */
export function player(shown) {
  let timer = null;
  let last = 0;
  let at = 0;
  const bar = slider(t("at"), { low: 0, high: 1, value: 0, show: (step) => String(step), changed: (step) => to(step) });
  const play = button(t("play"), () => (timer ? stop() : start()));
  function to(step) {
    at = Math.min(Math.max(0, step), last);
    bar.set(at, Math.max(1, last));
    shown(at);
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = t("play");
  }
  function start() {
    if (at >= last) to(0);
    play.textContent = t("pause");
    timer = setInterval(() => (at >= last ? stop() : to(at + 1)), Math.max(30, Math.min(350, 6000 / Math.max(last, 1))));
  }
  return {
    nodes: [bar.node, el("div", { class: "group" }, play)],
    /** A new path with this many steps: all of it is shown, unless it is being played. */
    renew(steps) {
      const whole = at >= last;
      last = steps;
      to(timer || !whole ? Math.min(at, last) : last);
    },
    get at() {
      return at;
    },
  };
}

/** Sentences in the language of the page. */
export function say(host, sentences) {
  fill(host, sentences.map((one) => el("p", {}, one[language])));
}

/** The command and the Python that do the same, and a link that restores the scene. */
export function copies() {
  const command = el("pre", { tabindex: 0 });
  const python = el("pre", { tabindex: 0 });
  const copied = (text, label) => {
    const made = button(label, async () => {
      try {
        await navigator.clipboard.writeText(text());
        made.textContent = t("copied");
        setTimeout(() => (made.textContent = label), 1500);
      } catch {
        getSelection().selectAllChildren(node);
      }
    });
    return made;
  };
  const node = el(
    "section",
    {},
    el("div", { class: "row" }, copied(() => command.textContent, t("copy_command")), copied(() => python.textContent, t("copy_python")), copied(() => location.href, t("copy_link"))),
    el("h3", {}, t("command")),
    command,
    el("h3", {}, t("python")),
    python,
  );
  return {
    node,
    show(answer) {
      command.textContent = answer.command;
      python.textContent = answer.python;
    },
  };
}
