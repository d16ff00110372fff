"""Where a training is logged to, as a person writes it: `tensorboard:logs`, `mlflow:http://127.0.0.1:5000`, `wandb`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from batchwright._files import refuse_existing, require_writable, require_writable_folder
from batchwright.errors import ConfigError, UsageError, unknown
from batchwright.tracking.csv_file import CsvFile
from batchwright.tracking.mlflow_run import MLflowRun
from batchwright.tracking.tensorboard import TensorBoard
from batchwright.tracking.tracker import Tracker, hide_passwords
from batchwright.tracking.trackio_run import TrackioRun
from batchwright.tracking.wandb_run import WandbRun


@dataclass(frozen=True)
class Kind:
    """A kind of tracker.

    - name, where: how it is written: the word, and what comes after the colon; `needed` says whether that must be there
    - package: what has to be installed; empty for nothing
    - check: raises a UsageError where it can be known that nothing can be logged there
    - of_searches: whether it takes the trials of a search too; shows_weights: whether it takes histograms of weights
    """

    name: str
    where: str
    needed: bool
    package: str
    open: Callable[[str], Tracker]
    check: Callable[[str], None]
    of_searches: bool = True
    shows_weights: bool = False


@dataclass(frozen=True)
class Place:
    """A tracker, and where it logs to."""

    kind: Kind
    where: str

    def __str__(self) -> str:
        """As it was written, without a password."""
        return hide_passwords(f"{self.kind.name}:{self.where}" if self.where else self.kind.name)

    @property
    def path(self) -> Path | None:
        """The file or folder that it is, however it was written; None for what is not on this disk."""
        return Path(self.where).resolve() if self.kind.needed else None

    def open(self) -> Tracker:
        """A new tracker for one run there."""
        return self.kind.open(self.where)


def _check_folder(where: str) -> None:
    require_writable_folder(Path(where))


def _check_file(where: str) -> None:
    require_writable(Path(where))


def _check_nothing(_: str) -> None:
    """What cannot be known before it is tried."""


def _is_installed(package: str) -> bool:
    """Whether a package can be imported; a folder of its name, which some of them make, is none."""
    found = find_spec(package)
    return found is not None and found.origin is not None


def _check_key(_: str) -> None:
    """Refuse what would wait for somebody to type a key."""
    from batchwright.tracking.wandb_run import is_ready

    try:
        ready = is_ready()
    except Exception as error:  # whatever is wrong with its settings
        raise UsageError(f"wandb cannot be used: {type(error).__name__}: {error!s:.300}") from error
    if not ready:
        raise UsageError(
            "wandb has no key: run `wandb login`, or set WANDB_API_KEY, or keep the run on this machine with "
            "WANDB_MODE=offline."
        )


KINDS = (
    Kind("tensorboard", "DIR", True, "", lambda where: TensorBoard(Path(where)), _check_folder, shows_weights=True),
    Kind("mlflow", "URI", False, "mlflow", MLflowRun, _check_nothing),
    Kind("trackio", "PROJECT", False, "trackio", TrackioRun, _check_nothing),
    Kind("wandb", "PROJECT", False, "wandb", WandbRun, _check_key),
    Kind("csv", "FILE", True, "", lambda where: CsvFile(Path(where)), _check_file, of_searches=False),
)


def places_of(given: object, *, search: bool = False, earlier: Mapping[str, str] | None = None) -> tuple[Place, ...]:
    """The places that a person has written; what can be known to fail is refused.

    Args:
        given: one or several of `KIND[:WHERE]`.
        search: whether a search is logged.
        earlier: identities of the runs that are gone on with, by place: their files exist.

    Raises:
        ConfigError: one is unknown, or given twice, or says no place.
        UsageError: a package is missing, a folder or file cannot be written, or a file exists.
    """
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"log_to takes texts such as 'tensorboard:logs', but is {given!r:.60}.")
    places = tuple(map(_place, texts))
    meant = [(place.kind.name, place.path or place.where) for place in places]
    for place, one in zip(places, meant, strict=True):
        if meant.count(one) > 1:
            raise ConfigError(f"{place} is given twice: a training is logged to each place once.")
        _check(place, search=search, known=str(place) in (earlier or {}))
    return places


def _place(text: str) -> Place:
    name, _, where = text.partition(":")
    kind = next((kind for kind in KINDS if kind.name == name.strip().lower()), None)
    if kind is None:
        raise ConfigError(unknown("tracker", name, [kind.name for kind in KINDS]))
    if kind.needed and not where.strip():
        raise ConfigError(f"{kind.name} needs a place: {kind.name}:{kind.where}.")
    return Place(kind, where.strip())


def _check(place: Place, *, search: bool, known: bool) -> None:
    kind = place.kind
    if search and not kind.of_searches:
        raise ConfigError(
            f"{place}: the trials of a search have a row each and not one file of epochs: leave it out; the search's "
            "folder has them as trials.jsonl."
        )
    if kind.package and not _is_installed(kind.package):
        raise UsageError(f"logging to {kind.name} needs the package {kind.package}: pip install {kind.package}.")
    if kind.name == "csv" and not known:
        refuse_existing(Path(place.where))
    kind.check(place.where)
