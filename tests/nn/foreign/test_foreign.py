"""No library is imported before it is asked for, and one that is missing is told."""

import subprocess
import sys

import pytest

from batchwright import _extras, nn
from batchwright.errors import ConfigError

LIBRARIES = {"flax", "equinox", "keras", "torch"}


def test_importing_imports_none_of_the_libraries() -> None:
    code = f"import sys, batchwright.nn; print('loaded:', *({LIBRARIES!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "loaded:"


@pytest.mark.parametrize(
    ("take", "command"),
    [
        (nn.from_flax, r"from_flax needs flax, which is not installed: pip install 'batchwright\[flax\]'"),
        (nn.from_equinox, r"from_equinox needs equinox, which is not installed: pip install 'batchwright\[equinox\]'"),
        (nn.from_keras, r"from_keras needs keras, which is not installed: pip install 'batchwright\[keras\]'"),
        (nn.from_torch, "from_torch needs torch, which is not installed: pip install 'torch'"),
    ],
)
def test_a_library_that_is_missing_is_told(take: object, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_extras, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=command):
        take(object())
