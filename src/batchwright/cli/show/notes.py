"""Sentences that a person should know, under what they are about."""

from collections.abc import Iterable

from rich.console import Console

from batchwright.cli.flags import as_flags


def notes(sentences: Iterable[str], console: Console) -> None:
    """Print what the user should know, a line each."""
    for sentence in sentences:
        console.print(f"note: {as_flags(sentence)}", soft_wrap=True)
