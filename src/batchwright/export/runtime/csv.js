// Text of a CSV file (RFC 4180) to columns, and back.

const DELIMITERS = [",", ";", "\t", "|"];
const FORMULA = /^(?:[=+@-].|[\t\r])/s;
const PLAIN_NUMBER = /^[+-]?[0-9.,' ]*[0-9][0-9.,' ]*(?:[eE][+-]?[0-9]+)? ?%?$/;

/**
 * The records of a text, each with the line on which it begins; blank lines are none, and lines of delimiters alone are
 * counted as `empty`. `broken` is the line of the first record with a quotation mark that is never closed, which would
 * take all later rows into its cell, or that is closed before the end of its field; null if there is none.
 */
function parseCsv(text, delimiter) {
  const records = [], ends = [delimiter, "\n", "\r", undefined];
  let broken = null, empty = 0;
  let record = [], field = "", quoted = false, line = 1, begin = 1, blank = true;
  const endField = () => { record.push(field); field = ""; };
  const endRecord = () => {
    endField();
    if (!blank) records.push({line: begin, fields: record});
    else if (record.length > 1) empty++;
    record = [];
    blank = true;
  };
  for (let place = 0; place < text.length; place++) {
    const sign = text[place];
    if (sign === "\n" || (sign === "\r" && text[place + 1] !== "\n")) line++;
    blank &&= !quoted && ends.includes(sign);
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (text[place + 1] === '"') { field += '"'; place++; }
      else {
        quoted = false;
        if (!ends.includes(text[place + 1])) broken ??= begin;
      }
    } else if (sign === '"' && /^ *$/.test(field)) { quoted = true; field = ""; }
    else if (sign === delimiter) endField();
    else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[place + 1] === "\n") { place++; line++; }
      endRecord();
      begin = line;
    } else field += sign;
  }
  if (quoted) broken ??= begin;
  if (field !== "" || record.length) endRecord();
  return {records, broken, empty};
}

/** The delimiter by which the first record has the most of some names. */
function findDelimiter(text, names) {
  const begun = text.replace(/^[\r\n]+/, "").split(/\r?\n/, 1)[0];
  const score = (delimiter) => {
    const first = parseCsv(begun, delimiter).records[0]?.fields ?? [];
    return first.filter((name) => names.includes(name.trim())).length * 1e6 + first.length;
  };
  return DELIMITERS.reduce((best, one) => (score(one) > score(best) ? one : best));
}

/** The columns by name, the lines of the rows and the count of empty ones of a text, or what is wrong: {problem, given}. */
function readTable(text, names, header) {
  const plain = text.replace(/^\ufeff/, ""), {records, broken, empty} = parseCsv(plain, findDelimiter(plain, names));
  if (broken !== null) return {problem: "broken", given: {line: broken}};
  const titles = header ? records.shift()?.fields ?? [] : (records[0]?.fields ?? []).map((_, place) => String(place));
  const found = titles.map((name) => name.trim().normalize("NFC"));
  const lacking = names.filter((name) => !found.includes(name));
  if (lacking.length) return {problem: "lacking", given: {columns: lacking.slice(0, 10).join(", ")}};
  const doubled = names.filter((name) => found.indexOf(name) !== found.lastIndexOf(name));
  if (doubled.length) return {problem: "doubled", given: {columns: doubled.slice(0, 10).join(", ")}};
  if (!records.length) return {problem: "no_rows", given: {}};
  const odd = records.find((record) => record.fields.length !== found.length);
  if (odd) return {problem: "odd_record", given: {line: odd.line, fields: odd.fields.length, expected: found.length}};
  const columns = Object.fromEntries(found.map((name, place) => [name, records.map((record) => record.fields[place])]));
  return {columns, lines: records.map((record) => record.line), empty};
}

/** Columns as the text of a CSV file; ' is put before a text that a spreadsheet would take for a formula. */
function writeCsv(columns) {
  const names = Object.keys(columns), rows = columns[names[0]].length, lines = [names.map(quoteField).join(",")];
  for (let row = 0; row < rows; row++) lines.push(names.map((name) => quoteField(columns[name][row])).join(","));
  return lines.join("\n") + "\n";
}

function quoteField(value) {
  let text = String(value);
  if (typeof value === "string" && FORMULA.test(text) && !PLAIN_NUMBER.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
