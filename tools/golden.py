"""Make the runs that later versions have to open: `python tools/golden.py` writes tests/golden/VERSION/.

Each folder is complete: the rows, the runs, a search and a comparison that this version made of them, its answers to
new rows, and the names of all that it records. They are small, and are never made again once the version is released.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

import batchwright as bw
from batchwright import workflow
from batchwright.comparison.peers import saved as leaderboards
from batchwright.config import load_config
from batchwright.data.encode.encoding import Encoding
from batchwright.errors import InterruptedRunError
from batchwright.runs import checkpoints, comparisons, manifest, members, model, searches
from batchwright.tasks.conformal import Conformal

GOLDEN = Path(__file__).parents[1] / "tests/golden"
NAMES, HISTORY = "names.json", "values-history.json"
COMMON = (
    "network.hidden_layer_sizes=[8]",
    "training.batch_size=16",
    "training.epochs=4",
    "training.diagnostics=false",
)
RUNS = {
    "classes": (
        "data.source=classes.csv",
        "data.target=bought",
        "optimizer.learning_rate=0.01",
        "network.bins=8",
        "network.embedding_units=4",
    ),
    "values": (
        "data.source=values.csv",
        "data.target=price",
        "network.name=mlp",
        "optimizer.learning_rate=0.03",
        "training.early_stopping=null",
    ),
    "images": ("data.source=images.npz", "network.name=cnn", "network.filters=[4]", "training.augment=null"),
}
"""The settings of each run, besides the common ones."""
NEW = {name: f"new-{source}" for name, source in (("classes", "classes.csv"), ("values", "values.csv"))}
"""New rows for the model of a run; the images are answered again."""
ROWS = 80

RECORDED: dict[str, tuple[int, Any]] = {
    "run": (manifest.FORMAT, manifest.Manifest),
    "run: schema.json": (manifest.FORMAT, Encoding),
    "run: model.json": (manifest.FORMAT, model._Plain),
    "run: conformal.json": (manifest.FORMAT, Conformal),
    "run: members.json": (members.FORMAT, members._Plain),
    "run: checkpoint.json": (checkpoints.FORMAT, checkpoints._Plain),
    "search": (searches.FORMAT, searches.SearchPlan),
    "comparison": (comparisons.FORMAT, comparisons.ComparisonPlan),
    "leaderboard": (leaderboards.FORMAT, leaderboards.Leaderboard),
}
"""What is recorded, and the format in which it is: a version refuses names that it does not know."""


def recorded_names() -> dict[str, dict[str, Any]]:
    """By what is recorded: the format, and the names of all values in it, by the class that has them."""
    return {what: {"format": number, "names": _names(kind)} for what, (number, kind) in RECORDED.items()}


def _names(kind: Any) -> dict[str, list[str]]:
    schema = TypeAdapter(kind).json_schema()
    parts = {**schema.get("$defs", {}), "": schema}
    return {name: sorted(part["properties"]) for name, part in parts.items() if "properties" in part}


def changed_in_the_same_format(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What is recorded with other names than before, although its format is the same.

    >>> before = {"run": {"format": 1, "names": {"": ["a"]}}}
    >>> changed_in_the_same_format(before, {"run": {"format": 1, "names": {"": ["a", "b"]}}})
    ['run']
    >>> changed_in_the_same_format(before, {"run": {"format": 2, "names": {"": ["a", "b"]}}})
    []
    """
    return [
        what
        for what, then in before.items()
        if now[what]["format"] == then["format"] and now[what]["names"] != then["names"]
    ]


def write_rows(folder: Path) -> None:
    """Tables of classes and of a number, with new rows for each, and images of two classes."""
    draw = np.random.default_rng(0)
    for name, count in (("", ROWS), ("new-", 6)):
        size, age = draw.normal(80, 20, count), draw.integers(1, 60, count)
        place = draw.choice(["north", "south", "west"], count)
        bought = np.where(size - age + 20 * (place == "south") > 55, "yes", "no")
        price = 3_000 * size - 1_500 * age + 30_000 * (place == "south") + draw.normal(0, 5_000, count)
        plain = [f"{s:.1f},{a},{p}" for s, a, p in zip(size, age, place, strict=True)]
        for file, target, values in (("classes.csv", "bought", bought), ("values.csv", "price", price.round())):
            lines = [f"{row},{value}" for row, value in zip(plain, values, strict=True)]
            (folder / f"{name}{file}").write_text("\n".join([f"size,age,place,{target}", *lines]) + "\n")
    classes = np.arange(ROWS) % 2
    pixels = draw.integers(0, 60, (ROWS, 8, 8)) + 150 * (classes[:, None, None] == (np.arange(8) > 3)[None, :, None])
    np.savez_compressed(folder / "images.npz", x_train=pixels.astype(np.uint8), y_train=classes.astype(np.uint8))


def train(name: str, *, until: int | None = None, run_dir: str = "") -> None:
    """Train a run into the folder of its name; with `until`, it is interrupted after so many epochs."""
    settings = load_config(None, [(*item.split("=", 1), item) for item in (*COMMON, *RUNS[name])])  # type: ignore[misc]
    done: list[Any] = []
    events = workflow.train(settings, run_dir=Path(run_dir or name), interrupted=_after(done, until))
    try:
        for event in events:
            done += [event] if hasattr(event, "row") else []
    except InterruptedRunError:
        assert until is not None, f"{name} was interrupted"


def _after(done: list[Any], until: int | None) -> Callable[[], bool]:
    return lambda: until is not None and len(done) >= until


def search_and_compare() -> None:
    """A search and a comparison of linear networks."""
    fixed = {"network.name": "linear", "training.epochs": 3, "training.batch_size": 16}
    data = bw.load("classes.csv", target="bought")
    space = fixed | {"optimizer.learning_rate": {"log": [1e-3, 1e-1]}, "data.target": "bought"}
    bw.run_search(data, space, trials=3, pruning="none", run_dir="search")
    bw.compare(data, fixed, vary="optimizer.name=sgd,adam", trials=2, seeds=2, run_dir="comparison")


def answers() -> Iterator[tuple[str, str]]:
    """By the name of a file, the answers of each model to new rows, as CSV."""
    for name in ("classes", "images", "search"):
        source = NEW["classes"] if name == "search" else NEW.get(name, f"{name}.npz")
        yield f"{name}-answers.csv", bw.predict(bw.open_run(name), source).frame().write_csv()
    whole = bw.open_run("../values-whole")
    yield "values-answers.csv", bw.predict(whole, NEW["values"]).frame().write_csv()
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in whole.history]
    yield HISTORY, json.dumps(rows, indent=1) + "\n"


def make() -> None:
    """Fill the current folder."""
    write_rows(Path())
    train("classes")
    train("images")
    train("values", until=2)
    train("values", run_dir="../values-whole")
    search_and_compare()
    for file, text in answers():
        Path(file).write_text(text)
    Path(NAMES).write_text(json.dumps(recorded_names(), indent=1) + "\n")


def main() -> None:
    """Write the folder of this version in place of the one that there is."""
    place = GOLDEN / version("batchwright")
    with tempfile.TemporaryDirectory(prefix="batchwright-golden-") as folder:
        made = Path(folder) / "golden"
        made.mkdir()
        os.chdir(made)
        make()
        os.chdir(GOLDEN.parent)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(made, place, ignore=shutil.ignore_patterns("lock", "*.lock"))
    files = [path for path in place.rglob("*") if path.is_file()]
    print(f"{place}: {len(files)} files, {sum(path.stat().st_size for path in files):,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
