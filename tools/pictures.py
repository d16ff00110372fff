"""Draw the pictures of docs/seeing.md and docs/lab.md, from short trainings on embedded data and without a network."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import batchwright as bw
from batchwright import workflow
from batchwright.config import load_config
from batchwright.figures import Svg
from batchwright.lab.descent.drawing import draw_path

PICTURES = Path(__file__).parents[1] / "docs/pictures"
MOST_BYTES = 60_000


def of_digits() -> Iterator[tuple[str, Svg]]:
    """A classifier of handwritten digits."""
    trained = bw.fit(
        bw.load("digits"),
        network=bw.nn.MLP((64, 32)),
        epochs=30,
        early_stopping=None,
        deterministic=True,
        progress=False,
    )
    for name in ("curves", "confusion", "layers"):
        yield name, trained.figure(name)


def of_diabetes() -> Iterator[tuple[str, Svg]]:
    """Rows with a number to predict, and what is predicted."""
    data = bw.load("diabetes")
    yield "columns", data.figure("columns")
    trained = bw.fit(data, network=bw.nn.MLP((32,)), epochs=40, deterministic=True, progress=False)
    yield "predictions", trained.figure("predictions")


def of_a_search() -> Iterator[tuple[str, Svg]]:
    """A search of four settings."""
    space = {
        "optimizer.learning_rate": {"log": [1e-4, 1e-1]},
        "network.hidden_layer_sizes": {"choice": [[16], [64], [64, 32]]},
        "network.dropout": {"uniform": [0.0, 0.5]},
        "network.name": "mlp",
        "training.epochs": 12,
        "training.batch_size": 32,
        "training.deterministic": True,
    }
    with tempfile.TemporaryDirectory() as folder:
        found = bw.run_search(bw.load("breast-cancer"), space, trials=32, run_dir=Path(folder) / "search")
    yield "parallel", found.figure("parallel")
    yield "importance", found.figure("importance")


def of_a_comparison() -> Iterator[tuple[str, Svg]]:
    """Three update rules."""
    same = {"network.name": "mlp", "network.hidden_layer_sizes": [32], "training.epochs": 15, "training.batch_size": 32}
    found = bw.compare(bw.load("wine"), same, vary="optimizer.name=sgd,adam,lion", trials=4, seeds=5)
    yield "compared", found.figure("curves")


def of_rates() -> Iterator[tuple[str, Svg]]:
    """Learning rates."""
    settings = load_config(None, [("data.source", "digits", ""), ("network.name", "mlp", "")])
    yield "loss_by_rate", workflow.find_learning_rate(settings).figure("loss_by_rate")


def of_the_lab() -> Iterator[tuple[str, Svg]]:
    """Descents on one weight and on two; the first moves."""
    oscillating = bw.lab.descend(bw.lab.line(), bw.optim.SGD(learning_rate=0.24), steps=20)
    yield "descent_line", draw_path(oscillating, seconds=8.0)
    course = bw.lab.Course(bw.lab.SURFACES["valley"], steps=60)
    rules = [bw.lab.tune(course, bw.lab.RULES[name]) for name in ("sgd", "momentum", "adam")]
    yield "descent_valley", bw.lab.draw_paths([bw.lab.follow(course, rule) for rule in rules])


def main() -> None:
    """Write every picture, in place of the one that is there."""
    PICTURES.mkdir(exist_ok=True)
    for draw in (of_digits, of_diabetes, of_a_search, of_a_comparison, of_rates, of_the_lab):
        for name, figure in draw():
            size = len(figure.text.encode())
            if size > MOST_BYTES:
                raise SystemExit(
                    f"{name} has {size:,} bytes; a picture of the documentation has {MOST_BYTES:,} at most."
                )
            figure.save(PICTURES / f"{name}.svg")
            print(f"{size:7,}  {name}.svg")


if __name__ == "__main__":
    main()
