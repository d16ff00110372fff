"""A model as a folder that MLflow loads, serves and registers: `mlflow.pyfunc.load_model(FOLDER).predict(frame)`."""

import json
import platform
from importlib.metadata import version
from typing import Any

import numpy as np
import yaml

from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.export.folders import Folder
from batchwright.export.run_copy import files_to_give
from batchwright.runs.predictions import predictions_of
from batchwright.runs.run import Run

RUN = "run"
LOADER = "batchwright.export.mlflow_model"
ANY = "any"
"""The type of a column of inputs: MLflow would refuse whole numbers in a column of numbers, and dates as text."""


def contents(run: Run) -> dict[str, bytes]:
    """The files of the folder."""
    requirements = [f"batchwright=={version('batchwright')}", "pandas"]
    python = platform.python_version()
    built = {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    conda = {
        "name": "batchwright",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": requirements}],
    }
    files = {f"{RUN}/{name}": content for name, content in files_to_give(run).items()}
    return {
        "MLmodel": _yaml(_described(run, python)),
        "requirements.txt": "".join(f"{line}\n" for line in requirements).encode(),
        "python_env.yaml": _yaml(built),
        "conda.yaml": _yaml(conda),
        **files,
    }


MLFLOW = Folder("mlflow", contents, RUN)


def _described(run: Run, python: str) -> dict[str, Any]:
    """The content of the file MLmodel."""
    function = {
        "loader_module": LOADER,
        "data": RUN,
        "python_version": python,
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    }
    metrics = {f"{part}/{name}": value for part, found in run.manifest.metrics.items() for name, value in found.items()}
    signature = {"inputs": json.dumps(_inputs(run.encoding)), "outputs": json.dumps(_outputs(run)), "params": None}
    return {
        "flavors": {"python_function": function, "batchwright": {"data": RUN, "version": version("batchwright")}},
        "signature": signature,
        "metadata": {"run": run.path.name, "fingerprint": run.manifest.fingerprint, "metrics": metrics},
        "utc_time_created": run.manifest.created.replace("T", " ").removesuffix("+00:00"),
    }


def _inputs(encoding: Encoding) -> list[dict[str, Any]]:
    """The columns that the network gets, or images."""
    made = encoding.preprocessing
    if isinstance(made, ImagePreprocessing):
        return [{"type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, *made.shape]}}]
    return [{"type": ANY, "name": one.name, "required": True} for one in encoding.schema.columns if one.used]


def _outputs(run: Run) -> list[dict[str, Any]]:
    """The columns of the answers."""
    model = run.load_model()
    task = model.model.task
    none = predictions_of(task, model.encoding.target.name, np.zeros((0, task.outputs), np.float32)).frame()
    return [
        {"type": "double" if dtype.is_numeric() else "string", "name": name, "required": True}
        for name, dtype in none.schema.items()
    ]


def _yaml(plain: object) -> bytes:
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode()
