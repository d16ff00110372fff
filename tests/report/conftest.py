import sys
from functools import cache

import numpy as np
import polars as pl
import pytest

import batchwright as bw
from batchwright.cli.main import main
from batchwright.report import contents, page
from batchwright.runs.run import open_run

ROWS = 360


def table() -> pl.DataFrame:
    """A column to go by, one that says nothing, one of few texts, and targets of every kind."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=ROWS), rng.normal(size=ROWS)
    colour = rng.choice(["red", "green"], ROWS)
    tags = ["|".join(["up"] * int(a[row] > 0) + ["right"] * int(b[row] > 0.3)) for row in range(ROWS)]
    return pl.DataFrame(
        {
            "a": a,
            "b": b,
            "colour": colour,
            "sign": np.where(a + rng.normal(size=ROWS) * 0.7 > 0, "plus", "minus"),
            "third": np.digitize(a + rng.normal(size=ROWS) * 0.3, [-0.5, 0.5]).astype(str),
            "price": 50 + 10 * a + rng.normal(size=ROWS) * 3,
            "tags": tags,
        }
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Train a small network on the table, once for each target, and open the run; further words are options."""
    folder, kept = tmp_path_factory.mktemp("report"), {}
    table().write_csv(folder / "rows.csv")

    def train(target, *words, source=None):
        key = (target, words, source)
        if key not in kept:
            path = folder / f"run{len(kept)}"
            given = ["--target", target] if target else []
            left_out = {"sign", "third", "price", "tags"} - set(target.split(",")) if source is None else set()
            given += [word for name in sorted(left_out) for word in ("--set", f"data.kinds.{name}=identifier")]
            with pytest.MonkeyPatch.context() as patch:
                small = ("--network", "mlp", "--hidden-layer-sizes", 8, "--epochs", 3)
                words = ("train", source or folder / "rows.csv", *given, *small, *words, "--run-dir", path)
                patch.setattr(sys, "argv", ["batchwright", *map(str, words)])
                with pytest.raises(SystemExit):
                    main()
            kept[key] = path
        return open_run(kept[key])

    return train


@pytest.fixture(scope="session")
def page_of():
    """The page of a run, made once."""
    made = cache(lambda path: page(contents(open_run(path))))
    return lambda run: made(run.path)


@pytest.fixture(scope="session")
def searched(tmp_path_factory):
    """A small search from Python, opened again."""
    space = {
        "optimizer.learning_rate": {"log": [1e-3, 10]},
        "network.activation": {"choice": ["relu", "tanh"]},
        "network.hidden_layer_sizes": [4],
        "training.epochs": 7,
        "training.batch_size": 26,
    }
    path = tmp_path_factory.mktemp("searched") / "found"
    bw.run_search(bw.load("iris"), space, trials=14, run_dir=path)
    return bw.open_search(path)


@pytest.fixture(scope="session")
def compared(tmp_path_factory):
    """A small comparison from Python, opened again."""
    path = tmp_path_factory.mktemp("compared") / "found"
    same = {"network.name": "linear", "training.epochs": 3, "training.batch_size": 26}
    bw.compare(bw.load("iris"), same, vary="optimizer.name=sgd,adam,lion", trials=2, seeds=3, run_dir=path)
    return bw.open_comparison(path)
