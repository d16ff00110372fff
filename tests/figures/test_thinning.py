"""No spike is lost, and few points are left."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from batchwright.figures.thinning import MOST, thin


@given(st.integers(0, 2**32 - 1), st.sampled_from([10, 2_001, 5_000, 100_000]), st.booleans())
def test_every_column_keeps_its_lowest_and_highest_point(seed: int, count: int, even: bool) -> None:
    rng = np.random.default_rng(seed)
    x = np.linspace(0.0, 560.0, count) if even else np.sort(rng.uniform(0, 560, count))
    y = rng.standard_normal(count) ** 3
    kept = thin(x, y)
    assert np.all(np.diff(kept) > 0)
    assert len(kept) <= MOST
    assert {0, count - 1} <= set(kept.tolist())
    columns = np.floor((x - x[0]) / (x[-1] - x[0]) * 500 * (1 - 1e-9)).astype(int)
    shown = columns[kept]
    for column in np.unique(columns)[:: 1 if count < 3_000 else 29]:
        inside, left = y[columns == column], y[kept][shown == column]
        if count > MOST:
            assert left.min() == inside.min() and left.max() == inside.max()


def test_one_spike_in_a_hundred_thousand_points_stays() -> None:
    y = np.zeros(100_000)
    y[34_567] = 1.0
    assert 34_567 in thin(np.arange(100_000.0), y)


def test_a_path_that_goes_back_keeps_its_bounds() -> None:
    angle = np.linspace(0, 400 * np.pi, 50_000)
    x, y = 100 * np.cos(angle) * angle, 100 * np.sin(angle) * angle
    kept = thin(x, y)
    assert len(kept) <= MOST
    for values in (x, y):
        assert values[kept].min() == values.min() and values[kept].max() == values.max()


def test_points_at_one_place_are_thinned_too() -> None:
    y = np.arange(5_000.0)
    assert set(y[thin(np.zeros(5_000), y)]) >= {0.0, 4_999.0}
