"""Who may come in: one browser for each printed link, from a known host, and nobody who acts from another page.

A page on 127.0.0.1 can be reached by every program of this machine, and by every page that is open in its browsers.
Therefore a link is good once, for a cookie that no script reads; the `Host` of a request has to be known, so that a
foreign name that points to this machine is refused; and what acts comes from our own page, with a second secret.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = ("127.0.0.1", "localhost", "::1")
ANYWHERE = ("0.0.0.0", "::", "")
"""Hosts that listen on every address of the machine."""
MOST_BODY = 1 << 16
"""Bytes of what a page may send."""
MOST_SESSIONS = 64
"""Browsers that are let in at once; one more puts out the one that came first."""
ACTING = "x-batchwright-acting"
"""The header with the secret of a page that acts."""
TOKEN = "token"
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
NO_ICON = '<link rel="icon" href="data:,">'
"""So that a browser does not look for an icon, which it would not get."""
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass
class Door:
    """Lets browsers in: each with a link that is good once.

    Args:
        hosts: names and addresses by which the server may be called, beside those of this machine for itself.
        any_address: whether any address in numbers may be used, as where the server listens on all of them. No foreign
            name can be an address in numbers.
        read_only: whether nothing may act.
        announce: is told what a person has to know, a line each.
    """

    hosts: tuple[str, ...] = ()
    any_address: bool = False
    read_only: bool = False
    announce: Callable[[str], None] = print
    link: Callable[[str], str] = field(default=lambda token: f"/?token={token}")
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    sessions: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def knows(self, host: str) -> bool:
        """Whether a server may be called by this value of `Host`; its port does not matter, as of a tunnel."""
        name = _without_port(host)
        if name in LOCAL or name in {known.lower() for known in self.hosts}:
            return True
        return self.any_address and _is_address(name)

    def enter(self, token: str) -> str | None:
        """A new session for the token of the link, which is then used up; None for any other token."""
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return None
        self.token = secrets.token_urlsafe(32)
        session = secrets.token_urlsafe(32)
        self.sessions[session] = secrets.token_urlsafe(32)
        while len(self.sessions) > MOST_SESSIONS:
            self.sessions.popitem(last=False)
        self.announce(f"the link is used. For another browser: {self.link(self.token)}")
        return session

    def acting(self, session: str) -> str:
        """The secret of a page that acts, of a session that there is."""
        return self.sessions[session]


def secure(app: ASGIApp, door: Door) -> ASGIApp:
    """The application behind the door: every request is checked before it gets there, every answer is sealed off."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no sockets, and nothing is done at start and end
        headers = Headers(scope=scope)
        answer = _refusal(scope, headers, door)
        session = _session(headers, door)
        if answer is None:
            answer = _entrance(scope, door, session)
        if answer is None and scope["method"] == "POST":
            answer = _refusal_to_act(headers, door, session or "")
        started, sealed = False, _seal(send)

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await sealed(message)

        if answer is not None:
            await answer(scope, receive, sealed)
            return
        scope["state"] = {**scope.get("state", {}), "acting": door.acting(session or ""), "read_only": door.read_only}
        try:
            await app(scope, receive, noted)
        except Exception as error:  # a person gets a sentence, and the server goes on
            door.announce(f"{scope['path']}: {type(error).__name__}: {error}")
            if not started:
                await PlainTextResponse("The server could not answer; its terminal says why.", 500)(
                    scope, receive, sealed
                )

    return guarded


def _refusal(scope: Scope, headers: Headers, door: Door) -> Response | None:
    """Why a request is refused, whoever sends it."""
    if not door.knows(headers.get("host", "")):
        return _say(421, "This server is called by another name. Use the link in its terminal.")
    if scope["method"] not in ("GET", "HEAD", "POST"):
        return _say(405, "Only GET and POST are answered.")
    site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
    opened = scope["method"] == "GET" and mode == "navigate" and headers.get("sec-fetch-dest") == "document"
    if site not in (None, "same-origin", "none") and not opened:
        return _say(403, "Another page has asked for this, and it is not told.")
    return None


def _entrance(scope: Scope, door: Door, session: str | None) -> Response | None:
    """The answer to a link, and to who has none; None for who is in."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    token = query.pop(TOKEN, [""])[-1]
    if scope["method"] == "GET" and token:
        entered = door.enter(token)
        if entered is not None or session is not None:
            rest = urlencode(query, doseq=True)
            answer = _go_on(scope["path"] + (f"?{rest}" if rest else ""))
            if entered is not None:
                answer.set_cookie(_cookie_name(scope), entered, httponly=True, samesite="strict", path="/")
            return answer
        return _page(403, "This link has been used", "Each link opens one browser. The newest is in the terminal.")
    if session is None:
        return _page(403, "Not open here", "Open the link that the terminal shows; it lets this browser in.")
    return None


def _refusal_to_act(headers: Headers, door: Door, session: str) -> Response | None:
    """Why a request that acts is refused."""
    if door.read_only:
        return _say(403, "The server was started to be read only.")
    if headers.get("origin") not in (f"http://{headers.get('host')}", f"https://{headers.get('host')}"):
        return _say(403, "Only this server's own pages may act.")
    if not secrets.compare_digest(headers.get(ACTING, "").encode(), door.acting(session).encode()):
        return _say(403, "The page is from before the server was started again: load it anew.")
    length = headers.get("content-length", "")
    if not length.isascii() or not length.isdecimal() or int(length) > MOST_BODY:
        return _say(413, f"At most {MOST_BODY:,} bytes are taken, and their number has to be said.")
    return None


def _session(headers: Headers, door: Door) -> str | None:
    """The session that a cookie names, if it is one of this server."""
    try:
        values = [morsel.value for morsel in SimpleCookie(headers.get("cookie", "")).values()]
    except CookieError:
        return None
    return next((session for session in door.sessions for value in values if _same(value, session)), None)


def _same(value: str, session: str) -> bool:
    return secrets.compare_digest(value.encode(), session.encode())


def _cookie_name(scope: Scope) -> str:
    """Cookies of one name are the same for all ports of a host, and two servers must not disturb each other."""
    server: Sequence[object] = scope.get("server") or ("", 0)
    return f"batchwright-{server[1]}"


def _seal(send: Send) -> Send:
    """Adds the headers that keep a page to itself, where the answer has no other ones."""

    async def sealed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sealed


def _go_on(path: str) -> HTMLResponse:
    """A page that opens another at once.

    A redirect would not do: after a link from a foreign page, a browser would follow it without the cookie.
    """
    safe = "/" + path.lstrip("/\\")
    quoted = safe.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
    return HTMLResponse(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={quoted}">'
        f'{NO_ICON}<title>batchwright</title><a href="{quoted}">go on</a>'
    )


def _page(status: int, title: str, words: str) -> HTMLResponse:
    """A page of two lines, without anything that would have to be loaded."""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"{NO_ICON}<title>{title}</title><h1>{title}</h1><p>{words}</p></html>",
        status,
    )


def _say(status: int, words: str) -> PlainTextResponse:
    return PlainTextResponse(words, status)


def _without_port(host: str) -> str:
    """The name in a value of `Host`.

    >>> _without_port("LocalHost:8000"), _without_port("[::1]:8000"), _without_port("::1")
    ('localhost', '::1', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.lower() if host.count(":") > 1 else host.partition(":")[0].lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
