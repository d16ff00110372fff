"""Whether several networks are to be trained together, and what is refused where one is, or where some are compared."""

from batchwright.config import Settings
from batchwright.config.sections import MEMBERS, NUMBERS
from batchwright.errors import ConfigError, RunError


def asks_for_members(settings: Settings) -> bool:
    """Whether members are to be trained, in a number that is known or is to be chosen."""
    training = settings.config.training
    return training.members is not None or training.folds is not None or MEMBERS in settings.to_measure


def refuse_more_epochs(settings: Settings) -> None:
    """Raise a RunError if these are the settings of an ensemble, which has no single training, or of a refit."""
    if settings.config.training.refit:
        raise RunError("a network that was trained anew on all rows is not trained on: train anew with more `epochs`.")
    if asks_for_members(settings):
        raise RunError("the members of an ensemble are not trained for more epochs: train anew with more `epochs`.")


def refuse_refit_here(settings: Settings) -> None:
    """Raise a ConfigError where networks are compared by validation rows, and the settings ask for a refit."""
    if settings.config.training.refit:
        raise ConfigError(
            "training.refit: networks are compared here by validation rows, which a refit learns: leave out "
            "`training.refit`, and give it to `batchwright train`."
        )


def refuse_where_compared(settings: Settings) -> None:
    """Raise a ConfigError where networks are compared, and the settings ask for folds, a refit or a measured value."""
    refuse_refit_here(settings)
    if auto := [key for key in settings.to_measure if key not in (MEMBERS, NUMBERS)]:
        raise ConfigError(
            f"{auto[0]}: auto is measured before a single training, and networks are compared here: give a value, "
            "or several to choose from."
        )
    if settings.config.training.folds is not None:
        raise ConfigError(
            "training.folds: folds are held out from members, and single networks are compared here: leave out "
            "training.folds. A search has folds of its own, which judge each trial in turn."
        )


def refuse_folds(settings: Settings) -> None:
    """Raise a ConfigError where no members hold out folds, and the settings ask for folds."""
    if settings.config.training.folds is not None:
        raise ConfigError(
            "training.folds: one network is trained here, or with each seed, and folds are held out from several "
            "members: leave out training.folds."
        )


def refuse_members(settings: Settings) -> None:
    """Raise a ConfigError where one network is trained, and the settings ask for members."""
    refuse_folds(settings)
    if asks_for_members(settings):
        raise ConfigError(
            "one network is trained here, or with each seed, and members are several with drawn settings: leave out "
            "`members`."
        )
