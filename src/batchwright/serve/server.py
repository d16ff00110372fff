"""The server from its start to its end."""

import gc
import socket
from collections.abc import Callable
from pathlib import Path

from batchwright.pages.security import ANYWHERE, LOCAL
from batchwright.pages.serving import Server, listen, make_door, quiet_config
from batchwright.serve.app import App
from batchwright.serve.entry import Entry
from batchwright.serve.limits import Limits
from batchwright.serve.patient import patient_protocol
from batchwright.serve.reloading import Reloading, find_run
from batchwright.serve.served import serve_run

COLLECT_AFTER = 50_000
"""New objects after which the collector looks, so that no look is long."""
GRACE = 30
"""Seconds that requests in progress have when the server is told to end."""
IDLE = 60
"""Seconds after which a connection is closed on which nothing is asked."""


def serve(
    path: Path,
    *,
    limits: Limits,
    host: str,
    port: int,
    token: str | None,
    watch: bool,
    announce: Callable[[str], None],
) -> None:
    """Answer requests by the model of a run until SIGTERM or Ctrl-C; what has been asked by then is answered.

    Args:
        path: the folder of a run, or one whose newest finished run is taken.
        limits: what is taken at most.
        host: the address to listen on.
        port: the port; 0 for one that is free.
        token: what requests have to carry; None where anybody may ask.
        watch: whether another run takes over when the folder has changed.
        announce: is told what a person has to know, a line each.

    Raises:
        UsageError: the port is in use, the host is no address of this machine, or the model cannot be served.
        RunError: there is no run, or it is damaged.
    """
    with listen(host, port or None, free="0") as listening:
        served = serve_run(find_run(path), limits.batch)
        bound = listening.getsockname()[1]
        door = make_door(host, bound, path="/", read_only=True, announce=announce)
        app = App(served, entry=Entry(token, door), limits=limits, announce=announce)
        reloading = Reloading(app, path, largest=limits.batch, watch=watch, announce=announce)
        app.background.append(reloading.run)
        gc.collect()
        gc.freeze()  # the collector need not look at what stays to the end: a look takes longer than an answer
        gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])

        def tell() -> None:
            for line in _said(host, bound, token, f"{served.path} (model {served.version})"):
                announce(line)

        config = quiet_config(
            app,
            http=patient_protocol(limits.seconds),
            lifespan="on",
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=GRACE,
        )
        Server(config, tell).run_quietly(listening)


def _said(host: str, port: int, token: str | None, what: str) -> list[str]:
    shown = socket.gethostname() if host in ANYWHERE else f"[{host}]" if ":" in host else host
    lines = [f"{what} answers at http://{shown}:{port}/predict; http://{shown}:{port}/ says how to ask"]
    if host not in LOCAL and token is None:
        lines.append(f"warning: whoever reaches {host}:{port} may ask; a token keeps others out")
    if host not in LOCAL:
        lines.append("warning: nothing is encrypted on the way; put a proxy with TLS before it")
    return lines
