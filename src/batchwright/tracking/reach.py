"""Ask a server for an answer before a client does, which would try for minutes where there is none."""

from batchwright.errors import UsageError
from batchwright.tracking.tracker import hide_passwords

CONNECT = 5.0
"""Seconds in which a server has to answer at all."""


def require_answer(uri: str) -> None:
    """Ask for a page, and take any answer; an address that is not of the web is left alone.

    Raises:
        UsageError: nothing answers.
    """
    if not uri.startswith(("http://", "https://")):
        return
    import requests

    try:
        requests.get(uri, timeout=CONNECT).close()
    except requests.exceptions.RequestException as error:
        raise UsageError(f"no server answers at {hide_passwords(uri)} ({type(error).__name__})") from error
