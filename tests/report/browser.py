"""Chromium without a window, as it is on the machine: what a page says on the console, loads and becomes."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
)
ITS_OWN = re.compile(r"^https?://([\w-]+\.)*(google|googleapis|gstatic|gvt1)\.com/")


class Opened(NamedTuple):
    """The page after its scripts, the lines on the console, and the addresses that were asked for."""

    text: str
    console: list[str]
    requests: list[str]


def find_chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def open_page(page: Path, folder: Path, *options: str, width: int = 1200) -> Opened:
    """Open a page in a fresh profile."""
    log = folder / "net.json"
    command = [
        find_chromium() or "chromium",
        *QUIET,
        *options,
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},900",
        "--enable-logging=stderr",
        f"--log-net-log={log}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    events = json.loads(log.read_text())["events"]
    asked = {event["params"]["url"] for event in events if "url" in event.get("params", {})}
    return Opened(done.stdout, console, sorted(url for url in asked if not ITS_OWN.match(url)))
