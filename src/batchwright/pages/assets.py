"""What pages are made of: static files, which are read once and found by name, and the shell around each page."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

OWN = Path(__file__).parent / "static"
"""The static files that all pages share, under the name `pages`."""
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
"""The kinds of files that are sent; other files of a folder are not."""
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Asset:
    """A file with its type, and a mark that changes with its content."""

    content: bytes
    type: str
    mark: str


def read_assets(folder: Path) -> dict[str, Asset]:
    """The files in a folder of the program by name, with "/" between the parts."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in TYPES and path.is_file():
            content = path.read_bytes()
            mark = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
            found[path.relative_to(folder).as_posix()] = Asset(content, TYPES[path.suffix], mark)
    return found


def static_route(folders: Mapping[str, Path]) -> Route:
    """The route `/static/ROOM/NAME`, with the folders of rooms by name, and `pages`.

    A name is looked up among the files that were there at the start, so that no name leads elsewhere.
    """
    assets = {
        f"{room}/{name}": asset
        for room, folder in {"pages": OWN, **folders}.items()
        for name, asset in read_assets(folder).items()
    }

    async def answer(request: Request) -> Response:
        asset = assets.get(request.path_params["name"])
        if asset is None:
            return PlainTextResponse("There is no such file.", 404)
        headers = {"etag": asset.mark, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == asset.mark:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, media_type=asset.type, headers=headers)

    return Route("/static/{name:path}", answer)


@dataclass(frozen=True)
class Shell:
    """A page without content, whose module fills it.

    Args:
        title: of the window, until the module gives another.
        module: the module, as `/static/ROOM/NAME.js`.
        styles: further style sheets, as `/static/ROOM/NAME.css`.
    """

    title: str
    module: str
    styles: tuple[str, ...] = ()

    async def answer(self, request: Request) -> Response:
        """The page in the language that is asked for."""
        language = language_of(request)
        response = HTMLResponse(self.text(language))
        if request.query_params.get("lang") in LANGUAGES:
            response.set_cookie("batchwright-lang", language, samesite="strict", path="/", max_age=31_536_000)
        return response

    def text(self, language: str = "en") -> str:
        """The page as HTML."""
        styles = "".join(
            f'<link rel="stylesheet" href="{escape(name)}">' for name in ("/static/pages/style.css", *self.styles)
        )
        return (
            f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<title>{escape(self.title)}</title><link rel="icon" href="/static/pages/icon.svg">{styles}'
            f'<script type="module" src="{escape(self.module)}"></script></head>'
            "<body><noscript>This page needs JavaScript.</noscript></body></html>"
        )


def language_of(request: Request) -> str:
    """The language of a page: the one in the address, the one chosen before, or the first that the browser asks for."""
    for chosen in (request.query_params.get("lang"), request.cookies.get("batchwright-lang")):
        if chosen in LANGUAGES:
            return chosen
    for part in request.headers.get("accept-language", "").split(","):
        wanted = part.partition(";")[0].strip().lower()[:2]
        if wanted in LANGUAGES:
            return wanted
    return "en"
