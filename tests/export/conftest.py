"""The models, each trained once, where a test asks for it."""

from collections.abc import Callable

import pytest
from tests.export.models import MODELS, TEXTS, Example


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Example]:
    """The model of a name, with new rows."""
    made: dict[str, Example] = {}

    def get(name: str) -> Example:
        if name not in made:
            made[name] = {**MODELS, **TEXTS}[name](tmp_path_factory.mktemp("export"))
        return made[name]

    return get
