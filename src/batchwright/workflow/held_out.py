"""Validation rows where nobody has said how many: a small table gives none, unless something needs them."""

from dataclasses import replace

from batchwright.config import Settings
from batchwright.config.sections import BY_ROWS, MEMBERS, NUMBERS
from batchwright.data.dataset import Dataset
from batchwright.data.options import VALIDATION_SPLIT, is_too_few_for_one, is_too_few_to_validate
from batchwright.errors import ConfigError
from batchwright.training.stopping import PATIENCE as USUAL_PATIENCE

SPLIT, STOPPING = "data.validation_split", "training.early_stopping"
PATIENCE = f"{STOPPING}.patience"
TOO_FEW = "too few rows to hold some back: all of them train, to the last epoch"


def with_validation_rows(settings: Settings) -> Settings:
    """The settings with the usual share of validation rows, where none was given."""
    if settings.config.data.validation_split is not None:
        return settings
    data = replace(settings.config.data, validation_split=VALIDATION_SPLIT)
    return replace(settings, config=replace(settings.config, data=data))


def needs_validation(settings: Settings) -> bool:
    """Whether something that was asked for goes by validation rows."""
    config = settings.config
    measured = {"training.epochs", NUMBERS, MEMBERS} & set(settings.to_measure)
    fitted = isinstance(config.task.threshold, str) or config.task.calibration == "temperature"
    training = config.training
    chosen = config.schedule.uses_losses or training.refit or (training.members or training.folds) is not None
    return bool(measured) or fitted or chosen or _is_stopping_asked_for(settings)


def with_division(settings: Settings, dataset: Dataset) -> Settings:
    """The settings that say how rows were divided, where nobody has said; without validation rows nothing stops early.

    Raises:
        ConfigError: early stopping was asked for, and there are no rows for it.
    """
    stopping, held_out = settings.config.training.early_stopping, dataset.validation is not None
    if not held_out and stopping is not None and stopping.monitor != "loss":
        if _is_stopping_asked_for(settings):
            raise ConfigError(
                f"training.early_stopping: {stopping.monitor} needs validation rows, and there are none: set "
                "`validation_split` above 0, or stop by the training loss.",
            )
        settings = settings.with_part(STOPPING, None, "default")
    if settings.config.data.source is None or settings.config.data.validation_split is not None:
        return settings
    if held_out:
        few = is_too_few_to_validate(sum(map(len, vars(dataset.indices).values())))
        return with_validation_rows(settings) if few else settings
    data = replace(settings.config.data, validation_split=0.0)
    return replace(
        settings,
        config=replace(settings.config, data=data),
        origins={**settings.origins, SPLIT: "rows"},
        evidence={**settings.evidence, SPLIT: {"reason": TOO_FEW}},
    )


def refuse_without_validation(settings: Settings, dataset: Dataset, what: str, instead: str = "") -> None:
    """Refuse what goes by validation rows where there are none.

    Args:
        settings: as prepared for the rows.
        dataset: the rows.
        what: what goes by them, as the beginning of the sentence.
        instead: what else can be done.

    Raises:
        ConfigError: there are none; it says how there can be some, which depends on why there are none.
    """
    if dataset.validation is not None:
        return
    data, rows = settings.config.data, sum(map(len, vars(dataset.indices).values())) or dataset.train.rows
    instead, in_memory = f"{instead}, or " if instead else "", data.source is None
    held_back = bool(data.validation_split) or settings.origins.get(SPLIT) == "rows"
    if is_too_few_for_one(rows) if in_memory else held_back:
        raise ConfigError(f"{what}, and {rows:,} rows are too few to hold some back: {instead}give more rows.")
    if in_memory:
        ways = f"hold some back as you load the rows, with `bw.load(..., validation_split={VALIDATION_SPLIT})`"
    else:
        ways = "give `data.validation_split` a share above 0"
    raise ConfigError(f"{what}, and there are none: {instead}{ways}.")


def with_division_of(settings: Settings, other: Settings) -> Settings:
    """The settings with the share of validation rows of others on the same rows, where none was given."""
    share = other.config.data.validation_split
    if settings.config.data.validation_split is not None or share is None:
        return settings
    data = replace(settings.config.data, validation_split=share)
    return replace(settings, config=replace(settings.config, data=data))


def _is_stopping_asked_for(settings: Settings) -> bool:
    """Whether early stopping by validation rows was asked for, rather than being on by default."""
    stopping = settings.config.training.early_stopping
    if stopping is None or stopping.monitor == "loss":
        return False
    usual = settings.origins[PATIENCE] == "rows" or stopping.patience == USUAL_PATIENCE
    said = any(key.startswith(STOPPING) for key, origin in settings.origins.items() if origin == "user")
    return said or (replace(stopping, patience=None) if usual else stopping) != BY_ROWS
