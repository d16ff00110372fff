"""The application: pages, plain data about folders by id, the stream of what is new, and a few requests that act."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from batchwright._asking import ask
from batchwright.dashboard.comparison_page import describe_comparison
from batchwright.dashboard.diagnoses import Diagnoses
from batchwright.dashboard.ending import Ending
from batchwright.dashboard.follow import Followed, follow, parse_places
from batchwright.dashboard.machine import describe_machine
from batchwright.dashboard.notes import write_notes
from batchwright.dashboard.plain import Unreadable
from batchwright.dashboard.reports import Busy, Reports
from batchwright.dashboard.run_page import describe_run
from batchwright.dashboard.scan import LIVE, Entry, Scanner, sign
from batchwright.dashboard.search_page import describe_search
from batchwright.dashboard.words import Refused
from batchwright.errors import UsageError
from batchwright.pages import Shell, static_route
from batchwright.pages.assets import language_of

STATIC = Path(__file__).parent / "static"
UPLOT = "/static/pages/uplot/uPlot.min.css"
OWN_STYLE = "/static/dashboard/style.css"
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'self'"
)
"""The policy of a report inside a page: its own script sorts tables, and reaches nothing of this server."""


@dataclass(frozen=True)
class Dashboard:
    """What the routes share."""

    scanner: Scanner
    reports: Reports
    diagnoses: Diagnoses
    ending: Ending


PAGES = ("/", "/runs/{id}", "/searches/{id}", "/searches/{id}/trials/{number}", "/comparisons/{id}", "/machine")
"""The addresses of pages; the module of the page finds out which one it is."""


def make_app(
    root: Path, reports: Reports | None = None, diagnoses: Diagnoses | None = None, ending: Ending | None = None
) -> Starlette:
    """The application for the folders below `root`; `pages.secure` has to stand before it."""
    board = Dashboard(Scanner(root), reports or Reports(), diagnoses or Diagnoses(), ending or Ending())
    shell = Shell("batchwright", "/static/dashboard/main.js", (UPLOT, OWN_STYLE))
    return Starlette(
        routes=[
            *(Route(path, shell.answer) for path in PAGES),
            static_route({"dashboard": STATIC}),
            Route("/api/session", partial(_answer, _session, board)),
            Route("/api/table", partial(_answer, _table, board)),
            Route("/api/machine", partial(_answer, _machine, board)),
            Route("/api/follow", partial(_follow, board)),
            Route("/api/runs/{id}", partial(_answer, _run, board)),
            Route("/api/runs/{id}/diagnosis", partial(_answer, _diagnosis, board)),
            Route("/api/searches/{id}", partial(_answer, _search, board)),
            Route("/api/comparisons/{id}", partial(_answer, _comparison, board)),
            Route("/api/folders/{id}/report", partial(_answer, _report_state, board)),
            Route("/api/folders/{id}/report.html", partial(_report_page, board)),
            Route("/api/folders/{id}/report", partial(_act, _make_report, board), methods=["POST"]),
            Route("/api/runs/{id}/stop", partial(_act, _stop, board), methods=["POST"]),
            Route("/api/folders/{id}/notes", partial(_act, _note, board), methods=["POST"]),
        ]
    )


Answer = Callable[[Dashboard, Request], Any]
Act = Callable[[Dashboard, Request, dict[str, Any]], Any]


async def _answer(answer: Answer, board: Dashboard, request: Request) -> Response:
    """The plain data of a question, which is answered in a thread: folders may lie on a slow disk."""
    try:
        return JSONResponse(await run_in_threadpool(answer, board, request))
    except Refused as refused:
        return _say(refused, request)
    except (Unreadable, UsageError) as error:
        return PlainTextResponse(f"{str(error).removesuffix('.')}.", 409)


def _say(refused: Refused, request: Request) -> Response:
    return PlainTextResponse(refused.say(language_of(request)), refused.status)


async def _act(act: Act, board: Dashboard, request: Request) -> Response:
    """Do what a page asks for, with the object that it sends."""
    try:
        given = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        return PlainTextResponse("The request is not JSON.", 400)
    if not isinstance(given, dict):
        return PlainTextResponse("The request has to be an object.", 400)
    return await _answer(lambda board, request: act(board, request, given), board, request)


async def _follow(board: Dashboard, request: Request) -> Response:
    """The stream of events."""
    query = request.query_params
    runs = parse_places(query.get("runs", ""))
    seen = parse_places(request.headers.get("last-event-id", ""))
    columns = query.getlist("column")
    followed = Followed(
        {identifier: seen.get(identifier, place) for identifier, place in runs.items()},
        frozenset(columns) or None,
        query.get("table") == "1",
    )
    return StreamingResponse(follow(board.scanner, followed, board.ending), media_type="text/event-stream")


def _session(board: Dashboard, request: Request) -> dict[str, Any]:
    return {
        "acting": request.scope["state"]["acting"],
        "read_only": request.scope["state"]["read_only"],
        "root": str(board.scanner.root),
        "again": board.ending.again,
    }


def _table(board: Dashboard, _request: Request) -> dict[str, Any]:
    scan = board.scanner.scan()
    return {"rows": [entry.row for entry in scan.entries.values()], "left_out": scan.left_out}


def _machine(board: Dashboard, _request: Request) -> dict[str, Any]:
    running = [entry.row for entry in board.scanner.scan().entries.values() if entry.row.get("status") in LIVE]
    return {**describe_machine(board.scanner.root), "running": running}


def _entry(board: Dashboard, request: Request, kind: str | None = None) -> Entry:
    """The folder that is asked for."""
    entry = board.scanner.find(request.path_params["id"])
    if entry is None or kind not in (None, entry.kind):
        raise Refused(404, "gone")
    return entry


def _run(board: Dashboard, request: Request) -> dict[str, Any]:
    entry = _entry(board, request, "run")
    return {**describe_run(entry.path), "row": entry.row}


def _diagnosis(board: Dashboard, request: Request) -> dict[str, Any]:
    """What seems to be wrong with a run that has ended."""
    entry = _entry(board, request, "run")
    if entry.row.get("status") in (*LIVE, "unreadable"):
        return {"state": "none"}
    return board.diagnoses.answer(entry.id, entry.path, sign(entry.path, "run"))


def _search(board: Dashboard, request: Request) -> dict[str, Any]:
    entry = _entry(board, request, "search")
    best = board.scanner.scan().entries
    runs = [one.id for one in best.values() if one.path == entry.path / "best"]
    return {**describe_search(entry.path), "row": entry.row, "best": runs[0] if runs else None}


def _comparison(board: Dashboard, request: Request) -> dict[str, Any]:
    entry = _entry(board, request, "comparison")
    return {**describe_comparison(entry.path), "row": entry.row}


def _report_state(board: Dashboard, request: Request) -> dict[str, Any]:
    entry = _entry(board, request)
    return {"state": board.reports.state(entry.id), "reason": board.reports.failed.get(entry.id, "")}


def _make_report(board: Dashboard, request: Request, _given: dict[str, Any]) -> dict[str, Any]:
    entry = _entry(board, request)
    try:
        return {"state": board.reports.begin(entry.id, entry.path), "reason": ""}
    except Busy as busy:
        raise Refused(409, "busy") from busy


async def _report_page(board: Dashboard, request: Request) -> Response:
    try:
        entry = await run_in_threadpool(_entry, board, request)
    except Refused as refused:
        return _say(refused, request)
    path = board.reports.page(entry.id)
    if path is None:
        return _say(Refused(404, "no report"), request)
    return FileResponse(
        path, media_type="text/html", headers={"content-security-policy": SANDBOX, "x-frame-options": "SAMEORIGIN"}
    )


def _stop(board: Dashboard, request: Request, given: dict[str, Any]) -> dict[str, Any]:
    entry = _entry(board, request, "run")
    if entry.row.get("status") not in LIVE:
        raise Refused(409, "not trained", now=entry.row.get("status"))
    ask(entry.path, "stop now" if given.get("now") is True else "stop")
    return {"asked": True}


def _note(board: Dashboard, request: Request, given: dict[str, Any]) -> dict[str, Any]:
    entry = _entry(board, request)
    kept = write_notes(entry.path, given.get("note", ""), given.get("tags", []))
    board.scanner.scan(now=True)
    return kept
