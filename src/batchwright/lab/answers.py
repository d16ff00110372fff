"""What a page asks, answered as plain data; also what is wrong with a question."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from batchwright.errors import BatchwrightError
from batchwright.lab.descent import scene_surface
from batchwright.lab.descent.rules import RULES
from batchwright.lab.scenes import DESCENTS, scene_of

MOST_SETTINGS = 40
"""Settings in an address."""


def answer(kind: str, scene: str, settings: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
    """What a page gets: the answer, or the problem as a sentence in both languages. None if there is no such kind.

    A wrong setting is no error of the server: the page says what is the matter, and goes on.
    """
    kinds: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {"levels": scene_surface.levels}
    try:
        if kind == "answer":
            kinds["answer"] = scene_of(scene).answer
        if kind not in kinds:
            return None
        texts = {key: value for key, value in settings[:MOST_SETTINGS] if key not in ("lang", "token")}
        return {"answer": kinds[kind](texts)}
    except BatchwrightError as error:
        return {"problem": {"en": str(error), "zh": f"设置有误。{error}"}}


@dataclass
class Desk:
    """Where questions are answered, one at a time; as a context, it ends only when nothing is being computed.

    A process that ends while a thread compiles is torn down by the system, with a message of its own.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)
    warming: threading.Thread | None = None

    def answer(self, kind: str, scene: str, settings: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
        """See the function `answer`."""
        with self.lock:
            return answer(kind, scene, settings)

    def __enter__(self) -> "Desk":
        """Begin to compile the programs of all rules, while the first page is looked at."""
        self.warming = threading.Thread(target=self._warm_up, name="lab", daemon=True)
        self.warming.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.closing.set()
        if self.warming is not None:
            self.warming.join()
        self.lock.acquire()  # whatever is still being computed ends first

    def _warm_up(self) -> None:
        for rule in RULES:
            for scene in DESCENTS:
                if self.closing.is_set():
                    return
                self.answer("answer", scene, [("rule", rule)])
