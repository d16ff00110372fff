import sys

import numpy as np
import polars as pl
import pytest

from batchwright.cli.main import main
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
    """Train on the table, once for each target, and open the run; further words are options."""
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
                words = ("train", source or folder / "rows.csv", *given, "--epochs", 3, *words, "--run-dir", path)
                patch.setattr(sys, "argv", ["batchwright", *map(str, words)])
                with pytest.raises(SystemExit):
                    main()
            kept[key] = path
        return open_run(kept[key])

    return train
