"""The diagnosis of real trainings: the same from the folder as from memory, with rows and without."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

import batchwright as bw
from batchwright.data.dataset import Split
from batchwright.diagnosis import diagnose
from batchwright.diagnosis.chance import agreement
from batchwright.diagnosis.rows import _area_error, _told_apart, _wilson_low

NETWORK = bw.nn.MLP((16,), batch_normalization=False)


def test_a_run_says_the_same_from_its_folder_as_in_memory(tmp_path: Path) -> None:
    data = bw.load("wine")
    slow = bw.optim.Adam(learning_rate=1e-6)
    trained = bw.fit(data, network=NETWORK, optimizer=slow, epochs=9, batch_size=16, run_dir=tmp_path / "run")
    assert trained.diagnosis[0].kind == "learning rate too low"
    assert diagnose(tmp_path / "run", data) == trained.diagnosis
    assert diagnose(bw.open_run(tmp_path / "run"))[0] == trained.diagnosis[0]


@pytest.mark.parametrize("right", [0.2, 0.5, 0.9])
def test_kappa_is_that_of_scikit_learn_and_its_error_that_of_permutations(right: float) -> None:
    random = np.random.default_rng(0)
    true = random.integers(3, size=400)
    answered = np.where(random.random(400) < right, true, random.integers(3, size=400))
    matrix = np.zeros((3, 3))
    np.add.at(matrix, (true, answered), 1)
    kappa, error = agreement(matrix)
    assert kappa == pytest.approx(cohen_kappa_score(true, answered))
    shuffled = [cohen_kappa_score(random.permutation(true), answered) for _ in range(300)]
    assert error == pytest.approx(np.std(shuffled), rel=0.2)


@pytest.mark.parametrize(("right", "rows"), [(9, 10), (100, 100), (0, 7), (990, 1000)])
def test_the_lower_end_is_that_of_wilson(right: int, rows: int) -> None:
    expected = binomtest(right, rows).proportion_ci(method="wilson").low
    assert _wilson_low(right, rows) == pytest.approx(expected, abs=1e-4)


def _split(seed: int, rows: int, shift: float = 0.0) -> Split:
    numbers = np.random.default_rng(seed).normal(shift, 1, (rows, 6)).astype(np.float32)
    return Split({"numeric": numbers}, np.zeros(rows, np.int32))


def test_rows_alike_are_not_told_apart_and_rows_moved_are() -> None:
    alike = [_told_apart(_split(seed, 300), _split(seed + 100, 80)) for seed in range(30)]
    areas = np.array([found[0] for found in alike if found])
    assert abs(areas.mean() - 0.5) < 0.03
    assert areas.std() < 2 * _area_error(0.5, 300, 80)
    assert all(found and found[1] < 0.65 for found in alike)
    moved = _told_apart(_split(0, 300), _split(1, 80, 1.5))
    assert moved is not None and moved[1] > 0.9
    assert _told_apart(_split(0, 300), _split(1, 5)) is None


def test_rows_in_order_of_the_target_are_seen_where_they_are_never_shuffled() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 3))
    sorted_rows = rows[np.argsort(rows[:, 0])]
    data = bw.load((sorted_rows, np.where(sorted_rows[:, 0] > 0, "a", "b")))
    kinds = {
        shuffle: {one.kind for one in bw.fit(data, network=NETWORK, epochs=2, batch_size=16, shuffle=shuffle).diagnosis}
        for shuffle in (True, False)
    }
    assert "rows not shuffled" in kinds[False]
    assert "rows not shuffled" not in kinds[True]
