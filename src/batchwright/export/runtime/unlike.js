// Cells unlike all of the training, counted by column: unseen categories, missing cells, numbers far outside.

const MARGIN = 0.5; // of the width of the range of training

/** For each kind of such cells and each column the key of a sentence and what is put into it. */
function notesOn(known, typed, folds) {
  const ordered = [...known].sort((one, other) => (one.column < other.column ? -1 : Number(one.column > other.column)));
  return [unseenCells, missingCells, farCells].flatMap((find) => ordered.flatMap((one) => {
    const cells = typed[one.column], found = find(one, cells, folds);
    return found ? [{key: found.key, given: {column: one.column, cells: cells.shape[0], ...found.given}}] : [];
  }));
}

function unseenCells({known, merge_case, separator, least}, cells, folds) {
  if (!known) return null;
  const strange = separator ? strangeValues(known, separator, cells) : strangeTexts({known, merge_case, folds}, cells);
  if (!strange.length) return null;
  const key = least === 1 ? "note_unseen" : "note_rare";
  return {key, given: {count: strange.length, example: JSON.stringify(strange[0]).slice(0, 60), least}};
}

function strangeValues(known, separator, {data}) {
  const names = new Set(known);
  return Array.from(data).flatMap((text) => splitValues(text, separator)).filter((value) => !names.has(value));
}

function strangeTexts({known, merge_case, folds}, cells) {
  const codes = categoryCodes([cells], {categories: known, missing: false, merge_case, folds}).data;
  return Array.from(cells.data).filter((text, row) => text !== "" && Number(codes[row]) === 0);
}

function missingCells({taken_as: takenAs}, {dtype, data}) {
  if (!takenAs) return null;
  const absent = dtype === "string" ? (cell) => cell === "" : dtype === "int64" ? (cell) => cell === NO_DATE : Number.isNaN;
  const count = Array.from(data).filter(absent).length;
  return count ? {key: "note_missing", given: {count}} : null;
}

function farCells({lowest, highest}, {data}) {
  if (lowest === undefined) return null;
  let count = 0, most = 0, farthest = 0;
  for (const cell of data) {
    const outside = Math.max(cell - highest, lowest - cell);
    if (outside > MARGIN * (highest - lowest)) count++;
    if (outside > most) [most, farthest] = [outside, cell];
  }
  return count ? {key: "note_far", given: {count, example: farthest, low: lowest, high: highest}} : null;
}
