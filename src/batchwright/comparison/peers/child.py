"""The process that trains one peer: `python -m batchwright.comparison.peers.child FOLDER PEER`.

It reads `rows.npz` of the folder and writes `answers.npz` into it: probabilities of classes, or values, of the test
rows, and the seconds of fitting. A process of its own can be ended, and its failure harms nobody else.
"""

import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from batchwright.comparison.peers.known import PEERS, Peer

ROWS, ANSWERS = "rows.npz", "answers.npz"


def train_peer(peer: Peer, given: Mapping[str, np.ndarray]) -> tuple[np.ndarray, float]:
    """The answers to the test rows, and the seconds of fitting.

    Args:
        peer: the peer.
        given: `x_train`, `y_train`, `x_validation`, `y_validation`, `x_test`; the number of `numeric` columns, which
            come first; how many `classes`, 0 for values; a `seed`.
    """
    numeric, classes, seed = (int(given[name]) for name in ("numeric", "classes", "seed"))
    x, y = given["x_train"], given["y_train"]
    model = peer.make(numeric, x.shape[1] - numeric, classes > 0, seed)
    started = time.perf_counter()
    fitted = peer.fit(x, y, (given["x_validation"], given["y_validation"]), model)
    seconds = time.perf_counter() - started
    if not classes:
        return np.ravel(fitted.predict(given["x_test"])).astype(np.float64), seconds
    found = np.zeros((len(given["x_test"]), classes))
    found[:, np.asarray(fitted.classes_, np.int64)] = fitted.predict_proba(given["x_test"])
    return found, seconds


def main(folder: Path, name: str) -> None:
    """Train the peer of this name on what is in the folder, and write its answers there."""
    warnings.simplefilter("ignore")
    with np.load(folder / ROWS) as given:
        answers, seconds = train_peer(next(peer for peer in PEERS if peer.name == name), given)
    np.savez(folder / ANSWERS, answers=answers, seconds=seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
