"""A share of the way through a range, and back; and every whole number as often as every other."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.search.dimension import Dimension
from batchwright.search.parameters import distribution, sobol

RANGES = (
    Dimension("network.dropout", "uniform", (0.1, 0.5)),
    Dimension("optimizer.learning_rate", "log", (1e-4, 1.0)),
    Dimension("optimizer.momentum", "one_minus_log", (0.5, 0.999)),
)


@pytest.mark.parametrize("dimension", RANGES, ids=lambda one: one.scale)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_share_leads_to_a_value_and_back(dimension, share):
    value = dimension.value(share)
    assert dimension.values[0] <= value <= dimension.values[1]
    assert dimension.share(value) == pytest.approx(share, abs=1e-8)


def test_the_scales_are_even_in_what_they_are_named_after():
    shares = np.linspace(0, 1, 9, endpoint=False)
    log = [RANGES[1].value(share) for share in shares]
    np.testing.assert_allclose(np.diff(np.log10(log)), 4 / 9)
    from_one = [1 - RANGES[2].value(share) for share in shares]
    np.testing.assert_allclose(np.diff(np.log(from_one)), (np.log(0.001) - np.log(0.5)) / 9, rtol=1e-6)


def test_every_whole_number_is_as_probable_as_every_other():
    dimension = Dimension("network.bins", "uniform", (2, 5), whole=True)
    found = Counter(dimension.value(share) for share in np.linspace(0, 1, 4000, endpoint=False))
    assert found == {2: 1000, 3: 1000, 4: 1000, 5: 1000}


@given(share=st.floats(0, 1, exclude_max=True))
def test_whole_numbers_stay_in_their_range_on_a_log_scale(share):
    value = Dimension("training.batch_size", "log", (1, 64), whole=True).value(share)
    assert isinstance(value, int) and 1 <= value <= 64


def test_choices_share_the_way_evenly():
    dimension = Dimension("network.activation", "choice", ("relu", "tanh", "gelu"))
    found = Counter(dimension.value(share) for share in np.linspace(0, 1, 300, endpoint=False))
    assert found == {"relu": 100, "tanh": 100, "gelu": 100}


def test_one_minus_log_is_given_to_optuna_as_a_log_range_of_the_rest():
    name, found = distribution(RANGES[2])
    assert (name, found.low, found.high, found.log) == ("1 - optimizer.momentum", 0.001, 0.5, True)


def test_first_points_fill_every_half_of_every_range_alike():
    points = np.array(sobol(16, 3, seed=3))
    assert ((points >= 0.5).sum(axis=0) == 8).all()
    assert sobol(16, 3, seed=3) == sobol(16, 3, seed=3) != sobol(16, 3, seed=4)
