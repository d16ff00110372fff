"""Small runs that take images: of a folder, and of a table with a column of them; and images to ask them about."""

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

import batchwright as bw

SIZE = 8, 6
"""Height and width of the images of training."""


def noise(seed: int, size: tuple[int, int] = SIZE, *, mode: str = "RGB") -> Image.Image:
    """An image of random colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 4), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def saved(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    """The bytes of its file."""
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def train_folder(folder: Path) -> Path:
    """The run of a small network, on a folder of images of two classes."""
    for number in range(24):
        place = folder / "images" / ("cat" if number % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        noise(number).save(place / f"{number}.png")
    data = bw.load(folder / "images")
    bw.fit(data, network=bw.nn.MLP((3,)), epochs=1, run_dir=folder / "run")
    return folder / "run"


def pets(rows: int = 24) -> pl.DataFrame:
    """A table whose column `photo` names images."""
    return pl.DataFrame(
        {
            "photo": [f"photos/{row}.png" for row in range(rows)],
            "size": [row / 7 for row in range(rows)],
            "colour": ["red" if row % 3 else "blue" for row in range(rows)],
            "label": ["cat" if row % 2 else "dog" for row in range(rows)],
        }
    )


def train_table(folder: Path) -> Path:
    """The run of a small network, on a table with a column of images beside others."""
    (folder / "photos").mkdir(parents=True)
    table = pets()
    for row, name in enumerate(table["photo"]):
        noise(row).save(folder / name)
    table.write_csv(folder / "pets.csv")
    data = bw.load(folder / "pets.csv", target="label")
    bw.fit(data, network=bw.nn.MLP((3,)), epochs=1, run_dir=folder / "run")
    return folder / "run"


def form_of(*fields: tuple[str, str | None, bytes]) -> tuple[bytes, str]:
    """A form with fields, each with the name of its file, or None for text; and its content type."""
    edge, body = "edge", b""
    for name, file, data in fields:
        named = "" if file is None else f'; filename="{file}"'
        body += f'--{edge}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + data + b"\r\n"
    return body + f"--{edge}--".encode(), f"multipart/form-data; boundary={edge}"


def said_to_be(width: int, height: int) -> bytes:
    """A PNG whose header says another size than its pixels have."""
    data = saved(noise(1))
    head = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def tiled(side: int) -> bytes:
    """A black TIFF of 6x8 pixels, in one packed tile that is as wide and as high as this."""
    packed = zlib.compress(bytes(side * side * 3))
    first = 8 + 2 + 12 * 10 + 4
    tags = (
        *((256, 4, 1, 6), (257, 4, 1, 8), (258, 3, 3, first), (259, 3, 1, 8), (262, 3, 1, 2), (277, 3, 1, 3)),
        *((322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, first + 6), (325, 4, 1, len(packed))),
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return head + struct.pack("<IHHH", 0, 8, 8, 8) + packed
