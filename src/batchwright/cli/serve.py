"""`batchwright serve`: the predictions of a saved run over HTTP."""

import os
from pathlib import Path
from typing import Annotated

import typer

from batchwright.cli.output import say
from batchwright.errors import UsageError

TOKEN = "BATCHWRIGHT_TOKEN"
"""The variable of the environment that holds the token."""
SHORTEST = 16
"""Characters of a token: fewer could be guessed."""


def serve(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="the folder of a run, or one whose newest finished run is taken")
    ],
    host: Annotated[str, typer.Option(help="the address to listen on; others than this are warned of")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="the port; 0: one that is free")] = 8000,
    token: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"the file of the token that requests carry [{TOKEN}]")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="take a newer or changed run when there is one")] = False,
    max_body: Annotated[str, typer.Option(metavar="SIZE", help="the most bytes of a request")] = "16MB",
    max_rows: Annotated[int, typer.Option(min=1, help="the most rows of a request")] = 100_000,
    max_batch: Annotated[
        int, typer.Option(min=1, max=4096, help="the most rows that go through the network together, a power of two")
    ] = 256,
    max_waiting: Annotated[int, typer.Option(min=1, help="the most requests that wait; others get 503")] = 256,
    timeout: Annotated[float, typer.Option(min=0.1, help="the seconds within which a request has to be sent")] = 30.0,
    max_pixels: Annotated[
        int, typer.Option(min=1, max=178_956_970, help="the most pixels of the images of a request, as they are sent")
    ] = 50_000_000,
) -> None:
    """Answer requests for predictions over HTTP: rows or images to POST /predict; / says how to ask."""
    if max_batch & (max_batch - 1):
        raise UsageError(f"--max-batch {max_batch} is no power of two, as 256: each size up to it is compiled before.")
    from batchwright.data.disk.budget import parse_size
    from batchwright.serve.limits import Limits
    from batchwright.serve.server import serve as answer

    limits = Limits(parse_size(max_body), max_rows, max_batch, max_waiting, timeout, max_pixels)
    answer(run, limits=limits, host=host, port=port, token=_token(token), watch=watch, announce=say)


def _token(file: Path | None) -> str | None:
    """The token in a file or in the environment; None if there is none.

    Raises:
        UsageError: it cannot be read, or is too short.
    """
    try:
        found = os.environ.get(TOKEN) if file is None else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token {file}: the file cannot be read ({error}).") from error
    if found is None:
        return None
    token = found.strip()
    if len(token) < SHORTEST or any(sign.isspace() or not sign.isascii() for sign in token):
        where = TOKEN if file is None else f"--token {file}"
        raise UsageError(
            f"{where}: a token has {SHORTEST} characters or more, all of ASCII and none a blank; "
            "`openssl rand -hex 16` makes one."
        )
    return token
