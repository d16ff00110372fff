"""The body of a request, read within limits of size, time and memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.types import Receive

from batchwright.serve.limits import Limits
from batchwright.serve.refusals import RefusedError

CLOSE = {"connection": "close"}
"""Sent where a body is not read to its end, so that nothing more of it comes."""
AGAIN = {"retry-after": "1"}


class LeftError(Exception):
    """Whoever asked has closed the connection; nobody is answered."""


class Bodies:
    """Reads bodies, and knows how many bytes of them are in memory."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._held = limits, 0

    @asynccontextmanager
    async def read(self, receive: Receive, headers: Mapping[bytes, bytes]) -> AsyncIterator[bytes]:
        """The body, which counts as held until the end of the block.

        Raises:
            RefusedError: it is packed, too large, sent too slowly, or there is no memory for it now.
            LeftError: the connection is closed.
        """
        self._refuse_stated(headers)
        parts = list[bytes]()
        try:
            await self._fill(parts, receive)
            yield parts[0] if len(parts) == 1 else b"".join(parts)
        finally:
            self._held -= sum(map(len, parts))

    async def _fill(self, parts: list[bytes], receive: Receive) -> None:
        """Read the body into `parts`."""
        size, more = 0, True
        try:
            async with asyncio.timeout(self._limits.seconds):
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise LeftError
                    part, more = message["body"], message["more_body"]
                    parts.append(part)
                    size += len(part)
                    self._held += len(part)
                    self._refuse_size(size)
        except TimeoutError as error:
            told = f"the request was not sent within {self._limits.seconds:g} seconds."
            raise RefusedError(408, told, headers=CLOSE) from error

    def _refuse_stated(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse by the head of a request, before anything of its body is read."""
        packed = headers.get(b"content-encoding", b"identity").decode("latin-1")
        if packed != "identity":
            raise RefusedError(415, f"the body is packed by {packed!r:.40}: send it as it is.", headers=CLOSE)
        stated = headers.get(b"content-length", b"0")
        self._refuse_size(int(stated) if stated.isdigit() else 0)

    def _refuse_size(self, size: int) -> None:
        if size > self._limits.body:
            told = f"the request is larger than the {self._limits.body:,} bytes that are taken: send fewer rows."
            raise RefusedError(413, told, headers=CLOSE)
        if self._held > self._limits.held:
            raise RefusedError(503, "other requests fill the memory: come again.", headers=CLOSE | AGAIN)
