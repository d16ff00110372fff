// Small helpers of all pages: elements, numbers as people read them, questions to the server, and requests that act.

import { speaker } from "/static/pages/language.js";

const t = speaker({
  en: {
    no_answer: "The server does not answer; is it still running?",
    answered: "The server answers with {status}.",
    cut_off: "The server's answer was cut off.",
  },
  zh: { no_answer: "服务器没有回应；它还在运行吗？", answered: "服务器的回应为 {status}。", cut_off: "服务器的回应不完整。" },
});

/** An element with attributes, event handlers (`onclick`) and children; texts are always text, never HTML. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && typeof value !== "string" && key !== "list") made[key] = value;
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** An element of SVG; a `title` becomes what is read out. */
export function draw(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== "") made.setAttribute(key, String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Replace all children. */
export function fill(host, ...children) {
  host.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return host;
}

/** Have these children in this order; those that are there already stay, with what is focused in them. */
export function arrange(host, children) {
  const kept = new Set(children);
  for (const child of [...host.children]) if (!kept.has(child)) child.remove();
  children.forEach((child, place) => {
    if (host.children[place] !== child) host.insertBefore(child, host.children[place] ?? null);
  });
}

/** A number in at most so many digits, with separators in whole numbers; empty for none. */
export function figure(value, digits = 4) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-3 ? value.toExponential(digits - 2) : String(Number(value.toPrecision(digits)));
}

/** Bytes in the largest unit that fits. */
export function bytes(value) {
  if (typeof value !== "number") return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let place = 0;
  for (; value >= 1000 && place < units.length - 1; place++) value /= 1000;
  return `${figure(value, 3)} ${units[place]}`;
}

/** Seconds as a person reads a span of time. */
export function span(seconds) {
  if (typeof seconds !== "number") return "";
  if (seconds < 60) return `${figure(seconds, 3)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The answer to a question, as plain data; an error has the server's sentence. */
export async function ask(address) {
  return answerOf(await reach(address, {}));
}

let session = null;

/** What this browser may do here; asked for once, unless the server was started again. */
export async function sessionOf() {
  session ??= await ask("/api/session");
  return session;
}

/** Have something done; an error has the server's sentence. */
export async function act(address, given = {}) {
  const { acting } = await sessionOf();
  const headers = { "content-type": "application/json", "x-batchwright-acting": acting };
  return answerOf(await reach(address, { method: "POST", headers, body: JSON.stringify(given) }));
}

async function reach(address, options) {
  try {
    return await fetch(address, { credentials: "same-origin", ...options });
  } catch {
    throw new Error(t("no_answer"));
  }
}

async function answerOf(response) {
  const text = await response.text();
  if (!response.ok) throw new Error(text.startsWith("<") ? t("answered", { status: response.status }) : text);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(t("cut_off"));
  }
}

/** A button that copies a text, and says so. */
export function copyButton(text, label, done) {
  const button = el("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = done;
      setTimeout(() => (button.textContent = label), 1500);
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling ?? button);
    }
  });
  return button;
}
