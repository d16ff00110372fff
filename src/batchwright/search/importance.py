"""Which hyperparameters mattered in a finished search, by two methods, with intervals from resampled trials.

PED-ANOVA asks what distinguishes the best tenth of the trials from all of them (Watanabe et al., 2023, arXiv
2304.10255). fANOVA computes the part of the variance of the loss that a hyperparameter, or two together, account for
over the whole range (Hutter, Hoos, Leyton-Brown, 2014, ICML). Optuna's own fANOVA has no pairs, leaves out
hyperparameters that are not in every trial or whose range was narrowed, and weighs the range of a learning rate
linearly, so that the largest decade is 90 % of it; here fANOVA is a few lines of linear algebra.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import optuna
from jaxtyping import Float, Int
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from batchwright.search.customary import Share, sentence

FEWEST = 8
"""Fewest complete trials for an analysis."""
RESAMPLES = 32
"""How many times the trials are resampled, with replacement, to their own number."""
INTERVAL = (2.5, 97.5)
"""Percentiles over the resamples, with 95 % of them in between."""
TREES, LEAVES = 8, 64
"""Trees of each resample's forest, 256 in all; and leaves of a tree, enough to tell 64 trials apart."""
BEST, FEWEST_BEST = 0.1, 5
"""PED-ANOVA: the share of trials that count as the best, and their fewest number, both as Optuna advises."""
FENCE = 1.5
"""Quartile ranges beyond the quartiles at which losses are clipped (Tukey, Exploratory Data Analysis, 1977)."""
Corners: TypeAlias = Float[np.ndarray, "leaves parameters"]
"""The lower or the upper corners of boxes."""


@dataclass(frozen=True)
class Pair:
    """The share of two hyperparameters together, beyond their own shares."""

    first: str
    second: str
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Importance:
    """What mattered; each tuple is sorted from the most important to the least.

    - evaluators: what each of the fields, and the losses, were computed with
    - ped_anova: shares of the distinction between the best trials and all, which sum to 1
    - fanova, interactions: shares of the variance of the loss, which sum to at most 1 together
    - seeds: the share of that variance among trainings of the best trial with other seeds; None if not measured
    - sentence: the order by fANOVA compared with the customary one, where the intervals do not overlap
    """

    evaluators: Mapping[str, str]
    ped_anova: tuple[Share, ...]
    fanova: tuple[Share, ...]
    interactions: tuple[Pair, ...]
    seeds: float | None
    sentence: str


def importance(
    study: optuna.study.Study, *, seed_variance: float | None = None, seed: int = 0, figure: str = "the loss"
) -> Importance | None:
    """Which hyperparameters of a finished study mattered for its loss, or what it minimised or maximised in its place.

    What was maximised is a loss with its sign turned.

    Only complete trials count: a pruned one has no comparable loss, and a failed one has none.

    Losses are compared by their logarithm if all finite ones are above 0 (`by_logarithm`). They are then clipped to 1.5
    quartile ranges beyond their quartiles, and losses that are not finite are set to the upper limit: a diverged trial
    counts as bad, but does not swamp the differences between the others, however far it diverged.

    The range of a hyperparameter is the union of its ranges in all trials, so that a range narrowed during the search
    is still one hyperparameter. Logarithmic ranges are weighed by logarithm. In a trial without a hyperparameter, the
    loss would be the same with any value of it: fANOVA draws one, and draws again in each resample; PED-ANOVA takes the
    trials with and without it as regimes.

    The intervals come from the resampling alone. They do not test whether a hyperparameter matters: no share is below
    0, so one that does not matter has a small share. With few trials, a forest underestimates hyperparameters that
    matter less. With slopes 3, 1.5 and 0.5 in 64 trials, whose true shares are 78, 20 and 2 %, it finds 80, 7 and 1 %,
    and 9 % in pairs.

    Args:
        study: finished, with one objective.
        seed_variance: of the loss between seeds of the best trial, of its logarithm where `by_logarithm`.
        seed: of the resampling and the forests; the same seed gives the same answer.
        figure: what the sentence calls the objective.

    Returns:
        None with fewer than 8 complete trials, if no hyperparameter varies among them, or if all losses are the same.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    log, parameters = by_logarithm(study), _varying_parameters(trials)
    losses = _clip_losses(_losses(study, trials), log=log)
    if len(trials) < FEWEST or not parameters or np.ptp(losses) == 0:
        return None
    generator = np.random.default_rng(seed)
    resamples = [_resample(losses, generator) for _ in range(RESAMPLES)]
    best = _ped_anova(parameters, losses, resamples)
    places = np.stack([parameter.places() for parameter in parameters], axis=1)
    variance = np.array([_fanova(places[rows], losses[rows], generator) for rows in resamples])
    names = [parameter.name for parameter in parameters]
    fanova = _shares(names, np.diagonal(variance, axis1=1, axis2=2))
    return Importance(
        evaluators=_evaluators(log),
        ped_anova=_shares(names, best),
        fanova=fanova,
        interactions=_pairs(names, variance),
        seeds=None if seed_variance is None else float(np.clip(seed_variance / losses.var(), 0, 1)),
        sentence=sentence(fanova, figure),
    )


def by_logarithm(study: optuna.study.Study) -> bool:
    """Whether the losses of a study are compared by their logarithm: all finite ones are above 0."""
    losses = _losses(study, study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    return bool((losses[np.isfinite(losses)] > 0).all())


def plain_importance(found: Importance) -> dict[str, Any]:
    """The importance as plain data, which JSON can hold."""
    plain = asdict(found)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}


def _evaluators(log: bool) -> dict[str, str]:
    ours = f"functional ANOVA (Hutter et al., 2014) of {RESAMPLES} random forests, scikit-learn"
    return {
        "losses": f"{'logarithm' if log else 'as they are'}, clipped to {FENCE} quartile ranges beyond the quartiles",
        "ped_anova": f"PedAnovaImportanceEvaluator, Optuna {optuna.__version__}",
        "fanova": ours,
        "interactions": f"{ours}, pairs",
    }


def _losses(study: optuna.study.Study, trials: Sequence[FrozenTrial]) -> Float[np.ndarray, " trials"]:
    """What the trials came to, smaller where it is better."""
    sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
    return sign * np.array([np.nan if trial.value is None else trial.value for trial in trials], np.float64)


def _clip_losses(losses: Float[np.ndarray, " trials"], *, log: bool) -> Float[np.ndarray, " trials"]:
    """The losses clipped to Tukey's fences; losses that are not finite are set to the upper fence.

    If the quartiles are equal, the fences are a unit away from them; on a logarithmic scale, a factor of e.

    >>> _clip_losses(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 1e9, np.inf]), log=False)
    array([1. , 2. , 3. , 4. , 5. , 8.5, 8.5])
    """
    finite = np.isfinite(losses)
    if not finite.any():
        return np.zeros_like(losses)
    scaled = np.full_like(losses, np.inf)
    scaled[finite] = np.log(losses[finite]) if log else losses[finite]
    lower, upper = np.quantile(scaled[finite], (0.25, 0.75))
    reach = FENCE * (upper - lower) or 1.0
    clipped: Float[np.ndarray, " trials"] = np.clip(scaled, lower - reach, upper + reach)
    return clipped


class _Parameter(NamedTuple):
    """A hyperparameter over all trials.

    `distribution` is the union of the trials' distributions; `values` holds each trial's value, None if it has none.
    Categories are stored by their index among the choices, because choices may be lists, which PED-ANOVA cannot take.
    """

    name: str
    distribution: CategoricalDistribution | FloatDistribution | IntDistribution
    values: tuple[float | int | None, ...]

    def places(self) -> Float[np.ndarray, " trials"]:
        """The positions of the values in the range, from 0 to 1; NaN where there is none.

        An integer is in the middle of its cell, as a category is.
        """
        values = np.array([np.nan if value is None else value for value in self.values])
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                low, high, log = -0.5, len(choices) - 0.5, False
            case IntDistribution(low=least, high=most, log=log):
                low, high = least - 0.5, most + 0.5
            case FloatDistribution(low=low, high=high, log=log):
                pass
        if log:
            values, low, high = np.log(values), np.log(low), np.log(high)
        return (values - low) / (high - low)


def _varying_parameters(trials: Sequence[FrozenTrial]) -> list[_Parameter]:
    """The hyperparameters with at least two values among the trials, in the order of their names."""
    names = sorted({name for trial in trials for name in trial.params})
    parameters = [_parameter(name, trials) for name in names]
    return [one for one in parameters if len(set(one.values) - {None}) > 1]


def _parameter(name: str, trials: Sequence[FrozenTrial]) -> _Parameter:
    distributions = [trial.distributions[name] for trial in trials if name in trial.distributions]
    values = tuple(trial.params.get(name) for trial in trials)
    numeric = [one for one in distributions if isinstance(one, FloatDistribution | IntDistribution)]
    if len(numeric) < len(distributions):
        return _categorical(name, trials)
    low, high = min(one.low for one in numeric), max(one.high for one in numeric)
    log = all(one.log for one in numeric)
    if any(isinstance(one, FloatDistribution) for one in numeric):
        return _Parameter(name, FloatDistribution(low, high, log=log), values)
    return _Parameter(name, IntDistribution(int(low), int(high), log=log), values)


def _categorical(name: str, trials: Sequence[FrozenTrial]) -> _Parameter:
    """A categorical parameter of the values in the trials, in the order in which they were offered."""
    having = [trial for trial in trials if name in trial.params]
    offered = [choice for trial in having for choice in _offered_values(trial.distributions[name], trial.params[name])]
    seen = [trial.params[name] for trial in having]
    choices: list[Any] = []
    for choice in offered:
        if choice in seen and choice not in choices:
            choices.append(choice)
    values = tuple(choices.index(trial.params[name]) if name in trial.params else None for trial in trials)
    return _Parameter(name, CategoricalDistribution(range(len(choices))), values)


def _offered_values(distribution: BaseDistribution, value: object) -> Sequence[object]:
    return distribution.choices if isinstance(distribution, CategoricalDistribution) else (value,)


def _resample(losses: Float[np.ndarray, " trials"], generator: np.random.Generator) -> Int[np.ndarray, " trials"]:
    """As many trials, drawn with replacement, repeated until their losses are not all equal."""
    while True:
        rows = generator.integers(len(losses), size=len(losses))
        if np.ptp(losses[rows]) > 0:
            return rows


def _ped_anova(
    parameters: Sequence[_Parameter],
    losses: Float[np.ndarray, " trials"],
    resamples: Sequence[Int[np.ndarray, " trials"]],
) -> Float[np.ndarray, "resamples parameters"]:
    best = max(BEST, FEWEST_BEST / len(losses))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=best)
    trials, rows = _merge_ranges(parameters, losses), []
    with _silence_optuna():
        for resample in resamples:
            study = optuna.create_study()
            study.add_trials([trials[row] for row in resample])
            found = optuna.importance.get_param_importances(study, evaluator=evaluator)
            rows.append([found.get(parameter.name, 0.0) for parameter in parameters])
    return np.array(rows, np.float64)


def _merge_ranges(parameters: Sequence[_Parameter], losses: Float[np.ndarray, " trials"]) -> list[FrozenTrial]:
    """The trials with the union of their ranges, and with the losses to compare."""
    trials = []
    for row, loss in enumerate(losses):
        present = [parameter for parameter in parameters if parameter.values[row] is not None]
        trials.append(
            create_trial(
                value=float(loss),
                params={parameter.name: parameter.values[row] for parameter in present},
                distributions={parameter.name: parameter.distribution for parameter in present},
            )
        )
    return trials


@contextmanager
def _silence_optuna() -> Iterator[None]:
    """Silence Optuna's line for every study, and its warnings about regimes with few trials in a resample."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _fanova(
    places: Float[np.ndarray, "trials parameters"],
    losses: Float[np.ndarray, " trials"],
    generator: np.random.Generator,
) -> Float[np.ndarray, "parameters parameters"]:
    """Shares of the variance of a tree's predictions over the whole range, as a mean over a forest's trees.

    Main effects are on the diagonal, pairs off the diagonal. Constant trees are left out.
    """
    from sklearn.ensemble import RandomForestRegressor

    drawn = np.where(np.isnan(places), generator.random(places.shape), places)
    state = int(generator.integers(2**31))
    forest = RandomForestRegressor(n_estimators=TREES, max_leaf_nodes=LEAVES, random_state=state).fit(drawn, losses)
    leaves = [_leaves(tree.tree_) for tree in forest.estimators_]
    effects = [_effects(values, low, high) for values, low, high in leaves if np.ptp(values) > 0]
    return np.mean(effects, axis=0) if effects else np.zeros((places.shape[1], places.shape[1]))


def _leaves(tree: Any) -> tuple[Float[np.ndarray, " leaves"], Corners, Corners]:
    """The prediction of a tree in each of its leaves, and the leaves' lower and upper corners in the unit cube."""
    low, high = np.zeros((tree.node_count, tree.n_features)), np.ones((tree.node_count, tree.n_features))
    inner = np.flatnonzero(tree.children_left >= 0)
    for node in inner:  # a parent comes before its children
        left, right, feature = tree.children_left[node], tree.children_right[node], tree.feature[node]
        low[[left, right]], high[[left, right]] = low[node], high[node]
        high[left, feature] = low[right, feature] = tree.threshold[node]
    leaves = tree.children_left < 0
    return tree.value[leaves, 0, 0], low[leaves], high[leaves]


def _effects(
    values: Float[np.ndarray, " leaves"], low: Corners, high: Corners
) -> Float[np.ndarray, "parameters parameters"]:
    """The functional ANOVA of a function that is constant in boxes which fill the unit cube.

    With v the values minus their mean, p the volumes and w the widths of the boxes l and m, the parameters u account
    for Var E[f | x_u] = Σ_lm v_l p_l v_m p_m Π_{j in u} r_jlm in all, where r_jlm is the overlap of the boxes along j,
    divided by w_jl w_jm. A pair's own part is this minus the two main effects.

    >>> halves = np.array([[0.0], [0.5]]), np.array([[0.5], [1.0]])
    >>> _effects(np.array([1.0, 3.0]), *halves)
    array([[1.]])
    """
    volume, width = (high - low).prod(axis=1), (high - low).T
    weighted = volume * (values - volume @ values)
    overlap = np.minimum(high.T[:, :, None], high.T[:, None, :]) - np.maximum(low.T[:, :, None], low.T[:, None, :])
    ratio = overlap.clip(0) / (width[:, :, None] * width[:, None, :])  # [parameters, leaves, leaves]
    ratio, products = ratio.reshape(len(width), -1), np.outer(weighted, weighted).ravel()
    main, closed = ratio @ products, (ratio * products) @ ratio.T
    pairs = closed - main[:, None] - main[None, :]
    np.fill_diagonal(pairs, main)
    shares: Float[np.ndarray, "parameters parameters"] = pairs.clip(0) / (weighted @ (values - volume @ values))
    return shares


def _shares(names: Sequence[str], found: Float[np.ndarray, "resamples parameters"]) -> tuple[Share, ...]:
    shares = [Share(name, *_summary(column)) for name, column in zip(names, found.T, strict=True)]
    return tuple(sorted(shares, key=lambda one: -one.share))


def _pairs(names: Sequence[str], found: Float[np.ndarray, "resamples parameters parameters"]) -> tuple[Pair, ...]:
    both = combinations(range(len(names)), 2)
    pairs = [Pair(names[one], names[other], *_summary(found[:, one, other])) for one, other in both]
    return tuple(sorted(pairs, key=lambda pair: -pair.share))


def _summary(shares: Float[np.ndarray, " resamples"]) -> tuple[float, float, float]:
    low, high = np.percentile(shares, INTERVAL)
    return float(shares.mean()), float(low), float(high)
