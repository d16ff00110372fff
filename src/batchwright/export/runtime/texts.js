// Texts as codes: categories, several values in a cell, and hashed words. An empty text is a missing cell.

const WHOLE = /^([+-]?[0-9]+)(?:\.0*)?$/;
const NUMBER_TEXT = /^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)$/i;
const UNBLANKED = ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"]
  .map((script) => `\\p{Script=${script}}`).join("");
const WORD_SIGN = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const WORD = new RegExp(`[${UNBLANKED}]|(?:(?![${UNBLANKED}])${WORD_SIGN})+`, "gu");
const ALL_BITS = (1n << 64n) - 1n;

/** The text without differences of case, blanks and trailing points; `folds` are signs whose case is odd. */
function fold(text, folds) {
  const small = [...text].map((sign) => folds[sign] ?? sign.toLowerCase()).join("");
  const plain = small.split(/[\s\x1c-\x1f\x85]+/u).filter((part) => part).join(" ");
  return plain.replace(/[. ]+$/, "") || plain;
}

/** The category of each whole number, if all categories are numbers and no other is the same number. */
function wholeNumbers(categories) {
  const found = new Map();
  if (!categories.every((name) => NUMBER_TEXT.test(name))) return found;
  for (const name of categories) {
    const whole = WHOLE.exec(name)?.[1];
    if (whole !== undefined) found.set(whole, found.has(whole) ? null : name);
  }
  return found;
}

/** 1 + the place of each text among the categories, 0 where it is not among them; missing comes last. */
function categoryCodes([x], {categories, missing, merge_case: merge, folds}) {
  const known = merge ? categories.map((name) => fold(name, folds)) : categories;
  const places = new Map(known.map((name, place) => [name, place + 1])), twins = wholeNumbers(known), codes = new Map();
  const codeOf = (text) => {
    if (text === "") return missing ? known.length + 1 : 0;
    const name = merge ? fold(text, folds) : text;
    return places.get(name) ?? places.get(twins.get(WHOLE.exec(name)?.[1])) ?? 0;
  };
  return mapEach(x, "int64", (text) => {
    if (!codes.has(text)) codes.set(text, codeOf(text));
    return codes.get(text);
  });
}

/** The values of a cell, without blanks, quotes and brackets around them; empty ones are left out. */
function splitValues(text, separator) {
  return text.split(separator).map((part) => part.replace(/^[ \t\n[\]'"]+|[ \t\n[\]'"]+$/g, "")).filter((part) => part);
}

/** A column for each value: 1 where a cell holds it; then any other value, and missing cells, if these count. */
function heldValues([x], {separator, values, other, missing}) {
  const width = values.length + Number(other) + Number(missing), found = makeArray("float32", [x.shape[0], width]);
  const places = new Map(values.map((value, place) => [value, place]));
  x.data.forEach((text, row) => {
    for (const value of splitValues(text, separator)) {
      const place = places.get(value) ?? values.length;
      if (place < values.length + Number(other)) found.data[row * width + place] = 1;
    }
    if (missing && text === "") found.data[row * width + width - 1] = 1;
  });
  return found;
}

/** The numbers of the words of each text, then of pairs of words, and so on; 0 stands for none. */
function hashedWords([x], {features, ngrams, length, missing, separator}) {
  const widths = Array.from({length: ngrams}, (_, together) => Math.max(0, length - together));
  const width = widths.reduce((sum, one) => sum + one, 0), found = makeArray("int64", [x.shape[0], width]);
  const hashes = new Map(), count = BigInt(features);
  const hashOf = (word) => hashes.get(word) ?? hashes.set(word, blake2b8(word)).get(word);
  x.data.forEach((text, row) => {
    let at = row * width;
    if (missing && text === "") { found.data[at] = features + 1; return; }
    const words = separator ? splitValues(text, separator) : text.toLowerCase().match(WORD) ?? [];
    const single = words.slice(0, length).map(hashOf);
    let together = single;
    widths.forEach((one, place) => {
      if (place) together = single.slice(place).map((last, first) => mixHashes(together[first], last));
      together.forEach((hash, k) => { found.data[at + k] = 1 + Number(hash % count); });
      at += one;
    });
  });
  return found;
}

/** A hash of two hashes in this order, as SplitMix64 mixes. */
function mixHashes(first, second) {
  let mixed = (first * 0x9e3779b97f4a7c15n + second) & ALL_BITS;
  mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & ALL_BITS;
  mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & ALL_BITS;
  return mixed ^ (mixed >> 31n);
}

const IV = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
];
const SIGMA = [
  "0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8", "905724afe1bc683d",
  "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5", "a2847615fb9e3cd0",
].map((row) => [...row].map((sign) => parseInt(sign, 16)));
const MIXED = [
  [0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14],
];

const turn = (x, by) => ((x >> by) | (x << (64n - by))) & ALL_BITS;

/** BLAKE2b (RFC 7693) of 8 bytes of a text, as a whole number whose first byte is the lowest. */
function blake2b8(text) {
  const bytes = new TextEncoder().encode(text), blocks = Math.max(1, Math.ceil(bytes.length / 128));
  const padded = new DataView(new ArrayBuffer(128 * blocks)), state = [...IV];
  new Uint8Array(padded.buffer).set(bytes);
  state[0] ^= 0x01010008n;
  for (let block = 0; block < blocks; block++) {
    const last = block === blocks - 1, told = BigInt(last ? bytes.length : 128 * (block + 1));
    const words = Array.from({length: 16}, (_, place) => padded.getBigUint64(128 * block + 8 * place, true));
    mixBlock(state, words, told, last);
  }
  return state[0];
}

/** Mix a block of 16 words into the state; `told` bytes have been read with it. */
function mixBlock(state, words, told, last) {
  const v = [...state, ...IV];
  v[12] ^= told;
  if (last) v[14] ^= ALL_BITS;
  for (let round = 0; round < 12; round++) {
    const order = SIGMA[round % 10];
    MIXED.forEach(([a, b, c, d], place) => {
      v[a] = (v[a] + v[b] + words[order[2 * place]]) & ALL_BITS;
      v[d] = turn(v[d] ^ v[a], 32n);
      v[c] = (v[c] + v[d]) & ALL_BITS;
      v[b] = turn(v[b] ^ v[c], 24n);
      v[a] = (v[a] + v[b] + words[order[2 * place + 1]]) & ALL_BITS;
      v[d] = turn(v[d] ^ v[a], 16n);
      v[c] = (v[c] + v[d]) & ALL_BITS;
      v[b] = turn(v[b] ^ v[c], 63n);
    });
  }
  state.forEach((_, place) => { state[place] ^= v[place] ^ v[place + 8]; });
}

const CELL_OPERATORS = {CategoryCodes: categoryCodes, HeldValues: heldValues, HashedWords: hashedWords};
