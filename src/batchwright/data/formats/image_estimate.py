"""About how many bytes the images take that a table names, from its first rows."""

import math
import re
from itertools import zip_longest
from pathlib import Path

import polars as pl

from batchwright.data.formats.format import Size
from batchwright.data.formats.image_columns import recognise
from batchwright.data.formats.image_decoding import find_files, find_folder
from batchwright.data.formats.image_folder import IMAGE_COPIES, SAMPLED
from batchwright.data.formats.image_pixels import Look, look_at
from batchwright.data.formats.image_places import Places, places_of
from batchwright.data.formats.parquet import PARQUET
from batchwright.data.typed.schema import Column
from batchwright.errors import DataError

HEAD_BYTES = 1 << 16
LOOKED_AT = 200
MARKS, ENDS = re.compile(r'[,;\t|"{}\[\]:]+'), re.compile(r"\n|\},")
"""What may be between cells, and between rows."""


def named_image_bytes(path: Path, image_size: Size | None, image_dir: str | None) -> int:
    """About how many bytes the images take that the cells of a file name, decoded; 0 if no column names images.

    Args:
        path: a file of text, or of Parquet.
        image_size: height and width that images are resized to.
        image_dir: the folder that the user names.
    """
    try:
        columns, rows = _first_of_parquet(path) if PARQUET.claims(path) else _first_of_text(path)
        places = places_of(path, image_dir)
        images = [cells for cells in columns if recognise(Column("", "categorical"), cells, places).kind == "image"]
        if not images or places is None:
            return 0
        return IMAGE_COPIES * int(rows * _mean_bytes(images[0], places, image_size))
    except (OSError, DataError, pl.exceptions.PolarsError):
        return 0  # what is wrong is said when the rows are read


def _first_of_text(path: Path) -> tuple[list[pl.Series], float]:
    """The columns that a text may have, without its first line, which may be a header; and about how many rows."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    lines = [line for line in ENDS.split(head.decode(errors="ignore")) if line.strip()]
    rows = len(lines) * path.stat().st_size / max(1, len(head))
    cells = [[cell.strip() for cell in MARKS.split(line)] for line in lines[1 : 1 + LOOKED_AT]]
    return [pl.Series(column, dtype=pl.String) for column in zip_longest(*cells)], rows


def _first_of_parquet(path: Path) -> tuple[list[pl.Series], float]:
    frame = pl.scan_parquet(path, glob=False)
    first = frame.head(LOOKED_AT).select(pl.col(pl.String)).collect()
    return first.get_columns(), float(frame.select(pl.len()).collect().item())


def _mean_bytes(names: pl.Series, places: Places, image_size: Size | None) -> float:
    """The mean number of bytes of some images."""
    some = names.drop_nulls()[:SAMPLED]
    files, _ = find_files(some.to_list(), find_folder("", names.drop_nulls(), places), places)
    looks = [found for found in look_at(list(files.values())) if isinstance(found, Look)]
    channels = 1 if all(found.grey for found in looks) else 3
    return channels * sum(math.prod(image_size or found.size) for found in looks) / max(1, len(looks))
