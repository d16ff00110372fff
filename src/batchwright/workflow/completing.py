"""What follows a fit: what is learned at the end, how good the model is on each part, and the record completed."""

import time
from typing import TYPE_CHECKING

import numpy as np

from batchwright.runs.folder import RunFolder
from batchwright.runs.model import SavedModel
from batchwright.runs.predictions import predictions_of
from batchwright.runs.run import LastWrong
from batchwright.workflow.fitting import Fitted, HeldOut
from batchwright.workflow.judging import finish, judge_parts, with_task
from batchwright.workflow.preparing import Prepared
from batchwright.workflow.trained import Trained

if TYPE_CHECKING:
    import polars as pl


def complete(prepared: Prepared, fitted: Fitted, folder: RunFolder | None, started: float) -> Trained:
    """Evaluate the variables that are kept, and complete the record."""
    stopped, held_out = fitted.stopped, fitted.held_out
    evaluating = time.perf_counter()
    finished = finish(prepared, stopped.variables, held_out)
    prepared, conformal = with_task(prepared, finished.task), finished.conformal
    network, encoding = prepared.job.program.model, prepared.dataset.encoding
    model = SavedModel(prepared.blueprint, network, stopped.variables, encoding, conformal)
    judged = judge_parts(prepared, stopped.variables, held_out=held_out)
    out_of_fold = None if held_out is None else _out_of_fold(prepared, held_out)
    metrics = {part: found.metrics for part, found in judged.items()}
    per_class = {part: found.per_class for part, found in judged.items() if found.per_class}
    by_target = {part: found.by_target for part, found in judged.items() if found.by_target}
    on_parts = (f"on the {part} rows {said}" for part, found in judged.items() for said in found.remarks)
    own = () if held_out is None else (held_out.remark,)
    remarks = (*own, *finished.remarks, *on_parts)
    seconds = {
        "load": prepared.load_seconds,
        **({"measure": prepared.measure_seconds} if prepared.measure_seconds else {}),
        "compile": fitted.compiled.seconds,
        "fit": fitted.seconds,
        "evaluate": time.perf_counter() - evaluating,
    }
    run, mistakes = None, _mistakes(prepared, fitted)
    if folder:
        folder.save_model(prepared.blueprint, stopped.variables, conformal)
        if out_of_fold is not None:
            folder.save_out_of_fold(out_of_fold)
        if fitted.refit:
            folder.save_refit(fitted.refit)
        seconds["total"] = time.perf_counter() - started
        run = folder.finish(
            stopped.status,
            stopped.reason,
            history=fitted.history,
            kept_epoch=stopped.epoch,
            metrics=metrics,
            seconds=seconds,
            remarks=remarks,
            confusion={part: one.confusion.tolist() for part, one in per_class.items()},
            confusion_by_target={
                part: {name: one.confusion.tolist() for name, one in targets.items()}
                for part, targets in by_target.items()
            },
            mistakes=mistakes,
        )
    seconds["total"] = time.perf_counter() - started
    return Trained(
        prepared,
        model,
        tuple(fitted.history),
        metrics,
        seconds,
        fitted.compiled.memory_bytes,
        stopped,
        remarks,
        per_class,
        by_target,
        run,
        mistakes,
        out_of_fold=out_of_fold,
        refit=fitted.refit,
    )


def _mistakes(prepared: Prepared, fitted: Fitted) -> LastWrong | None:
    """When each validation row was last answered wrongly, with its number; None where that was not kept."""
    rows, epochs = prepared.dataset.indices.validation, fitted.last_wrong
    if epochs is None:
        return None
    return LastWrong(rows if len(rows) == len(epochs) else np.arange(len(epochs)), epochs)


def _out_of_fold(prepared: Prepared, held_out: HeldOut) -> "pl.DataFrame | None":
    """The answers to rows by members that were not trained on them; None where no folds are dealt out."""
    import polars as pl

    if held_out.folds is None:
        return None
    positions = prepared.dataset.positions
    rows = np.concatenate([positions["train"], positions["validation"]])[held_out.places] + 1
    answers = predictions_of(prepared.blueprint.task, prepared.dataset.target.name, held_out.answers[0]).frame()
    return pl.concat([pl.DataFrame({"row": rows, "fold": held_out.folds}), answers], how="horizontal").sort("row")
