"""Train the members of an ensemble, group by group, and make one model of those that answer."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from math import inf
from typing import NamedTuple, TypeAlias

import numpy as np

from batchwright.errors import ConfigError
from batchwright.nn import ARCHITECTURES
from batchwright.population.at_once import memory_of
from batchwright.population.fit import MemberRun, fit_members
from batchwright.population.threads import map_on_cores
from batchwright.runs.folder import RunFolder
from batchwright.runs.members import Figures, MembersRecord
from batchwright.training.checkpoint import EpochRow
from batchwright.training.epochs import End
from batchwright.training.events import Compiled, EpochDone, Stopped
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job
from batchwright.training.watch import BETWEEN_EPOCHS, Steering
from batchwright.workflow.bagging import fold_of_member, join_folds
from batchwright.workflow.drawn import Drawn
from batchwright.workflow.events import MembersDone
from batchwright.workflow.fitting import Fitted, heed
from batchwright.workflow.held_out import refuse_without_validation
from batchwright.workflow.joining import Joined, join_trained
from batchwright.workflow.judging import Part, judge_finished
from batchwright.workflow.member_jobs import groups_at_once, member_groups, member_job
from batchwright.workflow.member_settings import given_members, member_settings
from batchwright.workflow.member_states import STATES, keep_groups, restore_group, save_group
from batchwright.workflow.preparing import Prepared, example_of, example_of_rows, job_on, to_host
from batchwright.workflow.refitting import keep_first, keeps_first
from batchwright.workflow.refitting_members import refit_members

Steps: TypeAlias = Generator[MembersDone | EpochDone, None, str | None]
"""They return why the whole training is to end here, "interrupted" or "finished"; None to go on."""


def refuse_ensemble(prepared: Prepared) -> None:
    """Refuse what has no members, before anything is written.

    Raises:
        ConfigError: what cannot be done, and what to do.
    """
    refuse_members_on(prepared)
    for one in given_members(prepared.settings):
        refuse_apart(prepared.job, job_on(prepared, one.settings))


def refuse_members_on(prepared: Prepared) -> None:
    """Refuse members where the rows, the batch size or the network of a training do not allow them.

    Raises:
        ConfigError: what cannot be done, and what to do.
    """
    job, instead = prepared.job, "leave out `members`"
    refuse_without_validation(prepared.settings, prepared.dataset, "members are chosen by the validation rows", instead)
    if isinstance(job.train, OnDisk) or isinstance(job.validation, OnDisk):
        raise ConfigError(
            f"members need their rows in memory, and these are read in chunks: {instead}, or set `memory_limit=none`."
        )
    refuse_apart(job, job)
    if type(prepared.blueprint.architecture) not in ARCHITECTURES:
        raise ConfigError(
            f"members have drawn settings of batchwright's networks, and this network is your own: {instead}."
        )


def refuse_apart(first: Job, other: Job) -> None:
    """Refuse a member that cannot be trained and answer with the first.

    Raises:
        ConfigError: its batch size grows, or it looks at other views of an image.
    """
    if other.growth is not None:
        raise ConfigError(
            "members need a batch size that stays as it is, and this one grows: leave out `members`, or give "
            "`batch_size` a number."
        )
    if first.program.model.views != other.program.model.views:
        raise ConfigError(
            "members answer to the same views of an image: give all the same "
            "`training.augment.test_time`, with the same kinds of changes."
        )


def fit_ensemble(
    prepared: Prepared, folder: RunFolder | None, interrupted: Callable[[], bool], steering: Steering | None
) -> Generator[Compiled | MembersDone | EpochDone | Stopped, None, tuple[Prepared, Fitted, MembersRecord | None]]:
    """Train all members, from where a folder says that they are, and choose those that answer.

    The history is that of the first member, which has the settings of the training. What is returned has the model that
    answers in place of the one of the settings. With a refit, those that answer are trained anew on all rows.
    """
    started, refits = time.perf_counter(), prepared.settings.config.training.refit
    drawn, steering = member_settings(prepared.settings), steering or Steering()
    training = _Training(prepared, drawn, folder, heed(interrupted, folder), steering)
    over = refits and folder is not None and keeps_first(folder)
    compiled = training.compile()
    yield compiled
    if folder:
        folder.write_plan(prepared.accounting(compiled.memory_bytes))
    ended = yield from training.train(goes_on=not over)
    first, record, before = training.runs[0], None, prepared
    joined = (join_trained if prepared.dealt is None else join_folds)(prepared, drawn, training.runs)
    if joined is None:
        said = first.end.reason if first.end else "no member answers with finite numbers"
        stopped = Stopped(first.now.kept, first.now.kept_epoch, "diverged", said)
    else:
        record = replace(joined.record, first=_figures_alone(prepared, first))
        prepared, stopped = joined.prepared, _stopped(joined, len(drawn), first.now.kept_epoch, ended)
        if folder:
            folder.write_plan(prepared.accounting(compiled.memory_bytes))
            folder.save_members(record)
    yield stopped
    history, seconds = list(first.now.history), time.perf_counter() - started
    last_wrong = first.now.last_wrong if prepared.dealt is None else None  # of the first fold alone
    fitted = Fitted(compiled, stopped, history, seconds, last_wrong, None if joined is None else joined.held_out)
    if refits and joined is not None and ended != "interrupted":
        if folder:
            training.keep()
            keep_first(folder, fitted)
        prepared, fitted = yield from refit_members(
            before, joined, drawn, training.runs, fitted, folder, heed(interrupted, folder), steering
        )
    return prepared, fitted, record


def _figures_alone(prepared: Prepared, first: MemberRun) -> dict[str, Figures]:
    """The metrics of the first member alone, by part, on rows that it was not trained on; none if it has diverged.

    With folds, it was trained on validation rows.
    """
    if not first.now.history or (first.end is not None and first.end.status == "diverged"):
        return {}
    parts: tuple[Part, ...] = ("validation", "test") if prepared.dealt is None else ("test",)
    found = judge_finished(prepared, first.now.kept, parts)
    return {part: dict(judged.metrics) for part, judged in found.items()}


def _stopped(joined: Joined, count: int, epoch: int, ended: str | None) -> Stopped:
    """The end of a training of members of which some answer."""
    said = _counted(joined.record, count)
    if ended == "interrupted":
        return Stopped(joined.variables, epoch, "interrupted", f"interrupted: {said}")
    return Stopped(joined.variables, epoch, "finished", said)


def _counted(record: MembersRecord, count: int) -> str:
    """How many of the members were trained, how the others ended, and how many answer.

    >>> from batchwright.runs.members import Member
    >>> ended = ("finished", "interrupted", "finished", "diverged")
    >>> each = [Member(number, {}, status, "", 2, 2, {}, int(number < 3)) for number, status in enumerate(ended)]
    >>> _counted(MembersRecord(tuple(each), "all alike", ""), 6)
    '2 of 6 members were trained, 1 in part, 1 diverged, 2 were not begun, and 3 of them answer'
    """
    ends = Counter(one.status for one in record.members)
    finished, diverged, answering = ends["finished"], ends["diverged"], len(record.answering)
    in_part, missing = len(record.members) - finished - diverged, count - len(record.members)
    said = [f"{finished} of {count} members {'was' if finished == 1 else 'were'} trained"]
    said += [f"{number} {how}" for number, how in ((in_part, "in part"), (diverged, "diverged")) if number]
    said += [f"{missing} {'was' if missing == 1 else 'were'} not begun"] if missing else []
    return f"{', '.join(said)}, and {answering} of them answer{'s' * (answering == 1)}"


class _Group(NamedTuple):
    """Members that are trained together, by number, and their epochs from where they are."""

    numbers: Sequence[int]
    epochs: Iterator[tuple[MemberRun, ...]]


class _Training:
    """The members in training: their jobs, in groups of which some go on side by side, and what they came to."""

    def __init__(
        self,
        prepared: Prepared,
        drawn: Sequence[Drawn],
        folder: RunFolder | None,
        interrupted: Callable[[], bool],
        steering: Steering,
    ) -> None:
        self.prepared, self.drawn = prepared, drawn
        self.folder, self.interrupted, self.steering = folder, interrupted, steering
        self.example = example_of(prepared.dataset)
        self.jobs = [member_job(prepared, number, one) for number, one in enumerate(drawn)]
        groups = member_groups(self.jobs, self.example, folds=1 if prepared.dealt is None else prepared.dealt.count)
        self.states = None if folder is None else folder.path / STATES
        self.groups = keep_groups(self.states, groups) if self.states else groups
        self.max_time = prepared.job.max_time
        self.at_once = 1 if self.max_time is not None else groups_at_once(self.jobs, self.groups, self.example)
        self.runs, self.least = dict[int, MemberRun](), inf
        self.taken = time.monotonic()

    def compile(self) -> Compiled:
        """Compile the program of the first group, to know what it occupies."""
        started, first = time.perf_counter(), self.groups[0]
        memory = memory_of(self.jobs[first[0]], self.example, members=len(first), seeds=len(first))
        return Compiled(time.perf_counter() - started, memory)

    def keep(self) -> None:
        """Save the members as they are, so that none of them is gone on with."""
        if self.states is not None:
            save_group(self.states, self.runs)

    def train(self, *, goes_on: bool) -> Steps:
        """Train all groups, some of them side by side, from where the folder says that they are.

        Another is begun when one has ended. They stay as they are unless the training `goes_on`.
        """
        waiting, going = list(self.groups), list[_Group]()
        while waiting or going:
            while waiting and len(going) < self.at_once:
                begun = self._begin(waiting.pop(0))
                if goes_on and self._running(begun.numbers):
                    going.append(begun)
            if not going:
                continue
            if self._has_no_time(going):
                return "finished"
            ended = yield from self._epoch(going)
            if ended is not None:
                return ended
            going = [group for group in going if self._running(group.numbers)]
        return None

    def _begin(self, group: Sequence[int]) -> _Group:
        """A group where the folder says that it is."""
        jobs = self._jobs_of(group)
        example = self._example_of(jobs)
        start = restore_group(self.states, group, jobs, example) if self.states else ()
        self.runs |= dict(zip(group, start, strict=False))
        if start and 0 in group:
            for row in self.runs[0].now.history:
                assert self.folder is not None
                self.folder.append(row)
        self.least = min([self.least, *(_loss(row) for run in start for row in run.now.history)])
        return _Group(group, fit_members(jobs, example, start=start))

    def _epoch(self, going: Sequence[_Group]) -> Steps:
        """Train groups for an epoch, side by side; say what follows for each."""
        found = map_on_cores(lambda group: next(group.epochs), going)
        before = [self._running(group.numbers) for group in going]
        for group, runs in zip(going, found, strict=True):
            late = self._is_late(group.numbers, runs)
            self.runs |= {number: _end_late(run, late) for number, run in zip(group.numbers, runs, strict=True)}
        ended = "interrupted" if self.interrupted() else "finished" if self.steering.stop else None
        self._save([*chain(*before)], ending=ended is not None)
        for group, running in zip(going, before, strict=True):
            yield from self._events(group.numbers, running)
        if ended is not None:
            numbers = chain(*(group.numbers for group in going))
            self.runs |= {number: _end_asked(self.runs[number], ended) for number in numbers}
        return ended

    def _has_no_time(self, going: Sequence[_Group]) -> bool:
        """Whether the time is over before a group has begun."""
        unbegun = any(number not in self.runs for group in going for number in group.numbers)
        return unbegun and self.max_time is not None and self._seconds() >= self.max_time

    def _jobs_of(self, group: Sequence[int]) -> list[Job]:
        """The jobs of a group, which holds out one fold; the rows of a fold are in memory only while they are used."""
        prepared, dealt = self.prepared, self.prepared.dealt
        fold = 0 if dealt is None else fold_of_member(group[0], dealt)
        if dealt is None or fold == 0:
            return [self.jobs[number] for number in group]
        rows = dealt.job(prepared.job, fold)
        return [member_job(prepared, number, self.drawn[number], rows) for number in group]

    def _example_of(self, jobs: Sequence[Job]) -> dict[str, np.ndarray]:
        """Rows that a network is shown when it is made; none of them is of the fold that is held out."""
        rows = jobs[0].train
        return (
            self.example if self.prepared.dealt is None or isinstance(rows, OnDisk) else example_of_rows(to_host(rows))
        )

    def _events(self, numbers: Sequence[int], before: Sequence[int]) -> Iterator[MembersDone | EpochDone]:
        """What follows an epoch of those that had not ended `before`; the first member's is told and recorded."""
        if 0 in before and not self._has_diverged(0):
            now = self.runs[0].now
            if self.folder:
                self.folder.append(now.history[-1])
            yield EpochDone(now.history[-1], now.kept_epoch == len(now.history), now.state, now.last_wrong)
        histories = [self.runs[number].now.history for number in numbers]
        self.least = min([self.least, *(_loss(history[-1]) for history in histories if history)])
        epoch, epochs = max(map(len, histories)), self.jobs[0].plan.epochs
        share, said = sum(map(self._share, self.groups)), tuple(number + 1 for number in numbers)
        running, count = len(self._running(numbers)), len(self.jobs)
        yield MembersDone(said, running, count, epoch, epochs, share / count, self.least)

    def _share(self, group: Sequence[int]) -> float:
        """How many of its members have done all epochs that they are to do; of those that go on, by their epochs."""
        if not self._running(group):
            return len(group)
        done = max((len(self.runs[number].now.history) for number in group if number in self.runs), default=0)
        return len(group) * done / self.jobs[0].plan.epochs

    def _has_diverged(self, number: int) -> bool:
        end = self.runs[number].end
        return end is not None and end.status == "diverged"

    def _running(self, numbers: Sequence[int]) -> list[int]:
        """Those that have not ended, begun or not."""
        return [number for number in numbers if number not in self.runs or self.runs[number].end is None]

    def _save(self, before: Sequence[int], *, ending: bool) -> None:
        """Of those that had not ended `before`, save those that have just ended, and now and then those that go on."""
        if self.states is None:
            return
        running = self._running(before)
        due = ending or self.steering.checkpoint or time.monotonic() - self.taken >= BETWEEN_EPOCHS
        self.steering.checkpoint = False
        saved = [number for number in before if due or number not in running]
        save_group(self.states, {number: self.runs[number] for number in saved})
        self.taken = time.monotonic() if due else self.taken

    def _seconds(self) -> float:
        """Seconds of training so far: with a limit of time, groups are trained one after the other."""
        return sum(max((self.runs[n].seconds for n in group if n in self.runs), default=0.0) for group in self.groups)

    def _is_late(self, group: Sequence[int], runs: Sequence[MemberRun]) -> bool:
        """Whether another epoch of this group takes time that belongs to the groups after it."""
        if self.max_time is None:
            return False
        place = self.groups.index(list(group))
        until = self.max_time * sum(len(each) for each in self.groups[: place + 1]) / len(self.jobs)
        here, epochs = max(run.seconds for run in runs), max(len(run.now.history) for run in runs)
        others = self._seconds() - max((self.runs[n].seconds for n in group if n in self.runs), default=0.0)
        return others + here + here / max(epochs, 1) > until


def _loss(row: EpochRow) -> float:
    """The validation loss of an epoch, where there is one."""
    return float(row.get("val_loss", inf))


def _end_late(run: MemberRun, late: bool) -> MemberRun:
    """The member, ended where the time of its group is over."""
    said = f"its share of the time limit is over after epoch {len(run.now.history)}"
    return replace(run, end=End("finished", said)) if late and run.end is None else run


def _end_asked(run: MemberRun, ended: str) -> MemberRun:
    """The member, ended because somebody asked."""
    said = f"{'interrupted' if ended == 'interrupted' else 'stopped as asked'} after epoch {len(run.now.history)}"
    return replace(run, end=run.end or End("interrupted" if ended == "interrupted" else "finished", said))
