"""Twelve small models of every kind, and 1,000 rows for each that hold what no training row did."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

import batchwright as bw
from batchwright.runs.model import SavedModel

TRAINING, NEW = 240, 1000
TOWNS = tuple(f"Town {letter}" for letter in "ABCDEFGHIJKLMNOP")
WORDS = ("good", "bad", "very", "service", "room", "Größe", "好", "été", "not", "quick")
NOISY = {"number": "1e308", "amount": "99.999.999,99 kg", "share": "4000%", "colour": "mauve", "town": "Nowhere"}
"""Cells that fit their columns and are unlike all of training."""
QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 32, "progress": False}


class Example(NamedTuple):
    """A model, and new rows: as a source of `predict`, and as columns by name (images as arrays)."""

    model: SavedModel
    source: Any
    columns: Mapping[str, Any]


def cells(rows: int, seed: int, *, new: bool = False) -> dict[str, list[str]]:
    """Columns as people write them. New rows also hold unseen categories, missing cells, and numbers out of range."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    day = rng.integers(1, 29, size=rows)
    found = {
        "number": [f"{value:.6g}" for value in x],
        "large": [str(int(value)) for value in rng.integers(0, 2**40, rows)],
        "amount": [f"{1000 * (1 + value % 9):,.2f} kg".translate({44: ".", 46: ","}) for value in rng.uniform(0, 9, rows)],
        "share": [f"{value}%" for value in rng.integers(0, 101, rows)],
        "length": [f"{value // 60}h {value % 60}m" for value in rng.integers(1, 2000, rows)],
        "stars": [f"{value}/10" for value in rng.integers(0, 11, rows)],
        "flag": [("yes", "no", "TRUE", "0")[value] for value in rng.integers(0, 4, rows)],
        "day": [f"{one:02d}.{one % 12 + 1:02d}.20{one % 30 + 10:02d}" for one in day],
        "time": [f"2024-0{one % 9 + 1}-{one:02d}T{one % 24:02d}:30:0{one % 10}Z" for one in day],
        "grade": [("low", "medium", "high")[value] for value in rng.integers(0, 3, rows)],
        "colour": [("red", "blue", "green")[value] for value in rng.integers(0, 3, rows)],
        "code": [f"{value:03d}" for value in rng.integers(1, 5, rows)],
        "town": [TOWNS[value] for value in rng.integers(0, len(TOWNS), rows)],
        "topics": [";".join(("a", "b", "c", "d")[place] for place in np.flatnonzero(row)) for row in rng.random((rows, 4)) > 0.5],
        "review": [" ".join(rng.choice(WORDS, size=rng.integers(2, 9))) for _ in range(rows)],
    }
    for name, column in found.items():
        for row in np.flatnonzero(rng.random(rows) < (0.1 if name in ("number", "colour", "town", "day", "flag") else 0)):
            column[row] = ""
        if new:
            for row in np.flatnonzero(rng.random(rows) < 0.1):
                column[row] = ("", " NA ")[row % 2]
            for row in np.flatnonzero(rng.random(rows) < 0.1) if name in NOISY else ():
                column[row] = NOISY[name]
    return found


def targets(found: Mapping[str, list[str]], seed: int) -> dict[str, list[str]]:
    """What is to be predicted, which depends on some columns."""
    rng = np.random.default_rng(seed)
    x = np.array([float(cell or 0) for cell in found["number"]]) + np.array([cell == "red" for cell in found["colour"]])
    noisy = x + 0.3 * rng.normal(size=len(x))
    return {
        "kind": [("small", "middle", "big")[int(place)] for place in np.clip(noisy + 1, 0, 2)],
        "answer": ["yes please" if value > 0.8 else "no thanks" for value in noisy],
        "value": [f"{100 + 50 * value:.3f}" for value in noisy],
        "price": [f"{np.exp(2 + value):.3f}" for value in noisy],
        "labels": ["|".join(name for name, low in (("hot", 0), ("wet", 0.5)) if value > low) for value in noisy],
    }


def table(folder: Path, target: str | tuple[str, ...], names: tuple[str, ...], **options: Any) -> bw.Dataset:
    """Training rows with some of the columns, from a CSV file."""
    found = cells(TRAINING, 0)
    given = {name: found[name] for name in names}
    asked = (target,) if isinstance(target, str) else target
    path = write_csv(folder / "train.csv", given | {name: targets(found, 1)[name] for name in asked})
    return bw.load(path, target=target, **options)


def write_csv(path: Path, columns: Mapping[str, list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def _columns(
    *names: str, target: str | tuple[str, ...], load: Mapping[str, Any] | None = None, **fit: Any
) -> Callable[[Path], Example]:
    def train(folder: Path) -> Example:
        data = table(folder, target, names, **{"kinds": {"flag": "boolean"} if "flag" in names else {}} | dict(load or {}))
        model = bw.fit(data, **{"network": bw.nn.MLP(hidden_layer_sizes=(8,))} | QUICK | fit).model
        new = {name: column for name, column in cells(NEW, 2, new=True).items() if name in names}
        return Example(model, write_csv(folder / "new.csv", new), new)

    return train


def _images(folder: Path) -> Example:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (TRAINING, 8, 7, 1), dtype=np.uint8)
    labels = np.where(pixels.mean(axis=(1, 2, 3)) > 127, "light", "dark")
    network = bw.nn.CNN(filters=(4, 6), hidden_layer_sizes=(8,))
    model = bw.fit(bw.load((pixels, labels)), network=network, augment=None, **QUICK).model
    new = rng.integers(0, 256, (NEW, 8, 7, 1), dtype=np.uint8)
    return Example(model, new, {"image": new})


def _image_and_columns(folder: Path) -> Example:
    rng = np.random.default_rng(0)
    found = {name: column for name, column in cells(TRAINING, 0).items() if name in ("number", "colour")}
    paths = _write_images(folder, rng, TRAINING)
    path = write_csv(folder / "train.csv", found | {"photo": paths[0], "kind": targets(found, 1)["kind"]})
    model = bw.fit(bw.load(path, target="kind"), network=bw.nn.MLP(hidden_layer_sizes=(8,)), augment=None, **QUICK).model
    new = {name: column for name, column in cells(NEW, 2, new=True).items() if name in found}
    names, pixels = _write_images(folder, rng, NEW)
    return Example(model, write_csv(folder / "new.csv", new | {"photo": names}), new | {"photo": pixels})


def _write_images(folder: Path, rng: np.random.Generator, rows: int) -> tuple[list[str], np.ndarray]:
    """Images in files, of which some are the same: their names by row, and their pixels."""
    (folder / "photos").mkdir(exist_ok=True)
    pixels = rng.integers(0, 256, (30, 5, 4, 3), dtype=np.uint8)
    for place, image in enumerate(pixels):
        Image.fromarray(image).save(folder / "photos" / f"{rows}-{place}.png")
    chosen = np.arange(rows) % len(pixels)
    return [f"photos/{rows}-{place}.png" for place in chosen], pixels[chosen]


NUMBERS = ("number", "large", "amount", "share")
MODELS: Mapping[str, Callable[[Path], Example]] = {
    "classes": _columns(*NUMBERS, "colour", "flag", "code", target="kind", network=bw.nn.Tabular(hidden_layer_sizes=(8,))),
    "threshold": _columns("number", "colour", "length", "stars", target="answer", threshold=0.3),
    "values": _columns(*NUMBERS, "town", target="value", load={"scaling": "quantile"}),
    "log target": _columns("number", "colour", target="price", load={"target_transform": "log"}),
    "several targets": _columns("number", "colour", "town", target=("value", "answer", "kind")),
    "labels": _columns("number", "colour", target="labels", load={"task": "multilabel"}),
    "image": _images,
    "image and columns": _image_and_columns,
    "submodels": _columns("number", "colour", "town", target="kind", network=bw.nn.Tabular(hidden_layer_sizes=(8,), ensemble=4)),
    "members": _columns("number", "colour", target="value", members=2),
    "quantiles": _columns("number", "colour", target="value", loss="quantile", quantiles=(0.1, 0.5, 0.9)),
    "dates, order and embedding": _columns(
        *("day", "time", "grade", "town"), target="value", load={"one_hot_max": 4, "merge_case": True}
    ),
}
"""The models that every format of export agrees with."""

TEXTS: Mapping[str, Callable[[Path], Example]] = {
    "tags": _columns("number", "topics", target="kind"),
    "words": _columns("number", "review", target="kind", load={"kinds": {"review": "text"}, "text": {"features": 512}}),
}
"""Models of columns that not every format can say."""
