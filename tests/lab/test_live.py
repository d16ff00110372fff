"""Small networks: trained as by `fit`, to the bit; their pictures; and the rows that they learn."""

import math
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from sklearn.datasets import make_moons

from batchwright.errors import DataError, UsageError
from batchwright.lab import (
    POINT_SETS,
    Live,
    SmallNetwork,
    choose_columns,
    choose_points,
    draw_points,
    take_picture,
    weights_of,
)
from batchwright.nn import MLP
from batchwright.optim import SGD, Constant
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.evaluate import outputs
from batchwright.training.events import Stopped
from batchwright.training.fit import fit
from batchwright.training.job import Job
from batchwright.training.state import initial_state

MOONS = choose_points(draw_points("moons", rows=60))


def test_points_are_the_same_for_the_same_seed_and_half_of_each_class() -> None:
    for name in POINT_SETS:
        one, other, third = (draw_points(name, rows=80, seed=seed) for seed in (3, 3, 4))
        first = next(iter(one))
        assert np.array_equal(one[first], other[first]) and not np.array_equal(one[first], third[first])
        if "class" in one:
            assert 20 <= list(one["class"]).count("blue") <= 60


def test_moons_are_where_scikit_learn_has_them() -> None:
    points = draw_points("moons", rows=400, noise=0.0)
    ours = np.stack([np.asarray(points["x1"]) + 0.5, np.asarray(points["x2"]) + 0.25], axis=1)
    theirs, codes = make_moons(2000, noise=0.0)
    for name, code in (("blue", 0), ("orange", 1)):
        own = ours[np.array(points["class"]) == name]
        nearest = np.abs(own[:, None] - theirs[codes == code][None]).sum(axis=2).min(axis=1)
        assert nearest.max() < 0.01


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "moon"}, "did you mean 'moons'"),
        ({"name": "moons", "rows": 7}, "8 to 2,000"),
        ({"name": "moons", "noise": math.nan}, "noise is nan"),
        ({"name": "moons", "seed": -1}, "seed"),
    ],
)
def test_bad_points_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        draw_points(**values)  # type: ignore[arg-type]


def test_in_pieces_as_at_once() -> None:
    whole, pieces = Live(SmallNetwork(MOONS)), Live(SmallNetwork(MOONS))
    losses = whole.advance(33)
    assert losses.tolist() == [loss for piece in (1, 4, 20, 8) for loss in pieces.advance(piece)]
    for one, other in zip(weights_of(whole), weights_of(pieces), strict=True):
        assert np.array_equal(one.kernel, other.kernel)


def test_a_live_network_is_trained_as_by_fit() -> None:
    small = SmallNetwork(MOONS, optimizer=SGD(learning_rate=0.1, momentum=0.9), batch_size=7, seed=4)
    live = Live(small)
    live.advance(3 * small.plan.iterations_per_epoch)
    job = Job(small.program, live.rows, None, replace(small.plan, epochs=3), Constant(), seed=4)
    begin = initial_state(small.program, MOONS.dataset.train.inputs, seed=4)
    *_, end = fit(job, first_checkpoint(begin))
    assert isinstance(end, Stopped)
    kept = end.variables
    for one in weights_of(live):
        assert np.array_equal(one.kernel, np.asarray(kept.params["body"][one.name]["kernel"]))


def test_the_batch_under_work_is_the_next_and_every_row_comes_once() -> None:
    live, seen = Live(SmallNetwork(MOONS, batch_size=7)), list[int]()
    for _ in range(live.small.plan.iterations_per_epoch):
        seen += live.next_batch().tolist()
        live.advance(1)
    assert sorted(seen) == list(range(MOONS.dataset.train.rows))
    assert live.epoch == 1.0


def test_a_picture_is_what_the_network_answers() -> None:
    live = Live(SmallNetwork(MOONS))
    live.advance(50)
    picture = take_picture(live)
    assert [unit.shape for unit in picture.units] == [(1600, 4), (1600, 2)]
    column, row = 7, 31
    place = np.array([[picture.axes[0][column], picture.axes[1][row]]])
    inputs = {"numeric": jnp.asarray(MOONS.encode(place)["numeric"])}
    given = outputs(live.small.model, live.state.variables, inputs)
    shares = np.exp(given.astype(np.float64))
    np.testing.assert_allclose(picture.answers[row * 40 + column], (shares / shares.sum())[0], rtol=1e-5)
    hidden = np.tanh(MOONS.encode(place)["numeric"] @ weights_of(live)[0].kernel + weights_of(live)[0].bias)
    np.testing.assert_allclose(picture.units[0][row * 40 + column], hidden[0], rtol=1e-5)


def test_a_curve_is_in_the_unit_of_the_target() -> None:
    x = np.linspace(0, 10, 80)
    rows = choose_columns({"x": x, "price": 5000 + 300 * x})
    live = Live(SmallNetwork(rows, network=MLP((), batch_normalization=False)))
    live.advance(3000)
    picture = take_picture(live)
    np.testing.assert_allclose(picture.answers[:, 0], 5000 + 300 * picture.axes[0], rtol=1e-2)
    np.testing.assert_allclose(rows.targets, 5000 + 300 * rows.points[:, 0], rtol=1e-5)


def test_the_chosen_rows_are_those_of_the_table(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    hostile = '<img src=x onerror="alert(1)">'
    frame = pl.DataFrame({"a": random.normal(size=50), hostile: random.normal(size=50), "c": ["u", "v"] * 25})
    frame = frame.with_columns(pl.when(pl.int_range(50) == 3).then(None).otherwise(pl.col("a")).alias("a"))
    frame.write_csv(tmp_path / "t.csv")
    rows = choose_columns(tmp_path / "t.csv")
    assert rows.inputs == ("a", hostile) and rows.target == "c"
    assert rows.notes == ("1 of 50 rows are left out: a cell of these columns is missing.",)
    known = {(a, b): c for a, b, c in frame.drop_nulls().rows()}
    assert len(known) == len(rows.points) == 49
    for (a, b), code in zip(rows.points.tolist(), rows.targets, strict=True):
        assert known[a, b] == rows.classes[int(code)]
    np.testing.assert_allclose(rows.encode(rows.points[:5])["numeric"], rows.dataset.train.inputs["numeric"][:5])


def test_of_many_rows_some_are_drawn() -> None:
    rows = choose_columns({"a": np.arange(3000.0), "b": np.arange(3000.0) ** 2})
    assert len(rows.points) == 2000 and "2,000 of 3,000" in rows.notes[0]


ONE = {"a": np.arange(20.0), "same": np.ones(20), "c": ["u", "v"] * 10}


@pytest.mark.parametrize(
    ("source", "inputs", "target", "said"),
    [
        (ONE, ("a", "same"), "c", "Its only one is 'a': choose it alone, for a curve"),
        (ONE, ("a", "a"), "c", "two different columns"),
        (ONE, ("aa",), "c", "did you mean 'a'"),
        (ONE, ("a",), "d", "unknown column 'd'"),
        (ONE, (), "a", "no column with different numbers"),
        ({"a": np.arange(5.0), "c": ["u", "v", "u", "v", "u"]}, (), None, "needs 8 or more"),
        ({"a": np.arange(30.0), "c": list("abcdefghij") * 3}, (), None, "10 classes; at most 8"),
    ],
)
def test_tables_that_do_not_do_are_refused(
    source: dict[str, object], inputs: tuple[str, ...], target: str | None, said: str
) -> None:
    with pytest.raises((UsageError, DataError), match=said):
        choose_columns(source, inputs, target)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"network": MLP((9,))}, "1 to 8 units"),
        ({"network": MLP((1,) * 5)}, "at most 4"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"optimizer": SGD(learning_rate=-1.0)}, "learning_rate"),
    ],
)
def test_bad_networks_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(Exception, match=said):
        SmallNetwork(MOONS, **values)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="10,000"):
        Live(SmallNetwork(MOONS)).advance(10_001)
