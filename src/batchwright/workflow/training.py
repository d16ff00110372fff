"""From what is prepared to a finished run: fit, record, evaluate; and going on with a run that did not finish."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import jax

from batchwright import _cache, _machine
from batchwright.cluster.membership import current
from batchwright.config import NONE_GIVEN, Given, Settings, dump_config, read_run_settings
from batchwright.data.dataset import Dataset
from batchwright.data.encode.encoding import Encoding
from batchwright.errors import DivergedError, InterruptedRunError, RunError, UsageError
from batchwright.runs import checkpoints
from batchwright.runs.folder import RunFolder, create, reopen
from batchwright.runs.manifest import CONFIG, EVIDENCE, Setting
from batchwright.runs.model import SavedModel
from batchwright.runs.run import Run, open_run
from batchwright.training.checkpoint import Checkpoint, copy_to_device, copy_to_host, first_checkpoint
from batchwright.training.events import CheckpointTaken, Compiled, EpochDone, Reduced, SegmentDone, Stopped
from batchwright.training.fit import fit
from batchwright.training.job import Job, iterations_done
from batchwright.training.watch import Steering
from batchwright.workflow.completing import complete
from batchwright.workflow.devices import other_devices_note, with_devices
from batchwright.workflow.events import MembersDone, Noted, Recording, RefitEpoch
from batchwright.workflow.extending import extension_note, refuse_extension, with_epochs
from batchwright.workflow.fitting import Fitted, heed
from batchwright.workflow.images import with_initial_network
from batchwright.workflow.initial import (
    begin_from,
    given_variables,
    has_begun_from,
    refuse_members_begun,
    refuse_refit_begun,
    refuse_trials,
)
from batchwright.workflow.linear_rate import with_recorded_rate
from batchwright.workflow.places import find_again, places_of, require_files, require_rows_again
from batchwright.workflow.preparing import COMPILED, QUICKLY, Prepared, prepare
from batchwright.workflow.refusals import asks_for_members, refuse_more_epochs
from batchwright.workflow.together import refuse_together, require_no_drift, require_same, require_same_settings
from batchwright.workflow.trained import Trained

if TYPE_CHECKING:
    from batchwright.workflow.refitting import First


Event: TypeAlias = (
    Prepared
    | Recording
    | Compiled
    | SegmentDone
    | EpochDone
    | CheckpointTaken
    | Reduced
    | Stopped
    | MembersDone
    | RefitEpoch
    | Noted
    | Trained
)


def train(
    settings: Settings,
    dataset: Dataset | None = None,
    *,
    record: bool = True,
    run_dir: Path | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    steering: Steering | None = None,
    initial: SavedModel | None = None,
    parent: str = "",
    tries_flips: bool = True,
) -> Iterator[Event]:
    """Prepare, fit, evaluate and record, and say what happens: `Prepared`, the events of the fit, at last `Trained`.

    Args:
        settings: all settings, and who chose each.
        dataset: the rows, where they have been loaded already.
        record: whether a run folder is written; nothing is before data and settings have been found good.
        run_dir: that folder; None takes `runs/<source>-<n>`.
        interrupted: asked after every segment; True ends the training there, and what was learned is kept.
        steering: what whoever follows the events asks for meanwhile.
        initial: a trained model whose parameters are those to begin with, in place of random ones; rows that are loaded
            here are encoded as its rows were.
        parent: the run that it is of, for the record.
        tries_flips: whether a trial says if images are mirrored, where nobody has said.

    Raises:
        DataError, ConfigError, RunError: what was asked for cannot be done; nothing was written.
        DivergedError, InterruptedRunError: after `Trained`; the run has been recorded up to there.
    """
    started, together = time.perf_counter(), current()
    _cache.use()
    refuse_together(settings)
    require_same_settings(settings)
    if initial is not None:
        refuse_trials(settings, initial)
        refuse_members_begun(settings, initial)
        refuse_refit_begun(settings)
        settings = with_initial_network(settings)
    prepared = prepare_to_train(settings, dataset, None if initial is None else initial.encoding)
    if initial is not None:
        prepared = begin_from(prepared, initial)
    elif tries_flips and prepared.job.program.augment is not None:
        from batchwright.workflow.flips import note_untried, try_flips

        prepared = try_flips(prepared) if together.count == 1 else note_untried(prepared)
    if unused := _machine.unused_gpu():
        prepared = replace(prepared, notes=(*prepared.notes, unused))
    require_same(prepared, first_checkpoint(prepared.state))
    yield prepared
    folder = create(run_dir, prepared.dataset.name) if record and together.index == 0 else None
    with folder or nullcontext():
        if folder:
            given = given_variables(prepared, initial)
            _describe(folder, prepared, given, parent)
            if given:  # without a checkpoint of them the run could not be gone on with
                folder.save_checkpoint(
                    copy_to_host(first_checkpoint(prepared.state)), keep=prepared.job.checkpoints.keep
                )
        trained = yield from _carry_out(
            prepared, first_checkpoint(prepared.state), folder, interrupted, started, steering
        )
    yield from _end_events(trained)


def prepare_to_train(settings: Settings, dataset: Dataset | None = None, like: Encoding | None = None) -> Prepared:
    """Prepare, measure what is `auto`, and plan for the time that there is; what cannot be trained is refused.

    Raises:
        DataError, ConfigError, UsageError: as `prepare`; something cannot be measured, or there can be no members, or
            no refit.
    """
    prepared = prepare(settings, dataset, like)
    if settings.config.training.refit:
        from batchwright.workflow.refitting import refuse_refit

        refuse_refit(prepared)
    if prepared.settings.to_measure:
        from batchwright.workflow.measuring import measure_auto

        prepared = measure_auto(prepared)
    if prepared.job.max_time is not None:
        from batchwright.workflow.timing import fit_epochs_in_time

        prepared = fit_epochs_in_time(prepared)
    if asks_for_members(settings):
        from batchwright.workflow.ensemble import refuse_ensemble

        refuse_ensemble(prepared)
    return prepared


def resume(
    run: Path | str,
    dataset: Dataset | None = None,
    *,
    epochs: int | None = None,
    devices: int | None = None,
    given: Given = NONE_GIVEN,
    interrupted: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Go on with a run that did not finish, from its last intact checkpoint, with the events of `train`.

    The rest is the same, to the bit, as if the run had never stopped, on the same device and versions. Differences
    are notes. With `epochs`, the run goes on to this number of epochs, even if it has finished; the schedule is then
    computed over all of them.

    Args:
        run: the run's folder.
        dataset: the rows, where they were not read from a source.
        epochs: the number of epochs in all, in place of the run's.
        devices: the number of devices, in place of the run's; None takes as many, or all where there are fewer.
        given: the parts of the run that are code of the user's own, which its record only names.
        interrupted: as for `train`.

    Raises:
        RunError: the run has ended, or cannot be read, or its rows are no longer what they were; or it cannot
            continue to `epochs`.
        ConfigError: a part of the user's own is not given, or another one.
        UsageError: another process is writing the run.
        DivergedError, InterruptedRunError: as for `train`.
    """
    started = time.perf_counter()
    _cache.use()
    together = current()
    folder = reopen(Path(run), finished=epochs is not None) if together.index == 0 else None
    together.exchange("opened")  # the others read it once the first has removed what was left half written
    with folder or nullcontext():
        saved = Run(folder.path, folder.manifest) if folder else open_run(Path(run))
        _machine.use_recorded_threads(saved.manifest.machine)
        settings = before = recorded_settings(saved, given)
        refuse_together(settings)
        if devices is not None:
            settings = with_devices(settings, devices)
        if epochs is not None:
            settings = with_epochs(settings, epochs)
            refuse_more_epochs(settings)
        require_same_settings(settings)
        if settings.config.data.source is None and dataset is None:
            raise RunError(
                f"{run} was trained on rows from Python: go on with it there, bw.resume({str(run)!r}, data)."
            )
        if dataset is None:
            require_rows_again(settings.config.data, saved.path)
            require_files(settings.config.data, saved.path, saved.manifest.paths)
        prepared = prepare(settings, dataset, saved.encoding if saved.manifest.begun_from else None)
        prepared = replace(prepared, begun=has_begun_from(prepared, saved.manifest))
        require_same_rows(saved, prepared.dataset)
        checkpoint, problems = checkpoints.read(saved.path, prepared.state)
        if checkpoint is None and saved.manifest.initial:
            raise RunError(
                f"{run} began from parameters that it was given, and has no checkpoint that can be read: train anew."
            )
        if epochs is not None:
            refuse_extension(saved, checkpoint, prepared.job)
        first = _read_first(settings, saved.path, checkpoint)
        start = (
            first_checkpoint(prepared.state)
            if checkpoint is None
            else checkpoint
            if first is not None
            else _check_checkpoint(checkpoint, prepared.job, saved.path)
        )
        most = "" if prepared.job.growth is None else "at most "
        place = f"iteration {int(start.state.step):,} of {most}{prepared.plan.updates:,}"
        if asks_for_members(settings):
            place = "the last checkpoints of its members"
        if first is not None:
            place = "the last checkpoint of its training on all rows"
        notes = (*prepared.notes, *(f"a checkpoint is left out: {problem}" for problem in problems))
        notes = (*notes, *other_devices_note(before, prepared.job))
        if moved := _machine.difference_note(saved.manifest.machine):
            notes = (*notes, moved)
        if epochs is not None:
            notes = (*notes, extension_note(prepared.job, start))
        require_same(prepared, start)
        yield replace(prepared, notes=(*notes, f"the run goes on from {place}"))
        if folder:
            folder.go_on(start.history, epochs=epochs, settings=_describe_settings(settings))
        trained = yield from _carry_out(prepared, copy_to_device(start), folder, interrupted, started)
    yield from _end_events(trained)


def recorded_settings(run: Run, given: Given = NONE_GIVEN) -> Settings:
    """The settings of a recorded run, and who chose each, with what is given in place of what is only named."""
    settings = read_run_settings(run.file(CONFIG), given)
    if run.manifest.extended:
        settings = with_epochs(settings, run.manifest.extended[-1].epochs)
    origins = {key: run.settings[key].origin if key in run.settings else "default" for key in settings.origins}
    recorded = replace(settings, origins=origins, recorded=True, quickly=run.plan.get(COMPILED) == QUICKLY)
    return find_again(with_recorded_rate(recorded), run.manifest.paths)


def require_same_rows(run: Run, dataset: Dataset) -> None:
    """Raise a RunError if these are not the rows that a run was trained on."""
    if dataset.fingerprint != run.manifest.fingerprint:
        raise RunError(
            f"the rows of {dataset.name} are not those that {run.path} was trained on (fingerprint "
            f"{dataset.fingerprint[:12]}..., then {run.manifest.fingerprint[:12]}...): put those back, or train anew."
        )


def _check_checkpoint(checkpoint: Checkpoint, job: Job, run: Path) -> Checkpoint:
    """The checkpoint, once it is one of such a job."""
    history, plan = checkpoint.history, job.plan
    epochs, done = len(history), history[-1].get("iteration") if history else 0
    unfinished = epochs < plan.epochs or (epochs == plan.epochs and checkpoint.done == 0)
    fits = unfinished and 0 <= checkpoint.kept_epoch <= epochs and done == iterations_done(job, history)
    if not fits or iterations_done(job, history) + checkpoint.done != int(checkpoint.state.step):
        raise RunError(f"a checkpoint of {run} is not one of its own plan of {plan.updates:,} updates: train anew.")
    return checkpoint


def _carry_out(
    prepared: Prepared,
    start: Checkpoint,
    folder: RunFolder | None,
    interrupted: Callable[[], bool],
    started: float,
    steering: Steering | None = None,
) -> Generator[Event, None, Trained]:
    """Fit from a start, evaluate and record."""
    if folder:
        yield Recording(folder.path)
    with _explain_how_to_resume(folder), current().explaining():
        if not asks_for_members(prepared.settings):
            fitted, members = (yield from _fit_alone(prepared, start, folder, interrupted, steering)), None
        else:
            from batchwright.workflow.ensemble import fit_ensemble

            prepared, fitted, members = yield from fit_ensemble(prepared, folder, interrupted, steering)
        trained = replace(complete(prepared, fitted, folder, started), members=members)
        if folder and trained.stopped.status != "interrupted":
            _remove_states(prepared.settings, folder)
        return trained


def _read_first(settings: Settings, run: Path, checkpoint: Checkpoint | None) -> "First | None":
    """How the first training of a refit ended, where the checkpoint is its end; else None."""
    if not settings.config.training.refit:
        return None
    from batchwright.workflow.refitting import read_first

    return read_first(run, checkpoint)


def _remove_states(settings: Settings, folder: RunFolder) -> None:
    """Remove what only going on with members, or with a refit, needs."""
    if asks_for_members(settings):
        from batchwright.workflow.member_states import remove_states

        remove_states(folder)
    if settings.config.training.refit:
        from batchwright.workflow.refitting import remove_refit

        remove_refit(folder)


@contextmanager
def _explain_how_to_resume(folder: RunFolder | None) -> Iterator[None]:
    """Say of a recorded training that a disk or a file has ended how to go on with it."""
    try:
        yield
    except UsageError as error:
        if folder is None:
            raise
        raise type(error)(
            f"{error} The run is kept up to its last checkpoint: once this is mended, `batchwright resume "
            f"{folder.path}` goes on with it."
        ) from error


def _end_events(trained: Trained) -> Iterator[Event]:
    """The last event, and the error of a training that did not end as it should."""
    yield trained
    current().exchange("shown")  # who ended before the first has recorded and shown all would end it too
    if trained.stopped.status == "interrupted":
        run = trained.run
        how = f"`batchwright resume {run.path}` goes on with it" if run else "what was learned is kept"
        raise InterruptedRunError(f"{trained.stopped.reason}; {how}.")
    if trained.stopped.status == "diverged":
        raise DivergedError(f"{trained.stopped.reason}. Take a smaller learning rate, or clip the gradients.")


def _fit_alone(
    prepared: Prepared,
    start: Checkpoint,
    folder: RunFolder | None,
    interrupted: Callable[[], bool],
    steering: Steering | None,
) -> Generator[Event, None, Fitted]:
    """Fit one network, and anew on all rows where that is wanted and it has come to its end."""
    steering = steering or Steering()
    if not prepared.settings.config.training.refit:
        return (yield from _fit(prepared, start, folder, interrupted, steering))
    from batchwright.workflow.refitting import first_again, keep_first, read_first, refit

    told = None if folder is None else read_first(folder.path, start)
    if told is None:
        fitted = yield from _fit(prepared, start, folder, interrupted, steering)
    else:
        fitted = first_again(prepared, start, told)
        yield fitted.compiled
        yield fitted.stopped
    if fitted.stopped.status != "finished" or fitted.stopped.epoch == 0:
        return fitted
    if folder:
        keep_first(folder, fitted)
    return (yield from refit(prepared, fitted, folder, interrupted, steering))


def _fit(
    prepared: Prepared,
    start: Checkpoint,
    folder: RunFolder | None,
    interrupted: Callable[[], bool],
    steering: Steering | None,
) -> Generator[Event, None, Fitted]:
    """Pass on the events of the fit, and record them."""
    history, compiled, stopped, started = list(start.history), None, None, 0.0
    last_wrong = start.last_wrong
    keep = prepared.job.checkpoints.keep
    for event in fit(prepared.job, start, interrupted=heed(interrupted, folder), steering=steering):
        match event:
            case Compiled():
                compiled = event
                if folder:
                    folder.write_plan(prepared.accounting(compiled.memory_bytes))
                started = time.perf_counter()
            case SegmentDone():
                if folder:
                    folder.tell_progress(
                        epoch=event.epoch, iteration=event.updates, loss=event.loss, learning_rate=event.learning_rate
                    )
            case EpochDone():
                require_no_drift(event.state)
                history.append(event.row)
                last_wrong = event.last_wrong
                if folder:
                    folder.append(event.row)
            case CheckpointTaken():
                if folder:
                    folder.save_checkpoint(event.checkpoint, keep=keep)
            case Reduced():
                history = list(event.checkpoint.history)
                if folder:
                    folder.save_checkpoint(event.checkpoint, keep=keep)
                    folder.go_on(history)
            case Stopped():
                stopped = event
        yield event
    assert compiled is not None
    assert stopped is not None
    return Fitted(compiled, stopped, history, time.perf_counter() - started, last_wrong)


def _describe(folder: RunFolder, prepared: Prepared, initial: str, parent: str) -> None:
    settings = prepared.settings
    folder.describe(
        prepared.dataset,
        config=dump_config(settings),
        settings=_describe_settings(settings),
        plan=prepared.accounting(0),
        evidence=settings.evidence,
        device=jax.devices()[0].device_kind,
        machine=_machine.describe(),
        paths=places_of(settings.config.data),
        initial=initial,
        begun_from=parent,
    )


def _describe_settings(settings: Settings) -> dict[str, Setting]:
    """The settings as a manifest has them."""
    links = {key: f"{EVIDENCE}#{key}" for key in settings.evidence}
    values = settings.values.items()
    return {key: Setting(value, settings.origins[key], links.get(key, "")) for key, value in values}
