"""Chromium as a person uses it: a page is opened, clicked and typed into, and looked at, over DevTools' pipe.

A pipe needs no library and no port. `Page.console` has every error and warning that the page has caused.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import util
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    *(
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--hide-scrollbars",
    ),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    *("--disable-extensions", "--mute-audio", "--remote-debugging-pipe"),
)
PATIENCE = 20.0
KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    " ": (32, " "),
    "Escape": (27, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}


def find_chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A Chromium without a window, in a fresh profile; `before` is a script that each page runs before its own."""

    def __init__(self, folder: Path, before: str = "") -> None:
        (read_there, write_here), (read_here, write_there) = os.pipe(), os.pipe()
        ours = [fcntl.fcntl(one, fcntl.F_DUPFD, 30) for one in (read_there, write_there)]
        command = ["bash", "-c", f'exec "$0" "$@" 3<&{ours[0]} 4>&{ours[1]}', find_chromium() or "chromium", *QUIET]
        command += [f"--user-data-dir={folder / 'profile'}", "about:blank"]
        self.process = subprocess.Popen(
            command, pass_fds=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        for one in (*ours, read_there, write_there):
            os.close(one)
        self._in, self._out = write_here, read_here
        self._rest = b""
        self._number = 0
        self._before = before
        self.pages: dict[str, Page] = {}

    def send(self, method: str, session: str | None = None, **params: Any) -> Any:
        """Send a command, and wait for its result; what is told meanwhile goes to its page."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._in, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for told in self.hear(until - time.monotonic()):
                if told.get("id") == number:
                    if "error" in told:
                        raise AssertionError(f"{method}: {told['error']}")
                    return told["result"]
        raise AssertionError(f"{method} was not answered")

    def hear(self, seconds: float) -> list[dict[str, Any]]:
        """What is told within some seconds."""
        if b"\0" not in self._rest:
            ready, _, _ = select.select([self._out], [], [], max(seconds, 0))
            if not ready:
                return []
            self._rest += os.read(self._out, 1 << 20)
        *whole, self._rest = self._rest.split(b"\0")
        found = [json.loads(one) for one in whole]
        for told in found:
            page = self.pages.get(told.get("sessionId", ""))
            if page is not None and "method" in told:
                page.note(told["method"], told["params"])
        return found

    def open(self, address: str, *, width: int = 1300, height: int = 900, dark: bool = False) -> "Page":
        """A new page."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session, target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        page.send("Page.addScriptToEvaluateOnNewDocument", source=self._before)
        page.look_like(width=width, height=height, dark=dark)
        page.go(address)
        return page

    def close(self) -> None:
        with suppress(OSError, AssertionError):
            os.write(self._in, json.dumps({"id": 10**6, "method": "Browser.close"}).encode() + b"\0")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._in)
        os.close(self._out)


class Page:
    """A page: what a person does with it, and what it says."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser, self._session, self._target = browser, session, target
        self.console: list[str] = []
        self.requests: list[str] = []
        self._loaded = False

    def send(self, method: str, **params: Any) -> Any:
        return self._browser.send(method, self._session, **params)

    def note(self, method: str, params: dict[str, Any]) -> None:
        """Keep what the page has told."""
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.console.append(f"{details.get('text')} {details.get('exception', {}).get('description', '')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.console.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.console.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Page.javascriptDialogOpening":
            self._browser._number += 1
            message = {"id": self._browser._number, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
            os.write(self._browser._in, json.dumps(message | {"sessionId": self._session}).encode() + b"\0")

    def look_like(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def go(self, address: str) -> None:
        self._loaded = False
        self.send("Page.navigate", url=address)
        until = time.monotonic() + PATIENCE
        while not self._loaded and time.monotonic() < until:
            self._browser.hear(0.2)

    def run(self, script: str) -> Any:
        """The value of an expression in the page; promises are waited for."""
        found = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise AssertionError(found["exceptionDetails"].get("exception", {}).get("description", found))
        return found["result"].get("value")

    def wait(self, script: str, seconds: float = PATIENCE) -> Any:
        """The value of an expression, once it is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(AssertionError):  # the page may be on its way to another
                found = self.run(script)
                if found or isinstance(found, dict):  # an element has no value of its own
                    return found
            self._browser.hear(0.02)
        raise AssertionError(f"never true: {script}\n{self.text()}\n{self.console}")

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        place = self.run(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)}); "
            "it.scrollIntoView({block: 'center', behavior: 'instant'});"
            " const box = it.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2] })()"
        )
        self.click_at(*place)

    def click_at(self, x: float, y: float) -> None:
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press at one place, move, and let go at another."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=start[0], y=start[1])
        self.send("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1], button="left", clickCount=1)
        for share in (0.25, 0.5, 0.75, 1.0):
            x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
            self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], button="left", clickCount=1)

    def press(self, *keys: str) -> None:
        """Press keys by name, one after the other."""
        for key in keys:
            code, text = KEYS.get(key, (ord(key.upper()[0]), key))
            given = {"key": key, "windowsVirtualKeyCode": code, "code": key if len(key) > 1 else ""}
            self.send("Input.dispatchKeyEvent", type="keyDown", **given, **({"text": text} if text else {}))
            self.send("Input.dispatchKeyEvent", type="keyUp", **given)

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        found = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def axe(self) -> list[list[str]]:
        """What axe finds: the rule, how grave, and where; None of it should be serious."""
        found = util.find_spec("axe_core_python")
        assert found is not None and found.origin is not None
        self.run((Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8") + ";0")
        return self.run(  # type: ignore[no-any-return]
            "axe.run({resultTypes: ['violations']}).then(found => found.violations.map("
            "one => [one.id, one.impact, one.nodes.slice(0, 3).map(node => node.html).join(' | ')]))"
        )

    def close(self) -> None:
        self._browser.send("Target.closeTarget", targetId=self._target)
        self._browser.pages.pop(self._session, None)


@contextmanager
def chromium(folder: Path, before: str = "") -> Iterator[Browser]:
    """A browser until the end of the block."""
    browser = Browser(folder, before)
    try:
        yield browser
    finally:
        browser.close()
