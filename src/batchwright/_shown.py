"""Things that show themselves: figures and tables by name, and a short page in a notebook."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from batchwright.errors import BatchwrightError, UsageError, unknown

if TYPE_CHECKING:
    import polars as pl

    from batchwright.figures.svg import Svg

Drawings: TypeAlias = "Mapping[str, Callable[[], Svg] | str]"
"""By name, what draws a figure, or a few words that say why there is none."""

MOST_ROWS, MOST_COLUMNS, LONGEST = 20, 12, 60
"""Rows and columns of a table that a notebook shows, and characters of a cell."""


class Shown:
    """What has figures and tables by name, and shows a table and a figure in a notebook.

    A class of its own says what is drawn (`drawings`) and which tables there are (`frames`); the first of each is the
    one that is meant without a name.
    """

    _table = ""
    """The table that a notebook shows; empty for the first."""

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        raise NotImplementedError

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame."""
        raise NotImplementedError

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of the figures that can be drawn."""
        return tuple(name for name, draw in self.drawings().items() if not isinstance(draw, str))

    def figure(self, name: str = "") -> "Svg":
        """Draw a figure.

        Args:
            name: one of `figures`; empty for the first.

        Raises:
            UsageError: there is no such figure; the message says why, and which there are.
        """
        drawings = self.drawings()
        name = name or next(iter((*self.figures, *drawings)))
        draw = drawings.get(name)
        if draw is None:
            raise UsageError(unknown("figure", name, self.figures))
        if isinstance(draw, str):
            raise UsageError(f"there is no figure {name!r} here: {draw}. Figures: {', '.join(self.figures) or 'none'}.")
        return draw()

    def frame(self, name: str = "") -> "pl.DataFrame":
        """A table as a data frame.

        Args:
            name: one of the keys of `frames()`; empty for the first.

        Raises:
            UsageError: there is no such table; the message lists them.
        """
        frames = self.frames()
        if (name or next(iter(frames))) not in frames:
            raise UsageError(unknown("table", name, frames))
        return frames[name or next(iter(frames))]

    def _repr_html_(self) -> str:
        """What a notebook shows: the line of `repr`, a table and the first figure; it needs no script."""
        try:
            table, figures = self.frame(self._table), self.figures
            parts = [html_table(table) if table.height else "", self.figure(figures[0]).text if figures else ""]
        except BatchwrightError as error:  # such as the damaged file of a run
            parts = [f"<p>{_escape(str(error))}</p>"]
        return f'<div class="bw-shown"><p>{_escape(repr(self))}</p>{"".join(parts)}</div>'


def html_table(frame: "pl.DataFrame") -> str:
    """The first rows and columns of a table as HTML, and how many more there are.

    >>> import polars as pl
    >>> html_table(pl.DataFrame({"a<b": [0.123456]}))
    '<table><thead><tr><th>a&lt;b</th></tr></thead><tbody><tr><td>0.1235</td></tr></tbody></table>'
    """
    some = frame[:MOST_ROWS, :MOST_COLUMNS]
    head = "".join(f"<th>{_escape(_short(name))}</th>" for name in some.columns)
    rows = ("".join(f"<td>{_escape(_short(cell))}</td>" for cell in row) for row in some.iter_rows())
    body = "".join(f"<tr>{cells}</tr>" for cells in rows)
    more = [
        *([f"{frame.height - some.height:,} more rows"] if some.height < frame.height else []),
        *([f"{frame.width - some.width:,} more columns"] if some.width < frame.width else []),
    ]
    below = f"<p>{' and '.join(more)}</p>" if more else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def _short(cell: object) -> str:
    """A cell in a few characters; nothing for a missing one."""
    text = "" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _escape(text: str) -> str:
    from batchwright.figures.text import escape_text

    return escape_text(text)


def figure_text(value: float | None) -> str:
    """A figure with about four digits; nothing where there is none."""
    if value is None:
        return ""
    if abs(value) >= 1e7:
        return f"{value:.4g}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4f}" if abs(value) >= 0.01 else f"{value:.3g}"
