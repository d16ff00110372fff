"""What a report is made of: sections of words, tables, lists and charts, as plain data without HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from batchwright._shown import figure_text
from batchwright.figures import Svg


@dataclass(frozen=True)
class Link:
    """Words that lead to a place in the same page: the name of a group or of a section."""

    text: str
    to: str


@dataclass(frozen=True)
class Picture:
    """A small image, as the bytes of a PNG file, and what it shows in words."""

    png: bytes
    words: str


@dataclass(frozen=True)
class Gallery:
    """Small images side by side."""

    pictures: tuple[Picture, ...]


Cell: TypeAlias = str | int | float | Link | Picture | Gallery | None


@dataclass(frozen=True)
class Words:
    """A paragraph. `strong`: it says what is not there, or what a reader must not miss."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Names and what stands for each."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Group:
    """Some rows of a table, under a title of their own where it is not empty; links lead to the name of the group."""

    name: str
    title: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Grid:
    """A table. The first cell of a row is its head; numbers are sorted by value. Either `rows`, or `groups` of rows."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True)
class Confusion:
    """A square of counts [true class][predicted class], with links by (true, predicted) to the rows of a cell."""

    caption: str
    classes: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chart:
    """A figure, and words below it. `whole`: it is as wide as the page."""

    svg: Svg
    words: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Code:
    """Lines to copy."""

    text: str


Block: TypeAlias = Words | Points | Facts | Grid | Confusion | Chart | Code


@dataclass(frozen=True)
class Section:
    """A heading with blocks below it; `name` is what links lead to. Charts in a row stand side by side."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Contents:
    """A report: its title, one line about it, and its sections in order."""

    title: str
    about: str
    sections: tuple[Section, ...]

    def __repr__(self) -> str:
        """The title and the number of sections."""
        return f"<Contents of {self.title:.60}: {len(self.sections)} sections>"


def cell_text(cell: Cell) -> str:
    """A cell as a person reads it.

    >>> cell_text(0.123456), cell_text(12_345), cell_text(None), cell_text(float("nan"))
    ('0.1235', '12,345', '', 'not a number')
    """
    match cell:
        case None:
            return ""
        case bool() | str():
            return str(cell)
        case int():
            return f"{cell:,}"
        case float():
            return "not a number" if cell != cell else figure_text(cell)
        case Link():
            return cell.text
        case Picture():
            return cell.words
    return ", ".join(picture.words for picture in cell.pictures)


def at_most(sentences: Sequence[str], most: int) -> tuple[str, ...]:
    """The first sentences, and how many more there are.

    >>> at_most(["a", "b", "c"], 2)
    ('a', 'b', 'and 1 more')
    """
    shown = tuple(sentences[:most])
    return shown if len(sentences) <= most else (*shown, f"and {len(sentences) - most:,} more")
