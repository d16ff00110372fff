"""Nobody comes in without the link, from a foreign name or page, and nothing of a page goes elsewhere."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from tests.pages.servers import served

from batchwright.pages import Shell, static_route

DONE: list[bytes] = []


async def _session(request: Request) -> Response:
    return JSONResponse({"acting": request.scope["state"]["acting"]})


async def _act(request: Request) -> Response:
    DONE.append(await request.body())
    return PlainTextResponse("done")


async def _fail(request: Request) -> Response:
    raise ZeroDivisionError("secret of the inside")


def _app() -> Starlette:
    shell = Shell("a page", "/static/pages/dom.js")
    return Starlette(
        routes=[
            Route("/", shell.answer),
            Route("/api/session", _session),
            Route("/act", _act, methods=["POST"]),
            Route("/fail", _fail),
            static_route({}),
        ]
    )


@pytest.fixture(scope="module")
def server():
    with served(_app()) as running:
        running.enter()
        yield running


@pytest.fixture
def stranger(server):
    """The same server for who has not come in."""
    kept, server.cookie = server.cookie, ""
    yield server
    server.cookie = kept


@pytest.mark.parametrize("path", ["/", "/api/session", "/static/pages/style.css", "/nothing", "/?token=wrong"])
def test_nothing_is_told_without_the_link(stranger, path):
    answer = stranger.get(path)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers
    assert "link" in answer.text


def test_a_link_opens_one_browser_and_the_next_one_is_printed(server):
    used = server.door.token
    kept, server.cookie = server.cookie, ""
    first = server.get(f"/?token={used}&filter=a%22b")
    assert first.status == 200
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and f"batchwright-{server.port}=" in cookie
    assert used not in first.text and 'url=/?filter=a%22b"' in first.text
    assert server.get(f"/?token={used}").status == 403
    assert server.door.token != used and server.door.token in server.said[-1]
    server.cookie = cookie.partition(";")[0]
    assert server.get("/").status == 200
    server.cookie = kept
    assert server.get("/").status == 200, "the first browser stays in"
    assert server.get(f"/?token={used}").status == 200, "who is in may use an old link"


@pytest.mark.parametrize("cookie", ["batchwright-1=x", "=", ";;;", "a=b; c", "batchwright=\x80"])
def test_other_cookies_let_nobody_in(server, cookie):
    assert server.get("/", Cookie=cookie).status == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost.evil"]
)
def test_a_foreign_name_is_refused_even_with_the_cookie(server, host):
    assert server.get("/", Host=host).status == 421


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost", "LOCALHOST:8080", "[::1]:80"])
def test_a_tunnel_may_have_another_port(server, host):
    assert server.get("/", Host=host).status == 200


def test_what_acts_needs_origin_and_secret(server):
    good = server.acting()
    before = len(DONE)
    for name, value in (
        ("Origin", None),
        ("Origin", "null"),
        ("Origin", "http://evil.example"),
        ("Origin", f"http://127.0.0.1:{server.port + 1}"),
        ("Origin", f"http://localhost:{server.port}"),
        ("X_Batchwright_Acting", None),
        ("X_Batchwright_Acting", "wrong"),
    ):
        headers = {key: one for key, one in good.items() if key != name} | ({name: value} if value else {})
        assert server.send("POST", "/act", b"{}", **headers).status == 403, (name, value)
    assert len(DONE) == before
    assert server.send("POST", "/act", b"{}", **good).status == 200
    assert len(DONE) == before + 1
    assert server.get("/act").status == 405


@pytest.mark.parametrize("length", ["70000", "-1", "x", "１"])
def test_a_body_is_small_and_its_length_is_said(server, length):
    try:
        status = server.send("POST", "/act", b"{}", **server.acting(), Content_Length=length.encode()).status
    except (ConnectionError, UnicodeError):
        status = 400
    assert status in (400, 413)


def test_a_request_of_another_page_is_not_answered(server):
    assert server.get("/api/session", Sec_Fetch_Site="cross-site").status == 403
    assert server.get("/api/session", Sec_Fetch_Site="same-site").status == 403
    assert server.get("/api/session", Sec_Fetch_Site="same-origin").status == 200
    opened = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert server.get("/", **opened).status == 200
    assert server.get("/", **opened | {"Sec_Fetch_Dest": "iframe"}).status == 403


@pytest.mark.parametrize("path", ["/", "/api/session", "/static/pages/dom.js", "/nothing", "/fail"])
def test_every_answer_is_sealed_off(server, path):
    headers = server.get(path, Origin="http://evil.example").headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/../security.py",
        "/static/pages/../security.py",
        "/static/pages/%2e%2e/security.py",
        "/static//etc/passwd",
        "/static/pages/..%2fsecurity.py",
        "/static/%2fetc%2fpasswd",
        "/static/pages/",
        "/static/pages/uplot/LICENSE",
    ],
)
def test_no_path_leads_out(server, path):
    assert server.get(path).status == 404


def test_an_error_inside_is_a_sentence_and_the_server_goes_on(server):
    answer = server.get("/fail")
    assert answer.status == 500
    assert "secret" not in answer.text and "Traceback" not in answer.text
    assert any("ZeroDivisionError" in line for line in server.said)
    assert server.get("/").status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_not_answered(server, method):
    assert server.send(method, "/").status == 405


def test_read_only_lets_nothing_act():
    with served(_app(), read_only=True) as running:
        running.enter()
        before = len(DONE)
        assert running.post("/act", {}).status == 403
        assert len(DONE) == before


def test_a_file_is_sent_once(server):
    first = server.get("/static/pages/style.css")
    assert first.headers["content-type"].startswith("text/css")
    assert server.get("/static/pages/style.css", If_None_Match=first.headers["etag"]).status == 304


@pytest.mark.parametrize(
    ("query", "asked", "language"),
    [
        ("", "zh-CN,zh;q=0.9", "zh"),
        ("", "fr,en;q=0.5", "en"),
        ("?lang=zh", "en", "zh"),
        ("?lang=%22><script>", "de", "en"),
    ],
)
def test_the_page_has_the_language_that_is_asked_for(server, query, asked, language):
    answer = server.get(f"/{query}", Accept_Language=asked)
    assert f'<html lang="{language}">' in answer.text
    assert "<script>" not in answer.text
