"""`batchwright export`: a model as one file that other programs run."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from batchwright.cli.completing import completes_words
from batchwright.cli.flags import as_flags
from batchwright.cli.output import Json, RunFolder, print_json, say, warn_of_end
from batchwright.cli.predict import Interval

FORMATS = ("onnx", "numpy", "html", "torch", "flax", "keras", "stablehlo", "mlflow", "huggingface")
PRECISIONS = ("float32", "float16", "int8")
"""What a shell completes; the rooms that have these formats would load JAX."""


def export(
    run: RunFolder,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="a new file, as model.onnx, or a new folder")],
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="onnx, numpy, html, torch, flax, keras or stablehlo, where the ending does not say it; or, of a "
            "folder, mlflow or huggingface",
            autocompletion=completes_words(FORMATS),
        ),
    ] = None,
    interval: Interval = None,
    opset: Annotated[
        int | None, typer.Option(help="ONNX: the version of its operators [the oldest that has all that are needed]")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="ONNX: how matrices are kept: float32, float16 or int8 [float32]",
            autocompletion=completes_words(PRECISIONS),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the model of a run as one file that gives the answers of predict, and compare it with the model."""
    from batchwright.export.exporting import export_model
    from batchwright.runs.run import open_run

    opened = open_run(run)
    warn_of_end(opened)
    made = export_model(opened, out, format=format_, interval=interval, opset=opset, precision=precision)
    checked = made.checked
    if as_json:
        print_json(
            {"run": str(run), "file": str(made.file), "format": made.format, "bytes": made.bytes}
            | asdict(checked)
            | {"rounding": None if made.rounding is None else made.rounding._asdict()}
        )
        return
    say(f"{made.file}: {made.format}, {made.bytes:,} bytes")
    rounded = precision not in (None, "float32")
    which = "the rounded model" if rounded else "the model"
    said = f"answers as {which} does on {checked.rows:,} {checked.what}: at most {checked.difference:.2g} apart"
    say(f"{said}; {checked.ties:,} ties go the other way" if checked.ties else said)
    if made.rounding is not None:
        metric, before, after = made.rounding
        say(f"rounding changes {metric} on them from {before:.6g} to {after:.6g}")
    elif rounded:
        say("what rounding costs is not known, since the rows of the run cannot be read again")
    if made.hint:
        say(as_flags(made.hint))
    if rounded and interval is not None:
        say("intervals and sets go by the answers of the rounded model to the validation rows")
