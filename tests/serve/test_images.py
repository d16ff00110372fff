"""Images that are sent become the arrays that `predict` makes of the same files, and others are refused."""

import base64
import io
import json
import struct
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.data.image_files import save_png_of_colours
from tests.serve.served_images import form_of, in_base64, noise, pets, said_to_be, saved, tiled

import batchwright as bw
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.whole_rows import WholeRows, read_whole
from batchwright.serve import pictures
from batchwright.serve.answering import Alone, encode
from batchwright.serve.asked import Options
from batchwright.serve.limits import Limits
from batchwright.serve.media import ARROW, CSV, FORM, IMAGE, JSON, NPY, NPZ, Content
from batchwright.serve.pictures import Decoder, from_text, image_input
from batchwright.serve.refusals import RefusedError
from batchwright.serve.served import Served

EDGE = "edge"


def asked_of(run: Path) -> Served:
    """A model that is asked for nothing but arrays, so that no program is compiled for it."""
    model = bw.open_run(run).load_model()
    return Served(run, "1", model, {}, {}, None, image_input(model.encoding))


@pytest.fixture(scope="module")
def folder(folder_run: Path) -> Served:
    return asked_of(folder_run)


@pytest.fixture(scope="module")
def table(table_run: Path) -> Served:
    return asked_of(table_run)


def read(served: Served, body: bytes, content: Content, limits: Limits = Limits()) -> dict[str, np.ndarray]:  # noqa: B008
    return encode(Alone(served, Options(), body, content), limits).inputs


def predicted(source: object, encoding: Encoding) -> WholeRows:
    return reduce(add, read_whole(source, encoding))


def form(*fields: tuple[str, str | None, bytes]) -> bytes:
    return form_of(*fields)[0]


def as_json(*images: object) -> bytes:
    return json.dumps([{"image": image} for image in images]).encode()


def every_kind() -> dict[str, bytes]:
    """Images of other sizes, colours, depths and formats than in training, as the bytes of their files."""
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = Image.fromarray(np.arange(48, dtype=np.uint16).reshape(8, 6) * 1000)
    frames = [noise(n, mode="RGB") for n in range(3)]
    wide = noise(2, (9, 30))
    shades = noise(7).quantize(16)
    shades.info["transparency"] = bytes(range(16))
    found = {
        "same.png": saved(noise(1)),
        "wide.png": saved(wide),
        "grey.png": saved(noise(3, mode="L")),
        "clear.png": saved(noise(4, mode="RGBA")),
        "two.png": saved(noise(5, mode="1")),
        "deep.png": saved(deep),
        "palette.png": saved(shades, transparency=bytes(range(16))),
        "turned.jpg": saved(wide, "JPEG", exif=turned),
        "inks.jpg": saved(noise(6).convert("CMYK"), "JPEG"),
        "moving.gif": saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "plain.bmp": saved(noise(8), "BMP"),
        "lossy.webp": saved(wide, "WEBP"),
        "pages.tif": saved(wide, "TIFF", save_all=True, append_images=frames),
        "numbers.tif": saved(Image.fromarray(np.linspace(0, 1, 48, dtype=np.float32).reshape(8, 6)), "TIFF"),
        "plain.ppm": saved(noise(9), "PPM"),
        "plain.tga": saved(noise(10), "TGA"),
    }
    path = io.BytesIO()
    deep.save(path, "TIFF")
    return {**found, "deep.tif": path.getvalue()}


def test_every_kind_of_image_is_read_as_from_its_file(folder: Served, tmp_path: Path) -> None:
    """By all ways: alone, in a form, in base64; with the notes of `predict`."""
    files = every_kind()
    save_png_of_colours(tmp_path / "colours.png", np.full((8, 6, 3), 40_000, np.uint16))
    files["colours.png"] = (tmp_path / "colours.png").read_bytes()
    encoding = folder.model.encoding
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        wanted = predicted(tmp_path / name, encoding)
        alone = encode(Alone(folder, Options(), data, Content(IMAGE)), Limits())
        np.testing.assert_array_equal(alone.inputs["image"], wanted.inputs["image"], err_msg=name)
        assert alone.notes == wanted.notes, name
    wanted = predicted(tmp_path, encoding)
    names = sorted(files)
    sent = encode(
        Alone(folder, Options(), form(*(("x", name, files[name]) for name in names)), Content(FORM, boundary=EDGE)),
        Limits(),
    )
    texts = [in_base64(files[name]) for name in names]
    urls = [f"data:image/png;base64,{text}" for text in texts]
    for inputs in (sent.inputs, *(read(folder, as_json(*one), Content(JSON)) for one in (texts, urls))):
        np.testing.assert_array_equal(inputs["image"], wanted.inputs["image"])
    assert sent.notes == wanted.notes
    assert sent.kept is not None and sent.kept.to_dict(as_series=False) == {"field": ["x"] * len(names), "file": names}


def test_deep_images_have_the_scale_of_training(folder: Served, tmp_path: Path) -> None:
    """Of images of 12 bits, 4,095 becomes 255, although those that are sent hold no such value."""
    data = every_kind()["deep.png"]
    dim = saved(Image.fromarray((np.asarray(Image.open(io.BytesIO(data))) // 20).astype(np.uint16)))
    (tmp_path / "dim.png").write_bytes(dim)
    made = folder.model.encoding.preprocessing
    assert isinstance(made, ImagePreprocessing)
    encoding = replace(folder.model.encoding, preprocessing=replace(made, largest=4095))
    deep = replace(folder, model=replace(folder.model, encoding=encoding), image=image_input(encoding))
    found = read(deep, dim, Content(IMAGE))["image"]
    np.testing.assert_array_equal(found, predicted(tmp_path / "dim.png", encoding).inputs["image"])
    assert found.max() == 47_000 // 20 >> 4 > read(folder, dim, Content(IMAGE))["image"].max()


def test_grey_models_and_models_of_arrays_take_files_and_arrays(folder: Served, tmp_path: Path) -> None:
    """An array is taken as from a file; an image is brought to as many channels as the array had."""
    draw = np.random.default_rng(0)
    colour = Image.fromarray(draw.integers(0, 256, (5, 4, 4), dtype=np.uint8))
    for shape, mode in (((5, 4), "L"), ((5, 4, 3), "RGB"), ((5, 4, 4), "RGBA")):
        images = draw.integers(0, 256, (40, *shape), dtype=np.uint8)
        encoding = bw.load((images, np.arange(40) % 2)).encoding
        image = image_input(encoding)
        assert image is not None
        found = Decoder(image, Limits()).decode([lambda: saved(colour)]).pixels
        np.testing.assert_array_equal(found[0].squeeze(), np.asarray(colour.convert(mode)))
        model = replace(folder.model, encoding=encoding)
        served = Served(tmp_path, "1", model, {}, {}, None, image)
        floats = io.BytesIO()
        np.save(floats, images[:3] / 255)
        packed = io.BytesIO()
        np.savez_compressed(packed, Images=images[:3], labels=np.arange(3))
        for content, file, ending in ((NPY, floats, "npy"), (NPZ, packed, "npz")):
            path = tmp_path / f"{mode}.{ending}"
            path.write_bytes(file.getvalue())
            inputs = read(served, file.getvalue(), Content(content))
            np.testing.assert_array_equal(inputs["image"], predicted(path, encoding).inputs["image"])
            np.testing.assert_array_equal(inputs["image"].reshape(images[:3].shape), images[:3])


@pytest.mark.parametrize(
    ("kind", "body", "status", "said"),
    [
        (NPY, b"", 422, "not a whole NumPy file"),
        (NPY, b"x" * 200, 422, "not a whole NumPy file"),
        (NPZ, b"PK\x03\x04" + b"x" * 200, 422, "not a whole NumPy file"),
        (NPY, np.zeros((2, 8, 7, 3), np.uint8), 422, "8x7x3"),
        (NPY, np.zeros((2, 3)), 422, "a table, but the training rows were images"),
        (NPY, np.zeros((2, 8, 6, 3), np.uint8)[[0] * 9], 413, "9 rows, and 8"),
        (NPZ, np.zeros(900_000, np.uint8), 413, "at most 800,000 are taken"),
    ],
)
def test_other_arrays_are_refused(folder: Served, kind: str, body: object, status: int, said: str) -> None:
    if isinstance(body, np.ndarray):
        file = io.BytesIO()
        np.save(file, body) if kind == NPY else np.savez_compressed(file, x=body)
        body = file.getvalue()
    assert isinstance(body, bytes)
    with pytest.raises(RefusedError, match=said) as refused:
        read(folder, body, Content(kind), Limits(body=100_000, rows=8))
    assert refused.value.status == status


def test_an_array_that_says_a_false_size_takes_no_memory(folder: Served) -> None:
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000, 1000), }".ljust(117) + b"\n"
    with pytest.raises(RefusedError, match="not a whole NumPy file"):
        read(folder, b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head, Content(NPY))


@pytest.mark.parametrize(
    ("kind", "shape", "said"),
    [
        ("|S0", (90, 10), "900 values: at most 128"),
        ("|V0", (1000, 1), "1,000 rows, and 90"),
        ("<f8", (10**11, 0), "100,000,000,000 rows"),
        ("|u1", (1, 100_001), "100,001 columns"),
    ],
)
def test_arrays_of_hardly_any_bytes_make_no_large_table(
    folder: Served, kind: str, shape: tuple[int, int], said: str
) -> None:
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    body = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(100_001 if kind == "|u1" else 0)
    refused = refusal_of(folder, body, Content(NPY), Limits(rows=90))
    assert refused.status == 413 and said in str(refused)


def test_rows_with_an_image_are_read_as_from_a_table(table: Served, table_run: Path) -> None:
    """By all types; a file of rows and its images, and the same as they are sent."""
    encoding, home = table.model.encoding, table_run.parent
    frame = pets(7).drop("label")
    frame.write_csv(home / "new.csv")
    wanted = predicted(home / "new.csv", encoding)
    files = [(home / name).read_bytes() for name in frame["photo"]]
    sent = frame.with_columns(pl.Series("photo", list(map(in_base64, files))))
    as_bytes, streams = frame.with_columns(pl.Series("photo", files, pl.Binary)), []
    for one in (sent, as_bytes):
        stream = io.BytesIO()
        one.write_ipc_stream(stream)
        streams.append((stream.getvalue(), Content(ARROW)))
    fields = [
        (name, "x.png" if name == "photo" else None, data if name == "photo" else str(row[name]).encode())
        for row, data in zip(frame.to_dicts(), files, strict=True)
        for name in ("size", "photo", "colour")
    ]
    bodies = [
        *streams,
        (sent.write_csv().encode(), Content(CSV)),
        (json.dumps(sent.to_dicts()).encode(), Content(JSON)),
        (json.dumps(sent.to_dict(as_series=False)).encode(), Content(JSON)),
        (form(*fields), Content(FORM, boundary=EDGE)),
    ]
    for body, content in bodies:
        found = read(table, body, content)
        assert found.keys() == wanted.inputs.keys() == {"numeric", "image"}
        for name, array in found.items():
            np.testing.assert_array_equal(array, wanted.inputs[name], err_msg=content.type)


def refusal_of(served: Served, body: bytes, content: Content, limits: Limits = Limits()) -> RefusedError:  # noqa: B008
    with pytest.raises(RefusedError) as refused:
        read(served, body, content, limits)
    return refused.value


def test_images_that_cannot_be_read_are_listed_with_row_and_reason(folder: Served) -> None:
    good = saved(noise(1))
    refused = refusal_of(folder, as_json(in_base64(good), "photos/1.png", 7, None, "data:image/png,x"), Content(JSON))
    assert refused.status == 422 and refused.details["count"] == 4
    assert [cell["row"] for cell in refused.details["cells"]] == [2, 3, 4, 5]
    assert refused.details["cells"][0] == {
        "row": 2,
        "column": "image",
        "value": "photos/1.png",
        "reason": "it is no base64 (the image itself is sent, not the name of its file)",
    }
    body = form(("a", "a.png", good), ("b", "b.png", good[:60]), ("c", None, b"hello"), ("d", "", b""))
    refused = refusal_of(folder, body, Content(FORM, boundary=EDGE))
    assert refused.details["cells"] == [
        {"row": 2, "field": "b", "file": "b.png", "reason": "image file is truncated"},
        {"row": 3, "field": "c", "reason": "it is no base64 (the image itself is sent, not the name of its file)"},
        {"row": 4, "field": "d", "reason": "is empty"},
    ]
    refused = refusal_of(folder, b"<svg/>", Content(IMAGE))
    assert refused.details["cells"] == [{"row": 1, "reason": "is no image of a format that can be read"}]
    assert "PNG, JPEG" in str(refused)
    assert refusal_of(folder, b'[{"picture": "x"}]', Content(JSON)).status == 422


def test_bad_images_are_listed_beside_other_bad_cells(table: Served) -> None:
    good, bad = in_base64(saved(noise(1))), in_base64(saved(noise(1))[:60])
    rows = [{"photo": good, "size": 1, "colour": "red"}, {"photo": bad, "size": 1, "colour": "red"}]
    rows += [{"photo": bad, "size": "tall", "colour": "red"}, {"photo": None, "size": 1, "colour": "red"}]
    refused = refusal_of(table, json.dumps(rows).encode(), Content(JSON))
    told = [(cell["row"], cell["column"], cell["reason"]) for cell in refused.details["cells"]]
    assert (refused.status, refused.details["count"]) == (422, 3)
    assert sorted(told) == [
        (2, "photo", "expected an image that can be read: image file is truncated"),
        (3, "size", "expected a finite number"),
        (4, "photo", "expected an image that can be read: it is missing"),
    ]
    assert all(len(cell["value"]) <= 60 for cell in refused.details["cells"])
    uneven = form(("photo", "x.png", b"x"), ("size", None, b"1"), ("size", None, b"2"), ("colour", None, b"red"))
    refused = refusal_of(table, uneven, Content(FORM, boundary=EDGE))
    assert refused.status == 400 and "'photo' 1, 'size' 2, 'colour' 1" in str(refused)
    refused = refusal_of(table, saved(noise(1)), Content(IMAGE))
    assert refused.status == 422 and "lacks 2 columns" in str(refused)


def test_too_many_pixels_are_refused_before_they_are_decoded(folder: Served) -> None:
    """Of one image, of all together, as they are sent, or as the model takes them; a few bytes may hold them."""
    few = Limits(pixels=10_000)
    large, largest = saved(Image.new("1", (200, 60))), said_to_be(20_000, 20_000)
    half = saved(Image.new("1", (100, 60)))
    for body, content in (
        (large, Content(IMAGE)),
        (as_json(in_base64(half), in_base64(half)), Content(JSON)),
        (as_json(*[in_base64(saved(Image.new("1", (1, 1))))] * 300), Content(JSON)),
    ):
        refused = refusal_of(folder, body, content, few)
        assert refused.status == 413 and "at most 10,000 pixels" in str(refused)
    for body in (largest, said_to_be(10_000, 9_000)):
        assert refusal_of(folder, body, Content(IMAGE)).status == 413
    assert refusal_of(folder, said_to_be(7, 1_000), Content(IMAGE)).status == 422
    assert read(folder, half, Content(IMAGE), few)["image"].shape == (1, 8, 6, 3)


def test_images_that_take_too_long_are_refused(folder: Served) -> None:
    refused = refusal_of(folder, as_json(*[in_base64(saved(noise(1)))] * 50), Content(JSON), Limits(seconds=-1))
    assert refused.status == 413 and "0 of 50 images were decoded" in str(refused)


def test_a_tile_of_a_tiff_counts_that_is_larger_than_the_image(folder: Served) -> None:
    """A few bytes may unpack to it, although the image has hardly any pixels."""
    for side, status in ((96, 413), (16, None)):
        body = tiled(side)
        if status is None:
            assert not read(folder, body, Content(IMAGE), Limits(pixels=9_000))["image"].any()
        else:
            assert refusal_of(folder, body, Content(IMAGE), Limits(pixels=9_000)).status == status
    body = tiled(16).replace(struct.pack("<HHII", 322, 4, 1, 16), struct.pack("<HHIf", 322, 11, 1, 16))
    assert refusal_of(folder, body, Content(IMAGE)).status == 422


def test_headers_of_very_many_parts_end_with_the_time(folder: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one image too: Pillow copies what it has of a JPEG's EXIF data with each part of them."""
    times = iter(range(1000))
    monkeypatch.setattr(pictures.time, "monotonic", lambda: next(times))
    part = b"\xff\xe1" + struct.pack(">H", 18) + b"Exif\0\0" + b"x" * 10
    data = saved(noise(1), "JPEG")
    refused = refusal_of(folder, data[:2] + part * 200 + data[2:], Content(IMAGE), Limits(seconds=100))
    assert refused.status == 413 and "0 of 1 images were decoded" in str(refused)
    monkeypatch.undo()
    refused = refusal_of(folder, b"P3\n8 6\n255\n" + b"#\n" * 2000, Content(IMAGE))
    assert refused.details["cells"] == [{"row": 1, "reason": "it has more than 1,000 comments"}]
    assert read(folder, b"P3\n#\n8 6\n255\n" + b"1 #\n" * 144, Content(IMAGE))["image"].sum() == 144


def test_damaged_images_are_refused_whatever_their_decoders_say(folder: Served) -> None:
    """Bytes changed at random: read or refused, and never an error of the server."""
    draw, said = np.random.default_rng(0), set[str]()
    for data in every_kind().values():
        for _ in range(12):
            damaged = bytearray(data[: draw.integers(1, len(data) + 1)])
            for place in draw.integers(0, len(damaged), 3):
                damaged[place] = draw.integers(0, 256)
            try:
                read(folder, bytes(damaged), Content(IMAGE))
            except RefusedError as refused:
                said |= {cell["reason"] for cell in refused.details.get("cells", [{"reason": "pixels"}])}
    assert len(said) > 3 and all(said)


def test_base64_is_taken_as_people_write_it() -> None:
    data = bytes(range(256))
    plain = base64.b64encode(data).decode()
    wrapped = base64.encodebytes(data).decode()
    for text in (plain, wrapped, plain.rstrip("="), base64.urlsafe_b64encode(data).decode(), f"DATA:;BASE64,{plain}"):
        assert from_text(text) == data
    for text in ("\u00e9", "a", "a.png", "data:image/png,AAAA", None):
        with pytest.raises(ValueError, match=r"it is no base64|it is missing|its data: URL"):
            from_text(text)
