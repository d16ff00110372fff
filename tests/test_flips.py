"""Whether mirrored images help is tried on images of which it is known, and nothing is tried where nobody asks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import batchwright as bw
from batchwright import nn, workflow
from batchwright.nn.augment import Augment
from batchwright.optim import schedules
from batchwright.training.events import SegmentDone
from batchwright.workflow.finishing import chosen_in_training
from batchwright.workflow.flips import EPOCHS, SHARE, TriedFlips, compare_flips, note_untried, try_flips
from batchwright.workflow.preparing import Prepared

SIDE, PROTOTYPES, CLASSES = 14, 24, 4


def pictures(rows: int, *, side_is_class: bool) -> bw.Dataset:
    """Few prototypes with noise, each turned to the left or to the right, which is a part of the class or is not."""
    rng = np.random.default_rng(1)
    shapes = rng.uniform(0, 1, (PROTOTYPES, SIDE, SIDE))
    which, left = rng.integers(0, PROTOTYPES, rows), rng.random(rows) < 0.5
    images = np.where(left[:, None, None], shapes[which], shapes[which, :, ::-1])
    images = images + 0.15 * rng.normal(size=images.shape)
    classes = 2 * (which % 2) + left if side_is_class else which % CLASSES
    pixels = np.clip(255 * (images + 0.5) / 2, 0, 255).astype(np.uint8)
    return bw.load((pixels, classes), validation_split=0.6, test_split=0.0)


def prepared(data: bw.Dataset, **arguments: object) -> Prepared:
    network = nn.CNN(filters=(8,), hidden_layer_sizes=(32,))
    chosen = {"network": network, "epochs": 100, "batch_size": 16, "diagnostics": False} | arguments
    found = next(iter(bw.events(data, **chosen)))
    assert isinstance(found, Prepared)
    return found


@pytest.mark.parametrize("side_is_class", [False, True])
def test_flips_are_taken_where_a_side_says_nothing_of_the_class(side_is_class: bool) -> None:
    found = prepared(pictures(1_600, side_is_class=side_is_class))
    assert found.job.program.augment == Augment(shift=0.08, flip=not side_is_class, test_time=True)
    said = found.settings.to_json()["training.augment.flip"]
    assert (said["value"], said["origin"]) == (not side_is_class, "measured")
    evidence = said["evidence"]
    assert (evidence["flipped"] < evidence["without"]) is not side_is_class
    assert abs(evidence["flipped"] - evidence["without"]) > 3 * evidence["error"]
    assert found.plan.updates >= 2 * EPOCHS * evidence["rows"] / found.plan.batch_size / SHARE
    told = "half of the images are mirrored" if not side_is_class else "images are not mirrored"
    assert found.notes[-1] == f"{told}, as was found by trial: {evidence['reason']}"
    assert any("half of them mirrored" in note for note in found.notes) is not side_is_class
    assert try_flips(found) is found
    assert compare_flips(found) == TriedFlips(**{key: evidence[key] for key in evidence if key != "reason"})


def test_intervals_know_that_the_validation_rows_chose(tmp_path: Path) -> None:
    arguments = {"network": nn.CNN(filters=(8,), hidden_layer_sizes=(32,)), "epochs": 100, "batch_size": 16}
    data = pictures(1_600, side_is_class=True)
    events = bw.events(data, run_dir=tmp_path / "run", diagnostics=False, **arguments)  # type: ignore[arg-type]
    begun = next(event for event in events if isinstance(event, Prepared))
    assert next(chosen_in_training(begun)) == "settings"
    next(event for event in events if isinstance(event, SegmentDone))
    iter(events).close()  # type: ignore[attr-defined]
    again = next(event for event in workflow.resume(tmp_path / "run", data) if isinstance(event, Prepared))
    assert next(chosen_in_training(again)) == "settings"


def test_the_winner_of_a_search_is_trained_like_its_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tried(_: Prepared) -> TriedFlips:
        raise LookupError("flips are tried")

    monkeypatch.setattr("batchwright.workflow.flips.compare_flips", tried)
    monkeypatch.setattr("batchwright.workflow.flips.LEAST_UPDATES", 200)
    data = pictures(1_600, side_is_class=False)
    how = {"epochs": 6, "batch_size": 16, "diagnostics": False}
    with pytest.raises(LookupError):
        prepared(data, **how)
    space = {f"training.{key}": value for key, value in how.items()} | {
        "network": {"name": "cnn", "filters": [4], "hidden_layer_sizes": [8]},
        "optimizer.learning_rate": {"log": [1e-3, 1e-2]},
    }
    found = bw.run_search(data, space, trials=2, run_dir=tmp_path / "search")
    assert found.trained.prepared.plan.updates == 6 * 40
    assert found.trained.prepared.settings.config.training.augment == Augment(shift=0.08, test_time=True)


def test_digits_are_not_mirrored() -> None:
    digits = bw.load("digits")
    parts = {name: replace(part, inputs=_doubled(part.inputs)) for name, part in digits.parts.items()}
    large = bw.load((parts["train"].inputs["image"], parts["train"].targets), validation_split=0.3, test_split=0.0)
    found = prepared(large, epochs=60, batch_size=25)
    assert found.job.program.augment == Augment(shift=0.08, test_time=True)
    said = found.settings.to_json()["training.augment.flip"]
    assert (said["value"], said["origin"]) == (False, "measured")
    assert said["evidence"]["flipped"] > said["evidence"]["without"]


def _doubled(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"image": inputs["image"].repeat(2, axis=1).repeat(2, axis=2)}


@pytest.mark.parametrize(
    "arguments",
    [
        {"epochs": 40},
        {"augment": Augment(shift=0.08)},
        {"augment": None},
        {"max_time": 1e6},
        {"schedule": schedules.ReduceOnPlateau()},
        {"network": nn.MLP((8,))},
    ],
    ids=["few updates", "chosen", "none", "limit of time", "schedule by losses", "mlp"],
)
def test_nothing_is_tried_where_it_does_not_suit(arguments: dict[str, object]) -> None:
    found = prepared(pictures(600, side_is_class=False), **arguments)
    assert found.settings.origins.get("training.augment.flip") != "measured"
    assert not any("by trial" in note for note in found.notes)


def test_several_processes_say_that_they_try_nothing_and_how_flips_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchwright.workflow.flips.try_flips", lambda prepared: prepared)
    data = pictures(600, side_is_class=False)
    untried = prepared(data, epochs=140)
    (said,) = set(note_untried(untried).notes) - set(untried.notes)
    assert said.startswith("several processes do not try whether mirrored images help; ")
    assert "`training.augment={shift: 0.08, flip: true, test_time: true}`" in said
    assert note_untried(prepared(data, epochs=40)).notes == prepared(data, epochs=40).notes


def test_equal_losses_and_losses_that_are_not_finite_are_no_reason() -> None:
    alike = TriedFlips(0.5, 0.5, 0.0, rows=100, epochs=EPOCHS)
    assert not alike.helps
    assert not replace(alike, flipped=float("inf"), error=float("inf")).helps
    assert not replace(alike, without=float("inf"), error=float("inf")).helps
    assert replace(alike, flipped=0.4, error=0.03).helps
    assert not replace(alike, flipped=0.4, error=0.04).helps
