"""The pages of the lab: a shell for each scene, and the answers to its settings, computed here and nowhere else."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from batchwright.data.formats.source import Source
from batchwright.lab.answers import Desk
from batchwright.lab.network.live_session import Sessions
from batchwright.lab.network.routes import network_routes
from batchwright.lab.own_run.looks import RunLooks
from batchwright.lab.own_run.routes import run_routes
from batchwright.lab.scenes import SCENES
from batchwright.pages import Shell, static_route

STATIC = Path(__file__).parent / "static"


def make_app(desk: Desk, table: Source = None, looks: RunLooks | None = None) -> Starlette:
    """The application; `pages.secure` has to stand before it. `table` is the user's own, `looks` a run of theirs."""
    return Starlette(routes=[Route("/", _first), *routes(desk, table, looks), static_route({"lab": STATIC})])


def routes(desk: Desk, table: Source = None, looks: RunLooks | None = None) -> list[Route]:
    """The routes of the lab, for an application that has `static/lab` too."""
    shell = Shell("batchwright lab", "/static/lab/lab.js", ("/static/lab/lab.css", "/static/lab/network.css"))
    pages = [Route(f"/lab/{name}", shell.answer) for name in (*(scene.NAME for scene in SCENES), "network", "run")]
    network = network_routes(Sessions(table, lock=desk.lock))

    def answer(request: Request) -> Response:
        """The answer of a scene; not a coroutine, so that another thread computes it."""
        kind, scene = request.path_params["kind"], request.path_params["scene"]
        found = desk.answer(kind, scene, request.query_params.multi_items())
        return PlainTextResponse("There is no such answer.", 404) if found is None else JSONResponse(found)

    return [Route("/lab", _first), *pages, *network, *run_routes(looks), Route("/lab/{kind}/{scene}", answer)]


async def _first(request: Request) -> Response:
    return RedirectResponse(str(request.url.replace(path=f"/lab/{SCENES[0].NAME}")))
