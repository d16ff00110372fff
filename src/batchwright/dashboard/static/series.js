// Numbers of runs as lines: kept whole, then smoothed, then thinned to what the screen can show. No page is needed here.

/** Columns by name; any name may occur, also one that every object has, as `constructor`. */
function emptyColumns() {
  return Object.create(null);
}

/** The history of a run as columns of equal length, which grows by what the server tells. */
export class History {
  constructor() {
    this.columns = emptyColumns();
    this.length = 0;
    this.upto = null;
    this.writtenAt = null;
    this.damaged = 0;
    this.progress = null;
  }

  /** Take in how far the epoch in progress is. */
  note(progress, now) {
    this.progress = { ...progress, writtenAt: now - progress.age * 1000 };
  }

  /** Up to where the run is known: within an epoch, or at the end of the last one; null where nothing is known. */
  known() {
    const { progress, upto, writtenAt } = this;
    if (progress && progress.iteration > (upto?.iteration ?? 0)) return progress;
    return upto && { ...upto, writtenAt };
  }

  /** Whether there is a number in a column. */
  has(name) {
    return this.columns[name]?.some((value) => value !== null) ?? false;
  }

  /** Take in an event: rows that are new, or all rows anew. */
  take(news, now) {
    if (news.anew) {
      this.columns = emptyColumns();
      this.length = 0;
    }
    const length = this.length + news.count;
    for (const name of new Set([...Object.keys(this.columns), ...Object.keys(news.columns)])) {
      const column = (this.columns[name] ??= new Array(this.length).fill(null));
      const added = news.columns[name];
      if (added) for (const value of added) column.push(value);
      else for (let place = this.length; place < length; place++) column.push(null);
    }
    this.length = length;
    this.upto = news.upto ?? this.upto;
    this.writtenAt = now - news.age * 1000;
    this.damaged += news.damaged;
  }
}

/** An exponential moving average that begins at the first value; gaps stay gaps. Weight 0 changes nothing. */
export function smooth(values, weight) {
  if (weight <= 0) return values;
  const found = new Array(values.length);
  let sum = 0;
  let whole = 0;
  for (let place = 0; place < values.length; place++) {
    const value = values[place];
    if (value === null || value === undefined) {
      found[place] = null;
      continue;
    }
    sum = sum * weight + value * (1 - weight);
    whole = whole * weight + (1 - weight);
    found[place] = sum / whole;
  }
  return found;
}

/**
 * The places that a line of so many pixels needs between two x: in each part the first, lowest, highest and last, so
 * that no peak is lost. x has to rise; the neighbours outside are kept, so that a line leaves the picture as it should.
 */
export function thinPlaces(x, y, pixels, from = -Infinity, to = Infinity) {
  let start = 0;
  let end = x.length;
  while (start < end && x[start] < from) start++;
  while (end > start && x[end - 1] > to) end--;
  start = Math.max(0, start - 1);
  end = Math.min(x.length, end + 1);
  const count = end - start;
  if (count <= 4 * pixels) return Array.from({ length: count }, (_, place) => start + place);
  const found = [];
  for (let part = 0; part < pixels; part++) {
    const first = start + Math.floor((part * count) / pixels);
    const last = start + Math.floor(((part + 1) * count) / pixels) - 1;
    let low = -1;
    let high = -1;
    for (let place = first; place <= last; place++) {
      const value = y[place];
      if (value === null || value === undefined) continue;
      if (low < 0 || value < y[low]) low = place;
      if (high < 0 || value > y[high]) high = place;
    }
    const kept = low < 0 ? [first, last] : [first, low, high, last];
    found.push(...[...new Set(kept)].sort((a, b) => a - b));
  }
  return found;
}

/** Thinned x and y. */
export function thin(x, y, pixels, from, to) {
  const places = thinPlaces(x, y, pixels, from, to);
  return [places.map((place) => x[place]), places.map((place) => y[place])];
}

/** y at an x between two points of a line, null outside of it; `hint` is a place to begin at. */
function between(x, y, at, hint) {
  let place = hint;
  while (place < x.length - 1 && x[place + 1] < at) place++;
  if (at < x[0] || at > x[x.length - 1]) return [null, place];
  const next = Math.min(place + 1, x.length - 1);
  if (y[place] === null || y[next] === null) return [x[next] === at ? y[next] : x[place] === at ? y[place] : null, place];
  const share = x[next] === x[place] ? 1 : (at - x[place]) / (x[next] - x[place]);
  return [y[place] + share * (y[next] - y[place]), place];
}

const GRID = 1000;

/**
 * Mean, lowest and highest of several lines at common x: their own if these are the same, else evenly spaced ones.
 * Where a line has ended, the others go on.
 */
export function band(lines) {
  const longest = lines.reduce((one, other) => (other.x.length > one.x.length ? other : one));
  const same = lines.every((line) => line.x.every((value, place) => value === longest.x[place]));
  let grid = longest.x;
  if (!same) {
    const low = Math.min(...lines.map((line) => line.x[0]));
    const high = Math.max(...lines.map((line) => line.x[line.x.length - 1]));
    const count = Math.min(GRID, longest.x.length);
    grid = Array.from({ length: count }, (_, place) => low + ((high - low) * place) / Math.max(count - 1, 1));
  }
  const hints = lines.map(() => 0);
  const found = { x: [...grid], y: [], low: [], high: [] };
  for (let place = 0; place < grid.length; place++) {
    let [sum, count, low, high] = [0, 0, Infinity, -Infinity];
    for (let which = 0; which < lines.length; which++) {
      const { x, y } = lines[which];
      let value = y[place];
      if (!same) [value, hints[which]] = between(x, y, grid[place], hints[which]);
      if (value === null || value === undefined) continue;
      sum += value;
      count += 1;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    found.y.push(count ? sum / count : null);
    found.low.push(count ? low : null);
    found.high.push(count ? high : null);
  }
  return found;
}

/** x and y of a column of a history, without rows that have no x, and with rising x. */
export function lineOf(history, xName, yName) {
  const x = history.columns[xName] ?? [];
  const y = history.columns[yName] ?? [];
  const found = { x: [], y: [] };
  let before = -Infinity;
  for (let place = 0; place < x.length && place < y.length; place++) {
    if (x[place] === null || x[place] <= before) continue;
    before = x[place];
    found.x.push(x[place]);
    found.y.push(y[place]);
  }
  return found;
}
