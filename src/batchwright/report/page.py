"""A report as one HTML file: it loads nothing, runs nothing that it needs, and holds no more than a megabyte."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape

from batchwright.figures.text import clean, escape_text
from batchwright.report.blocks import (
    Block,
    Cell,
    Chart,
    Code,
    Confusion,
    Contents,
    Facts,
    Gallery,
    Grid,
    Group,
    Link,
    Picture,
    Points,
    Section,
    Words,
    cell_text,
)
from batchwright.report.style import SCRIPT, STYLE

GENERATOR = "batchwright report"
"""By this mark a file is known as a report, which another one may replace."""

MOST_BYTES = 1_000_000
NUMBER = ' class="number"'
LEFT_OUT = "Left out here, as the report would have more than a megabyte: "


def page(contents: Contents) -> str:
    """The report as HTML. Equal contents give equal text.

    Where it would have more than a megabyte, its largest blocks are left out, and the page says so in their places.
    """
    drawn = [[_block(block) for block in section.blocks] for section in contents.sections]
    _fit(drawn, contents)
    return _document(contents, drawn)


def _fit(drawn: list[list[str]], contents: Contents) -> None:
    """Replace the largest blocks by a sentence until the whole is small enough."""
    empty = len(_document(replace(contents, sections=()), []).encode())
    sizes = {(row, place): len(text.encode()) for row, blocks in enumerate(drawn) for place, text in enumerate(blocks)}
    room = MOST_BYTES - empty - 1_000 * (1 + len(contents.sections))
    for (row, place), _ in sorted(sizes.items(), key=lambda one: -one[1]):
        if sum(sizes.values()) <= room:
            return
        words = _block(Words(LEFT_OUT + _name_of(contents.sections[row].blocks[place])))
        drawn[row][place], sizes[row, place] = words, len(words.encode())


def _name_of(block: Block) -> str:
    """A block in a few words."""
    match block:
        case Chart():
            return f"{block.svg!r}"[6:-1]
        case Grid() | Confusion():
            return block.caption
    return "a text"


def _document(contents: Contents, drawn: Sequence[Sequence[str]]) -> str:
    title = escape_text(contents.title)
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src '{_hash(SCRIPT)}'"
    links = "".join(f'<li><a href="#{one.name}">{escape_text(one.title)}</a></li>' for one in contents.sections)
    bodies = (
        f'<section aria-labelledby="{one.name}"><h2 id="{one.name}">{escape_text(one.title)}</h2>\n'
        f"{_lay_out(one, blocks)}</section>\n"
        for one, blocks in zip(contents.sections, drawn, strict=True)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="generator" content="{GENERATOR}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{title}</h1>\n<p>{escape_text(contents.about)}</p></header>\n"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n<main>\n{"".join(bodies)}</main>\n'
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _lay_out(section: Section, drawn: Sequence[str]) -> str:
    """The blocks below each other; charts in a row side by side."""
    parts, charts = list[str](), list[str]()
    for block, text in zip(section.blocks, drawn, strict=True):
        if isinstance(block, Chart):
            charts.append(text)
            continue
        parts += [_side_by_side(charts), text]
        charts = []
    return "".join([*parts, _side_by_side(charts)])


def _side_by_side(charts: Sequence[str]) -> str:
    return f'<div class="charts">{"".join(charts)}</div>\n' if charts else ""


def _block(block: Block) -> str:
    match block:
        case Words():
            strong = ' class="strong"' if block.strong else ""
            return f"<p{strong}>{escape_text(block.text)}</p>\n"
        case Points():
            return f"<ul>{''.join(f'<li>{escape_text(one)}</li>' for one in block.sentences)}</ul>\n"
        case Facts():
            pairs = (
                f"<div><dt>{escape_text(name)}</dt><dd>{escape_text(text)}</dd></div>" for name, text in block.pairs
            )
            return f"<dl>{''.join(pairs)}</dl>\n"
        case Chart():
            words = f"<figcaption>{escape_text(block.words)}</figcaption>" if block.words else ""
            whole = ' class="whole"' if block.whole else ""
            return f"<figure{whole}>{_scrolls(block.svg.text.strip(), repr(block.svg)[6:-1])}{words}</figure>\n"
        case Code():
            lines = "\n".join(escape(clean(line), quote=True) for line in block.text.split("\n"))
            return f'<pre tabindex="0">{lines}</pre>\n'
        case Confusion():
            return _confusion(block)
        case Grid():
            return _grid(block)
    raise AssertionError(block)


def _scrolls(content: str, name: str) -> str:
    """What is wider than the page scrolls by itself, with the keyboard too."""
    return f'<div class="wide" role="group" tabindex="0" aria-label="{escape_text(name)}">{content}</div>'


def _grid(grid: Grid) -> str:
    numeric = [_is_numeric(grid, place) for place in range(len(grid.columns))]
    heads = "".join(
        f'<th scope="col"{NUMBER if number else ""}>{escape_text(name)}</th>'
        for name, number in zip(grid.columns, numeric, strict=True)
    )
    groups = "".join(_group(group, numeric) for group in grid.groups)
    rows = f"<tbody>{''.join(_rows(grid.rows, numeric))}</tbody>" if grid.rows or not grid.groups else ""
    sortable = ' class="grouped"' if grid.groups else ' class="sortable"' if len(grid.rows) > 1 else ""
    return _table(grid.caption, sortable, f"<thead><tr>{heads}</tr></thead>{rows}{groups}")


def _is_numeric(grid: Grid, place: int) -> bool:
    """Whether a column holds numbers, and nothing else but empty cells."""
    every: Iterable[tuple[Cell, ...]] = (*grid.rows, *(row for group in grid.groups for row in group.rows))
    cells = [row[place] for row in every if row[place] is not None]
    return bool(cells) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)


def _group(group: Group, numeric: Sequence[bool]) -> str:
    head = f'<tr><th scope="rowgroup" colspan="{len(numeric)}">{escape_text(group.title)}</th></tr>'
    title = head if group.title else ""
    return f'<tbody id="{escape_text(group.name)}">{title}{"".join(_rows(group.rows, numeric))}</tbody>'


def _rows(rows: Iterable[tuple[Cell, ...]], numeric: Sequence[bool]) -> Iterator[str]:
    for row in rows:
        first, *others = (_cell(cell, number) for cell, number in zip(row, numeric, strict=True))
        yield f'<tr><th scope="row"{first}</th>{"".join(f"<td{cell}</td>" for cell in others)}</tr>'


def _cell(cell: Cell, number: bool) -> str:
    """The rest of the opening tag, and the content."""
    shown = NUMBER if number else ""
    if number and isinstance(cell, float | int):
        shown += f' data-value="{cell!r}"'
    match cell:
        case Link():
            return f'{shown}><a href="#{escape_text(cell.to)}">{escape_text(cell.text)}</a>'
        case Picture():
            return f"{shown}>{_image(cell)}"
        case Gallery():
            return f'{shown}><div class="gallery">{"".join(map(_image, cell.pictures))}</div>'
    return f"{shown}>{escape_text(cell_text(cell))}"


def _image(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode()
    return f'<img alt="{escape_text(picture.words)}" src="data:image/png;base64,{data}">'


def _confusion(block: Confusion) -> str:
    """A square table whose shades are shares of the rows of a true class; a cell with rows listed links to them."""
    heads = "".join(f'<th scope="col">{escape_text(name)}</th>' for name in block.classes)
    rows = "".join(
        f'<tr><th scope="row">{escape_text(name)}</th>{"".join(_confusion_cells(block, place))}</tr>'
        for place, name in enumerate(block.classes)
    )
    corner = '<td class="corner">true \\ predicted</td>'
    body = f"<thead><tr>{corner}{heads}</tr></thead><tbody>{rows}</tbody>"
    return _table(block.caption, ' class="confusion"', body)


def _table(caption: str, shown: str, body: str) -> str:
    """A table below a heading with its caption."""
    name = escape_text(caption)
    table = f'<table{shown} aria-label="{name}">{body}</table>'
    return f"<h3>{name}</h3>\n{_scrolls(table, caption)}\n"


def _confusion_cells(block: Confusion, true: int) -> Iterator[str]:
    counts, total = block.counts[true], sum(block.counts[true])
    for given, count in enumerate(counts):
        share = count / total if total else 0.0
        shade = f"{'right' if true == given else 'wrong'} h{min(int(share * 10 + 0.999), 10)}"
        text = escape_text(cell_text(int(count) if float(count).is_integer() else float(count)))
        place = block.links.get((true, given))
        if place:
            text = f'<a href="#{escape_text(place)}">{text}</a>'
        yield f'<td class="number {shade}">{text}</td>'
