"""The settings of the members of an ensemble: the first has those of the training, the others draw some.

Members that share a form, which is all that shapes a program, are trained as one program; so there are few forms. What
a user has chosen, or what was measured, stays as it is in all members.

References:
    TabPack, https://github.com/yandex-research/tabpack, for what is worth drawing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import exp, log
from typing import Any

import numpy as np

from batchwright.config import Settings
from batchwright.config.sections import NUMBERS
from batchwright.nn import CNN, MLP, Tabular
from batchwright.nn.numeric import NumbersName, number_encoder
from batchwright.workflow.decay import NO_DECAY

RATE, DECAY, EXCLUDE = "optimizer.learning_rate", "optimizer.weight_decay", "optimizer.exclude"
SIZES, DROPOUT, SCALE = "network.hidden_layer_sizes", "network.dropout", "network.frequency_scale"
MOST_FORMS = 4
"""The most programs to compile, that of the training's own form among them; of few members, each two share a form."""
WIDTHS = ((256, 256), (384,), (256, 128, 64), (512, 128))
KINDS = ("piecewise_linear_b", "plr", "cosine", "pbld")
TIMES_RATE, TIMES_SCALE, TIMES_DECAY = 2.5, 3.0, 3.0
"""Factors by which a drawn number is at most above or below the usual one, uniform in its logarithm."""
DECAYS, DROPOUTS = (1e-3, 0.1), (0.05, 0.35)
"""Ranges: of a weight decay where there is none, uniform in its logarithm; of the dropout, uniform."""


@dataclass(frozen=True)
class Drawn:
    """The settings of a member, and what was drawn or given for it, by key.

    A drawn weight decay is of kernels alone.
    """

    settings: Settings
    changes: Mapping[str, Any]


def draw_members(settings: Settings, count: int) -> tuple[Drawn, ...]:
    """Draw by the seed of the training; the settings of a member do not depend on the number of members of its form.

    >>> from batchwright.config import load_config
    >>> drawn = draw_members(load_config(), 8)
    >>> dict(drawn[0].changes), sorted(drawn[4].changes), len(drawn[1].changes) > 3
    ({}, ['optimizer.learning_rate'], True)
    """
    alone = without_members(settings)
    forms = _forms(alone, count)
    return tuple(
        _apply(alone, {**forms[number % len(forms)], **_numbers(alone, forms, number)} if number else {})
        for number in range(count)
    )


def without_members(settings: Settings) -> Settings:
    """The settings of a training alone; nothing in them is to be measured."""
    training = replace(settings.config.training, members=None, folds=None)
    return replace(settings, config=replace(settings.config, training=training), to_measure=())


def _forms(settings: Settings, count: int) -> list[dict[str, Any]]:
    """What shapes each program: nothing is changed in the first."""
    network, rng = settings.config.network, _generator(settings, 0)
    if not isinstance(network, MLP | Tabular | CNN) or settings.config.training.freeze or _has_patterns(settings):
        return [{}]
    wanted = min(max(count // 2, 2), MOST_FORMS) if not isinstance(network, CNN) else 2
    kinds, widths = rng.permutation(len(KINDS)), rng.permutation(len(WIDTHS))
    forms = list[dict[str, Any]]([{}])
    for place in range(wanted - 1):
        form: dict[str, Any] = {}
        if isinstance(network, Tabular) and _is_free(settings, NUMBERS) and not _has_numbers(network):
            form[NUMBERS] = KINDS[kinds[place]]
        if not isinstance(network, CNN) and network.hidden_layer_sizes and _is_free(settings, SIZES):
            form[SIZES] = WIDTHS[widths[place]]
        forms.append(form)
    return forms


def _numbers(settings: Settings, forms: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """The numbers of a member, which flow through the program of its form."""
    rng, form = _generator(settings, number), forms[number % len(forms)]
    return dict(_all_numbers(settings, form, rng, first=number % len(forms) == 0))


def _all_numbers(
    settings: Settings, form: Mapping[str, Any], rng: np.random.Generator, *, first: bool
) -> Iterator[tuple[str, Any]]:
    """Each number that is drawn: in the first form those that it has already, in others also those that it may have."""
    rule, network = settings.config.optimizer, settings.config.network
    rate, decay, dropout = (rng.uniform(-1, 1), rng.uniform(0, 1), rng.uniform(*DROPOUTS))
    scale = rng.uniform(-1, 1)
    if _is_free(settings, RATE):
        yield RATE, _rounded(rule.learning_rate * TIMES_RATE**rate)
    if _is_free(settings, DECAY) and rule.weight_decay:
        yield DECAY, _rounded(rule.weight_decay * TIMES_DECAY ** (2 * decay - 1))
    elif _is_free(settings, DECAY) and not first and rule.l2 is None:
        low, high = map(log, DECAYS)
        yield DECAY, _rounded(exp(low + decay * (high - low)))
        normalizes = isinstance(network, MLP | Tabular) and network.normalizes and not network.ensemble
        if normalizes and _is_free(settings, EXCLUDE):
            yield EXCLUDE, NO_DECAY
    if not first and _is_free(settings, DROPOUT) and hasattr(network, "dropout"):
        yield DROPOUT, _rounded(dropout)
    if (usual := _usual_scale(form.get(NUMBERS))) is not None and _is_free(settings, SCALE):
        yield SCALE, _rounded(usual * TIMES_SCALE**scale)


def _apply(settings: Settings, changes: Mapping[str, Any]) -> Drawn:
    """The settings with what was drawn; nothing in them follows from the rows any more, so that this stays."""
    config = settings.config
    for key, value in changes.items():
        section, name = key.split(".")
        config = replace(config, **{section: replace(getattr(config, section), **{name: value})})
    drawn = replace(settings, config=config, evidence={})
    return Drawn(drawn, {key: value for key, value in changes.items() if key != EXCLUDE})


def _is_free(settings: Settings, key: str) -> bool:
    """Whether nobody has chosen the value of a key."""
    return settings.origins.get(key) in ("default", "rows")


def _has_numbers(network: Tabular) -> bool:
    """Whether numbers of an embedding are set, which others do not have."""
    return any(value is not None for value in (network.bins, network.embedding_units, network.frequency_scale))


def _has_patterns(settings: Settings) -> bool:
    """Whether names of parameters are chosen, which other forms may not have."""
    rule = settings.config.optimizer
    return bool(getattr(rule, "rates", None)) or (not _is_free(settings, EXCLUDE) and bool(rule.exclude))


def _usual_scale(numbers: NumbersName | None) -> float | None:
    """The scale of the first frequencies of an embedding that has one."""
    found = number_encoder(numbers) if numbers else None
    scale: float | None = getattr(found, "frequency_scale", None)
    return scale


def _generator(settings: Settings, number: int) -> np.random.Generator:
    return np.random.default_rng((settings.config.training.seed, number))


def _rounded(value: float) -> float:
    """Three digits, so that a table shows all of it."""
    return float(f"{value:.3g}")
