"""A server with a door, in a thread of this process, and a plain client that sends what it is told to send."""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import uvicorn.server
from starlette.types import ASGIApp

from batchwright.pages import Door, secure
from batchwright.pages.serving import listen, make_door, make_server

PATIENCE = 0.1
"""Seconds that a server which ends waits for what it is asked."""


class _Awake:
    """`asyncio` as a server sees it that looks 20 times as often whether it is to end, and whether all have gone."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 20)


uvicorn.server.asyncio = _Awake()


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A running server; `said` has the lines that it printed."""

    def __init__(self, port: int, door: Any, said: list[str]) -> None:
        self.port, self.door, self.said = port, door, said
        self.cookie = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def link(self) -> str:
        return str(self.door.link(self.door.token))

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request; names of headers have "_" for "-"."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            given.setdefault("Cookie", self.cookie)
        connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
        if method == "POST":
            given.setdefault("Content-Length", str(len(body)))
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def enter(self) -> None:
        """Come in by the link, as a browser does."""
        answer = self.get(f"/?token={self.door.token}")
        assert answer.status == 200
        self.cookie = answer.headers["set-cookie"].partition(";")[0]

    def acting(self) -> dict[str, str]:
        """The headers of a page of this server that acts."""
        return {
            "Origin": self.address,
            "X_Batchwright_Acting": str(self.get("/api/session").json()["acting"]),
            "Content_Type": "application/json",
        }

    def post(self, path: str, given: object) -> Answer:
        """Act as the server's own page does."""
        return self.send("POST", path, json.dumps(given).encode(), **self.acting())


@contextmanager
def served(
    app: ASGIApp, *, read_only: bool = False, port: int | None = None, door: Door | None = None
) -> Iterator[Served]:
    """A server until the end of the block; with the port and the door of an earlier one, it is that one again."""
    said: list[str] = []
    with listen("127.0.0.1", port) as listening:
        port = listening.getsockname()[1]
        door = door or make_door("127.0.0.1", port, path="/", read_only=read_only, announce=said.append)
        server = make_server(secure(app, door))
        server.config.timeout_graceful_shutdown = PATIENCE
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        assert server.started
        try:
            yield Served(port, door, said)
        finally:
            server.should_exit = True
            thread.join(20)
