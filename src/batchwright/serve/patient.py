"""Connections that send the head of a request too slowly are closed, so that nobody holds one for ever."""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def patient_protocol(seconds: float) -> type[asyncio.Protocol]:
    """Uvicorn's protocol of HTTP, with a limit of time for the head of each request."""
    base: Any = AutoHTTPProtocol

    class Patient(base):  # type: ignore[misc]
        """Waits for the head of a request this long: of the first one from the connection on."""

        _clock: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, error: Exception | None) -> None:
            self._stop()
            super().connection_lost(error)

        def _watch(self) -> None:
            """Start the clock where a head is awaited and it is not running; stop it where there is a request."""
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop()
            elif self._clock is None:
                self._clock = self.loop.call_later(seconds, self._close)

        def _stop(self) -> None:
            if self._clock is not None:
                self._clock.cancel()
                self._clock = None

        def _close(self) -> None:
            self._clock = None
            if not self.transport.is_closing():
                self.transport.write(TOO_SLOW)
                self.transport.close()

    return Patient
