"""One side of `quick.py`: a version that measures in its own process what it is asked for, line by line, in JSON.

It has to run in every release: it uses only what all of them have.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import batchwright as bw

ROWS, PIXELS, CLASSES = 20_000, 784, 10
CALLS = 100
"""Predictions of one row that are timed together."""
TRIALS = 8


def measure_fit() -> float:
    """Seconds of ten epochs of 784-128-10 in batches of 100 on 18,000 rows that look like MNIST."""
    plan: dict[str, Any] = {"epochs": 10, "batch_size": 100, "early_stopping": None, "progress": False}
    optimizer = bw.optim.SGD(learning_rate=0.05, momentum=0.9)
    return _seconds(partial(bw.fit, _digits(), network=bw.nn.MLP((128,)), optimizer=optimizer, **plan))


def measure_predict() -> float:
    """Seconds in which one row is answered."""
    trained, row = _trained()
    return median(_seconds(partial(trained.predict, row)) for _ in range(CALLS))


def measure_search(folder: Path) -> float:
    """Seconds of a search of eight trials on 150 rows, with the training of the best one."""
    space = {"optimizer.learning_rate": {"log": [1e-3, 1e-1]}, "training.epochs": 10, "training.batch_size": 16}
    place = next(path for number in count() if not (path := folder / f"search-{number}").exists())
    return _seconds(partial(bw.run_search, bw.load("iris"), space, trials=TRIALS, run_dir=place))


def measure_csv(table: Path) -> float:
    """Seconds in which a CSV file becomes arrays."""
    return _seconds(partial(bw.load, table, target="class"))


@cache
def _digits() -> Any:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, CLASSES, ROWS)
    centres = rng.random((CLASSES, PIXELS), np.float32)
    pixels = np.clip(centres[classes] + 0.5 * rng.standard_normal((ROWS, PIXELS), np.float32), 0, 1)
    return bw.load((pixels, classes), test_split=0.0, validation_split=0.1)


@cache
def _trained() -> Any:
    trained = bw.fit(bw.load("iris"), epochs=2, progress=False)
    sizes = (f"{part} {size} (cm)" for part in ("sepal", "petal") for size in ("length", "width"))
    return trained, {name: [1.0] for name in sizes}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Answer each line, the name of a figure, until there are no more."""
    folder, table = map(Path, sys.argv[1:])
    figures: dict[str, Callable[[], float]] = {
        "fit": measure_fit,
        "predict": measure_predict,
        "search": partial(measure_search, folder),
        "csv": partial(measure_csv, table),
    }
    for line in sys.stdin:
        try:
            answer: dict[str, object] = {"seconds": figures[line.strip()]()}
        except Exception as error:  # an older version may not have what is asked for
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
