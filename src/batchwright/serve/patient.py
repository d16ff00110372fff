"""Connections that send the head of a request too slowly, or without end, are closed: nobody holds one for ever."""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

END = b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_SLOW, TOO_LONG = b"HTTP/1.1 408 Request Timeout" + END, b"HTTP/1.1 431 Request Header Fields Too Large" + END
LONGEST = 1 << 16
"""Bytes of the head of a request."""

_Base: Any = AutoHTTPProtocol


class Patient(_Base):  # type: ignore[misc]
    """Uvicorn's protocol of HTTP, which waits `seconds` for the head of a request, the first or a later one."""

    seconds: float
    _clock: asyncio.TimerHandle | None = None
    _came = 0
    """Bytes that came since a head is awaited."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._came += len(data)
        super().data_received(data)
        self._watch()
        if self._clock is not None and self._came > LONGEST:
            self._close(TOO_LONG)

    def connection_lost(self, error: Exception | None) -> None:
        """Wait no longer."""
        self._stop()
        super().connection_lost(error)

    def _watch(self) -> None:
        """Start the clock where a head is awaited and it is not running; stop it where there is a request."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._clock is None:
            self._clock = self.loop.call_later(self.seconds, self._close, TOO_SLOW)

    def _stop(self) -> None:
        self._came = 0
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _close(self, why: bytes) -> None:
        self._stop()
        if not self.transport.is_closing():
            self.transport.write(why)
            self.transport.close()


def patient_protocol(seconds: float) -> type[asyncio.Protocol]:
    """The protocol with this limit of time."""
    return type("Limited", (Patient,), {"seconds": seconds})
