"""Variants to compare: update rules, or the values of any one key, each with its learning rate tuned for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from batchwright.config import Config, Settings, from_plain
from batchwright.config.custom import hints_of
from batchwright.config.document import parse
from batchwright.config.emit import flow
from batchwright.config.hints import choices, members
from batchwright.config.keys import explain
from batchwright.config.sections import SECTIONS
from batchwright.config.settings import present_name
from batchwright.errors import ConfigError
from batchwright.optim import OPTIMIZERS
from batchwright.optim.rule import Form, Optimizer, default_rate
from batchwright.search.alike import NETWORK
from batchwright.search.dimension import Dimension, dimension_of, hints_at, hints_of_key
from batchwright.search.space import Space
from batchwright.workflow.decay import DECAY

RATE, SIZE, RULE = "optimizer.learning_rate", "training.batch_size", "optimizer.name"
ROWS, SEED = "training.rows", "training.seed"
DECADES = 2.0
"""Decades that the learning rate is tuned to either side of the rule's default."""
MOST_ROWS_ONE_BY_ONE = 5_000
"""Most rows at which rules on batches of one row are compared too: an epoch has as many iterations as rows."""
SIZES = (16, 32, 64, 128, 256, 512, 1024)
SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)
"""Shares of the training rows in a learning curve."""


@dataclass(frozen=True)
class Variant:
    """One variant: its values by key, the dimensions that are tuned for it, and its share of the rows, `rows`."""

    name: str
    values: Mapping[str, Any]
    dimensions: tuple[Dimension, ...] = ()
    rows: float = 1.0

    def settings(self, space: Space, shares: Sequence[float]) -> Settings:
        """The settings at a point of the tuned dimensions.

        Raises:
            ConfigError: a value that its key does not take.
        """
        return replace(space, dimensions=self.dimensions).settings({**self.values, **self.tuned_values(shares)})

    def tuned_values(self, shares: Sequence[float]) -> dict[str, Any]:
        """The values at a point of what is tuned, by key."""
        return {one.key: one.value(share) for one, share in zip(self.dimensions, shares, strict=True)}


def own_keys(variants: Sequence[Variant], origins: Mapping[str, str]) -> frozenset[str]:
    """The keys that every variant has a value of its own for: compared or tuned.

    With the name of a part, that is all of its settings but those that the user has chosen for all; with the learning
    rate, a weight decay that follows from it and the number of rows.

    Args:
        variants: at least one.
        origins: who chose each setting, by key.
    """
    each = [{*one.values, *(dimension.key for dimension in one.dimensions)} for one in variants]
    own = frozenset(set.intersection(*each))
    parts = {one.name for one in SECTIONS if one.tag and f"{one.name}.{one.tag}" in own}
    follows = {DECAY} if RATE in own and origins.get(DECAY) == "rows" else set[str]()
    return own | follows | {key for key, by in origins.items() if key.partition(".")[0] in parts and by != "user"}


def rules(config: Config, rows: int) -> tuple[tuple[Variant, ...], tuple[str, ...]]:
    """All forms of the update rules, a rule of the user's own first; and a sentence for what is left out.

    Each has its learning rate and perhaps a second number tuned.
    """
    norm = "network.batch_normalization"
    has_norm = "batch_normalization" in hints_of(config.network)
    named = {form.name for rule in OPTIMIZERS for form in rule.forms()}
    notes, found = [], list[Variant]()
    brought = () if type(config.optimizer) in OPTIMIZERS else (config.optimizer,)
    for rule in (*brought, *(_make_rule(rule.name) for rule in OPTIMIZERS)):
        own = type(rule) not in OPTIMIZERS
        for form in rule.forms():
            one_by_one = form.batch_size == 1
            if one_by_one and rows > MOST_ROWS_ONE_BY_ONE:
                notes.append(f"{form.name} is left out: with one row at a time, an epoch has {rows:,} iterations")
                continue
            values = _values(rule, form, own=own)
            if one_by_one and has_norm:
                values[norm] = False
                notes.append(f"{form.name} is without batch normalization: one row has no variance")
            second = (dimension_of(form.tuned),) if form.tuned else ()
            name = f"{form.name} (your own)" if own and form.name in named else form.name
            found.append(Variant(name, values, (rate_of(rule), *second)))
    return tuple(found), tuple(notes)


def _make_rule(rule: str) -> Optimizer:
    """The update rule of a name, with its defaults."""
    made: Optimizer = from_plain({"name": rule}, OPTIMIZERS)
    return made


def _values(rule: Optimizer, form: Form, *, own: bool) -> dict[str, Any]:
    """The values that make a form of a rule, by key; a rule of the user's `own` is there without a name."""
    numbers = {f"optimizer.{name}": value for name, value in form.values.items()}
    size = {} if form.batch_size is None else {SIZE: form.batch_size}
    return {**({} if own else {RULE: rule.name}), **numbers, **size}


def values_of(vary: str, settings: Settings, rows: int) -> tuple[Variant, ...]:
    """A variant for each value of a key, `KEY` or `KEY=[VALUE, ...]`, with its learning rate tuned.

    Raises:
        ConfigError: no such key, or a key whose values have to be given.
    """
    written, equals, text = vary.partition("=")
    key = present_name(written)
    if key == ROWS:
        return _shares(text, settings)
    section = key.split(".")[0]
    if section in ("data", "task") or key == SEED:
        raise ConfigError(
            f"`vary={key}` would change the rows, the loss or the seeds, which have to be alike for what is compared. "
            "Train a run for each value, and see `evaluate`."
        )
    custom = {one.name: part for one in SECTIONS if one.is_custom(part := getattr(settings.config, one.name))}
    if not hints_of_key(key, custom) and key not in {f"{one.name}.{one.tag}" for one in SECTIONS if one.tag}:
        beside = [one.removeprefix(f"{section}.") for one in settings.origins if one.startswith(f"{section}.")]
        allowed = beside if "." in key else [f"{one.name}.KEY" for one in SECTIONS]
        raise ConfigError(f"`vary`: {explain(tuple(key.split('.')), tuple(allowed))}")
    values = _parse_values(text, vary) if equals else _usual_values(key, rows)
    tuned = () if key == RATE else (rate_of(settings.config.optimizer),)
    return tuple(
        Variant(flow(value), {key: value}, (rate_of(_make_rule(str(value))),) if key == RULE else tuned)
        for value in values
    )


def networks_in(vary: str | None) -> tuple[str, ...]:
    """The names of the networks that are compared, if it is networks that differ."""
    written, equals, text = (vary or "").partition("=")
    if present_name(written) != NETWORK:
        return ()
    return tuple(map(str, _parse_values(text, written) if equals else _usual_values(NETWORK, rows=0)))


def rate_of(rule: Optimizer) -> Dimension:
    """The range in which the learning rate of a rule is tuned."""
    usual = rule.usual_rate or default_rate(rule)
    return Dimension(RATE, "log", (usual * 10**-DECADES, usual * 10**DECADES))


def _shares(text: str, settings: Settings) -> tuple[Variant, ...]:
    shares = _parse_values(text, f"{ROWS}={text}") if text else list(SHARES)
    if not all(isinstance(share, int | float) and share is not True and 0 < share <= 1 for share in shares):
        raise ConfigError(f"`vary={ROWS}` takes shares of the training rows in (0, 1], but is given {flow(shares)}.")
    rate = rate_of(settings.config.optimizer)
    return tuple(Variant(f"{share * 100:.4g}% of the rows", {}, (rate,), float(share)) for share in sorted(shares))


def _parse_values(text: str, label: str) -> list[Any]:
    """The values in the user's text."""
    node, _ = parse(f"[{text}]", f"vary {label}", lines=False)
    found: list[Any] = node.plain
    if len(found) == 1 and isinstance(found[0], list):
        (found,) = found
    texts = [flow(value) for value in found]
    if len(set(texts)) < max(2, len(texts)):
        raise ConfigError(f"`vary={label}`: takes two values or more, all different, as training.batch_size=16,64,256.")
    return found


def _usual_values(key: str, rows: int) -> list[Any]:
    """The default values of a key to compare."""
    section = next(section for section in SECTIONS if section.name == key.split(".")[0])
    if section.tag and key == f"{section.name}.{section.tag}":
        return list(section.by_name)
    if key == SIZE:
        sizes = [size for size in SIZES if size <= rows]
        if len(sizes) < 2:
            raise ConfigError(f"`vary={key}`: give its values, of {rows:,} training rows, as {key}=4,8,16.")
        return sizes
    hint = hints_at(key)[0]
    if bool in members(hint):
        return [False, True]
    if names := choices(hint):
        return [name for name in names if name != "auto"]
    raise ConfigError(f"`vary={key}`: give its values, as in `vary={key}=[VALUE, VALUE, ...]`.")
