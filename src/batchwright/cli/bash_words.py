"""Put words together that bash cuts at = and : when it completes, and cut the answers as bash needs them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO

CUTS = frozenset("=:")
"""The signs at which bash cuts; each of them, or several together, is a word then."""
GOES_ON = ("=", ":", "/")
"""What ends with one of these is completed further, and gets no blank."""


def rejoin(words: Sequence[str], at: int) -> tuple[list[str], int, str]:
    """Put words together that were cut.

    Args:
        words: those that bash has made of a line.
        at: the number of the one with the cursor.

    Returns:
        the whole words, the number of the one with the cursor, and what of it was cut off before the cursor's part.

    >>> rejoin(["batchwright", "train", "--set", "optimizer.name", "=", "ad"], 5)
    (['batchwright', 'train', '--set', 'optimizer.name=ad'], 3, 'optimizer.name=')
    """
    whole, place, before = list[str](), len(words), ""
    for number, word in enumerate(words):
        if whole and whole[-1] and (_is_cut(word) or whole[-1][-1] in CUTS):
            whole[-1] += word
        else:
            whole.append(word)
        if number == at:
            place = len(whole) - 1
            before = whole[-1] if _is_cut(word) else whole[-1].removesuffix(word)
    return whole, place, before


def _is_cut(word: str) -> bool:
    return bool(word) and set(word) <= CUTS


def answers(printed: str, before: str) -> list[str]:
    r"""The lines that bash is told: without what it has cut off, and twice where no blank may follow the only one.

    >>> answers("tensorboard:", ""), answers("a=1\na=2", "a=")
    (['tensorboard:', 'tensorboard: '], ['1', '2'])
    """
    lines = [line.removeprefix(before) for line in printed.splitlines()]
    return [*lines, f"{lines[0]} "] if len(lines) == 1 and lines[0].endswith(GOES_ON) else lines


@contextmanager
def whole_words() -> Iterator[None]:
    """Where bash asks for completions, words are whole inside, as in other shells."""
    given = os.environ.get("COMP_WORDS", "")
    if os.environ.get("_BATCHWRIGHT_COMPLETE") != "complete_bash" or "\n" not in given:
        yield
        return
    words, place, before = rejoin(given.split("\n"), int(os.environ["COMP_CWORD"]))
    os.environ |= {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(place)}
    printed = StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        for line in answers(printed.getvalue(), before):
            print(line)
