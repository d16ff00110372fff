"""No library is imported before it is asked for, and one that is missing is told."""

import subprocess
import sys

import pytest

from batchwright import nn
from batchwright.errors import ConfigError
from batchwright.nn.foreign import module

LIBRARIES = {"flax", "equinox", "keras", "torch"}


def test_importing_imports_none_of_the_libraries() -> None:
    code = f"import sys, batchwright.nn; print('loaded:', *({LIBRARIES!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "loaded:"


@pytest.mark.parametrize(
    ("take", "command"),
    [
        (nn.from_flax, r"flax is not installed: pip install 'batchwright\[flax\]'"),
        (nn.from_equinox, r"equinox is not installed: pip install 'batchwright\[equinox\]'"),
        (nn.from_keras, r"keras is not installed: pip install 'batchwright\[keras\]'"),
        (nn.from_torch, "torch is not installed: pip install 'torch'"),
    ],
)
def test_a_library_that_is_missing_is_told(take: object, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=command):
        take(object())
