"""Training that begins from a trained model: as one training where that can be, resumed to the bit, else refused."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import batchwright as bw
from batchwright.errors import ConfigError, RunError
from batchwright.training.events import EpochDone

PLAIN: dict[str, Any] = {
    "network": bw.nn.MLP((8,)),
    "optimizer": bw.optim.SGD(learning_rate=0.1),
    "schedule": bw.optim.Constant(),
    "batch_size": "full",
    "early_stopping": None,
}


@pytest.fixture(scope="module")
def wine() -> Any:
    return bw.load("wine")


@pytest.fixture(scope="module")
def first(wine: Any) -> Any:
    return bw.fit(wine, **PLAIN, epochs=4)


def arrays(trained: Any) -> list[np.ndarray]:
    return [np.asarray(array) for array in jax.tree.leaves(trained.model.variables)]


def test_without_a_state_of_the_optimizer_two_trainings_are_one(wine: Any, first: Any) -> None:
    whole = bw.fit(wine, **PLAIN, epochs=10)
    rest = {key: value for key, value in PLAIN.items() if key != "network"}
    for initial in (first, first.model):
        second = bw.fit(wine, **rest, epochs=6, initial=initial)
        for found, expected in zip(arrays(second), arrays(whole), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert "begins from the parameters of a trained model" in second.prepared.notes[-1]
    assert any((one != other).any() for one, other in zip(arrays(first), arrays(second), strict=True))


def test_resumed_to_the_bit(wine: Any, first: Any, tmp_path: Path) -> None:
    plan: dict[str, Any] = {"epochs": 6, "batch_size": 16, "initial": first, "seed": 1}
    whole = bw.fit(wine, **{**PLAIN, **plan})
    events = bw.events(wine, **{**PLAIN, **plan}, checkpoints=bw.Checkpoints(iterations=5), run_dir=tmp_path / "run")
    for event in events:
        if isinstance(event, EpochDone):
            break
    iter(events).close()  # type: ignore[attr-defined]
    resumed = bw.resume(tmp_path / "run", wine)
    assert [array.tobytes() for array in arrays(resumed)] == [array.tobytes() for array in arrays(whole)]
    for trained, began in ((whole, True), (resumed, True), (first, False)):
        assert trained.model.conformal is not None
        assert ("initial" in trained.model.conformal.chosen) == began


def test_it_does_not_go_on_from_random_parameters(wine: Any, first: Any, tmp_path: Path) -> None:
    events = bw.events(wine, **PLAIN, epochs=6, initial=first, run_dir=tmp_path / "run")
    for event in events:
        if isinstance(event, EpochDone):
            break
    iter(events).close()  # type: ignore[attr-defined]
    for path in (tmp_path / "run/checkpoints").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    with pytest.raises(RunError, match="began from parameters that it was given, and has no checkpoint"):
        bw.resume(tmp_path / "run", wine)


def test_what_does_not_fit_is_refused_before_a_folder_is_made(wine: Any, first: Any, tmp_path: Path) -> None:
    cases = {
        r"initial has float32 \[8\] as params/body/batch_norm_1/beta, and the network float32 \[9\]": {
            "data": wine,
            "network": bw.nn.MLP((9,)),
        },
        "encoded otherwise": {"data": bw.load("wine", seed=1)},
    }
    for message, given in cases.items():
        with pytest.raises(ConfigError, match=message):
            bw.fit(**{**PLAIN, **given}, epochs=2, initial=first, run_dir=tmp_path / "run")  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
