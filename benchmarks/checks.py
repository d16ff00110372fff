"""What a user meets without choosing anything: how soon the command answers, and how good the defaults are."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from contest import Places

HELP_AIM = 0.25  # seconds
HELP_REPEATS = 5


@dataclass(frozen=True)
class Check:
    """A value and the bound that it is to keep: from below where `at_least`, else from above."""

    what: str
    value: float
    aim: float
    at_least: bool = True

    @property
    def reached(self) -> bool:
        """Whether the bound is kept."""
        return self.value >= self.aim if self.at_least else self.value <= self.aim


def check(places: Places) -> tuple[Check, ...]:
    """Time `batchwright --help`, then train with default settings whatever data is there."""
    seconds = [places.ours("--help").seconds for _ in range(HELP_REPEATS)]
    checks = [Check("seconds of `batchwright --help`", median(seconds), HELP_AIM, at_least=False)]
    for what, arguments, metric, aim in _trainings(places.mnist):
        said = json.loads(places.ours("train", *arguments, "--json").stdout)
        checks.append(Check(f"{what}, test {metric}", said["test"][metric], aim))
        print(f"(d) {what}: {said['test'][metric]:.4f}, {said['seconds']['total']:.1f} s in all", file=sys.stderr)
    return tuple(checks)


def _trainings(mnist: Path) -> Iterator[tuple[str, tuple[str, ...], str, float]]:
    """Name, arguments, metric and aim of each training whose data is there."""
    yield "digits", ("digits",), "accuracy", 0.97
    yield "MNIST", (str(mnist),), "accuracy", 0.982
    tables = mnist.parent / "tables"
    adult, adult_test, houses = (tables / f"{name}.csv" for name in ("adult-train", "adult-test", "california-housing"))
    if adult.exists() and adult_test.exists():
        yield "adult", (str(adult), "--target", "income", "--test", str(adult_test)), "accuracy", 0.855
    if houses.exists():
        yield "california-housing", (str(houses), "--target", "median_house_value"), "r2", 0.79
