"""Importance against functions whose shares of the variance are known in closed form, and Optuna's own fANOVA."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from sklearn.tree import DecisionTreeRegressor

from batchwright.search import importance as module
from batchwright.search.customary import Share
from batchwright.search.importance import (
    Importance,
    _effects,
    _leaves,
    by_logarithm,
    importance,
    plain_importance,
)

RATE, MOMENTUM, DROPOUT = "optimizer.learning_rate", "optimizer.momentum", "network.dropout"
UNIT = FloatDistribution(0, 1)
Loss = Callable[[Mapping[str, Any]], float]


def study_of(trials: list[FrozenTrial]) -> optuna.study.Study:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    optuna.logging.set_verbosity(verbosity)
    study.add_trials(trials)
    return study


def drawn(distribution: BaseDistribution, generator: np.random.Generator) -> Any:
    """A value, uniform on the distribution's own scale."""
    match distribution:
        case FloatDistribution(low=low, high=high, log=True):
            return float(np.exp(generator.uniform(np.log(low), np.log(high))))
        case FloatDistribution(low=low, high=high):
            return float(generator.uniform(low, high))
        case IntDistribution(low=low, high=high):
            return int(generator.integers(low, high + 1))
        case CategoricalDistribution(choices=choices):
            return choices[generator.integers(len(choices))]
    raise AssertionError(distribution)


def trials_of(loss: Loss, space: Mapping[str, BaseDistribution], count: int, seed: int = 0) -> list[FrozenTrial]:
    generator = np.random.default_rng(seed)
    every = [{name: drawn(one, generator) for name, one in space.items()} for _ in range(count)]
    return [create_trial(params=params, distributions=dict(space), value=loss(params)) for params in every]


def found(study: optuna.study.Study, seed: int = 0) -> Importance:
    result = importance(study, seed=seed)
    assert result is not None
    return result


def by_name(shares: tuple[Share, ...]) -> dict[str, float]:
    return {one.name: one.share for one in shares}


def additive(params: Mapping[str, Any]) -> float:
    """Of uniform numbers: 2²/12 and 1²/12 are their variances; below 0, so that no logarithm is taken."""
    return 2 * params["x"] + params["y"] - 9


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 8)


ABC = {"x": UNIT, "y": UNIT, "unused": UNIT}


def test_an_additive_function_has_the_shares_of_its_squared_slopes() -> None:
    result = found(study_of(trials_of(additive, ABC, 150)))
    shares = by_name(result.fanova)
    assert shares["x"] == pytest.approx(4 / 5, abs=0.06)
    assert shares["y"] == pytest.approx(1 / 5, abs=0.08)
    assert shares["unused"] < 0.01
    assert [one.name for one in result.fanova] == ["x", "y", "unused"]
    assert result.ped_anova[0].name == "x"
    assert sum(by_name(result.ped_anova).values()) == pytest.approx(1)
    assert max(pair.share for pair in result.interactions) < 0.06
    assert all(one.low <= one.share <= one.high for one in (*result.ped_anova, *result.fanova, *result.interactions))


def test_a_pure_interaction_is_found_as_one() -> None:
    result = found(study_of(trials_of(lambda p: np.sign((p["x"] - 0.5) * (p["y"] - 0.5)), ABC, 150)))
    first, *others = result.interactions
    assert {first.first, first.second} == {"x", "y"}
    assert first.share > 0.6
    assert max(pair.share for pair in others) < 0.1
    assert max(by_name(result.fanova).values()) < 0.2


def test_the_decomposition_of_a_grid_is_that_of_its_means() -> None:
    """Cells of equal volume: main effects and pairs are variances of the means over the other axes."""
    grid = np.random.default_rng(0).normal(size=(4, 3, 2))
    corners = np.stack(np.meshgrid(*(np.arange(size) / size for size in grid.shape), indexing="ij"), axis=-1)
    low = corners.reshape(-1, 3)
    shares = _effects(grid.ravel(), low, low + 1 / np.array(grid.shape))
    for one, other, rest in ((0, 1, 2), (0, 2, 1), (1, 2, 0)):
        main = [grid.mean(axis=tuple({0, 1, 2} - {axis})).var() for axis in (one, other)]
        assert shares[one, one] == pytest.approx(main[0] / grid.var())
        assert shares[other, other] == pytest.approx(main[1] / grid.var())
        assert shares[one, other] == pytest.approx((grid.mean(axis=rest).var() - sum(main)) / grid.var())


def test_the_leaves_fill_the_cube_and_predict_what_the_tree_does() -> None:
    generator = np.random.default_rng(0)
    places, fresh = generator.random((2, 50, 3))
    regressor = DecisionTreeRegressor(max_leaf_nodes=16, random_state=0).fit(places, places.sum(axis=1))
    values, low, high = _leaves(regressor.tree_)
    inside = ((fresh[:, None] > low) & (fresh[:, None] <= high)).all(axis=2)
    assert (inside.sum(axis=1) == 1).all()
    assert (high - low).prod(axis=1).sum() == pytest.approx(1)
    np.testing.assert_allclose(inside @ values, regressor.predict(fresh))


def test_main_effects_are_those_of_optunas_own_evaluator() -> None:
    study = study_of(trials_of(lambda p: additive(p) + np.sin(6 * p["unused"]), ABC, 100))
    theirs = optuna.importance.FanovaImportanceEvaluator(seed=0).evaluate(study)
    ours = by_name(found(study).fanova)
    assert ours == pytest.approx(theirs, abs=0.06)


def test_a_logarithmic_range_is_weighed_by_logarithm() -> None:
    space = {RATE: FloatDistribution(1e-5, 1, log=True), MOMENTUM: UNIT}
    result = found(study_of(trials_of(lambda p: np.log10(p[RATE]) / 5 + p[MOMENTUM] / 2 - 9, space, 150)))
    assert by_name(result.fanova)[RATE] == pytest.approx(4 / 5, abs=0.08)


def test_a_narrowed_range_is_one_hyperparameter() -> None:
    wide = trials_of(additive, ABC, 75)
    narrow = trials_of(additive, {"x": FloatDistribution(0, 0.5), "y": FloatDistribution(0.25, 1), "unused": UNIT}, 75)
    result = found(study_of([*wide, *narrow]))
    assert by_name(result.fanova)["x"] == pytest.approx(4 / 5, abs=0.08)
    assert by_name(result.fanova)["unused"] < 0.02


def test_a_range_of_a_single_trial_warns_nobody() -> None:
    narrow = {"x": FloatDistribution(0.1, 0.2), "y": UNIT, "unused": UNIT}
    study = study_of([*trials_of(additive, ABC, 20), *trials_of(additive, narrow, 1)])
    with pytest.warns(UserWarning, match="regimes"):
        optuna.importance.get_param_importances(study)
    found(study)


@pytest.mark.filterwarnings("ignore:Choices for a categorical")
def test_integers_and_categories_narrow_too_and_a_category_may_be_a_list() -> None:
    size, sizes = "training.batch_size", "network.hidden_layer_sizes"
    first = {size: IntDistribution(1, 64, log=True), sizes: CategoricalDistribution(([8], [16, 8], [32]))}
    second = {size: IntDistribution(4, 16, log=True), sizes: CategoricalDistribution(([16, 8], [32]))}
    trials = [trial for space in (first, second) for trial in trials_of(lambda p: -float(p[sizes][0]), space, 40)]
    result = found(study_of(trials))
    assert by_name(result.fanova)[sizes] > 0.95
    assert result.ped_anova[0].name == sizes


def test_a_number_may_have_been_a_word_before() -> None:
    words = {"training.batch_size": CategoricalDistribution(("full", 32)), "y": UNIT}
    numbers = {"training.batch_size": IntDistribution(32, 33), "y": UNIT}
    trials = [trial for space in (words, numbers) for trial in trials_of(full_is_bad, space, 40)]
    assert by_name(found(study_of(trials)).fanova)["training.batch_size"] > 0.95


def full_is_bad(params: Mapping[str, Any]) -> float:
    return 2.0 if params["training.batch_size"] == "full" else 1.0


def conditional(count: int) -> list[FrozenTrial]:
    """Half the trials have a schedule, whose end then matters as much as a uniform number does."""
    kinds = CategoricalDistribution(("constant", "cosine"))
    without = trials_of(lambda _: -9.0, {"schedule.name": CategoricalDistribution(("constant",)), "y": UNIT}, count)
    space = {"schedule.name": CategoricalDistribution(("cosine",)), "schedule.end": UNIT, "y": UNIT}
    trials = [*without, *trials_of(lambda p: 2 * p["schedule.end"] - 10, space, count, seed=1)]
    for trial in trials:
        trial.distributions = trial.distributions | {"schedule.name": kinds}
    return trials


def test_a_conditional_hyperparameter_is_judged_where_it_is() -> None:
    """The loss is s·(2e - 1) for s of 0 or 1: e alone has Var E[f | e] = 1/12, s and e together as much again."""
    result = found(study_of(conditional(75)))
    shares = by_name(result.fanova)
    assert shares["schedule.end"] == pytest.approx(1 / 2, abs=0.1)
    assert {result.interactions[0].first, result.interactions[0].second} == {"schedule.name", "schedule.end"}
    assert result.interactions[0].share == pytest.approx(1 / 2, abs=0.15)
    assert max(shares["schedule.name"], shares["y"]) < 0.05


@pytest.mark.parametrize("diverged", [np.inf, 1e300])
def test_a_diverged_trial_does_not_swamp_the_others(diverged: float) -> None:
    trials = trials_of(lambda p: float(np.exp(additive(p))), ABC, 150)
    clean = by_name(found(study_of(trials)).fanova)
    for trial in trials[:2]:
        trial.value = diverged
    study = study_of(trials)
    assert by_logarithm(study)
    assert by_name(found(study).fanova) == pytest.approx(clean, abs=0.1)


def test_diverged_trials_are_bad_ones() -> None:
    space = {RATE: UNIT, MOMENTUM: UNIT}
    trials = trials_of(lambda p: np.inf if p[RATE] > 0.7 else 1.0, space, 60)
    result = found(study_of(trials))
    assert by_name(result.fanova)[RATE] > 0.9
    assert result.sentence.startswith("the learning rate mattered most")
    assert result.sentence.endswith(", as is customary")


def test_pruned_failed_and_fixed_ones_are_left_out() -> None:
    trials = trials_of(additive, ABC | {"fixed": IntDistribution(1, 9)}, 40)
    for trial in trials:
        trial.params = trial.params | {"fixed": 3}
    other = {"only.here": 0.5}, {"only.here": UNIT}
    pruned = [
        create_trial(state=state, params=other[0], distributions=other[1])
        for state in (TrialState.PRUNED, TrialState.FAIL)
    ]
    assert found(study_of([*trials, *pruned])) == found(study_of(trials))
    assert set(by_name(found(study_of(trials)).fanova)) == set(ABC)


def test_there_is_no_answer_where_nothing_can_be_told() -> None:
    trials = trials_of(additive, ABC, 8)
    assert importance(study_of(trials)) is not None
    assert importance(study_of(trials[:7])) is None
    assert importance(study_of([])) is None
    assert importance(study_of(trials_of(lambda _: 1.0, ABC, 20))) is None
    assert importance(study_of(trials_of(lambda _: np.inf, ABC, 20))) is None
    same = [create_trial(params={"x": 0.5}, distributions={"x": UNIT}, value=float(loss)) for loss in range(20)]
    assert importance(study_of(same)) is None


def test_one_hyperparameter_has_all_and_no_pairs() -> None:
    result = found(study_of(trials_of(lambda p: p["x"], {"x": UNIT}, 20)))
    assert by_name(result.fanova) == pytest.approx({"x": 1})
    assert result.interactions == ()
    assert result.sentence.startswith("only x was searched")


def test_categories_that_make_no_difference_have_no_share() -> None:
    """Each of two categories has the same two losses, as often: no tree that sees both alike can tell them apart."""
    space = {"y": CategoricalDistribution(("a", "b"))}
    trials = [
        create_trial(params={"y": word}, distributions=space, value=loss) for word in "ab" for loss in (-1.0, -2.0) * 2
    ]
    result = found(study_of(trials))
    assert all(0 <= one.low <= one.high <= 1 + 1e-9 for one in result.fanova)


def test_the_seeds_share_is_that_of_the_variance_over_trials() -> None:
    losses = np.linspace(-2, -1, 20)
    trials = [
        create_trial(params={"x": -loss}, distributions={"x": FloatDistribution(1, 2)}, value=loss) for loss in losses
    ]
    study = study_of(trials)
    assert found(study).seeds is None
    for variance, share in ((losses.var() / 4, 0.25), (9.0, 1.0), (0.0, 0.0)):
        result = importance(study, seed_variance=float(variance))
        assert result is not None and result.seeds == pytest.approx(share)


def test_the_same_seed_gives_the_same_answer_and_leaves_no_trace() -> None:
    study = study_of(trials_of(additive, ABC, 30))
    verbosity = optuna.logging.get_verbosity()
    assert found(study, seed=3) == found(study, seed=3) != found(study, seed=4)
    assert optuna.logging.get_verbosity() == verbosity
    assert len(study.trials) == 30


def test_it_is_plain_data() -> None:
    result = found(study_of(trials_of(additive, ABC, 20)))
    plain = plain_importance(result)
    assert json.loads(json.dumps(plain)) == plain
    assert [one["name"] for one in plain["fanova"]] == [one.name for one in result.fanova]
    assert set(plain["evaluators"]) == {"losses", "ped_anova", "fanova", "interactions"}


@pytest.mark.slow
def test_it_takes_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    study = study_of(trials_of(lambda p: p["0"] - 9, {str(number): UNIT for number in range(6)}, 64))
    started = time.process_time()
    found(study)
    assert time.process_time() - started < 60
