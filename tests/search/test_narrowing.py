"""Ranges follow the best of what was tried; one whose best lies at its end is widened, as far as its key allows."""

import pytest

from batchwright.search.narrowing import narrow_space
from batchwright.search.space import load_space
from batchwright.search.study import Finished, Outcome


def _space(**ranges):
    return load_space(None, [(key.replace("__", "."), text, key) for key, text in ranges.items()])


def _finished(key, pairs):
    return [Finished(n, {key: value}, Outcome("finished", loss, (loss,))) for n, (value, loss) in enumerate(pairs)]


def test_a_range_is_narrowed_around_the_best():
    key, space = "optimizer.learning_rate", _space(optimizer__learning_rate="{log: [1e-4, 1]}")
    tried = [(10 ** (-4 + 4 * n / 40), abs(-4 + 4 * n / 40 + 2)) for n in range(41)]  # the best is 1e-2
    after, notes = narrow_space(space, _finished(key, tried))
    low, high = after.dimensions[0].values
    # the best fifth, 8 of 41, are those within 0.4 decades; and a tenth of 4 decades on either side
    assert low == pytest.approx(10 ** (-2.4 - 0.4), rel=0.3) and high == pytest.approx(10 ** (-1.6 + 0.4), rel=0.3)
    assert notes == ()


def test_a_range_whose_best_is_at_its_end_is_widened_and_that_is_said():
    key, space = "optimizer.learning_rate", _space(optimizer__learning_rate="{log: [1e-4, 1e-2]}")
    tried = [(10 ** (-4 + 2 * n / 20), 1.0 - n / 40) for n in range(21)]
    after, notes = narrow_space(space, _finished(key, tried))
    assert after.dimensions[0].values[1] == pytest.approx(10**-1.5, rel=0.01)  # a quarter of two decades further
    assert len(notes) == 1 and "optimizer.learning_rate" in notes[0] and "0.01" in notes[0]
    further = [*tried, (10**-1.5, 0.4)]
    again, _ = narrow_space(space, _finished(key, further))
    assert again.dimensions[0].values[1] == pytest.approx(0.1, rel=0.01)


def test_a_range_is_not_widened_beyond_what_its_key_takes():
    key, space = "network.dropout", _space(network__dropout="{uniform: [0.5, 0.9]}")
    tried = [(0.5 + n / 50, 1.0 - n / 40) for n in range(21)]
    after, notes = narrow_space(space, _finished(key, tried))
    assert after.dimensions[0].values[1] == 0.9 and notes == ()


def test_what_has_diverged_is_not_among_the_best():
    key, space = "optimizer.learning_rate", _space(optimizer__learning_rate="{log: [1e-4, 1]}")
    tried = [(10 ** (-4 + n / 10), float("inf") if n > 20 else abs(n - 15)) for n in range(41)]
    after, _ = narrow_space(space, _finished(key, tried))
    assert after.dimensions[0].values[1] < 10**-1.0


def test_few_trials_change_nothing():
    space = _space(optimizer__learning_rate="{log: [1e-4, 1]}")
    assert narrow_space(space, _finished("optimizer.learning_rate", [(0.1, 1.0)] * 3)) == (space, ())
