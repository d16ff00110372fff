"""Lines, delimiters and cells that begin oddly, counted in one pass over the bytes of a text.

A cell begins oddly where a number that begins so may say more than its value: with a zero before another digit, as 007,
with a plus or a blank, or as minus zero. In a text without such cells, numbers can be parsed without their text.
"""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from batchwright.data.formats.quotes import NEWLINE, RETURN

PIECE = 1 << 16
"""Bytes that are looked at together, so that the processor keeps them at hand."""
AT_ONCE = 1 << 22
"""Bytes that a thread takes at a time."""
PLUS, MINUS, POINT, ZERO = b"+-.0"

Symbols: TypeAlias = UInt8[np.ndarray, " bytes"]


class Counts(NamedTuple):
    """What a text holds: line feeds, returns without one, delimiters (in quotes too), and cells that begin oddly."""

    newlines: int
    lone_returns: int
    delimiters: int
    odd: int


def count_symbols(symbols: Symbols, delimiter: str, quote: str, *, odd: bool) -> Counts:
    r"""Count over a text that begins with a cell; cells that begin `odd` are counted only if they are asked for.

    `quote` is empty where there are no quotation marks. What follows a delimiter in quotes is counted as a cell too.

    >>> count_symbols(np.frombuffer(b"07,-0\n0.5,+3\r\n", np.uint8), ",", "", odd=True)
    Counts(newlines=2, lone_returns=0, delimiters=2, odd=3)
    """
    count = partial(_count_part, symbols, delimiter=ord(delimiter), quote=ord(quote) if quote else None, odd=odd)
    starts = range(0, len(symbols), AT_ONCE)
    if len(starts) <= 1:
        return count(0)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return Counts(*map(sum, zip(*pool.map(count, starts), strict=True)))


def odd_start(delimiter: str, quote: str) -> str:
    """The regular expression of what `count_symbols` counts as odd in a cell, at its start or after a delimiter."""
    apart = {"\n", "\r", delimiter, quote}
    first = "".join(re.escape(chr(sign)) for sign in range(PLUS + 1) if chr(sign) not in apart)
    after = "".join(map(re.escape, sorted(apart)))
    return rf"(?:^|{re.escape(delimiter)})(?:[{first}]|0[^.{after}]|-0(?:[^.]|$))"


def _count_part(symbols: Symbols, start: int, *, delimiter: int, quote: int | None, odd: bool) -> Counts:
    """The counts of `AT_ONCE` bytes from `start`."""
    found = np.zeros(4, np.int64)
    for _, piece in _pieces(symbols, start, start + AT_ONCE):
        newline, between, returns = piece == NEWLINE, piece == delimiter, piece == RETURN
        has_returns = returns.any()
        found[0] += np.count_nonzero(newline[1:-2])
        found[1] += np.count_nonzero(returns[1:-2] > newline[2:-1]) if has_returns else 0
        found[2] += np.count_nonzero(between[1:-2])
        if odd:
            edges = newline | between if quote is None else newline | between | (piece == quote)
            found[3] += np.count_nonzero(_begin_oddly(piece, edges, edges | returns if has_returns else edges))
    return Counts(*found.tolist())


def find_odd(symbols: Symbols, delimiter: str) -> Int64[np.ndarray, " cells"]:
    r"""Where the cells begin that begin oddly, in a text without quotation marks.

    >>> find_odd(np.frombuffer(b"07,-0\n0.5,+3\r\n", np.uint8), ",").tolist()
    [0, 3, 10]
    """
    places = []
    for begin, piece in _pieces(symbols, 0, len(symbols)):
        edges = (piece == NEWLINE) | (piece == ord(delimiter))
        places.append(np.flatnonzero(_begin_oddly(piece, edges, edges | (piece == RETURN))) + begin)
    return np.concatenate(places)


def _begin_oddly(
    piece: Symbols, edges: Bool[np.ndarray, " bytes"], ends: Bool[np.ndarray, " bytes"]
) -> Bool[np.ndarray, " cells"]:
    """Where a cell begins oddly, after one of the `edges`, and before what `ends` it, which no cell begins with.

    For truth values, > means: this and not that.
    """
    zero, point = piece == ZERO, piece == POINT
    found: Bool[np.ndarray, " cells"] = zero[1:-2] > (point | ends)[2:-1]
    found |= (piece == MINUS)[1:-2] & (zero[2:-1] > point[3:])
    found |= (piece <= PLUS)[1:-2] > ends[1:-2]
    found &= edges[:-3]
    return found


def _pieces(symbols: Symbols, start: int, stop: int) -> Iterator[tuple[int, Symbols]]:
    """The bytes in pieces, with where each begins: one byte before it and two after it; around the text, line feeds."""
    stop = min(stop, len(symbols))
    for begin in range(start, stop, PIECE):
        end = min(begin + PIECE, stop)
        piece = symbols[max(0, begin - 1) : end + 2]
        around = int(begin == 0), max(0, end + 2 - len(symbols))
        yield begin, np.pad(piece, around, constant_values=NEWLINE) if any(around) else piece
