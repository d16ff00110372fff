"""The server: a socket that nobody else sees, the link that is printed, and an end without noise."""

import errno
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from batchwright.errors import UsageError
from batchwright.pages.security import ANYWHERE, LOCAL, TOKEN, Door, secure

HOST = "127.0.0.1"
MOST_REQUESTS = 256
"""Requests that are answered at once; further ones are told to come again."""
LONGEST_HEADERS = 1 << 16


def serve(
    app: ASGIApp,
    *,
    name: str,
    announce: Callable[[str], None],
    host: str = HOST,
    port: int | None = None,
    read_only: bool = False,
    opens: bool = False,
    path: str = "/",
) -> None:
    """Serve an application until Ctrl-C.

    Args:
        app: the application; it need not check who asks.
        name: what the link opens, in words, as "the dashboard of runs".
        announce: is told what a person has to know, a line each: the link first.
        host: the address to listen on; others than this machine's own are warned of.
        port: the port; None for one that is free.
        read_only: whether nothing may act.
        opens: whether the link is opened in a browser, where there is one.
        path: where the link leads.

    Raises:
        UsageError: the port is in use or not allowed, or the host is no address of this machine.
    """
    with listen(host, port) as listening:
        bound = listening.getsockname()[1]
        door = make_door(host, bound, path=path, read_only=read_only, announce=announce)
        link = door.link(door.token)

        def tell() -> None:
            for line in (f"{name}: {link}", *_advice(host, bound)):
                announce(line)
            if opens and has_browser():
                threading.Thread(target=_open, args=(link,), daemon=True).start()

        make_server(secure(app, door), tell).run_quietly(listening)


def _open(link: str) -> None:
    with suppress(webbrowser.Error):
        webbrowser.open(link)


def make_door(host: str, port: int, *, path: str, read_only: bool, announce: Callable[[str], None]) -> Door:
    """The door of a server that listens there."""
    shown = HOST if host in ANYWHERE else f"[{host}]" if ":" in host else host
    return Door(
        hosts=(host, socket.gethostname(), socket.getfqdn()) if host not in LOCAL else (),
        any_address=host in ANYWHERE,
        read_only=read_only,
        announce=announce,
        link=lambda token: f"http://{shown}:{port}{path}{'&' if '?' in path else '?'}{TOKEN}={token}",
    )


class Server(uvicorn.Server):
    """A server that ends at Ctrl-C without a word, whoever is still looking; `ready` is called once it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self._ready()

    def run_quietly(self, listening: socket.socket) -> None:
        """Answer until Ctrl-C, or until the process is told to end."""
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with suppress(KeyboardInterrupt):
                self.run(sockets=[listening])
        finally:
            signal.signal(signal.SIGTERM, before)


def make_server(app: ASGIApp, ready: Callable[[], None] = lambda: None) -> Server:
    """A server for an application; it prints nothing."""
    config = quiet_config(
        app,
        lifespan="off",
        limit_concurrency=MOST_REQUESTS,
        h11_max_incomplete_event_size=LONGEST_HEADERS,
        timeout_graceful_shutdown=1,
    )
    return Server(config, ready)


def quiet_config(app: ASGIApp, **different: Any) -> uvicorn.Config:
    """What all servers have in common: they print nothing, say nothing of themselves, and believe no proxy."""
    return uvicorn.Config(
        app, log_level="critical", access_log=False, ws="none", server_header=False, proxy_headers=False, **different
    )


def listen(host: str, port: int | None, *, free: str = "none") -> socket.socket:
    """A socket that listens there; `free` is what a user gives as port to have one that is free.

    Raises:
        UsageError: the port is in use or not allowed, or the host is no address of this machine.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host or None, port or 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
    except OSError as error:
        raise UsageError(f"{host} is no address of this machine ({error.strerror or error}).") from error
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise UsageError(_why_not(error, host, port, free)) from error
    return listening


def _why_not(error: OSError, host: str, port: int | None, free: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program: give another, or {free} for one that is free."
    if error.errno == errno.EACCES:
        return f"port {port} needs the rights of an administrator: give one from 1024 to 65535, or {free}."
    return f"{host} cannot be listened on ({error.strerror or error}); 127.0.0.1 is this machine alone."


def _advice(host: str, port: int) -> list[str]:
    """What to know beside the link."""
    here = f"{os.environ.get('USER') or 'USER'}@{socket.gethostname()}"
    tunnel, last = f"ssh -L {port}:127.0.0.1:{port} {here}", "each link opens one browser; Ctrl-C ends the server"
    if host in LOCAL:
        return [f"from another machine: {tunnel}   and open the same link there", last]
    warning = f"warning: whoever reaches {host}:{port} and has a link sees all of it; nothing is encrypted on the way"
    safer = f"safer: leave --host out, and use {tunnel}"
    elsewhere = f"on another machine, put {socket.gethostname()} in place of 127.0.0.1 in the link"
    return [warning, safer, *([elsewhere] if host in ANYWHERE else []), last]


def has_browser() -> bool:
    """Whether a window can be opened here; a browser of text would take the terminal."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
