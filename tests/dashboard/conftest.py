"""Servers of these tests look again soon: what they tell is the same, and nobody waits for it."""

import pytest

from batchwright.dashboard import follow, scan

LOOK_EVERY = 0.05
"""Seconds between two looks at folders and histories."""


@pytest.fixture(autouse=True, scope="session")
def quick_looks():
    changed = pytest.MonkeyPatch()
    changed.setattr(scan, "AGAIN", LOOK_EVERY)
    changed.setattr(follow, "EVERY", LOOK_EVERY)
    changed.setattr(follow, "TABLE_EVERY", LOOK_EVERY)
    changed.setattr(follow, "QUIET", 0.5)
    yield
    changed.undo()
