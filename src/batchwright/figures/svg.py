"""Elements of SVG as text, and the document around them."""

from dataclasses import dataclass
from html import unescape
from pathlib import Path

from batchwright.figures.colours import LIGHT, Role, style_sheet
from batchwright.figures.text import escape_text, shorten

FONT = "system-ui,-apple-system,'Segoe UI','Noto Sans','DejaVu Sans',sans-serif"
PLAIN, SMALL, LARGE = 12.0, 11.0, 15.0
"""Sizes of text in pixels."""
LONGEST_TITLE = 2_000
"""Pixels of text in a title that is not drawn but read out."""


@dataclass(frozen=True)
class Svg:
    """A figure. A notebook shows it as it is; it needs no script and loads nothing.

    Args:
        text: the SVG document, which can stand in a page of HTML as it is. Equal data give equal text.
    """

    text: str

    def save(self, path: str | Path) -> None:
        """Write the figure to a file, replacing what was there."""
        Path(path).write_text(self.text, encoding="utf-8", newline="\n")

    def _repr_svg_(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        title = self.text.partition("<title>")[2].partition("</title>")[0]
        return f"<Svg: {unescape(title)}>"


def number(value: float) -> str:
    """A coordinate with one decimal at most: a tenth of a pixel, and the same bytes everywhere.

    >>> number(3.0), number(-0.01), number(2.25)
    ('3', '0', '2.2')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def element(name: str, content: str = "", /, **attributes: str | float | None) -> str:
    """An element. Attributes that are None are left out; `stroke_width` is written `stroke-width`, `class_` `class`.

    >>> element("rect", x=1.0, class_="a", fill=None)
    '<rect x="1" class="a"/>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{value if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def text(
    x: float,
    y: float,
    words: str,
    *,
    role: Role = "ink",
    size: float = PLAIN,
    anchor: str | None = None,
    bold: bool = False,
    turn: float | None = None,
    halo: bool = False,
) -> str:
    """Words at a point of their baseline; `turn`: an angle in degrees; `halo`: keep lines below off the letters."""
    return element(
        "text",
        escape_text(words),
        x=x,
        y=y,
        class_=f"bw-f-{role}{' bw-s-paper' if halo else ''}",
        fill=LIGHT[role],
        stroke=LIGHT["paper"] if halo else None,
        stroke_width=3.0 if halo else None,
        paint_order="stroke" if halo else None,
        font_size=None if size == PLAIN else size,
        text_anchor=anchor,
        font_weight="600" if bold else None,
        transform=f"rotate({number(turn)} {number(x)} {number(y)})" if turn is not None else None,
    )


def shape(path: str, role: Role, *, opacity: float | None = None, told: str = "", rule: str | None = None) -> str:
    """A filled path; `told` shows while the mouse rests on it."""
    return element(
        "path",
        _tip(told),
        d=path,
        class_=f"bw-f-{role}",
        fill=LIGHT[role],
        fill_opacity=None if opacity is None else f"{opacity:.2f}",
        fill_rule=rule,
    )


def stroke(
    path: str, role: Role, *, width: float = 1.0, dashes: str = "", opacity: float | None = None, told: str = ""
) -> str:
    """A path that is drawn as a line; one wider than a pixel is data and stays visible in a thumbnail."""
    return element(
        "path",
        _tip(told),
        d=path,
        class_=f"bw-s-{role}{' bw-line' if width > 1 else ''}",
        fill="none",
        stroke=LIGHT[role],
        stroke_width=None if width == 1.0 else width,
        stroke_dasharray=dashes or None,
        stroke_opacity=None if opacity is None else f"{opacity:.2f}",
        stroke_linejoin="round" if width > 1 else None,
        stroke_linecap="round" if width > 1 and not dashes else None,
    )


def rectangle(left: float, top: float, width: float, height: float) -> str:
    """The path of a rectangle."""
    return f"M{number(left)} {number(top)}h{number(width)}v{number(height)}h{number(-width)}z"


def clip(left: float, top: float, width: float, height: float, parts: str) -> str:
    """Parts in the same coordinates, cut at a rectangle; a nested image does that without an id that could clash."""
    box = f"{number(left)} {number(top)} {number(width)} {number(height)}"
    held = f"width:{number(width)}px;height:{number(height)}px;max-width:none"  # whatever a page says of all images
    return element("svg", parts, x=left, y=top, width=width, height=height, viewBox=box, overflow="hidden", style=held)


def document(width: float, height: float, title: str, told: str, *parts: str) -> Svg:
    """A figure of these parts.

    Args:
        width: in pixels.
        height: in pixels.
        title: what is read out first.
        told: what is read out to describe the figure.
        parts: elements, drawn in this order on the background.
    """
    name = escape_text(shorten(title, LONGEST_TITLE)) or "figure"
    head = f"<title>{name}</title><desc>{escape_text(told)}</desc><style>{style_sheet()}</style>"
    paper = element("rect", width=width, height=height, class_="bw-f-paper", fill=LIGHT["paper"])
    return Svg(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="bw-figure" role="img" aria-label="{name}" '
        f'viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" height="{number(height)}" '
        f'direction="ltr" font-family="{FONT}" font-size="12">{head}{paper}{"".join(parts)}</svg>\n'
    )


def _tip(told: str) -> str:
    return f"<title>{escape_text(told)}</title>" if told else ""
