"""What another process asks of a training: a small file in the run's folder, which is looked for between segments."""

import os
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from batchwright._files import write_file

Wish: TypeAlias = Literal["stop", "stop now"]
"""To end with a checkpoint and an evaluated model, as after Ctrl-C; or at once, as after a second Ctrl-C."""
REQUEST = "request"
"""The file. It is no part of the record of a run."""


def ask(folder: Path, wish: Wish) -> None:
    """Ask for it; a later request replaces an earlier one.

    Raises:
        UsageError: the file cannot be written.
    """
    write_file(folder / REQUEST, wish, overwrite=True)


def wish_of(folder: Path) -> Wish | None:
    """What is asked for; None for nothing, and for a file that says anything else."""
    try:
        descriptor = os.open(
            folder / REQUEST, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        )
    except OSError:
        return None
    try:
        said = os.read(descriptor, 20).decode("utf-8", "replace").strip()
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return next((wish for wish in get_args(Wish) if wish == said), None)


def forget(folder: Path) -> None:
    """Remove a request: it has been carried out, or was made of an earlier training."""
    (folder / REQUEST).unlink(missing_ok=True)
