// Pictures of a small network: its answers over the plane with the points on it, and its units with their weights.

/** Bytes from letters. */
export function unpack(text) {
  const letters = atob(text);
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

/** The colours of the page, as numbers; read again for each picture, as light and dark may change. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => {
    const text = style.getPropertyValue(name).trim().replace("#", "");
    const whole = text.length === 3 ? [...text].map((digit) => digit + digit).join("") : text;
    return [0, 2, 4].map((place) => parseInt(whole.slice(place, place + 2), 16));
  };
  return { paper: of("--paper"), ink: of("--ink"), soft: of("--soft"), series: [0, 1, 2, 3, 4, 5].map((place) => of(`--s${place}`)) };
}

export function css([r, g, b]) {
  return `rgb(${r} ${g} ${b})`;
}

/** The colour of a class: six colours, and paler ones for two more. */
export function classColour(palette, place) {
  const own = palette.series[place % 6];
  return place < 6 ? own : own.map((part, at) => Math.round((part + palette.paper[at]) / 2));
}

/** Between blue below and orange above; `share` is −1 to 1. */
export function signedColour(palette, share, strength = 1) {
  const end = palette.series[share < 0 ? 0 : 1];
  const part = Math.min(1, Math.abs(share)) * strength;
  return palette.paper.map((from, at) => Math.round(from + (end[at] - from) * part));
}

/** An image of wide × high numbers: `colour(place)` gives that of each, the first row of numbers lying below. */
function image(context, wide, high, colour) {
  const made = context.createImageData(wide, high);
  for (let row = 0; row < high; row++) {
    for (let column = 0; column < wide; column++) {
      const [r, g, b] = colour(row * wide + column);
      made.data.set([r, g, b, 255], 4 * ((high - 1 - row) * wide + column));
    }
  }
  return made;
}

const small = document.createElement("canvas");

/** Draw numbers as a smooth surface into a rectangle of a canvas. */
export function drawSurface(context, [wide, high], colour, [x, y, w, h]) {
  small.width = wide;
  small.height = high;
  const own = small.getContext("2d");
  own.putImageData(image(own, wide, high, colour), 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, x, y, w, h);
}

/** The colours of the answers over the plane. */
export function answerColour(palette, answers) {
  if (answers.classes) {
    const shares = answers.classes.map(unpack);
    const own = shares.map((_, place) => classColour(palette, place));
    const strength = 0.55;
    return (place) => palette.paper.map((paper, at) => {
      let mixed = 0;
      for (let one = 0; one < shares.length; one++) mixed += (shares[one][place] / 255) * own[one][at];
      return Math.round(paper + (mixed - paper) * strength);
    });
  }
  const numbers = unpack(answers.numbers);
  return (place) => signedColour(palette, numbers[place] / 127.5 - 1, 0.8);
}

/** The colours of a hidden unit over the plane. */
export function unitColour(palette, packed) {
  const numbers = unpack(packed);
  return (place) => signedColour(palette, (numbers[place] - 128) / 127, 0.8);
}

/** A canvas as sharp as the screen, `wide` × `tall` in pixels of the page. */
export function prepare(canvas, wide, tall) {
  const ratio = globalThis.devicePixelRatio || 1;
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(tall * ratio)) {
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(tall * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, wide, tall);
  return context;
}

/** The points over the plane: filled for training rows, hollow for validation rows, with a ring in the batch. */
export function drawPoints(context, palette, rows, batch, place, colourOf) {
  const chosen = new Set(batch);
  rows.points.forEach((point, row) => {
    const [x, y] = place(point);
    const colour = css(colourOf(rows.targets[row]));
    context.beginPath();
    context.arc(x, y, 3.2, 0, 2 * Math.PI);
    context.lineWidth = row < rows.training ? 1 : 1.6;
    context.fillStyle = row < rows.training ? colour : css(palette.paper);
    context.strokeStyle = row < rows.training ? css(palette.paper) : colour;
    context.fill();
    context.stroke();
    if (!chosen.has(row)) return;
    context.beginPath();
    context.arc(x, y, 6.5, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = css(palette.ink);
    context.stroke();
  });
}

/** Where the units of each layer are in a picture `wide` × `tall`: columns of squares. */
export function layout(sizes, wide, tall, side) {
  return sizes.map((size, layer) => {
    const x = 6 + side / 2 + (layer * (wide - 12 - side)) / Math.max(1, sizes.length - 1);
    const gap = Math.min(side + 12, (tall - 30) / size);
    return Array.from({ length: size }, (_, unit) => ({ x, y: 24 + (tall - 30) / 2 + (unit - (size - 1) / 2) * gap, side: Math.min(side, gap - 3) }));
  });
}

/** The network: squares for units, with what they give over the plane, and lines for weights. */
export function drawNetwork(context, palette, frame, places, chosen) {
  const strongest = Math.max(1e-9, ...frame.weights.flatMap(({ kernel }) => kernel.flat().map((weight) => Math.abs(weight ?? 0))));
  frame.weights.forEach(({ kernel }, layer) => {
    kernel.forEach((row, from) => row.forEach((weight, to) => {
      const [a, b] = [places[layer][from], places[layer + 1][to]];
      if (!a || !b || weight === null) return;
      const share = weight / strongest;
      context.beginPath();
      context.moveTo(a.x + a.side / 2, a.y);
      context.bezierCurveTo((a.x + b.x) / 2, a.y, (a.x + b.x) / 2, b.y, b.x - b.side / 2, b.y);
      context.lineWidth = 0.6 + 4.5 * Math.abs(share);
      context.globalAlpha = 0.25 + 0.75 * Math.min(1, Math.abs(share) * 2);
      context.strokeStyle = css(palette.series[share < 0 ? 0 : 1]);
      context.stroke();
      context.globalAlpha = 1;
    }));
  });
  const [wide, high] = frame.grid.length === 2 ? frame.grid : [frame.grid[0], 1];
  places.forEach((layer, at) => layer.forEach((place, unit) => {
    const box = [place.x - place.side / 2, place.y - place.side / 2, place.side, place.side];
    const packed = at > 0 && at < places.length - 1 ? frame.units[at - 1]?.[unit] : null;
    context.fillStyle = css(palette.paper);
    context.fillRect(...box);
    if (packed && high > 1) drawSurface(context, [wide, high], unitColour(palette, packed), box);
    else if (packed) drawCurve(context, palette, unpack(packed), box);
    else label(context, palette, place.name ?? "", box);
    const shown = chosen && chosen[0] === at - 1 && chosen[1] === unit;
    context.lineWidth = shown ? 3 : 1;
    context.strokeStyle = css(shown ? palette.ink : palette.soft);
    context.strokeRect(...box);
  }));
}

function drawCurve(context, palette, numbers, [x, y, w, h]) {
  context.beginPath();
  numbers.forEach((number, place) => context.lineTo(x + (w * place) / (numbers.length - 1), y + h - (h * number) / 255));
  context.lineWidth = 1.5;
  context.strokeStyle = css(palette.series[0]);
  context.stroke();
}

function label(context, palette, name, [x, y, w, h]) {
  context.fillStyle = css(palette.ink);
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  const most = Math.max(3, Math.floor(w / 6)); // letters that can be read in the square
  context.fillText(name.length > most ? `${name.slice(0, most - 1)}…` : name, x + w / 2, y + h / 2, w - 2);
}
