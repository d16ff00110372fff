"""Train the members that answer anew on training and validation rows together, each for its best number of epochs.

The first trainings choose which members answer, how often each counts, and how long each is trained. Then each begins
from its own seed again, with its own learning rates, epoch by epoch. Their states are in `refit/members/`.
"""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from batchwright.population.fit import MemberRun, fit_members
from batchwright.runs.folder import RunFolder
from batchwright.training.events import Status, Stopped
from batchwright.training.job import Job
from batchwright.training.state import Rows
from batchwright.training.watch import BETWEEN_EPOCHS, Steering
from batchwright.workflow.dealing import join_rows
from batchwright.workflow.drawn import Drawn
from batchwright.workflow.events import MembersDone
from batchwright.workflow.fitting import Fitted, HeldOut
from batchwright.workflow.joining import Joined, join_counted
from batchwright.workflow.member_jobs import member_groups, member_job
from batchwright.workflow.member_states import STATES as MEMBERS
from batchwright.workflow.member_states import keep_groups, restore_group, save_group
from batchwright.workflow.preparing import Prepared, example_of
from batchwright.workflow.refitting import STATES, answers_of_first, job_on_all, without_refit


def refit_members(
    prepared: Prepared,
    joined: Joined,
    drawn: Sequence[Drawn],
    runs: Mapping[int, MemberRun],
    first: Fitted,
    folder: RunFolder | None,
    interrupted: Callable[[], bool],
    steering: Steering,
) -> Generator[MembersDone, None, tuple[Prepared, Fitted]]:
    """Train anew, from where a folder says that it is; what was asked of the first training is not asked of this one.

    What is returned has the model of the first training where the second did not come to its end.

    Args:
        prepared: what was prepared, with the model of the settings.
        joined: the members that answer, as one model.
        drawn: the settings of all members.
        runs: what all members came to, by number from 0.
        first: the first training.
        folder: where states are kept.
        interrupted: asked after each epoch.
        steering: what whoever follows the events asks for.
    """
    steering.stop, started = False, time.perf_counter()
    counts = {member.number - 1: member.count for member in joined.record.answering}
    rows = join_rows(prepared.job, "`refit`")
    jobs = {number: _job(prepared, number, drawn[number], rows, runs[number]) for number in counts}
    anew, status, why = yield from _train(jobs, example_of(prepared.dataset), folder, interrupted, steering)
    seconds = first.seconds + time.perf_counter() - started
    if status:
        return joined.prepared, without_refit(first, status, why, seconds)
    together, variables = join_counted(prepared, drawn, anew, counts)
    held_out = _held_out(joined.prepared, first, rows, len(counts))
    reason = f"{first.stopped.reason}; trained anew on {rows.length:,} rows"
    stopped = Stopped(variables, first.stopped.epoch, "finished", reason)
    leading = anew[next(iter(counts))].now.history
    return together, replace(first, stopped=stopped, seconds=seconds, held_out=held_out, refit=tuple(leading))


def _job(prepared: Prepared, number: int, drawn: Drawn, rows: Rows, run: MemberRun) -> Job:
    """The job of a member on all rows."""
    full = drawn.settings.config.training.batch_size == "full"
    return job_on_all(member_job(prepared, number, drawn), rows, run.now.history, run.now.kept_epoch, full=full)


def _train(
    jobs: Mapping[int, Job],
    example: Mapping[str, np.ndarray],
    folder: RunFolder | None,
    interrupted: Callable[[], bool],
    steering: Steering,
) -> Generator[MembersDone, None, tuple[dict[int, MemberRun], Status | None, str]]:
    """Train the jobs, group by group, from where a folder says that they are; how and why they ended before the end."""
    states = None if folder is None else folder.path / STATES / MEMBERS
    numbers, runs, taken = tuple(jobs), dict[int, MemberRun](), time.monotonic()
    groups = [[numbers[place] for place in group] for group in member_groups(list(jobs.values()), example)]
    for group in groups if states is None else keep_groups(states, groups):
        own = [jobs[number] for number in group]
        start = restore_group(states, group, own, example) if states else ()
        runs |= dict(zip(group, start, strict=False))
        if start and all(run.end is not None for run in start):
            continue
        for found in fit_members(own, example, start=start):
            before = [number for number in group if number not in runs or runs[number].end is None]
            runs |= dict(zip(group, found, strict=True))
            ended: Status | None = "interrupted" if interrupted() else "finished" if steering.stop else None
            due = bool(ended) or steering.checkpoint or time.monotonic() - taken >= BETWEEN_EPOCHS
            if states is not None:
                save_group(states, {number: runs[number] for number in before if due or runs[number].end is not None})
            steering.checkpoint, taken = False, time.monotonic() if due else taken
            yield _done(group, jobs, runs)
            if ended is not None:
                return runs, ended, "interrupted" if ended == "interrupted" else "stopped as asked"
    for number, run in runs.items():
        if run.end is not None and run.end.status == "diverged":
            return runs, "diverged", f"member {number + 1}: {run.end.reason}: end"
    return runs, None, ""


def _done(group: Sequence[int], jobs: Mapping[int, Job], runs: Mapping[int, MemberRun]) -> MembersDone:
    """That the members of a group have done an epoch; earlier groups are done, and no later one has begun."""
    epochs = {number: job.replay.epochs for number, job in jobs.items() if job.replay is not None}
    running = sum(runs[number].end is None for number in group)
    done = max(len(runs[number].now.history) for number in group)
    share = sum(len(run.now.history) for run in runs.values()) / sum(epochs.values())
    most = max(epochs[number] for number in group)
    return MembersDone(tuple(number + 1 for number in group), running, len(jobs), done, most, share, None)


def _held_out(prepared: Prepared, first: Fitted, rows: Rows, members: int) -> HeldOut:
    """The answers of the first training, as the model's own answers to rows that it has learned are too sure."""
    who = "the member that answers was" if members == 1 else f"the {members} members that answer were"
    remark = (
        f"{who} trained anew on the {rows.length:,} training and validation rows together, each for the epochs that "
        "were best for it. Validation figures, and those of the members, are of the first training, training and test "
        "figures of this model"
    )
    train = prepared.job.train
    assert isinstance(train, Rows)
    answers = answers_of_first(prepared, first)
    return HeldOut(answers[-1], np.arange(train.length, rows.length), answers, rows, "refit", remark)
