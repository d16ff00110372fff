"""The server's socket, and what is said about it."""

import socket

import pytest
from starlette.applications import Starlette

from batchwright.errors import UsageError
from batchwright.pages.security import Door
from batchwright.pages.serving import listen, make_door, serve


def test_a_port_in_use_is_said_with_what_to_do():
    with listen("127.0.0.1", None) as first:
        port = first.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is in use by another program: give another"):
            listen("127.0.0.1", port)
        with pytest.raises(UsageError, match="give another, or 0 for one that is free"):
            listen("127.0.0.1", port, free="0")


def test_a_host_that_is_not_of_this_machine_is_refused():
    with pytest.raises(UsageError, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", None)
    with pytest.raises(UsageError, match="no address of this machine"):
        listen("no such host.invalid", None)


def test_it_listens_to_this_machine_alone_on_a_free_port():
    with listen("127.0.0.1", None) as one, listen("127.0.0.1", None) as other:
        assert one.getsockname()[0] == "127.0.0.1"
        assert one.getsockname()[1] != other.getsockname()[1]


def test_the_link_and_the_way_from_elsewhere_are_printed(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr("batchwright.pages.serving.Server.run_quietly", lambda server, _: server._ready())
    serve(Starlette(), name="pages", announce=said.append)
    port = said[0].partition("127.0.0.1:")[2].partition("/")[0]
    assert said[0].startswith(f"pages: http://127.0.0.1:{port}/?token=")
    assert f"ssh -L {port}:127.0.0.1:{port}" in said[1]
    assert not any("warning" in line for line in said)


def test_another_host_is_warned_of(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr("batchwright.pages.serving.Server.run_quietly", lambda server, _: server._ready())
    serve(Starlette(), name="pages", announce=said.append, host="0.0.0.0")
    assert "warning: whoever reaches" in said[1] and "encrypted" in said[1]


def test_which_names_are_known():
    here, everywhere = make_door("127.0.0.1", 1, path="/", read_only=False, announce=print), Door(any_address=True)
    assert here.knows("localhost:5") and not here.knows("192.168.0.5:5")
    assert everywhere.knows("192.168.0.5:5") and not everywhere.knows("evil.example")
    named = make_door("192.168.0.5", 1, path="/", read_only=False, announce=print)
    assert named.knows("192.168.0.5:1") and named.knows(socket.gethostname()) and not named.knows("192.168.0.6")
