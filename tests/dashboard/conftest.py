"""Servers and pages of these tests look again soon: what they tell is the same, and nobody waits for it."""

import pytest
from tests.pages.chromium import chromium

from batchwright.dashboard import follow, scan

LOOK_EVERY = 0.03
"""Seconds between two looks at folders and histories."""


@pytest.fixture(autouse=True, scope="session")
def quick_looks():
    changed = pytest.MonkeyPatch()
    changed.setattr(scan, "AGAIN", LOOK_EVERY)
    changed.setattr(follow, "EVERY", LOOK_EVERY)
    changed.setattr(follow, "TABLE_EVERY", LOOK_EVERY)
    changed.setattr(follow, "QUIET", 0.1)
    changed.setattr(follow, "RETRY", 50)
    yield
    changed.undo()


SOON = """
for (const name of ['setTimeout', 'setInterval']) {
  const plain = window[name];
  window[name] = (what, time = 0, ...given) => plain(what, time / 20, ...given);
}
"""
"""What a page does later, it does 20 times as soon."""


@pytest.fixture(scope="session")
def opened(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium"), SOON) as browser:
        yield browser


@pytest.fixture(scope="module")
def browser(opened):
    yield opened
    opened.send("Storage.clearCookies")  # the language too
