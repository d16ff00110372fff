// A model as its columns, its weights and its operators, and how it answers rows.

const AT_ONCE = 512;

/** The bytes of a text in base64 that were compressed by zlib. */
async function inflate(text) {
  const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

const READ_AS = {
  float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array, int8: Int8Array,
  uint8: Uint8Array, bool: Uint8Array,
};

/** The model of a page, with its constants as arrays. */
async function loadModel(plain) {
  const bytes = await inflate(plain.packed), constants = {};
  for (const [name, [dtype, shape, start]] of Object.entries(plain.table)) {
    const numbers = new READ_AS[dtype](bytes, start, sizeOf(shape));
    constants[name] = makeArray(dtype, shape, dtype === "int64" ? Float64Array.from(numbers, Number) : numbers);
  }
  for (const [name, [shape, texts]] of Object.entries(plain.texts)) constants[name] = makeArray("string", shape, texts);
  for (const [op, , , settings] of plain.nodes) if (op === "CategoryCodes") settings.folds = plain.folds;
  return {...plain, constants};
}

/** The answers for typed columns of equal length: an array for each output, by name. */
async function answerTyped(model, typed, told = () => {}) {
  const rows = Object.values(typed)[0].shape[0], pieces = [];
  for (let start = 0; start < Math.max(rows, 1); start += AT_ONCE) {
    pieces.push(runGraph(model, takeRows(typed, start, Math.min(rows, start + AT_ONCE))));
    if (rows > AT_ONCE) {
      told(Math.min(rows, start + AT_ONCE), rows);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  return Object.fromEntries(model.outputs.map((name) => [name, pieces.flatMap((piece) => entriesOf(piece[name]))]));
}

/** The entries of an array along its first axis: numbers or texts, or arrays of them. */
function entriesOf({shape, data}) {
  const all = Array.from(data), width = sizeOf(shape.slice(1));
  return shape.length === 1 ? all : Array.from({length: shape[0]}, (_, row) => all.slice(row * width, (row + 1) * width));
}

function takeRows(typed, start, stop) {
  return Object.fromEntries(Object.entries(typed).map(([name, {dtype, shape, data}]) => {
    const width = sizeOf(shape.slice(1));
    return [name, makeArray(dtype, [stop - start, ...shape.slice(1)], data.slice(start * width, stop * width))];
  }));
}

function runGraph(model, typed) {
  const values = {...model.constants, ...typed}, rows = Object.values(typed)[0].shape[0];
  for (const [op, inputs, output, settings] of model.nodes) {
    const apply = OPERATORS[op] ?? CELL_OPERATORS[op];
    values[output] = apply(inputs.map((name) => values[name]), settings, rows);
  }
  return Object.fromEntries(model.outputs.map((name) => [name, values[name]]));
}

/** The answers for columns of texts by name and typed `images`, and what is unlike the training; {bad} where cells do not fit. */
async function answerCells(model, columns, told, images = {}) {
  const typed = {...images}, bad = [];
  for (const reader of model.readers) {
    const [array, unfit] = readColumn(reader, columns[reader.column]);
    typed[reader.column] = array;
    bad.push(...unfit);
  }
  bad.sort((one, other) => one.row - other.row);
  if (bad.length) return {bad};
  return {answers: await answerTyped(model, typed, told), notes: notesOn(model.known, typed, model.folds)};
}
