"""A model as a folder to upload to the Hugging Face Hub: a run that can be opened, and a card that describes it."""

import math
from importlib.metadata import version
from typing import Any

import yaml

from batchwright.data.encode.encoding import ImagePreprocessing
from batchwright.data.encode.several import SeveralTargets, Target
from batchwright.export.folders import Folder
from batchwright.export.run_copy import files_to_give, last_part
from batchwright.runs.run import Run

CARD = "README.md"
JUDGES = ("test", "validation")
"""The parts by which a model is judged, the best judge first."""
SHOWN = 40
"""Columns that a card lists."""
KINDS = {
    "numeric": "numbers",
    "categorical": "categories",
    "boolean": "true or false",
    "date": "dates",
    "text": "text",
    "tags": "several values in a cell",
    "image": "images",
    "identifier": "identifiers",
}
"""What a column holds, in words."""


def contents(run: Run) -> dict[str, bytes]:
    """The files of the folder."""
    return {CARD: card(run).encode(), **files_to_give(run)}


HUGGING_FACE = Folder("huggingface", contents)


def card(run: Run) -> str:
    """The card as Markdown, with metadata as YAML above it."""
    head = yaml.safe_dump(_metadata(run), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n{_words(run)}"


def _metadata(run: Run) -> dict[str, Any]:
    """What the Hub finds a model by; metrics in the form of its model index."""
    task, name = _task(run), run.path.name
    part = next((part for part in JUDGES if part in run.metrics), "")
    found = run.metrics.get(part, {})
    results = {
        "task": {"type": task},
        "dataset": {
            "name": last_part(run.manifest.source),
            "type": "tabular" if task.startswith("tabular") else "image",
        },
        "metrics": [
            {"type": metric, "value": value, "name": f"{metric} ({part} rows)"}
            for metric, value in found.items()
            if math.isfinite(value)
        ],
    }
    tags = ["batchwright", task, "jax"]
    index = [{"name": name, "results": [results]}] if results["metrics"] else []
    head = {"library_name": "batchwright", "pipeline_tag": task, "tags": tags}
    return {**head, **({"model-index": index} if index else {})}


def _task(run: Run) -> str:
    encoding = run.encoding
    sort = "regression" if encoding.target.task == "regression" else "classification"
    return f"{'image' if isinstance(encoding.preprocessing, ImagePreprocessing) else 'tabular'}-{sort}"


def _words(run: Run) -> str:
    """What a person reads: what is predicted and from what, how good it is, and how to use it."""
    target, rows = run.encoding.target, run.plan.get("training_rows", 0)
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    source = _plain(last_part(run.manifest.source))
    example = "new-images" if _task(run).startswith("image") else "new.csv"
    return "\n".join(
        (
            f"# {run.path.name}",
            "",
            f"A neural network that predicts {' and '.join(map(_answer, parts))}.",
            f"It was trained on {rows:,} rows of `{source}` with batchwright {version('batchwright')}.",
            "",
            "## Results",
            "",
            *_table_of_metrics(run),
            *(f"\n{remark[:1].upper()}{remark[1:]}." for remark in run.manifest.remarks),
            "",
            "## Inputs",
            "",
            *_inputs(run),
            "",
            "## Use",
            "",
            "```python",
            "import batchwright as bw",
            "from huggingface_hub import snapshot_download",
            "",
            'folder = snapshot_download("OWNER/NAME", local_dir="model")  # batchwright opens no links, as a cache has',
            f'answers = bw.predict(bw.open_run(folder), "{example}").frame()',
            "```",
            "",
            "The folder holds no rows of the training. The categories of its columns are in `schema.json`.",
            "",
        )
    )


def _table_of_metrics(run: Run) -> list[str]:
    """The metrics: a row for each, a column for each part."""
    parts = run.metrics
    names = dict.fromkeys(name for found in parts.values() for name in found)
    head = [f"| metric | {' | '.join(parts)} |", f"|---|{'---|' * len(parts)}"]
    return [
        *head,
        *(f"| {name} | {' | '.join(_figure(found.get(name)) for found in parts.values())} |" for name in names),
    ]


def _figure(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.4g}"


def _inputs(run: Run) -> list[str]:
    """What the network is given: the size of images, or a line for each column."""
    made = run.encoding.preprocessing
    if isinstance(made, ImagePreprocessing):
        height, width, channels = made.shape
        return [f"Images of {height} × {width} pixels with {channels} channel{'s' * (channels > 1)}."]
    used = [one for one in run.encoding.schema.columns if one.used]
    more = [f"| and {len(used) - SHOWN:,} more | |"] if len(used) > SHOWN else []
    rows = (f"| `{_plain(one.name)}` | {KINDS[one.kind]} |" for one in used[:SHOWN])
    return ["| column | holds |", "|---|---|", *rows, *more]


def _answer(target: Target) -> str:
    """The name of a target, and its classes or labels."""
    what = "labels" if target.task == "multilabel" else "classes"
    answers = f"{len(target.classes)} {what}: {_listed(target.classes)}" if target.classes else "a number"
    return f"`{_plain(target.name)}` ({answers})"


def _listed(names: tuple[str, ...]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{', '.join(map(_plain, names[:SHOWN]))}{more}"


def _plain(name: str) -> str:
    """A name from the data, without what Markdown would take for its own."""
    return " ".join(name.replace("`", "'").replace("|", "/").replace("<", "‹").split())
