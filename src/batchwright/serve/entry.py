"""Who may ask: whoever has the token, or, where there is none, whoever calls the server by a name of its own."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from batchwright.pages.security import Door
from batchwright.serve.refusals import RefusedError

ASK = {"www-authenticate": 'Basic realm="batchwright", Bearer'}
"""By the first, a browser asks for a password, which is the token."""


@dataclass(frozen=True)
class Entry:
    """Checks each request.

    Args:
        token: what requests have to carry; None where anybody may ask.
        door: knows the names by which the server may be called, so that without a token no page of another name can
            ask through a browser on this machine.
    """

    token: str | None
    door: Door

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Raise a RefusedError if a request may not be answered."""
        if self.token is None:
            if not self.door.knows(headers.get(b"host", b"").decode("latin-1")):
                raise RefusedError(421, "this server is called by another name; with a token, any name will do.")
            return
        given = _given(headers.get(b"authorization", b""))
        if not secrets.compare_digest(given, self.token.encode()):
            raise RefusedError(401, "send the token of this server: `Authorization: Bearer TOKEN`.", headers=ASK)


def _given(header: bytes) -> bytes:
    """The token in a header, as a bearer's or as a password."""
    kind, _, rest = header.strip().partition(b" ")
    if kind.lower() == b"bearer":
        return rest.strip()
    if kind.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
