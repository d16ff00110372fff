"""Pair the quotation marks of delimited text; one that cannot be paired costs its line, not the rest of the file."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Int64, UInt8

NEWLINE, RETURN, BLANK, TAB = b"\n\r \t"
FIRST_WINDOW, LARGEST_WINDOW = 64, 1 << 16
"""Marks that are looked at together after a stray one, and at most: each time none is found, twice as many."""


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Pairs of quotation marks.

    Attributes:
        symbols: the text; a mark with blanks between it and the edge of its field is moved to the edge.
        marks: the positions of the marks that pair: the byte at p is inside quotes if an odd number of them precede p.
        stray: the position of the first mark on each line that has one without a partner.
        inside: for each of these, whether it stands inside a field; otherwise it opens one that is never closed.
    """

    symbols: UInt8[np.ndarray, " bytes"]
    marks: Int64[np.ndarray, " marks"]
    stray: Int64[np.ndarray, " stray"]
    inside: Bool[np.ndarray, " stray"]

    def outside(self, positions: Int64[np.ndarray, " positions"]) -> Int64[np.ndarray, " outside"]:
        """The positions that are not inside quotes."""
        if not len(self.marks):
            return positions
        even: Bool[np.ndarray, " positions"] = np.searchsorted(self.marks, positions) % 2 == 0
        outside: Int64[np.ndarray, " outside"] = positions[even]
        return outside


def pair_quotes(
    symbols: UInt8[np.ndarray, " bytes"],
    marks: Int64[np.ndarray, " marks"],
    breaks: Int64[np.ndarray, " breaks"],
    delimiter: int,
) -> Pairs:
    """Pair the quotation marks at `marks` of a text that begins outside quotes; `breaks` are its ends of lines.

    A mark opens a field at its beginning, closes it at its end, or is doubled inside it. At a mark that does none of
    these, the rest of its line is taken as text, and pairing goes on at the next line.
    """
    if all_at_edges(symbols, marks, delimiter):
        return Pairs(symbols, marks, np.zeros(0, np.int64), np.zeros(0, bool))
    kept, stray, inside = [], [], []
    at, window = 0, max(FIRST_WINDOW, len(marks) + len(marks) % 2)  # all at once, as there are hardly ever stray ones
    while at < len(marks):
        some = marks[at : at + window]
        fits_before, fits_after = _opens(symbols, some[::2], delimiter), _closes(symbols, some[1::2], delimiter)
        unclosed = len(fits_before) > len(fits_after)
        wrong = ~(fits_before & np.append(fits_after, np.zeros(int(unclosed), bool)))
        if not wrong.any():
            kept.append(some)
            at, window = at + len(some), min(2 * window, LARGEST_WINDOW)
            continue
        pair = int(np.argmax(wrong))
        kept.append(some[: 2 * pair])
        stray.append(some[2 * pair])
        inside.append(not (unclosed and pair == len(fits_after) and fits_before[pair]))
        ends = np.searchsorted(breaks, stray[-1])
        at = int(np.searchsorted(marks, breaks[ends])) if ends < len(breaks) else len(marks)
        window = FIRST_WINDOW
    paired = kept[0] if len(kept) == 1 else np.concatenate([marks[:0], *kept])
    symbols, paired = _move_to_edges(symbols, paired, delimiter)
    return Pairs(symbols, paired, np.array(stray, np.int64), np.array(inside, bool))


def all_at_edges(symbols: UInt8[np.ndarray, " bytes"], marks: Int64[np.ndarray, " marks"], delimiter: int) -> bool:
    """Whether all marks pair, and none has a blank between it and the edge of its field: as programs write them."""
    if len(marks) % 2:
        return False
    edge = _edges(delimiter)
    edge[symbols[marks[:1]]] = True
    before, after = marks[::2] - 1, marks[1::2] + 1
    begins = edge[symbols[np.maximum(before, 0)]] | (before < 0)
    return bool(begins.all() and (edge[symbols[np.minimum(after, len(symbols) - 1)]] | (after == len(symbols))).all())


def _edges(delimiter: int) -> Bool[np.ndarray, "256"]:
    """Which bytes are a delimiter or an end of a line."""
    edges = np.zeros(256, bool)
    edges[[NEWLINE, RETURN, delimiter]] = True
    return edges


def _opens(
    symbols: UInt8[np.ndarray, " bytes"], marks: Int64[np.ndarray, " marks"], delimiter: int
) -> Bool[np.ndarray, " marks"]:
    """Whether each mark stands where a field begins, or directly after another mark."""
    before = marks - 1
    doubled = (before >= 0) & (symbols[before] == symbols[marks[:1]])
    passed = _pass_blanks(symbols, before, -1, delimiter)
    found: Bool[np.ndarray, " marks"] = doubled | _at_edge(symbols, passed, delimiter)
    return found


def _closes(
    symbols: UInt8[np.ndarray, " bytes"], marks: Int64[np.ndarray, " marks"], delimiter: int
) -> Bool[np.ndarray, " marks"]:
    """Whether each mark stands where a field ends, or directly before another mark."""
    after = marks + 1
    doubled = (after < len(symbols)) & (symbols[np.minimum(after, len(symbols) - 1)] == symbols[marks[:1]])
    passed = _pass_blanks(symbols, after, 1, delimiter)
    found: Bool[np.ndarray, " marks"] = doubled | _at_edge(symbols, passed, delimiter)
    return found


def _at_edge(
    symbols: UInt8[np.ndarray, " bytes"], positions: Int64[np.ndarray, " positions"], delimiter: int
) -> Bool[np.ndarray, " positions"]:
    """Whether at each position there is a delimiter or an end of a line, or the text begins or ends there."""
    beyond = (positions < 0) | (positions >= len(symbols))
    found: Bool[np.ndarray, " positions"] = beyond | _edges(delimiter)[symbols[np.clip(positions, 0, len(symbols) - 1)]]
    return found


def _pass_blanks(
    symbols: UInt8[np.ndarray, " bytes"], positions: Int64[np.ndarray, " positions"], step: int, delimiter: int
) -> Int64[np.ndarray, " positions"]:
    """The positions, moved on by `step` as long as a blank is there that is no delimiter."""
    blank = np.zeros(256, bool)
    blank[[BLANK, TAB]] = True
    blank[delimiter] = False
    positions = positions.copy()
    moving = np.arange(len(positions))
    while len(moving):
        there = positions[moving]
        within = (there >= 0) & (there < len(symbols))
        moving = moving[within & blank[symbols[np.clip(there, 0, len(symbols) - 1)]]]
        positions[moving] += step
    return positions


def _move_to_edges(
    symbols: UInt8[np.ndarray, " bytes"], marks: Int64[np.ndarray, " marks"], delimiter: int
) -> tuple[UInt8[np.ndarray, " bytes"], Int64[np.ndarray, " marks"]]:
    """Text and marks, where a mark changes places with the blank at the edge of its field: cells lose outer blanks."""
    if not len(marks):
        return symbols, marks
    moved = marks.copy()
    for part, step in ((slice(0, None, 2), -1), (slice(1, None, 2), 1)):
        passed = _pass_blanks(symbols, marks[part] + step, step, delimiter)
        edge = _at_edge(symbols, passed, delimiter)
        moved[part] = np.where(edge, passed - step, marks[part])
    changed = np.flatnonzero(moved != marks)
    if not len(changed):
        return symbols, marks
    symbols = symbols.copy()
    mark = symbols[marks[0]]
    symbols[marks[changed]] = BLANK
    symbols[moved[changed]] = mark
    return symbols, moved
