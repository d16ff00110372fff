"""The scenes of the lab, in the order in which they are shown.

A new scene is a module with `answer`, and an entry in `SCENES`; its page is a module in `static/`, with an
entry in `SCENES` of `lab.js`, words in `texts.js`, and a place in `MODULES` and `GRIDS` of `export`.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from batchwright.errors import UsageError, unknown
from batchwright.lab.descent import scene_line, scene_surface
from batchwright.lab.descent.request import Asked
from batchwright.lab.fit import scene as scene_fit
from batchwright.lab.normalization import scene as scene_normalization


@runtime_checkable
class Scene(Protocol):
    """A module of a scene."""

    NAME: str

    def answer(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Everything that the page of the scene shows, as plain data."""
        ...


@runtime_checkable
class Descent(Scene, Protocol):
    """A scene in which update rules take a path."""

    def read(self, texts: Mapping[str, str]) -> Asked:
        """What someone asks for, from texts."""
        ...


DESCENTS: Mapping[str, Descent] = {scene.NAME: scene for scene in (scene_line, scene_surface)}
SCENES: tuple[Scene, ...] = (*DESCENTS.values(), scene_normalization, scene_fit)


def scene_of(name: str) -> Scene:
    """The scene of this name.

    Raises:
        UsageError: there is none.
    """
    for scene in SCENES:
        if name == scene.NAME:
            return scene
    raise UsageError(unknown("scene", name[:60], [scene.NAME for scene in SCENES]))
