// Where answers come from: the server, or the files of an exported copy.

import { language } from "/static/pages/language.js";

/** In an exported copy, the settings of each scene for which there are answers; else null. */
export const grids = globalThis.batchwrightLab?.grids ?? null;

/** The name under which an exported copy keeps the answer to these settings. */
export function nameOf(kind, scene, texts) {
  const keys = globalThis.batchwrightLab.keys[kind] ?? Object.keys(grids[scene]);
  const places = keys.map((key) => grids[scene][key].indexOf(String(texts[key] ?? "")));
  return [kind, scene, ...places].join("-");
}

/** The address of a figure that the server or the copy has. */
export function figureOf(scene, texts, name) {
  return grids ? `data/${nameOf("look", scene, texts)}-${name}.svg` : `/lab/look/${scene}/${texts.directions}/${name}.svg`;
}

/** The answer of a scene, or with the kind `levels` the levels of its surface; an error has a sentence. */
export async function question(kind, scene, texts) {
  const found = grids ? await load(nameOf(kind, scene, texts)) : await reply(kind, scene, texts);
  if (found.problem) throw new Error(found.problem[language]);
  return found.answer;
}

async function reply(kind, scene, texts) {
  let response;
  try {
    response = await fetch(`/lab/${kind}/${scene}?${new URLSearchParams(texts)}`, { credentials: "same-origin" });
  } catch {
    throw new Error("the server does not answer; is it still running?");
  }
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

/** An answer of an exported copy, which is a script, because a page that is a file may read no other files. */
function load(name) {
  const kept = globalThis.batchwrightLab.answers;
  if (kept[name]) return Promise.resolve(kept[name]);
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `data/${name}.js`;
    script.onload = () => resolve(kept[name]);
    script.onerror = () => reject(new Error(`data/${name}.js`));
    document.head.append(script);
  });
}

/** Work that runs once at a time; of requests that come meanwhile, only the newest is done afterwards. */
export function latest(work) {
  let busy = false;
  let next = null;
  return async (...given) => {
    next = given;
    if (busy) return;
    busy = true;
    try {
      while (next) {
        const now = next;
        next = null;
        await work(...now);
      }
    } finally {
      busy = false;
    }
  };
}
