"""How images are changed at random in training, where nobody has said."""

from math import ceil

from batchwright.config import Settings
from batchwright.config.sections import Training
from batchwright.errors import ConfigError
from batchwright.nn import CNN, Features
from batchwright.nn.augment import Augment

KEY = "training.augment"
SHIFT, FLIP = f"{KEY}.shift", f"{KEY}.flip"
MOVED = Augment(shift=0.08, test_time=True)
"""By up to 2 of 28 pixels: what an image shows does not depend on where it is. Other changes may turn a class into
another, as mirroring does with letters."""
LEAST_SIDE = 13
"""Pixels of the shorter side from which such a shift is one at least in both directions. Digits of 8 x 8 pixels, moved
by one, were learned more slowly."""
FROM_EPOCHS = 5
"""Epochs from which it is so: in fewer, a network sees each image too seldom to learn it by heart."""


def with_augment(settings: Settings, features: Features) -> Settings:
    """The settings with what `training.augment: auto` comes to for a cnn on images; otherwise it is nothing.

    Raises:
        ConfigError: images are to be changed, and there are none; or mixed, and there are columns beside them.
    """
    training, network = settings.config.training, settings.config.network
    if not isinstance(training.augment, str):
        _refuse_augment(training.augment, features)
        return settings
    if features.image is None or not isinstance(network, CNN):
        return settings
    seldom = training.epochs is None or training.epochs < FROM_EPOCHS
    if seldom or min(features.image[:2]) < LEAST_SIDE:
        return settings.with_part(KEY, None, "default")
    reason = {"reason": "where in an image a thing is says nothing of what it is"}
    return settings.with_part(KEY, MOVED, "rows").with_evidence(SHIFT, reason)


def undecided(settings: Settings) -> Settings:
    """The settings with `training.augment: auto` where `with_augment` chose what it is: other epochs are to choose.

    >>> from batchwright.config import load_config
    >>> undecided(load_config().with_part(KEY, MOVED, "rows")).config.training.augment
    'auto'
    """
    return settings.with_part(KEY, "auto", "default") if settings.origins.get(SHIFT) == "rows" else settings


def chosen_augment(training: Training) -> Augment | None:
    """What is done, once `with_augment` has settled what `auto` is."""
    return None if isinstance(training.augment, str) else training.augment


def _refuse_augment(augment: Augment | None, features: Features) -> None:
    if augment is None:
        return
    if features.image is None:
        raise ConfigError(f"{KEY} changes images, and the inputs are columns: leave it out.")
    side = max(features.image[:2])
    if side > 1 and 0 < augment.shift < 1 / side:
        raise ConfigError(
            f"{KEY}.shift {augment.shift:g} of {side} pixels is less than a pixel, and would move nothing: give "
            f"{ceil(1000 / side) / 1000:g} or more, or 0."
        )
    if augment.mixes and (features.numeric or features.cardinalities or features.text):
        raise ConfigError(f"{KEY}.mixup mixes images, and there are columns beside them: leave it out.")
    if augment.test_time and not (augment.flip or augment.shift):
        raise ConfigError(f"{KEY}.test_time looks at images mirrored or moved: give flip or shift with it.")


def augment_note(augment: Augment) -> str:
    """Say how images are changed in training, and what is validated.

    >>> augment_note(Augment(shift=0.1))
    'in training the images are moved by up to 0.1 of a side; in validation they are as they are'
    """
    done = (
        (augment.shift, f"moved by up to {augment.shift:.3g} of a side"),
        (augment.flip, "half of them mirrored"),
        (augment.rotation, f"turned by up to {augment.rotation:g} degrees"),
        (augment.erase, f"without a rectangle of {augment.erase:.3g} of each side"),
        (augment.mixup, f"mixed with others of their batch by Beta({augment.mixup:g}, {augment.mixup:g})"),
    )
    changed = ", ".join(said for chosen, said in done if chosen) or "as they are"
    views = 1 if augment.views is None else (1 + augment.views.flip) * (1 + 2 * augment.views.shift)
    seen = "" if views == 1 else f", and answers are means over {views} views of each"
    return f"in training the images are {changed}; in validation they are as they are{seen}"
