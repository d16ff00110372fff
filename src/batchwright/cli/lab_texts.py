"""The options of the lab's commands as texts: none is empty, as an empty one would stand for the usual value."""

from collections.abc import Sequence

from batchwright.errors import UsageError

OPTIONS = {"rule": "optimizer"}
"""Options that are called otherwise than their key."""


def texts_of(**given: str | None) -> dict[str, str]:
    """The texts of the options that are given.

    Raises:
        UsageError: one is empty.
    """
    texts = {key: text for key, text in given.items() if text is not None}
    for key, text in texts.items():
        if not text.strip():
            option = OPTIONS.get(key, key).replace("_", "-")
            raise UsageError(f"--{option} is empty: give it a value, or leave it out.")
    return texts


def assigned(assignments: Sequence[str] | None) -> dict[str, str]:
    """The texts of --set by key.

    Raises:
        UsageError: one is not KEY=VALUE.

    >>> assigned(["optimizer.beta_1=0.8"])
    {'optimizer.beta_1': '0.8'}
    """
    texts = {}
    for assignment in assignments or ():
        key, _, value = assignment.partition("=")
        if not key.strip() or not value.strip():
            raise UsageError(f"--set {assignment[:60]!r} is not KEY=VALUE, as in optimizer.beta_1=0.8.")
        texts[key.strip()] = value
    return texts
