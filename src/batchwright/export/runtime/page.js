// The page: a form for one row, and a place for files with many.

const SHOWN = 10, MOST_OPTIONS = 200;
let language = navigator.language.startsWith("zh") ? "zh" : "en";

/** The text of a key in the language of the page. */
function say(key, given = {}) {
  return TEXTS[language][key].replace(/\{(\w+)\}/g, (whole, name) => (name in given ? String(given[name]) : whole));
}

/** What the cells of a column have to be. */
function wantedBy(reader) {
  return WANTED[language][reader.reads] ?? reader.wanted;
}

/** A note or a fact, with short numbers; counts are whole. */
function sayOf({key, given}) {
  const written = ["example", "low", "high"].filter((name) => name in given).map((name) => [name, write(given[name])]);
  return say(key, {...given, ...Object.fromEntries(written)});
}

/** An element with attributes, listeners (onclick: ...) and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const short = (number) => Number(number.toPrecision(6)).toLocaleString("en", {maximumSignificantDigits: 6, useGrouping: false});
const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 3 : 1)} %`;
const write = (value) => (Array.isArray(value) ? value.map(write).join(", ") : typeof value === "number" ? short(value) : value);

/** The control of a field: its elements, and a function that gives the cell; `placed` hears of an image. */
function control(field, place, placed) {
  const id = `field${place}`;
  if (field.kind === "image") return choosingImage(field, id, placed);
  const plain = (attributes) => {
    const input = make("input", {id, type: "text", autocomplete: "off", value: field.start, ...attributes});
    return {elements: [input], cell: () => input.value};
  };
  if (field.kind === "flag") return choosing(id, [["true", say("yes")], ["false", say("no")], ["", say("missing")]]);
  if (field.kind === "category" && field.choices.length <= MOST_OPTIONS) return choosingCategory(field, id);
  if (field.kind === "category") {
    const list = make("datalist", {id: `${id}list`}, ...field.choices.map((name) => make("option", {value: name})));
    const found = plain({list: `${id}list`});
    return {...found, elements: [...found.elements, list]};
  }
  if (field.kind === "text") {
    const area = make("textarea", {id, rows: 3});
    return {elements: [area], cell: () => area.value};
  }
  return plain(field.kind === "number" ? {inputmode: "decimal"} : {});
}

function choosing(id, options) {
  const select = make("select", {id}, ...options.map(([value, name]) => make("option", {value}, name)));
  return {elements: [select], cell: () => select.value, select};
}

/** A list of the known categories, with a place for any other. */
function choosingCategory(field, id) {
  const names = field.choices.map((name) => [`=${name}`, name]);
  const found = choosing(id, [...names, ["", say("missing")], ["other", say("other")]]);
  const other = make("input", {type: "text", hidden: true, "aria-label": say("other_value", {name: field.name})});
  found.select.addEventListener("change", () => {
    other.hidden = found.select.value !== "other";
    if (!other.hidden) other.focus();
  });
  const cell = () => (found.select.value === "other" ? other.value : found.select.value.slice(1));
  return {elements: [...found.elements, other], cell};
}

/** What is known of a field, below its control. */
function hintOf(field) {
  const parts = [];
  if (field.lowest !== null && field.highest !== null) {
    parts.push(say("range", {low: short(field.lowest), high: short(field.highest)}));
  }
  if (field.kind === "values") parts.push(say("values", {values: field.choices.slice(0, SHOWN).join(", ")}));
  if (field.written) parts.push(say("written", {written: field.written}));
  return parts.join("; ");
}

/** What is unlike training in a cell, if anything. */
function doubtOf(model, field, cell) {
  const reader = model.readers.find((one) => one.column === field.name);
  const [array, bad] = readColumn(reader, [cell]);
  if (bad.length) return {wrong: say("bad_cell", {value: JSON.stringify(cell), wanted: wantedBy(reader)})};
  const value = array.data[0];
  if (field.kind === "number" && field.lowest !== null && !Number.isNaN(value)) {
    const outside = Math.max(value - field.highest, field.lowest - value);
    const far = outside > MARGIN * (field.highest - field.lowest);
    return far ? {doubt: say("far", {low: short(field.lowest), high: short(field.highest)})} : {};
  }
  return field.kind === "category" && value !== "" && !knows(model, field, value) ? {doubt: say("unseen")} : {};
}

/** Whether a category is known to the model. */
function knows({folds}, {choices, merge_case}, text) {
  const settings = {categories: choices, missing: false, merge_case, folds};
  return categoryCodes([makeArray("string", [1], [text])], settings).data[0] > 0;
}

/** The form for one row; `answered` gets the answers, or null where a cell does not fit. */
function makeForm(model, answered) {
  const controls = model.fields.map((field, place) => control(field, place, () => update())), told = [];
  const boxes = model.fields.map((field, place) => {
    const hint = hintOf(field), doubt = make("span", {class: "doubt", id: `doubt${place}`});
    told.push(doubt);
    const {elements} = controls[place];
    elements[0].setAttribute("aria-describedby", `hint${place} doubt${place}`);
    const label = make("label", {for: `field${place}`}, field.name);
    return make("div", {class: "field"}, label, ...elements, make("span", {class: "hint", id: `hint${place}`}, hint), doubt);
  });
  const update = async () => {
    const cells = controls.map((one) => one.cell()), columns = {}, images = {};
    let fits = true;
    model.fields.forEach((field, place) => {
      if (field.kind === "image") {
        if (cells[place]) images[field.name] = makeArray("uint8", [1, ...field.shape], cells[place]);
        else fits = false;
        return;
      }
      const {wrong, doubt} = doubtOf(model, field, cells[place]);
      controls[place].elements[0].toggleAttribute("aria-invalid", Boolean(wrong));
      if (wrong) controls[place].elements[0].setAttribute("aria-invalid", "true");
      told[place].textContent = wrong ?? doubt ?? "";
      told[place].classList.toggle("wrong", Boolean(wrong));
      columns[field.name] = [cells[place]];
      fits &&= !wrong;
    });
    answered(fits ? (await answerCells(model, columns, undefined, images)).answers : null);
  };
  const button = make("button", {type: "submit"}, say("answer"));
  const form = make("form", {novalidate: true, oninput: update, onchange: update}, make("div", {class: "fields"}, ...boxes), button);
  form.addEventListener("submit", (event) => { event.preventDefault(); update(); });
  return {form, update};
}

/** The answers for one row, target by target. */
function showAnswers(model, answers) {
  return model.targets.map((target) => {
    const first = (name) => answers[name][0];
    const parts = [make("p", {class: "answer"}, say("answered", {target: target.name, answer: write(first(target.answer))}))];
    if (target.lower) parts.push(make("p", {}, say("interval", {low: short(first(target.lower)), high: short(first(target.upper))})));
    if (target.set) parts.push(make("p", {}, say("set", {set: first(target.set)})));
    if (target.probabilities.length) parts.push(bars(target.probabilities.map(([name, label]) => [label, first(name)])));
    for (const [name, level] of target.quantiles) {
      parts.push(make("p", {class: "hint"}, `${short(first(name))}: ${say("quantile", {level: percent(Number(level))})}`));
    }
    return make("section", {}, ...parts);
  });
}

/** Probabilities as bars, the greatest first. */
function bars(found) {
  const rows = [...found].sort((one, other) => other[1] - one[1]).slice(0, 2 * SHOWN).map(([name, share]) => {
    const bar = make("span", {class: "bar"});
    bar.style.width = `${100 * share}%`;
    return make("tr", {}, make("th", {scope: "row"}, name), make("td", {class: "number"}, percent(share)),
      make("td", {class: "track", "aria-hidden": "true"}, bar));
  });
  return make("table", {class: "bars"}, make("caption", {}, say("probabilities")), make("tbody", {}, ...rows));
}

/** Where files are chosen or dropped; `taken` gets them. */
function makeDrop(label, hint, settings, taken) {
  const input = make("input", {type: "file", id: "file", ...settings});
  input.addEventListener("click", () => { input.value = ""; }); // a file may be chosen again once it is corrected
  input.addEventListener("change", () => { if (input.files.length) taken([...input.files]); });
  const place = make("div", {class: "drop"}, make("label", {for: "file"}, label), input, make("p", {class: "hint"}, hint));
  place.addEventListener("dragover", (event) => { event.preventDefault(); place.classList.add("over"); });
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    if (event.dataTransfer.files.length) taken([...event.dataTransfer.files]);
  });
  return place;
}

/** A table of the first rows of columns. */
function preview(columns, caption) {
  const names = Object.keys(columns), count = Math.min(SHOWN, columns[names[0]].length);
  const head = make("tr", {}, ...names.map((name) => make("th", {scope: "col"}, name)));
  const rows = Array.from({length: count}, (_, row) => make("tr", {}, ...names.map((name) => make("td", {}, write(columns[name][row])))));
  const table = make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...rows));
  return make("div", {class: "wide", tabindex: "0", role: "region", "aria-label": caption}, table);
}

/** A button that saves columns as a CSV file. */
function saver(columns, name) {
  return make("button", {type: "button", onclick: () => {
    const address = URL.createObjectURL(new Blob([writeCsv(columns)], {type: "text/csv"}));
    make("a", {href: address, download: name}).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }}, say("save"));
}

/** The section for files with many rows. */
function makeFiles(model) {
  const told = make("p", {role: "status"}), shown = make("div");
  const names = model.fields.map((field) => field.name);
  const taken = async ([file]) => {
    shown.replaceChildren();
    const found = await answerFile(model, await file.arrayBuffer(), (done, rows) => { told.textContent = say("busy", {done, rows}); });
    if (found.problem) { told.textContent = say(found.problem, found.given); return; }
    if (found.bad) { told.textContent = say("bad", {count: found.bad.length}); shown.append(badList(model, found)); return; }
    const rows = Object.values(found.answers)[0].length;
    told.textContent = say("rows", {rows});
    const kept = Object.fromEntries(Object.entries(found.columns).filter(([name]) => !(name in found.answers)));
    shown.append(saver({...kept, ...found.answers}, "answers.csv"), preview(found.answers, say("first")));
    const left = found.empty ? [{key: "left_out", given: {count: found.empty}}] : [], notes = [...left, ...found.notes];
    if (notes.length) shown.append(noteList(notes));
  };
  const hint = say("file_hint", {columns: names.join(", ")});
  const place = makeDrop(say("choose"), hint, {accept: ".csv,.tsv,.txt,text/csv"}, taken);
  return make("section", {}, make("h2", {}, say("file")), place, told, shown);
}

/** The answers for the bytes of a CSV file: {answers, columns}, {bad, lines} or {problem, given}. */
async function answerFile(model, bytes, told) {
  let text;
  try {
    text = new TextDecoder("utf-8", {fatal: true}).decode(bytes);
  } catch {
    return {problem: "no_text", given: {}};
  }
  const table = readTable(text, model.fields.map((field) => field.name), model.header);
  return table.problem ? table : {...table, ...(await answerCells(model, table.columns, told))};
}

function badList(model, {bad, lines}) {
  const items = bad.slice(0, SHOWN).map((cell) => {
    const wanted = wantedBy(model.readers.find((reader) => reader.column === cell.column));
    return make("li", {}, say("bad_line", {...cell, line: lines[cell.row], value: JSON.stringify(cell.value), wanted}));
  });
  return make("ul", {}, ...items);
}

/** What is odd in a file. */
function noteList(notes) {
  return make("section", {}, make("h3", {}, say("notes")), make("ul", {}, ...notes.map((note) => make("li", {}, sayOf(note)))));
}

/** What is typed and chosen in the form, in order. */
const typedIn = () => [...document.querySelectorAll("form :is(select, textarea, input:not([type=file]))")];

/** Put the page together, in the language chosen, with what was `entered` before. */
function showPage(model, entered = []) {
  document.documentElement.lang = language;
  document.title = say("title", {target: model.target});
  const answers = make("div", {class: "answers", role: "status"});
  const answered = (found) => answers.replaceChildren(...(found ? showAnswers(model, found) : []));
  const button = make("button", {type: "button", lang: language === "zh" ? "en" : "zh", onclick: () => {
    language = language === "zh" ? "en" : "zh";
    showPage(model, typedIn().map(({value, hidden}) => ({value, hidden})));
  }}, say("other_language"));
  const header = make("header", {}, make("h1", {}, document.title), button);
  const facts = [...model.facts.map(sayOf), say("offline")].map((fact) => make("p", {class: "hint"}, fact));
  const images = model.fields.filter((field) => field.kind === "image").length, parts = [];
  let started = () => {};
  if (images === model.fields.length) {
    parts.push(makeImages(model, answered), answers);
  } else {
    const {form, update} = makeForm(model, answered);
    parts.push(make("section", {}, make("h2", {}, say("one")), make("div", {class: "both"}, form, answers)));
    if (!images) parts.push(makeFiles(model));
    started = update;
  }
  document.body.replaceChildren(header, make("main", {}, ...parts), make("footer", {}, ...facts));
  typedIn().forEach((control, place) => Object.assign(control, entered[place]));
  started();
}

loadModel(JSON.parse(document.getElementById("model").textContent)).then((model) => showPage(model));
