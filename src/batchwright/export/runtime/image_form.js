// Images on the page: as rows of their own, and beside columns.

/** A picture of pixels, for people. */
function drawPixels(pixels, [height, width, channels], label) {
  const canvas = make("canvas", {width, height, role: "img", "aria-label": label});
  const shown = new ImageData(width, height);
  for (let place = 0; place < height * width; place++) {
    for (let k = 0; k < 3; k++) shown.data[4 * place + k] = pixels[place * channels + (channels === 1 ? 0 : k)];
    shown.data[4 * place + 3] = 255;
  }
  canvas.getContext("2d").putImageData(shown, 0, 0);
  return canvas;
}

/** A control that takes one image; its cell are the pixels, null until there is one. */
function choosingImage(field, id, placed) {
  const input = make("input", {id, type: "file", accept: "image/*"}), shown = make("div");
  let pixels = null;
  input.addEventListener("change", async () => {
    try {
      pixels = input.files.length ? (await readImage(input.files[0], field.shape)).pixels : null;
      shown.replaceChildren(...(pixels ? [drawPixels(pixels, field.shape, say("picture"))] : []));
    } catch {
      pixels = null;
      shown.replaceChildren(say("no_image", {name: input.files[0].name}));
    }
    placed();
  });
  return {elements: [input, shown], cell: () => pixels};
}

/** The section for images: each file is a row. */
function makeImages(model, answered) {
  const told = make("p", {role: "status"}), shown = make("div"), {name, shape} = model.fields[0];
  const taken = async (files) => {
    shown.replaceChildren();
    const size = sizeOf(shape), all = new Uint8Array(files.length * size);
    let clear = false;
    for (const [row, file] of files.entries()) {
      try {
        const {pixels, transparent} = await readImage(file, shape);
        all.set(pixels, row * size);
        clear ||= transparent;
        if (row < SHOWN) shown.append(drawPixels(pixels, shape, say("picture")));
      } catch {
        told.textContent = say("no_image", {name: file.name});
        return;
      }
    }
    const answers = await answerTyped(model, {[name]: makeArray("uint8", [files.length, ...shape], all)});
    const columns = {path: files.map((file) => file.name), ...answers};
    told.textContent = `${say("rows", {rows: files.length})}${clear ? ` ${say("transparent")}` : ""}`;
    answered(files.length === 1 ? answers : null);
    if (files.length > 1) shown.append(preview(columns, say("first")));
    shown.append(saver(columns, "answers.csv"));
  };
  const hint = say("images_hint", {height: shape[0], width: shape[1]});
  const place = makeDrop(say("choose_images"), hint, {accept: "image/*", multiple: true}, taken);
  return make("section", {}, place, told, shown);
}
