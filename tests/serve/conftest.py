"""A run that is served, trained once."""

from pathlib import Path

import pytest
from tests.serve.served_run import train


@pytest.fixture(scope="session")
def run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("runs") / "first")
