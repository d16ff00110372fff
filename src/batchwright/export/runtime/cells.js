// Cells as people write them, read as the training rows were. A cell is a text; a reader is plain data on a column.

const SPACES = "\\t\\n\\v\\f\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const AROUND = new RegExp(`^[${SPACES}]+|[${SPACES}]+$`, "g");
const NUMBER = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const DECIMAL_COMMA = /^[+-]?[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})$/;
const LEADING_ZERO = /^[+-]?0[0-9]+$/;
const OFFSET = /^(?:UTC|GMT|UT)?([+-])([0-9]{1,2}):?([0-9]{2})?$/;
const SECOND = 1e6, MINUTE = 6e7, HOUR = 3.6e9, DAY = 8.64e10;
const NO_DATE = -(2 ** 63);
const NOTHING = {number: NaN, flag: NaN, date: NO_DATE, text: ""};
const STORED_AS = {number: "float64", flag: "float64", date: "int64", text: "string"};

/** The cells of a column as an array of its type, and those that do not fit: {row, column, value, wanted}. */
function readColumn(reader, cells) {
  const clean = cells.map((cell) => String(cell).replace(AROUND, "")), bad = [];
  const meansMissing = missingTest(reader), nothing = NOTHING[reader.kind], known = new Map();
  const read = readingOf(reader, clean.filter((cell) => !meansMissing(cell)));
  const found = makeArray(STORED_AS[reader.kind], [cells.length]);
  clean.forEach((cell, row) => {
    if (!known.has(cell)) known.set(cell, meansMissing(cell) ? nothing : read(cell));
    const value = known.get(cell);
    if (value === null) bad.push({row, column: reader.column, value: cell, wanted: reader.wanted});
    found.data[row] = value ?? nothing;
  });
  return [found, bad];
}

/** Whether a clean cell means missing. */
function missingTest(reader) {
  const texts = new Set(["", ...reader.missing]), numbers = new Set(reader.missing_numbers);
  return (cell) => {
    if (texts.has(cell)) return true;
    if (!numbers.size || LEADING_ZERO.test(cell)) return false;
    return numbers.has(toNumber(DECIMAL_COMMA.test(cell) ? cell.replace(",", ".") : cell));
  };
}

/** The finite number that a text is as programs write numbers; null if it is none. */
function toNumber(text) {
  const number = NUMBER.test(text) ? Number(text) : NaN;
  return Number.isFinite(number) ? number : null;
}

/** How a clean cell that is not missing is read; null where it does not fit. */
function readingOf(reader, cells) {
  const isLength = reader.reads === "duration" || reader.reads === "fraction";
  if (isLength && cells.every((cell) => toNumber(cell) !== null)) return toNumber;
  return READ[reader.reads](reader);
}

/** The regular expression of a pattern, which may begin with the mark that case does not count. */
const patternOf = (text) => new RegExp(text.replace("(?i)", ""), text.startsWith("(?i)") ? "iu" : "u");

const toFloat = (part) => (part === undefined ? null : Number(part.replace(",", ".")));

function readingWritten(reader) {
  const pattern = patternOf(reader.pattern);
  return (cell) => {
    const plain = cell.replace(/[\u00a0\u2007\u2009\u202f]/g, " ").replaceAll("’", "'").replace(/[−–—]/g, "-");
    const found = pattern.exec(plain)?.groups;
    if (!found || (found.open === undefined) !== (found.close === undefined)) return null;
    const hasZeros = found.body.endsWith(reader.decimal);
    if (found.dash !== undefined && !hasZeros && !(reader.minus_after && found.dash === "-")) return null;
    const minus = !hasZeros && found.dash === "-" ? "-" : "";
    const digits = (reader.thousands ? found.body.replaceAll(reader.thousands, "") : found.body).replace(",", ".");
    const power = (found.power ?? "") + (reader.magnitudes[found.magnitude] ?? "");
    return toNumber((found.open ? "-" : "") + (found.sign ?? "") + (found.inner ?? "") + minus + digits + power);
  };
}

function readingDuration(reader) {
  const clock = reader.clock ? patternOf(reader.clock) : null, patterns = reader.patterns.map(patternOf);
  return (cell) => {
    const text = cell.replace(/\s+/g, " "), found = clock?.exec(text)?.groups;
    if (found) return clockSeconds(found);
    for (const pattern of patterns) {
      const given = Object.entries(pattern.exec(text)?.groups ?? {}).filter(([, part]) => part !== undefined);
      if (given.length) return given.reduce((sum, [name, part]) => sum + toFloat(part) * reader.sizes[name], 0);
    }
    return null;
  };
}

/** Hours, minutes and seconds if there are three numbers, or days before them; of two, minutes and seconds. */
function clockSeconds({days, sign, first, second, third}) {
  const isLong = third !== undefined || days !== undefined, rest = toFloat(third) ?? 0;
  const clock = isLong ? 3600 * toFloat(first) + 60 * toFloat(second) + rest : 60 * toFloat(first) + toFloat(second);
  return Number(days ?? 0) * 86400 + (sign === "-" ? -clock : clock);
}

function readingFraction(reader) {
  const pattern = patternOf(reader.pattern);
  return (cell) => {
    const found = pattern.exec(cell)?.groups;
    if (!found) return null;
    const [whole, above, below] = [found.whole, found.above, found.below].map(toFloat);
    if (reader.below !== null) return whole === null && below === reader.below ? above : null;
    if (below === null) return whole;
    return below > 0 ? (whole ?? 0) + above / below : null;
  };
}

function readingFlag(reader) {
  const [yes, no] = [new Set(reader.true), new Set(reader.false)];
  return (cell) => {
    const word = cell.toLowerCase();
    return yes.has(word) ? 1 : no.has(word) ? 0 : null;
  };
}

function readingDate(reader) {
  const pattern = patternOf(reader.pattern);
  return (cell) => {
    const number = reader.compact ? toNumber(cell) : null;
    if (reader.compact && !Number.isInteger(number)) return null;
    const found = pattern.exec(reader.compact ? String(number) : cell)?.groups;
    return found ? momentOf(reader, found) : null;
  };
}

function readingEpoch(reader) {
  return (cell) => {
    const number = toNumber(cell);
    if (number === null || Math.abs(number) > 2 ** 62 / reader.microseconds) return null;
    return roundHalves(number * reader.microseconds);
  };
}

/** The microseconds since the beginning of 1970 of the parts of a date; null if there is no such day or time. */
function momentOf(reader, parts) {
  if (parts.V !== undefined) return firstOfWeek(parts);
  if ([parts.Y, parts.y, parts.G, parts.H].every((part) => part === undefined)) return null;
  const [minute, second] = [Number(parts.M ?? 0), Number(parts.S ?? 0)];
  const ends = parts.H === "24" && !("p" in parts) && minute + second === 0;
  const hour = hourOf(reader, parts), day = dayOf(reader, parts), offset = offsetOf(reader, parts.z);
  if (hour === null || day === null || offset === null || minute > 59 || second > 59 || (hour > 23 && !ends)) return null;
  const fraction = Number((parts.f ?? "").slice(1, 7).padEnd(6, "0"));
  return day * DAY + hour * HOUR + (minute - offset) * MINUTE + second * SECOND + fraction;
}

/** Days since the beginning of 1970; null if there is no such day. */
function dayOf(reader, parts) {
  const short = parts.y === undefined ? null : Number(parts.y);
  const year = short === null ? Number(parts.Y ?? 1970) : short + (short < 69 ? 2000 : 1900);
  let month = Number(parts.m ?? 1);
  if ("b" in parts) month = reader.months[(parts.b ?? "").toLowerCase()] ?? null;
  if (parts.q !== undefined) month = 3 * Number(parts.q) - 2;
  if (parts.h !== undefined) month = 6 * Number(parts.h) - 5;
  return month === null ? null : dayNumber(year, month, Number(parts.d ?? 1));
}

function dayNumber(year, month, day) {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const fits = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return fits ? date.getTime() / 86400000 : null;
}

/** The hour from 0 to 24; 12 AM is 0, 12 PM is 12, and 13 AM is none. */
function hourOf(reader, parts) {
  const hour = Number(parts.H ?? 0);
  if (parts.p === undefined) return hour;
  if (reader.afternoon.includes(parts.p.toLowerCase().replace(/[. ]/g, ""))) return hour < 12 ? hour + 12 : hour;
  return hour < 12 ? hour : hour === 12 ? 0 : null;
}

/** A day of a week of ISO 8601, its Monday unless the weekday is told. */
function firstOfWeek(parts) {
  const [year, week] = [Number(parts.G), Number(parts.V)], weekday = Number(parts.u ?? 1);
  const fourth = dayNumber(year, 1, 4), next = dayNumber(year + 1, 1, 4);
  if (fourth === null || next === null || week < 1) return null;
  const monday = (day) => day - ((((day + 3) % 7) + 7) % 7);
  const first = monday(fourth) + 7 * (week - 1);
  return first < monday(next) ? (first + weekday - 1) * DAY : null;
}

/** Minutes by which a time zone is east of that of the column; null if it is none. */
function offsetOf(reader, zone) {
  if (zone === undefined) return 0;
  const name = zone.toUpperCase().replace(/ ?[([].*/s, "");
  if (name in reader.zones) return reader.zones[name] - reader.zone;
  const found = OFFSET.exec(name);
  if (!found) return null;
  const minutes = 60 * Number(found[2]) + Number(found[3] ?? 0);
  if (minutes > 14 * 60 || Number(found[3] ?? 0) > 59) return null;
  return (found[1] === "-" ? -minutes : minutes) - reader.zone;
}

const READ = {
  "number": () => toNumber, "written number": readingWritten, "duration": readingDuration, "fraction": readingFraction,
  "flag": readingFlag, "date": readingDate, "epoch": readingEpoch, "text": () => (cell) => cell,
};
