// Operators that look at windows of images or series: convolutions and pools.

/** The windows of images or series: for each output place, the inner places with their offset in a channel. */
function windowsOf(size, kernel, strides, pads, dilations) {
  const rank = size.length, own = stridesOf(size);
  const places = size.map((one, axis) =>
    Math.floor((one + pads[axis] + pads[axis + rank] - (kernel[axis] - 1) * dilations[axis] - 1) / strides[axis]) + 1);
  const found = [];
  walk(places, [], (place) => {
    const start = unravel(place, places).map((at, axis) => at * strides[axis] - pads[axis]), inside = [];
    for (let inner = 0; inner < sizeOf(kernel); inner++) {
      const at = unravel(inner, kernel).map((one, axis) => start[axis] + one * dilations[axis]);
      if (at.every((one, axis) => one >= 0 && one < size[axis])) {
        inside.push(inner, at.reduce((sum, one, axis) => sum + one * own[axis], 0));
      }
    }
    found.push(inside);
  });
  return {places, windows: found};
}

function unravel(place, shape) {
  const found = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    found[axis] = place % shape[axis];
    place = Math.floor(place / shape[axis]);
  }
  return found;
}

function conv([x, kernel], {group, strides, pads, dilations}) {
  const [n, channels] = x.shape, size = x.shape.slice(2), [outputs, each] = kernel.shape, inner = kernel.shape.slice(2);
  const {places, windows} = windowsOf(size, inner, strides, pads, dilations);
  const found = makeArray(x.dtype, [n, outputs, ...places]), area = sizeOf(size), width = sizeOf(inner);
  let out = 0;
  for (let row = 0; row < n; row++) {
    for (let output = 0; output < outputs; output++) {
      const first = Math.floor(output / (outputs / group)) * each;
      for (const window of windows) {
        let sum = 0;
        for (let channel = 0; channel < each; channel++) {
          const from = (row * channels + first + channel) * area, weights = (output * each + channel) * width;
          for (let one = 0; one < window.length; one += 2) {
            sum += x.data[from + window[one + 1]] * kernel.data[weights + window[one]];
          }
        }
        found.data[out++] = sum;
      }
    }
  }
  return found;
}

/** Fold each window of each channel. */
function pool(x, {kernel_shape: kernel, strides, pads}, start, fold, end) {
  const size = x.shape.slice(2), area = sizeOf(size);
  const {places, windows} = windowsOf(size, kernel, strides, pads, kernel.map(() => 1));
  const found = makeArray(x.dtype, [...x.shape.slice(0, 2), ...places]);
  let out = 0;
  for (let channel = 0; channel < x.shape[0] * x.shape[1]; channel++) {
    for (const window of windows) {
      let value = start;
      for (let one = 1; one < window.length; one += 2) value = fold(value, x.data[channel * area + window[one]]);
      found.data[out++] = end(value);
    }
  }
  return found;
}
