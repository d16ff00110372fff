"""What came of a comparison with peers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batchwright._shown import Drawings, Shown
from batchwright.comparison.peers.scores import OURS, ContestantScores

if TYPE_CHECKING:
    import polars as pl


FEWEST = 20
"""Test rows below which intervals over them say nothing of other rows."""


@dataclass(frozen=True)
class Contestant:
    """A model on the test rows.

    Args:
        name: its name.
        boosting: whether it is gradient boosting.
        rows: what the training and validation rows are used for.
        scores: how good it is; None where it has failed.
        seconds: of training, ours with compiling; None where it has failed.
        failure: why it has no scores.
    """

    name: str
    boosting: bool
    rows: str
    scores: ContestantScores | None
    seconds: float | None
    failure: str = ""


@dataclass(frozen=True)
class Leaderboard(Shown):
    """All contestants, the lowest loss first and failures last; the metrics of `scores`; sentences for the user."""

    source: str
    target: str
    score: str
    loss: str
    rows: Mapping[str, int]
    contestants: tuple[Contestant, ...]
    notes: tuple[str, ...]
    seconds: float

    def __repr__(self) -> str:
        """The contestants, best first."""
        return f"<Leaderboard of {self.source:.60}, best first: {', '.join(one.name for one in self.contestants)}>"

    @property
    def has_peers(self) -> bool:
        """Whether a peer was trained."""
        return any(one.scores is not None and one.name != OURS for one in self.contestants)

    @property
    def verdict(self) -> str:
        """Whether a peer is better here, beyond chance."""
        scores = {one.name: one.scores for one in self.contestants if one.scores}
        ours = scores[OURS]
        apart = {name: found.difference for name, found in scores.items() if found.difference}
        if not self.has_peers:
            return "no peer has been trained: there is nothing to compare with"
        if self.rows["test"] < FEWEST:
            return f"{self.rows['test']:,} test rows are too few to say who is better: it takes {FEWEST} or more"
        better = [name for name, by in apart.items() if by.high < 0]
        if better:
            first, by, others = better[0], apart[better[0]], [self._titled(name) for name in better[1:]]
            less = f"lower than {OURS}'s by {-by.value:.4g} ({-by.high:.4g} to {-by.low:.4g})"
            both = f"{self.score} {scores[first].score.value:.4g} against {ours.score.value:.4g}"
            also = f"; also better: {', '.join(others)}" if others else ""
            return f"{self._titled(first)} is better here: its {self.loss} is {less}, {both}{also}"
        unsure = [name for name, by in apart.items() if by.low <= 0]
        if unsure:
            return f"no peer is shown to be better; {OURS} is not shown to be better than {', '.join(unsure)}"
        return f"{OURS} is better here: the {self.loss} of each peer is higher, beyond chance"

    def _titled(self, name: str) -> str:
        """The name, and whether it is gradient boosting."""
        boosting = any(one.boosting for one in self.contestants if one.name == name)
        return f"{name} (gradient boosting)" if boosting and "boosting" not in name else name

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.comparison.peers import drawing

        return {"losses": lambda: drawing.draw_losses(self), "seconds": lambda: drawing.draw_seconds(self)}

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame: contestants."""
        from batchwright.comparison.peers import drawing

        return {"contestants": drawing.contestants_frame(self)}
