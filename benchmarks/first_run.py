"""What the first minutes with a small table take, beside scikit-learn's pipeline: `first_run.py [ROUNDS]`.

Whole processes, from the start of Python to its end, on wine (178 rows, 13 columns) as CSV: a training without any
compiled program, one that finds all of them in the cache, a prediction for one row, and `StandardScaler` with
`MLPClassifier` on the same rows. They take turns; the figures are the least seconds of all rounds, on a quiet machine.
"""

import sys
import tempfile
from pathlib import Path

import processes
from sklearn.datasets import load_wine

PEER = """
import csv, sys
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

with open(sys.argv[1]) as file:
    _, *rows = csv.reader(file)
inputs, classes = np.array([row[:-1] for row in rows], float), np.array([row[-1] for row in rows])
x, x_test, y, y_test = train_test_split(inputs, classes, random_state=0, stratify=classes)
print(make_pipeline(StandardScaler(), MLPClassifier(random_state=0)).fit(x, y).score(x_test, y_test))
"""
OURS = (sys.executable, "-m", "batchwright")
FIRST, AGAIN, PREDICT, SCIKIT_LEARN = "train, nothing compiled", "train again", "predict one row", "scikit-learn"


def write_rows(folder: Path) -> None:
    """The table with its target as a word, and a row without one."""
    loaded = load_wine(as_frame=True)
    rows = loaded.frame.rename(columns={"target": "cultivar"})
    rows["cultivar"] = [str(loaded.target_names[code]) for code in rows["cultivar"]]
    rows.to_csv(folder / "wine.csv", index=False)
    rows.drop(columns="cultivar").head(1).to_csv(folder / "one.csv", index=False)


def measure(folder: Path, number: int) -> dict[str, processes.Process]:
    """The processes of one round; the first round fills the cache."""
    runs = [folder / f"{name}-{number}" for name in ("first", "again")]
    train = [[*OURS, "train", f"{folder}/wine.csv", "--target", "cultivar", "--run-dir", str(run)] for run in runs]
    cache = {"BATCHWRIGHT_CACHE": str(folder / "programs")}
    return {
        FIRST: processes.run(train[0], {"BATCHWRIGHT_CACHE": "off"}),
        AGAIN: processes.run(train[1], cache),
        PREDICT: processes.run([*OURS, "predict", str(runs[0]), f"{folder}/one.csv"], cache),
        SCIKIT_LEARN: processes.run([sys.executable, "-c", PEER, f"{folder}/wine.csv"]),
    }


def main() -> None:
    """Print the least of each by the clock and of processor, and the aims by the clock."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="batchwright-first-") as folder:
        write_rows(Path(folder))
        found = [measure(Path(folder), number) for number in range(rounds)]
    clock = {name: min(one[name].seconds for one in found) for name in found[0]}
    aims = {FIRST: 1.5 * clock[SCIKIT_LEARN] + 1.5, AGAIN: 1.8, PREDICT: 1.0}
    print("| | s by the clock | s of processor | aim by the clock |\n|---|---:|---:|---:|")
    for name, seconds in clock.items():
        processor = min(one[name].processor for one in found)
        aim = f"≤ {aims[name]:.2f}: {'reached' if seconds <= aims[name] else '**missed**'}" if name in aims else ""
        print(f"| {name} | {seconds:.2f} | {processor:.2f} | {aim} |")


if __name__ == "__main__":
    main()
