// The operators of a graph. An array is {dtype, shape, data}; whole numbers of 64 bits are kept as floats, which hold
// those below 2^53 exactly.

const STORES = {
  float32: Float32Array, float64: Float64Array, int64: Float64Array, int32: Int32Array, int8: Int8Array,
  uint8: Uint8Array, bool: Uint8Array, string: Array, bfloat16: Float32Array,
};

const sizeOf = (shape) => shape.reduce((size, one) => size * one, 1);

/** A new array of this type and shape. */
function makeArray(dtype, shape, data) {
  return {dtype, shape, data: data ?? new STORES[dtype](sizeOf(shape))};
}

/** The shape to which shapes broadcast. */
function broadcastShapes(shapes) {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const found = new Array(rank).fill(1);
  for (const shape of shapes) {
    shape.forEach((size, place) => {
      const at = place + rank - shape.length;
      if (size !== 1) {
        if (found[at] !== 1 && found[at] !== size) throw new Error(`shapes do not fit: ${JSON.stringify(shapes)}`);
        found[at] = size;
      }
    });
  }
  return found;
}

/** How far the next entry along each axis of `shape` is in an array that is broadcast to it; 0 along repeated axes. */
function stridesIn(own, shape) {
  const strides = new Array(shape.length).fill(0);
  let step = 1;
  for (let axis = own.length - 1; axis >= 0; axis--) {
    if (own[axis] !== 1) strides[axis + shape.length - own.length] = step;
    step *= own[axis];
  }
  return strides;
}

/** Call `visit(place, offsets)` for each entry of a shape, in order, with the offset in each of several arrays. */
function walk(shape, allStrides, visit) {
  const size = sizeOf(shape), index = new Array(shape.length).fill(0), offsets = allStrides.map(() => 0);
  for (let place = 0; place < size; place++) {
    visit(place, offsets);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++;
      for (let one = 0; one < offsets.length; one++) offsets[one] += allStrides[one][axis];
      if (index[axis] < shape[axis]) break;
      for (let one = 0; one < offsets.length; one++) offsets[one] -= allStrides[one][axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

/** A function of each entry. */
function mapEach(x, dtype, of) {
  const found = makeArray(dtype, x.shape);
  for (let place = 0; place < x.data.length; place++) found.data[place] = of(x.data[place]);
  return found;
}

/** A function of each pair of entries, with broadcasting. */
function mapPairs(x, y, dtype, of) {
  const shape = broadcastShapes([x.shape, y.shape]), found = makeArray(dtype, shape);
  if (sizeOf(x.shape) === sizeOf(shape) && sizeOf(y.shape) === sizeOf(shape)) {
    for (let place = 0; place < found.data.length; place++) found.data[place] = of(x.data[place], y.data[place]);
  } else {
    const [a, b, out] = [x.data, y.data, found.data];
    walkRows(shape, [x, y], (place, [i, j], width, [stepX, stepY]) => {
      for (let k = 0; k < width; k++) out[place + k] = of(a[i + k * stepX], b[j + k * stepY]);
    });
  }
  return found;
}

/** As `walk` for arrays that are broadcast to a shape, but once for each row of the last axis, with its width and steps. */
function walkRows(shape, arrays, visit) {
  const all = arrays.map((one) => stridesIn(one.shape, shape)), width = shape.at(-1) ?? 1;
  const steps = all.map((strides) => strides.at(-1) ?? 0);
  walk(shape.slice(0, -1), all.map((strides) => strides.slice(0, -1)), (place, at) => visit(place * width, at, width, steps));
}

/** The error function by a series of positive terms: 2/√π · exp(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1)). */
function erf(x) {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  let term = size, sum = size;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * size * size) / (2 * n + 1);
    sum += term;
  }
  return (Math.sign(x) * 2 * Math.exp(-size * size) * sum) / Math.sqrt(Math.PI);
}

/** The nearest whole number, halves to even. */
function roundHalves(x) {
  const down = Math.floor(x), rest = x - down;
  return rest < 0.5 ? down : rest > 0.5 ? down + 1 : down % 2 === 0 ? down : down + 1;
}

function sigmoid(x) {
  const small = Math.exp(-Math.abs(x));
  return x >= 0 ? 1 / (1 + small) : small / (1 + small);
}

const ofEach = (of) => (inputs) => mapEach(inputs[0], inputs[0].dtype, of);
const ofPairs = (of) => (inputs) => mapPairs(inputs[0], inputs[1], inputs[0].dtype, of);
const asking = (of) => (inputs) => mapPairs(inputs[0], inputs[1], "bool", of);

const BITS = new DataView(new ArrayBuffer(4));

/** A number rounded to 8 significant bits, halves to even. */
function roundToBfloat16(x) {
  if (!Number.isFinite(x)) return x;
  BITS.setFloat32(0, x);
  const bits = BITS.getUint32(0);
  BITS.setUint32(0, ((bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000) >>> 0);
  return BITS.getFloat32(0);
}

function cast([x], {to}) {
  if (to === "bfloat16") return mapEach(x, to, roundToBfloat16);
  if (to === "bool") return mapEach(x, to, (one) => Number(one !== 0));
  const whole = to.startsWith("int") || to.startsWith("uint");
  return mapEach(x, to, whole ? (one) => Math.trunc(one) || 0 : (one) => one);
}

function where([condition, x, y]) {
  const shape = broadcastShapes([condition.shape, x.shape, y.shape]), found = makeArray(x.dtype, shape);
  const [asked, a, b, out] = [condition.data, x.data, y.data, found.data];
  walkRows(shape, [condition, x, y], (place, [h, i, j], width, [stepH, stepX, stepY]) => {
    for (let k = 0; k < width; k++) out[place + k] = asked[h + k * stepH] ? a[i + k * stepX] : b[j + k * stepY];
  });
  return found;
}

function concat(inputs, {axis}) {
  const at = axis < 0 ? axis + inputs[0].shape.length : axis;
  const shape = [...inputs[0].shape];
  shape[at] = inputs.reduce((sum, one) => sum + one.shape[at], 0);
  const found = makeArray(inputs[0].dtype, shape);
  const before = sizeOf(shape.slice(0, at)), after = sizeOf(shape.slice(at + 1));
  let place = 0;
  for (let row = 0; row < before; row++) {
    for (const one of inputs) {
      const width = one.shape[at] * after;
      for (let k = 0; k < width; k++) found.data[place++] = one.data[row * width + k];
    }
  }
  return found;
}

function reshape([x], {shape}) {
  const known = shape.reduce((size, one) => (one === -1 ? size : size * one), 1);
  return makeArray(x.dtype, shape.map((one) => (one === -1 ? (known ? x.data.length / known : 0) : one)), x.data);
}

function transpose([x], {perm}) {
  const shape = perm.map((axis) => x.shape[axis]), own = stridesOf(x.shape), found = makeArray(x.dtype, shape);
  walk(shape, [perm.map((axis) => own[axis])], (place, at) => { found.data[place] = x.data[at[0]]; });
  return found;
}

/** How far the next entry along each axis is. */
function stridesOf(shape) {
  const strides = new Array(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

function expand([x], {shape}, rows) {
  const wanted = broadcastShapes([x.shape, shape.map((one) => (one < 0 ? -one * rows : one))]);
  const found = makeArray(x.dtype, wanted);
  walk(wanted, [stridesIn(x.shape, wanted)], (place, at) => { found.data[place] = x.data[at[0]]; });
  return found;
}

function slice([x], {starts, ends, axes, steps}) {
  const first = x.shape.map(() => 0), step = x.shape.map(() => 1), shape = [...x.shape], own = stridesOf(x.shape);
  axes.forEach((given, one) => {
    const axis = given < 0 ? given + shape.length : given, size = x.shape[axis], by = steps[one];
    const clip = (at) => {
      const place = at < 0 ? at + size : at;
      return by > 0 ? Math.min(Math.max(place, 0), size) : Math.min(Math.max(place, -1), size - 1);
    };
    const start = clip(starts[one]), end = clip(ends[one]);
    [first[axis], step[axis], shape[axis]] = [start, by, Math.max(0, Math.ceil((end - start) / by))];
  });
  const begin = first.reduce((sum, one, axis) => sum + one * own[axis], 0), found = makeArray(x.dtype, shape);
  walk(shape, [own.map((one, axis) => one * step[axis])], (place, at) => { found.data[place] = x.data[begin + at[0]]; });
  return found;
}

function gather([table, places], {axis}) {
  const at = axis < 0 ? axis + table.shape.length : axis;
  const before = sizeOf(table.shape.slice(0, at)), after = sizeOf(table.shape.slice(at + 1)), size = table.shape[at];
  const found = makeArray(table.dtype, [...table.shape.slice(0, at), ...places.shape, ...table.shape.slice(at + 1)]);
  let out = 0;
  for (let row = 0; row < before; row++) {
    for (const given of places.data) {
      const start = (row * size + (given < 0 ? given + size : given)) * after;
      for (let k = 0; k < after; k++) found.data[out++] = table.data[start + k];
    }
  }
  return found;
}

function pad([x], {pads, value}) {
  const rank = x.shape.length, shape = x.shape.map((size, axis) => size + pads[axis] + pads[axis + rank]);
  const found = makeArray(x.dtype, shape), strides = stridesOf(shape);
  if (value !== 0) found.data.fill(value);
  const begin = strides.reduce((sum, one, axis) => sum + one * pads[axis], 0);
  walk(x.shape, [strides], (place, at) => { found.data[begin + at[0]] = x.data[place]; });
  return found;
}

/** Fold the entries along some axes, in order. */
function reduce(x, axes, keepdims, start, fold) {
  const folded = new Set(axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis)));
  const kept = x.shape.map((size, axis) => (folded.has(axis) ? 1 : size)), own = stridesOf(kept);
  const sums = new Float64Array(sizeOf(kept)).fill(start);
  walk(x.shape, [own.map((one, axis) => (folded.has(axis) ? 0 : one))], (place, at) => {
    sums[at[0]] = fold(sums[at[0]], x.data[place]);
  });
  const shape = keepdims ? kept : x.shape.filter((_, axis) => !folded.has(axis));
  return makeArray(x.dtype, shape, x.dtype === "float64" || x.dtype === "int64" ? sums : STORES[x.dtype].from(sums));
}

const reducing = (start, fold) => ([x], {axes, keepdims}) => reduce(x, axes, keepdims, start, fold);

function argMax([x], {axis, keepdims}) {
  const at = axis < 0 ? axis + x.shape.length : axis, size = x.shape[at];
  const before = sizeOf(x.shape.slice(0, at)), after = sizeOf(x.shape.slice(at + 1));
  const found = new Float64Array(before * after);
  for (let row = 0; row < before; row++) {
    for (let k = 0; k < after; k++) {
      let best = 0;
      for (let one = 1; one < size; one++) {
        const [here, there] = [x.data[(row * size + one) * after + k], x.data[(row * size + best) * after + k]];
        if (here > there || (Number.isNaN(here) && !Number.isNaN(there))) best = one;
      }
      found[row * after + k] = best;
    }
  }
  return makeArray("int64", x.shape.flatMap((one, place) => (place !== at ? [one] : keepdims ? [1] : [])), found);
}

function cumSum([x], {axis}) {
  const at = axis < 0 ? axis + x.shape.length : axis, size = x.shape[at], after = sizeOf(x.shape.slice(at + 1));
  const found = makeArray(x.dtype, x.shape, x.data.slice());
  for (let place = 0; place < found.data.length; place++) {
    if (Math.floor(place / after) % size) found.data[place] += found.data[place - after];
  }
  return found;
}

function matMul([x, y]) {
  const [m, k, n] = [x.shape.at(-2), x.shape.at(-1), y.shape.at(-1)];
  const batch = broadcastShapes([x.shape.slice(0, -2), y.shape.slice(0, -2)]);
  const found = makeArray(x.dtype, [...batch, m, n]), sums = new Float64Array(n);
  const strides = [x, y].map((one) => stridesIn(one.shape.slice(0, -2), batch));
  walk(batch, strides, (place, [ofX, ofY]) => {
    for (let row = 0; row < m; row++) {
      addProducts(sums.fill(0), x.data, (ofX * m + row) * k, y.data, ofY * k * n);
      found.data.set(sums, (place * m + row) * n);
    }
  });
  return found;

  /** Add a row of x times a matrix y, four rows of which are taken at a time. */
  function addProducts(total, a, i, b, j) {
    let inner = 0;
    for (; inner + 4 <= k; inner += 4) {
      const [p, q, r, s] = [a[i + inner], a[i + inner + 1], a[i + inner + 2], a[i + inner + 3]], at = j + inner * n;
      for (let c = 0; c < n; c++) {
        total[c] += p * b[at + c] + q * b[at + n + c] + r * b[at + 2 * n + c] + s * b[at + 3 * n + c];
      }
    }
    for (; inner < k; inner++) for (let c = 0; c < n; c++) total[c] += a[i + inner] * b[j + inner * n + c];
  }
}

const OPERATORS = {
  Abs: ofEach(Math.abs), Ceil: ofEach(Math.ceil), Cos: ofEach(Math.cos), Erf: ofEach(erf), Exp: ofEach(Math.exp),
  Floor: ofEach(Math.floor), Log: ofEach(Math.log), Neg: ofEach((x) => -x), Round: ofEach(roundHalves),
  Sigmoid: ofEach(sigmoid), Sign: ofEach(Math.sign), Sin: ofEach(Math.sin), Sqrt: ofEach(Math.sqrt),
  Tanh: ofEach(Math.tanh), Not: ofEach((x) => Number(!x)),
  IsNaN: ([x]) => mapEach(x, "bool", (one) => Number(Number.isNaN(one))),
  Add: ofPairs((x, y) => x + y), Sub: ofPairs((x, y) => x - y), Mul: ofPairs((x, y) => x * y),
  Div: ofPairs((x, y) => x / y), Max: ofPairs(Math.max), Min: ofPairs(Math.min), Pow: ofPairs((x, y) => (x === 1 ? 1 : x ** y)),
  Mod: ofPairs((x, y) => ((x % y) + y) % y), StringConcat: ofPairs((x, y) => x + y),
  Equal: asking((x, y) => x === y), Less: asking((x, y) => x < y), LessOrEqual: asking((x, y) => x <= y),
  Greater: asking((x, y) => x > y), GreaterOrEqual: asking((x, y) => x >= y),
  And: asking((x, y) => x && y), Or: asking((x, y) => x || y), Where: where,
  ArgMax: argMax, Cast: cast, Concat: concat, Conv: conv, CumSum: cumSum, Expand: expand, Gather: gather, MatMul: matMul,
  Pad: pad, Reshape: reshape, Slice: slice, Transpose: transpose,
  ReduceMax: reducing(-Infinity, Math.max), ReduceMin: reducing(Infinity, Math.min), ReduceSum: reducing(0, (x, y) => x + y),
  MaxPool: ([x], settings) => pool(x, settings, -Infinity, Math.max, (value) => value),
  AveragePool: ([x], settings) =>
    pool(x, settings, 0, (sum, one) => sum + one, (sum) => sum / sizeOf(settings.kernel_shape)),
};
