"""The routes of the server, as a plain ASGI application: what comes often goes through few hands."""

import asyncio
import json
import time
import traceback
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from starlette.types import Receive, Scope, Send

from batchwright.serve.answering import Alone, Typed
from batchwright.serve.asked import Options, count_rows, options_of, parse_columns
from batchwright.serve.batches import Batches
from batchwright.serve.bodies import AGAIN, CLOSE, Bodies, LeftError
from batchwright.serve.entry import Entry
from batchwright.serve.limits import Limits
from batchwright.serve.measured import Measured
from batchwright.serve.media import JSON, Content, content_of, type_of_answer
from batchwright.serve.openapi import openapi
from batchwright.serve.page import page
from batchwright.serve.refusals import RefusedError, refuse_many
from batchwright.serve.replies import Answered, Reply, reply
from batchwright.serve.served import Served

PREDICT = "/predict"
OPEN = ("/health", "/ready")
"""What is answered without a token: whoever watches over the server asks whether it lives."""
SMALL, MANY = 1 << 16, 1000
"""Bytes of a body, and rows of an answer, that hold up other requests for no time that counts. A longer body is read in
another thread; that of a refused request is cut off."""


class App:
    """Answers requests by the model that is served now; another may take its place at any time.

    `background` is run beside, from the start to the end.
    """

    def __init__(self, served: Served, *, entry: Entry, limits: Limits, announce: Callable[[str], None]) -> None:
        self.served, self.measured = served, Measured()
        self.background: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._entry, self._limits, self._announce = entry, limits, announce
        self._bodies, self._batches = Bodies(limits), Batches(limits, self.measured)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live from start to end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        began, headers = time.perf_counter(), dict(scope["headers"])
        try:
            answer = await self._answer(scope, receive, headers)
        except LeftError:
            return
        except RefusedError as refusal:
            answer = _refused(refusal, headers)
        except Exception as error:
            self._announce(f"{scope['path']}: {''.join(traceback.format_exception(error))}")
            answer = _refused(RefusedError(500, "the server could not answer; its terminal says why."), headers)
        if scope["path"] == PREDICT:
            self.measured.count(answer.status, time.perf_counter() - began)
        await _send(answer, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        tasks = [asyncio.create_task(run()) for run in (self._batches.run, *self.background)]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        self._batches.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]) -> Reply:
        path, method = scope["path"], scope["method"]
        if path not in OPEN:
            self._entry.check(headers)
        if path == PREDICT:
            _require(method, "POST")
            return await self._predict(scope, receive, headers)
        if path not in PAGES:
            raise RefusedError(404, f"there is no {path!r:.80}: {PREDICT}, {', '.join(PAGES)} are there.")
        _require(method, "GET", "HEAD")
        return PAGES[path](self, headers.get(b"host", b"").decode("latin-1"))

    async def _predict(self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]) -> Reply:
        served, options = self.served, options_of(scope["query_string"])
        content = content_of(headers.get(b"content-type", b"").decode("latin-1"), served.takes)
        wanted = type_of_answer(_accepted(scope["headers"]))
        async with self._bodies.read(receive, headers) as body:
            if self.measured.waiting >= self._limits.waiting:
                raise RefusedError(503, f"{self.measured.waiting:,} requests wait already: come again.", headers=AGAIN)
            self.measured.waiting += 1
            try:
                answered = await self._ask(served, options, body, content)
            finally:
                self.measured.waiting -= 1
        rows = len(answered.lines)
        self.measured.rows += rows
        return reply(answered, wanted) if rows <= MANY else await asyncio.to_thread(reply, answered, wanted)

    async def _ask(self, served: Served, options: Options, body: bytes, content: Content) -> Answered:
        """The answer by the quick way, if all cells are usual and the rows fit into one batch; else by the long way."""
        if content.type == JSON and len(body) <= SMALL and served.usual is not None:
            columns = parse_columns(body)
            rows = count_rows(columns)
            refuse_many(rows, self._limits.rows)
            typed = served.usual.type_cells(columns) if rows <= min(self._limits.batch, served.usual.most) else None
            if typed is not None:
                return await self._batches.ask(Typed(served, options, typed, rows))
        return await self._batches.ask(Alone(served, options, body, content))


def _accepted(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """What is accepted, as one list; it may come in several headers."""
    return ", ".join(value.decode("latin-1") for name, value in headers if name == b"accept")


def _require(method: str, *allowed: str) -> None:
    if method not in allowed:
        listed = ", ".join(allowed)
        raise RefusedError(405, f"this takes {listed}, not {method!r:.20}.", headers={"allow": listed})


def _health(*_: object) -> Reply:
    return Reply(200, "text/plain; charset=utf-8", b"ok\n")


def _ready(app: App, _: str) -> Reply:
    told = {"run": str(app.served.path), "model": app.served.version}
    return Reply(200, JSON, json.dumps(told).encode())


def _metrics(app: App, _: str) -> Reply:
    text = app.measured.text(str(app.served.path), app.served.version)
    return Reply(200, "text/plain; version=0.0.4; charset=utf-8", text.encode())


def _openapi(app: App, _: str) -> Reply:
    return Reply(200, JSON, json.dumps(openapi(app.served), ensure_ascii=False, indent=1).encode())


def _page(app: App, host: str) -> Reply:
    return Reply(200, "text/html; charset=utf-8", page(app.served, host).encode())


PAGES: Mapping[str, Callable[[App, str], Reply]] = {
    "/": _page,
    "/openapi.json": _openapi,
    "/health": _health,
    "/ready": _ready,
    "/metrics": _metrics,
}
"""What is answered beside predictions, given the name by which the server was called."""


def _refused(refusal: RefusedError, headers: Mapping[bytes, bytes]) -> Reply:
    """What is sent in place of predictions; the connection ends where a large body may still be on its way."""
    stated = headers.get(b"content-length", b"0")
    large = b"transfer-encoding" in headers or (stated.isdigit() and int(stated) > SMALL)
    told = {**refusal.headers, **(CLOSE if large else {})}
    return Reply(refusal.status, JSON, refusal.body(), tuple(told.items()))


async def _send(answer: Reply, send: Send) -> None:
    head = (
        ("content-type", answer.type),
        ("content-length", str(len(answer.body))),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        *answer.headers,
    )
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in head]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
