"""Write a model as one file that other programs run, once it has been found to answer as the model does."""

import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from batchwright import _cache
from batchwright._files import refuse_existing, require_writable, write_file
from batchwright.errors import ConfigError, UsageError, unknown
from batchwright.export.checking import Checked
from batchwright.export.folders import Folder, write_model_folder
from batchwright.export.formats import Format, Options
from batchwright.export.html_format import HTML
from batchwright.export.huggingface_folder import HUGGING_FACE
from batchwright.export.keras_format import KERAS
from batchwright.export.mlflow_folder import MLFLOW
from batchwright.export.module_format import FLAX_NNX, TORCH
from batchwright.export.numpy_format import NUMPY
from batchwright.export.onnx_format import ONNX
from batchwright.export.rounded_intervals import with_own_scores
from batchwright.export.rounding import Rounding, measure_rounding, precision_of, round_weights
from batchwright.export.rows_to_check import rows_to_check
from batchwright.export.stablehlo_format import STABLEHLO
from batchwright.runs.model import SavedModel
from batchwright.runs.predictions import load_model
from batchwright.runs.reading import to_plain
from batchwright.runs.run import Run

FORMATS: tuple[Format, ...] = (ONNX, NUMPY, HTML, TORCH, FLAX_NNX, KERAS, STABLEHLO)
"""All kinds of files; a new one is one entry."""
FOLDERS: tuple[Folder, ...] = (MLFLOW, HUGGING_FACE)
"""All kinds of folders."""


@dataclass(frozen=True)
class Exported:
    """A file that answers as a model does.

    - file, format: where it is, and what it is
    - bytes: how large it is
    - checked: how it compares with the model, or with the rounded one
    - rounding: what rounding costs; None if nothing is rounded, or the rows have no targets
    - hint: what to know about such a file, if anything
    """

    file: Path
    format: str
    bytes: int
    checked: Checked
    rounding: Rounding | None = None
    hint: str = ""

    def __repr__(self) -> str:
        """The file, and how it compares."""
        found = self.checked
        return f"<Exported {self.file}: {self.format}; {found.difference:.2g} apart on {found.rows:,} {found.what}>"


def export_model(
    model: SavedModel | Run,
    file: Path | str,
    *,
    format: str | None = None,  # noqa: A002 (what users call it)
    interval: float | None = None,
    opset: int | None = None,
    precision: str | None = None,
) -> Exported:
    """Write a model, or the model of a run, as one file that gives the answers of `predict`.

    The file is run on the test rows of the run before it is kept, or on rows made up where these cannot be read again,
    and compared with the model.

    Args:
        model: the model.
        file: the new file, whose ending says what it is; or a new folder.
        format: what it is, if its ending does not say so: "onnx", "numpy", "html", "torch", "flax", or, for the network
            alone, "keras" or "stablehlo"; or, of a folder, "mlflow" or "huggingface".
        interval: the level of intervals and sets, as in `predict`.
        opset: for ONNX, the version of its operators; None: the oldest that has all that are needed.
        precision: for ONNX, how matrices are kept: "float32", the default, "float16" or "int8"; they are rounded, and
            what that costs is measured where the rows have targets. Intervals are those of the rounded network.

    Raises:
        UsageError: the file exists or cannot be written, a package is missing, or the model has no such form.
        RunError: the run has no model.
        BatchwrightError: the file does not answer as the model does; it is not kept.
    """
    if not isinstance(file, str | os.PathLike):
        raise ConfigError(f"file takes the path of a new file, as 'model.onnx', but is {file!r:.60}.")
    path, given = Path(file), {"interval": interval, "opset": opset, "precision": precision}
    folder = next((one for one in FOLDERS if one.name == format), None)
    if folder is not None:
        return _export_folder(model, path, folder, given)
    chosen = choose_format(path, format)
    refuse_existing(path)
    require_writable(path)
    refuse_options(chosen, given)
    bits = precision_of(precision)
    _cache.use()
    loaded, run = load_model(model), model if isinstance(model, Run) else None
    options = Options(interval, opset, bits, about(loaded, run))
    rounded, rows = round_weights(loaded, options.precision), rows_to_check(loaded, run)
    if rounded is not loaded and interval is not None:
        rounded = with_own_scores(rounded, run)
    content = chosen.write(rounded, options)
    checked = chosen.check(content, rounded, rows, options)
    measured = None if rounded is loaded or rows.split is None else measure_rounding(loaded, rounded, rows.split)
    write_file(path, content)
    return Exported(path, chosen.name, len(content), checked, measured, chosen.hint)


def _export_folder(model: SavedModel | Run, path: Path, folder: Folder, options: dict[str, Any]) -> Exported:
    """Write the model of a run as a folder."""
    for name, value in options.items():
        if value is not None:
            raise ConfigError(f"{name} is for files, and not for {folder.name}: leave it out.")
    if not isinstance(model, Run):
        raise ConfigError(f"{folder.name} takes a run with its record, as bw.open_run gives it, and not a model alone.")
    _cache.use()
    size, checked = write_model_folder(folder, model, path)
    return Exported(path, folder.name, size, checked)


def choose_format(path: Path, name: str | None) -> Format:
    """The format of a name, or that of the file's ending.

    Raises:
        UsageError: there is no such format, or no such ending.
    """
    if name is not None:
        by_name = {one.name: one for one in FORMATS}
        if name not in by_name:
            raise ConfigError(unknown("format", name, [*by_name, *(one.name for one in FOLDERS)]))
        return by_name[name]
    fitting = [one for one in FORMATS if path.name.endswith(one.suffix)]
    if not fitting:
        folders = " and ".join(f"`format={one.name}`" for one in FOLDERS)
        raise UsageError(
            f"{path}: the ending says what a file is, and {path.suffix or 'none'} is not known: take "
            f"{', '.join(one.suffix for one in FORMATS)}, or say it by `format={FORMATS[0].name}`; {folders} "
            "write a folder."
        )
    return max(fitting, key=lambda one: len(one.suffix))


def refuse_options(chosen: Format, given: dict[str, Any]) -> None:
    """Raise a ConfigError if an option is given that a format does not have."""
    for name, value in given.items():
        if value is not None and name not in chosen.takes:
            having = [one.name for one in FORMATS if name in one.takes]
            listed = " and ".join(filter(None, (", ".join(having[:-1]), having[-1])))
            raise ConfigError(f"{name} is for {listed}, and not for {chosen.name}: leave it out.")


def about(model: SavedModel, run: Run | None) -> dict[str, str]:
    """What a file says of itself: versions, columns, classes, and the run with its metrics."""
    target = model.encoding.target
    found = {
        "batchwright": version("batchwright"),
        "target": target.name,
        "classes": _as_text(target.classes),
        "schema": _as_text(model.encoding.schema.to_json()),
    }
    if run is None:
        return found
    manifest = run.manifest
    of_run = {"run": run.path.name, "created": manifest.created, "fingerprint": manifest.fingerprint}
    return found | of_run | {"versions": _as_text(manifest.versions), "metrics": _as_text(manifest.metrics)}


def _as_text(value: object) -> str:
    return json.dumps(to_plain(value), ensure_ascii=False)
