"""The states of the members of an ensemble in the folder of its run, so that a killed training can be gone on with.

`members/000/checkpoints/` has those of the first member; `members/000/end.json` says how it ended.
`members/groups.json` says which are trained together. Members that are trained anew on all rows have theirs in
`refit/members/`.
"""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import jax
import numpy as np

from batchwright._files import explain_write_errors, remove_parts, write_file
from batchwright.errors import RunError
from batchwright.population.fit import MemberRun
from batchwright.runs import checkpoints
from batchwright.runs.folder import RunFolder
from batchwright.runs.manifest import CHECKPOINTS
from batchwright.runs.reading import parse, read_bytes
from batchwright.runs.sealed import seal, unseal
from batchwright.training.epochs import End, stop_reason
from batchwright.training.events import Status
from batchwright.training.job import Job
from batchwright.training.state import TrainState, initial_state

STATES, END, GROUPS = "members", "end.json", "groups.json"
FORMAT, MOST_BYTES, KEEP = 1, 1 << 16, 2


@dataclass(frozen=True)
class _Plain:
    status: Status
    reason: str
    format: int = FORMAT


@dataclass(frozen=True)
class _Groups:
    groups: list[list[int]]
    format: int = FORMAT


def keep_groups(states: Path, groups: list[list[int]]) -> list[list[int]]:
    """The groups, by number from 0, that the training began with; those given where it begins now.

    `states` is the folder of the states of all members.

    How many fit in memory differs from time to time, and the bits of a member depend on how many it is trained with.

    Raises:
        UsageError: they cannot be written.
    """
    with suppress(RunError):
        found = parse(_Groups, unseal(read_bytes(states, GROUPS, at_most=MOST_BYTES), states, FORMAT), states).groups
        if all(found) and sorted(chain(*found)) == sorted(chain(*groups)):
            return found
    with explain_write_errors(states):
        states.mkdir(parents=True, exist_ok=True)
    write_file(states / GROUPS, seal({"groups": groups, "format": FORMAT}), overwrite=True)
    return groups


def save_group(states: Path, runs: Mapping[int, MemberRun]) -> None:
    """Save the states of members, by number from 0, between two epochs; all that go on have done as many.

    Two of each are kept: whenever the process is killed, there is an epoch of which all have one.

    Raises:
        UsageError: they cannot be written.
    """
    for number, run in runs.items():
        place = _place(states, number)
        with explain_write_errors(place):
            (place / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        checkpoints.write(place, run.now, keep=KEEP)
        if run.end is not None:
            said = {"status": run.end.status, "reason": run.end.reason, "format": FORMAT}
            write_file(place / END, seal(said), overwrite=True)


def restore_group(
    states: Path, group: Sequence[int], jobs: Sequence[Job], example: Mapping[str, np.ndarray]
) -> tuple[MemberRun, ...]:
    """The members after the last epoch of which all that go on were saved; empty if they begin anew.

    A member that ended later than that goes on too: the others are to be trained in the same group as before.
    """
    places = [_place(states, number) for number in group]
    if not all(place.is_dir() for place in places):
        return ()
    for place in places:
        remove_parts(place)
        remove_parts(place / CHECKPOINTS)
    runs = [_read(place, job, example) for place, job in zip(places, jobs, strict=True)]
    going_on = [len(run.now.history) for run in runs if run is not None and run.end is None]
    found = list[MemberRun]()
    for place, job, run in zip(places, jobs, runs, strict=True):
        if run is not None and _begun_epochs(run) > min(going_on, default=job.plan.epochs):
            run = _read(place, job, example, epochs=min(going_on))
        if run is None:
            return ()
        found.append(run)
    return tuple(found)


def remove_states(folder: RunFolder) -> None:
    """Remove the states of all members: a training that is not gone on with does not need them."""
    shutil.rmtree(folder.path / STATES, ignore_errors=True)


def _place(states: Path, number: int) -> Path:
    return states / f"{number:03d}"


def _read(place: Path, job: Job, example: Mapping[str, np.ndarray], *, epochs: int | None = None) -> MemberRun | None:
    """A member as it was saved last, or where it went on after a number of epochs; None where none can be trusted."""
    now = checkpoints.read_after(place, _shapes(job, example), epochs=epochs)
    if now is None or epochs is not None:
        return None if now is None else MemberRun(now)
    return MemberRun(now, _read_end(place) or stop_reason(job, now.history))


def _begun_epochs(run: MemberRun) -> int:
    """Epochs that it has begun; that in which it diverged is not in its history."""
    return len(run.now.history) + (run.end is not None and run.end.status == "diverged")


def _read_end(place: Path) -> End | None:
    """How it ended; None where it goes on."""
    with suppress(RunError):
        plain = parse(_Plain, unseal(read_bytes(place, END, at_most=MOST_BYTES), place / END, FORMAT), place / END)
        return End(plain.status, plain.reason)
    return None


def _shapes(job: Job, example: Mapping[str, np.ndarray]) -> TrainState:
    """A state of the job: shapes and dtypes, no content."""
    found: TrainState = jax.eval_shape(lambda: initial_state(job.program, example, seed=job.seed))
    return found
