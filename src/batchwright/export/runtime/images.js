// Image files as a model takes them: grey or coloured bytes of one size, resized as the training images were.

/** The pixels of an image file [height, width, channels], and whether some of it is transparent. */
async function readImage(file, [height, width, channels]) {
  const bitmap = await createImageBitmap(file, {premultiplyAlpha: "none", colorSpaceConversion: "none"});
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(bitmap, 0, 0);
  const {data} = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const pixels = resizeImage(takeChannels(data, channels), [bitmap.height, bitmap.width, channels], height, width);
  return {pixels, transparent: data.some((value, place) => place % 4 === 3 && value < 255)};
}

/** Red, green and blue of pixels with four values each; or grey, as ITU-R 601-2 weighs them. */
function takeChannels(data, channels) {
  const found = new Uint8Array((data.length / 4) * channels);
  for (let place = 0; place < data.length / 4; place++) {
    const [red, green, blue] = [data[4 * place], data[4 * place + 1], data[4 * place + 2]];
    if (channels === 1) found[place] = (red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16;
    else found.set([red, green, blue], 3 * place);
  }
  return found;
}

/** Resized, first in width and then in height: each new pixel is the mean under a triangle over the old ones. */
function resizeImage(pixels, [oldHeight, oldWidth, channels], height, width) {
  const wide = turnImage(resizeRows(pixels, oldHeight, oldWidth, width, channels), oldHeight, width, channels);
  return turnImage(resizeRows(wide, width, oldHeight, height, channels), width, height, channels);
}

/** Rows and columns exchanged. */
function turnImage(pixels, height, width, channels) {
  const found = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < channels; k++) found[(x * height + y) * channels + k] = pixels[(y * width + x) * channels + k];
    }
  }
  return found;
}

function resizeRows(pixels, rows, size, wanted, channels) {
  if (size === wanted) return pixels;
  const found = new Uint8ClampedArray(rows * wanted * channels), scale = size / wanted, reach = Math.max(scale, 1);
  for (let place = 0; place < wanted; place++) {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5)), last = Math.min(size, Math.trunc(center + reach + 0.5));
    const weights = [];
    for (let at = first; at < last; at++) weights.push(Math.max(0, 1 - Math.abs((at - center + 0.5) / reach)));
    const total = weights.reduce((sum, one) => sum + one, 0);
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < channels; k++) {
        let sum = 0;
        weights.forEach((weight, one) => { sum += weight * pixels[(row * size + first + one) * channels + k]; });
        found[(row * wanted + place) * channels + k] = Math.floor(sum / total + 0.5);
      }
    }
  }
  return new Uint8Array(found.buffer);
}
