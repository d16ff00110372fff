"""One training that is logged everywhere where nothing has to be installed, and the same one that is not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.tracking.pretended import Told, place_of

import batchwright as bw
from batchwright.tracking import log_training

PLAN: dict[str, Any] = {"network": bw.nn.MLP((4,)), "epochs": 3, "batch_size": 26}


@pytest.fixture(scope="session")
def iris() -> bw.Dataset:
    return bw.load("iris")


@dataclass(frozen=True)
class Logged:
    """A training, the folder that it was logged to, and what it told a tracker."""

    trained: bw.Trained
    folder: Path
    told: Told

    @property
    def tensorboard(self) -> Path:
        return self.folder / "logs" / "run"


@pytest.fixture(scope="session")
def logged(iris: bw.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    folder, told = tmp_path_factory.mktemp("logged"), Told()
    places = [f"tensorboard:{folder / 'logs'}", f"csv:{folder / 'epochs.csv'}"]
    events = bw.events(iris, **PLAN, run_dir=folder / "run", log_to=places)
    (trained,) = trainings(log_training(events, [place_of(told, shows_weights=True)]))
    return Logged(trained, folder, told)


def trainings(events: Iterator[Any]) -> list[bw.Trained]:
    return [event for event in events if isinstance(event, bw.Trained)]
