"""Dimensions as Optuna sees them: name and distribution of a parameter, and its values in both directions."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalChoiceType,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial
from scipy.stats import qmc

from batchwright.config import flow
from batchwright.search.dimension import Dimension
from batchwright.search.space import Space
from batchwright.search.storage import silence_warnings

Direction: TypeAlias = Literal["minimize", "maximize"]


def sobol(count: int, dimensions: int, *, seed: int) -> list[list[float]]:
    """The first points of a scrambled Sobol sequence in [0, 1)^dimensions.

    Owen 1998, Scrambling Sobol' and Niederreiter-Xing points. The points equal SciPy's.

    >>> [len(point) for point in sobol(3, 2, seed=0)]
    [2, 2, 2]
    """
    powers = (count - 1).bit_length()
    points = qmc.Sobol(dimensions, scramble=True, rng=seed).random_base2(powers)
    return [[min(float(share), 1 - 2**-40) for share in point] for point in points[:count]]


def distribution(dimension: Dimension) -> tuple[str, BaseDistribution]:
    """The name and the distribution of a dimension in Optuna; x of `one_minus_log` is passed as 1 - x."""
    low, high = dimension.values[0], dimension.values[-1]
    match dimension.scale:
        case "choice":
            return dimension.key, CategoricalDistribution([_category(value) for value in dimension.values])
        case "one_minus_log":
            return f"1 - {dimension.key}", FloatDistribution(_one_minus(high), _one_minus(low), log=True)
        case scale if dimension.whole:
            return dimension.key, IntDistribution(low, high, log=scale == "log")
        case scale:
            return dimension.key, FloatDistribution(low, high, log=scale == "log")


def parameter_of(space: Space, key: str, value: Any) -> tuple[str, Any]:
    """The name and the value in Optuna for a value of a key."""
    dimension = next(one for one in space.dimensions if one.key == key)
    name, _ = distribution(dimension)
    if dimension.scale == "one_minus_log":
        return name, _one_minus(value)
    return name, _category(value) if dimension.scale == "choice" else value


def value_of(dimension: Dimension, parameter: Any) -> Any:
    """The value of a key for this parameter value in Optuna."""
    if dimension.scale == "one_minus_log":
        return _one_minus(parameter)
    if dimension.scale == "choice":
        return next((value for value in dimension.values if _category(value) == parameter), parameter)
    return parameter


def suggest_values(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """The values for a trial to try, by key: one dimension after the other, as far as they apply."""
    chosen: dict[str, Any] = {}
    with silence_warnings():
        for dimension in space.dimensions:
            if space.applies(dimension, chosen):
                name, of = distribution(dimension)
                chosen[dimension.key] = value_of(dimension, _suggest(trial, name, of))
    return chosen


def is_point(space: Space, parameters: Mapping[str, Any]) -> bool:
    """Whether a trial with these parameters has every setting that applies, each on its scale.

    A range may have been widened or narrowed since, so its ends are not checked.
    """
    chosen: dict[str, Any] = {}
    names = set[str]()
    for dimension in space.dimensions:
        if space.applies(dimension, chosen):
            name, _ = distribution(dimension)
            if name not in parameters:
                return False
            names.add(name)
            chosen[dimension.key] = value_of(dimension, parameters[name])
            if not dimension.takes(chosen[dimension.key]):
                return False
    return names == set(parameters)


def propose(
    count: int, space: Space, before: Sequence[FrozenTrial], *, seed: int, direction: Direction = "minimize"
) -> list[dict[str, Any]]:
    """The parameters of the next trials by the tree-structured Parzen estimator: a function of its arguments alone."""
    with silence_warnings():
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, multivariate=False, constant_liar=True)
        study = optuna.create_study(direction=direction, sampler=sampler)
        study.add_trials(before)
        return [_proposal(study.ask(), space) for _ in range(count)]


def _proposal(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    suggest_values(trial, space)
    return dict(trial.params)


def _suggest(trial: optuna.Trial, name: str, of: BaseDistribution) -> Any:
    match of:
        case CategoricalDistribution():
            return trial.suggest_categorical(name, of.choices)
        case IntDistribution():
            return trial.suggest_int(name, of.low, of.high, log=of.log)
        case FloatDistribution():
            return trial.suggest_float(name, of.low, of.high, log=of.log)
    raise AssertionError(f"no dimension has a {of}")


def _category(value: Any) -> CategoricalChoiceType:
    """A value in a form that Optuna takes: a list as its text."""
    return value if isinstance(value, bool | int | float | str | None) else flow(value)


def _one_minus(value: float) -> float:
    """1 - x, without the spurious digits of a difference of two floats."""
    return float(f"{1 - value:.12g}")
