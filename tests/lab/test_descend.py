"""Paths against NumPy's float64, limits against closed forms, and what a descent says of bad input."""

from collections.abc import Callable
from functools import partial
from itertools import combinations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference import optimizers as reference

from batchwright.errors import UsageError
from batchwright.lab import RULES, SURFACES, Course, Surface, Until, descend, follow, limits_of, line, tune
from batchwright.lab.descent.batches import plan_of, shares_of
from batchwright.lab.descent.limits import steepest_batch
from batchwright.lab.descent.rules import name_of, rule_of
from batchwright.optim import SGD, Adam, Exponential, ReduceOnPlateau
from batchwright.training.order import batches

SLOPES: dict[str, Callable[[np.ndarray], list[float]]] = {
    "bowl": lambda w: [w[0], w[1]],
    "valley": lambda w: [w[0], 25 * w[1]],
    "saddle": lambda w: [w[0], -w[1] + w[1] ** 3],
    "rosenbrock": lambda w: [-2 * (1 - w[0]) - 400 * w[0] * (w[1] - w[0] ** 2), 200 * (w[1] - w[0] ** 2)],
    "beale": lambda w: [
        2 * (1.5 - w[0] + w[0] * w[1]) * (w[1] - 1)
        + 2 * (2.25 - w[0] + w[0] * w[1] ** 2) * (w[1] ** 2 - 1)
        + 2 * (2.625 - w[0] + w[0] * w[1] ** 3) * (w[1] ** 3 - 1),
        2 * (1.5 - w[0] + w[0] * w[1]) * w[0]
        + 4 * (2.25 - w[0] + w[0] * w[1] ** 2) * w[0] * w[1]
        + 6 * (2.625 - w[0] + w[0] * w[1] ** 3) * w[0] * w[1] ** 2,
    ],
    "ravine": lambda w: [0.2 * w[0], 8 * w[1]],
}
WITNESSES = {
    "sgd": reference.sgd,
    "momentum": partial(reference.sgd, momentum=0.9),
    "nesterov": partial(reference.sgd, momentum=0.9, nesterov=True),
    "adam": reference.adam,
    "amsgrad": partial(reference.adam, amsgrad=True),
    "adagrad": reference.adagrad,
    "adadelta": reference.adadelta,
    "rmsprop": reference.rmsprop,
    "adamw": reference.adam,
    "nadam": reference.nadam,
    "lion": reference.lion,
    "muon": reference.muon,
}
X, Y = np.array([0.5, 1.0, -1.5, 2.0]), np.array([1.2, 2.1, -2.7, 4.4])


def test_there_are_twelve_rules_each_with_its_name() -> None:
    assert set(RULES) == set(WITNESSES) and len(RULES) == 12
    assert {name: name_of(rule) for name, rule in RULES.items()} == {name: name for name in RULES}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_goes_where_float64_goes(name: str) -> None:
    rule = rule_of(name, {"learning_rate": 0.02})
    path = descend("valley", rule, (-2.0, 1.0), steps=30)

    def slope(_: int, w: np.ndarray) -> np.ndarray:
        return np.array(SLOPES["valley"](w[:, 0]))[:, None]

    expected = reference.trajectory(
        WITNESSES[name], np.array([[-2.0], [1.0]]), slope, np.full(30, 0.02), rule.weight_decay or 0.0
    )
    np.testing.assert_allclose(path.points[1:], expected[:, :, 0], rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", SLOPES)
@given(where=st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5)))
def test_slopes_are_the_derivatives(name: str, where: tuple[float, float]) -> None:
    path = descend(name, SGD(learning_rate=1e-30), where, steps=1)
    np.testing.assert_allclose(path.slopes[0], SLOPES[name](np.array(where)), rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_no_point_nearby_is_lower_than_the_minimum(surface: Surface) -> None:
    assert surface.minimum is not None
    around = np.asarray(surface.minimum) + np.random.default_rng(0).normal(size=(200, 2)) * 0.1
    assert surface.losses(around).min() >= surface.losses(np.asarray([surface.minimum]))[0] - 1e-12


def test_a_line_with_its_batches_is_that_of_numpy() -> None:
    path = descend(line(X, Y), SGD(learning_rate=0.1), (-1.0,), steps=7, batch_size=3, seed=5)
    plan = plan_of(line(X, Y), 3, 7)
    order = [rows[rows < 4] for epoch in range(4) for rows in batches(plan, seed=5, epoch=epoch).reshape(2, -1)]
    w, expected = -1.0, [-1.0]
    for rows in order[:7]:
        w -= 0.1 * np.mean(2 * X[rows] * (w * X[rows] - Y[rows]))
        expected.append(w)
    np.testing.assert_allclose(path.points[:, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(path.losses, [np.mean((w * X - Y) ** 2) for w in expected], rtol=1e-4)


def test_every_point_counts_once_per_epoch() -> None:
    surface = line(np.arange(1.0, 8.0), np.arange(1.0, 8.0))
    shares = shares_of(plan_of(surface, 3, 9), seed=1, steps=9)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-6)
    for epoch in range(3):
        assert (np.count_nonzero(shares[3 * epoch : 3 * epoch + 3], axis=0)[:7] == 1).all()
    assert not shares[:, 7:].any()


@pytest.mark.parametrize("intercept", [False, True])
def test_the_curvature_of_a_line_is_its_closed_form(intercept: bool) -> None:
    limits = limits_of(line(X, Y, intercept=intercept))
    table = np.stack([X, np.ones(4)], axis=1)[:, : 1 + intercept]
    expected = np.linalg.eigvalsh(2 * table.T @ table / 4)
    assert limits is not None
    np.testing.assert_allclose([limits.flattest, limits.steepest], [expected[0], expected[-1]])
    if not intercept:
        assert limits.steepest == pytest.approx(2 * np.mean(X**2))
        assert limits.best == pytest.approx(1 / limits.steepest)


def test_the_curvature_of_a_formula_is_its_closed_form() -> None:
    for name, curvatures in {"bowl": (1, 1), "valley": (1, 25), "saddle": (1, 2), "ravine": (0.2, 8)}.items():
        limits = limits_of(SURFACES[name])
        assert limits is not None
        assert (limits.flattest, limits.steepest) == pytest.approx(curvatures, rel=1e-5)
    steep = limits_of(SURFACES["rosenbrock"])
    assert steep is not None
    assert steep.steepest == pytest.approx(np.linalg.eigvalsh([[802.0, -400.0], [-400.0, 200.0]])[1], rel=1e-4)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
@pytest.mark.parametrize("share", [0.97, 1.03])
def test_within_the_limit_a_path_arrives_and_beyond_it_leaves(name: str, share: float) -> None:
    limits = limits_of(line(X, Y), RULES[name])
    assert limits is not None and limits.largest is not None
    path = descend(line(X, Y), rule_of(name, {"learning_rate": share * limits.largest}), steps=2000)
    assert (path.ended == "diverged") == (share > 1)
    assert (path.losses[-1] < path.losses[0]) == (share < 1)


def test_the_best_rate_arrives_in_one_step() -> None:
    surface = line(X, Y)
    limits = limits_of(surface)
    assert limits is not None and limits.best is not None and surface.minimum is not None
    path = descend(surface, SGD(learning_rate=limits.best), (-50.0,), steps=1)
    assert path.end[0] == pytest.approx(surface.minimum[0], abs=1e-4)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_no_batch_is_steeper_than_the_steepest(size: int) -> None:
    all_batches = combinations(X, size)
    assert steepest_batch(line(X, Y), size) == pytest.approx(max(2 * np.mean(np.square(rows)) for rows in all_batches))


def test_rules_without_a_limit_have_none() -> None:
    limits = limits_of(line(X, Y), Adam())
    assert limits is not None and limits.largest is None and limits.best is None


def test_a_diverging_path_ends_with_its_last_finite_point() -> None:
    path = descend("rosenbrock", SGD(learning_rate=0.5), steps=100)
    assert path.ended == "diverged"
    assert np.isfinite(path.points).all() and np.isfinite(path.losses).all()
    assert path.points.shape == (path.steps + 1, 2) and path.gradients.shape == (path.steps, 2)


@pytest.mark.parametrize("by", ["loss", "gradient", "step"])
def test_a_path_ends_where_its_number_first_is_below_the_tolerance(by: str) -> None:
    whole = descend("bowl", SGD(learning_rate=0.3), steps=200)
    path = descend("bowl", SGD(learning_rate=0.3), steps=200, until=Until(by, 1e-3))
    sizes = {
        "loss": np.abs(np.diff(whole.losses)),
        "gradient": np.hypot(*whole.points[1:].T),  # of the bowl
        "step": np.linalg.norm(np.diff(whole.points, axis=0), axis=1),
    }[by]
    assert path.ended == "converged"
    assert path.steps == next(step for step, size in enumerate(sizes, 1) if size < 1e-3)
    np.testing.assert_array_equal(path.points, whole.points[: path.steps + 1])


def test_more_steps_begin_with_the_same_bits() -> None:
    few, many = (descend("ravine", "adam", steps=steps, batch_size=4, seed=2) for steps in (20, 700))
    np.testing.assert_array_equal(few.points, many.points[:21])


def test_noise_is_less_by_the_root_of_the_batch_and_none_for_all_rows() -> None:
    def gradients(batch_size: int | str) -> np.ndarray:
        path = descend("ravine", SGD(learning_rate=1e-30), (0.0, 0.0), steps=2000, batch_size=batch_size)
        return path.gradients

    assert not gradients("full").any()
    np.testing.assert_allclose(gradients(1).std(axis=0), 2.0, rtol=0.05)
    np.testing.assert_allclose(gradients(16), gradients(1) / 4, rtol=1e-5)


def test_a_schedule_gives_the_rates_of_epochs() -> None:
    path = descend(line(X, Y), SGD(learning_rate=0.1), schedule=Exponential(base=0.5), steps=6, batch_size=2)
    np.testing.assert_allclose(path.rates, [0.1, 0.1, 0.05, 0.05, 0.025, 0.025])


def test_a_plateau_lowers_the_rate_by_the_losses_of_the_path_itself() -> None:
    schedule = ReduceOnPlateau(factor=0.1, patience=2)
    limits = limits_of(line(X, Y))
    assert limits is not None and limits.largest is not None
    path = descend(line(X, Y), SGD(learning_rate=1.01 * limits.largest), (-1.0,), schedule=schedule, steps=30)
    expected = [
        path.rates[0] * schedule.factor_after(path.losses[1 : epoch + 1].tolist()) for epoch in range(path.steps)
    ]
    np.testing.assert_allclose(path.rates, expected)
    assert path.rates[-1] < path.rates[0] and path.losses[-1] < 1e-2 + path.losses.min()


def test_a_tuned_rate_is_the_best_of_those_that_were_tried() -> None:
    course = Course(SURFACES["valley"], (-2.5, 1.0), steps=40)
    best = tune(course, SGD()).learning_rate

    def mean_loss(rate: float) -> float:
        path = follow(course, SGD(learning_rate=rate))
        return float(path.losses[1:].mean()) if path.ended != "diverged" else np.inf

    assert mean_loss(best) <= min(mean_loss(best * 1.585), mean_loss(best / 1.585))


def test_other_numbers_compile_nothing() -> None:
    from batchwright.lab.descent.program import walk

    descend("bowl", SGD(learning_rate=0.1, momentum=0.9), steps=5)
    before = walk._cache_size()
    for surface in ("valley", "beale", "ravine"):
        descend(surface, SGD(learning_rate=0.2, momentum=0.8), (0.5, 0.5), steps=9, batch_size=3, seed=1)
    assert walk._cache_size() == before


def test_states_are_what_the_rule_remembers() -> None:
    path = descend("bowl", SGD(learning_rate=0.1, momentum=0.5), (1.0, 2.0), steps=3)
    velocity, expected = np.zeros(2), []
    for gradient in path.gradients:
        velocity = 0.5 * velocity + gradient
        expected.append(velocity)
    np.testing.assert_allclose(path.states["velocity"], expected, rtol=1e-5)
    assert set(descend("bowl", "adam", steps=2).states) == {"mean", "square"}


def test_a_surface_of_ones_own() -> None:
    surface = Surface("own", lambda w: (w[0] - 1.0) ** 4, "(w − 1)⁴", ((-1.0, 3.0),), (0.0,))
    path = descend(surface, SGD(learning_rate=0.05), steps=1)
    assert path.end == pytest.approx((0.2,))
    assert limits_of(surface) is None


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("did you mean 'bowl'", lambda: descend("bowll")),
        ("did you mean 'adam'", lambda: descend("bowl", "adm")),
        ("needs 2 finite numbers", lambda: descend("bowl", start=(1.0,))),
        ("needs 2 finite numbers", lambda: descend("bowl", start=(1.0, float("nan")))),
        ("at most 300", lambda: descend("bowl", schedule=ReduceOnPlateau(), steps=400)),
        ("must be 1 to 2,000", lambda: descend("bowl", steps=5000)),
        ("batch size", lambda: descend(line(), batch_size=0)),
        ("every x is 0", lambda: line([0.0, 0.0], [1.0, 2.0])),
        ("the same x", lambda: line([1.0, 1.0], [1.0, 2.0], intercept=True)),
        ("each with an x and a y", lambda: line([1.0], [1.0, 2.0])),
        ("finite numbers between", lambda: line([1.0, float("inf")], [1.0, 2.0])),
        ("above 0", lambda: Until("loss", 0.0)),
        ("learning_rate", lambda: rule_of("adam", {"learning_rate": -1.0})),
    ],
)
def test_bad_input_is_refused_with_a_sentence(words: str, call: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match=words):
        call()


def test_steps_are_small_on_the_processor() -> None:
    with jax.numpy_rank_promotion("raise"):
        assert descend("bowl", "muon", steps=3).steps == 3
