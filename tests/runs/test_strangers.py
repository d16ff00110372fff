"""Runs made to mislead, with hashes that fit: refused, and nothing outside their folder is touched."""

import json
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save
from tests.runs.conftest import Forge, forged

import batchwright.errors
from batchwright.errors import RunError
from batchwright.runs import open_run
from batchwright.runs.manifest import File, read_manifest
from batchwright.runs.reading import parse_json

WEIGHTS = "model/weights.safetensors"
MODEL = "model/model.json"
KERNEL = "params/body/dense_0/kernel"

Arrays = dict[str, np.ndarray]


def with_nan(arrays: Arrays) -> None:
    arrays[KERNEL] = arrays[KERNEL].copy()
    arrays[KERNEL][0, 0] = np.nan


TAMPERED: dict[str, Callable[[Arrays], object]] = {
    "not finite": with_nan,
    "lacks": lambda arrays: arrays.pop(KERNEL),
    "too many": lambda arrays: arrays.update({"../../etc/passwd": np.zeros(1, np.float32)}),
    "is not F32": lambda arrays: arrays.update({KERNEL: arrays[KERNEL].T.copy()}),
    f"'{KERNEL}' is not": lambda arrays: arrays.update({KERNEL: arrays[KERNEL].astype(np.float64)}),
}


@pytest.mark.parametrize("message", TAMPERED)
def test_other_arrays_are_refused(run_path: Path, forge: Forge, message: str) -> None:
    arrays = load((run_path / WEIGHTS).read_bytes())
    TAMPERED[message](arrays)
    forge(run_path, WEIGHTS, save(arrays))
    with pytest.raises(RunError, match=message):
        open_run(run_path).load_model()


def safetensors(header: str, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header.encode() + data


def twice(content: bytes) -> bytes:
    length = struct.unpack("<Q", content[:8])[0]
    header = content[8 : 8 + length].decode().rstrip()
    entry = json.dumps(json.loads(header)[KERNEL])
    return safetensors(f'{header[:-1]},"{KERNEL}":{entry}}}', content[8 + length :])


@pytest.mark.parametrize(
    "change",
    [
        twice,
        lambda _: b"",
        lambda content: content[:8],
        lambda content: struct.pack("<Q", 1 << 62) + content[8:],
        lambda _: safetensors("[1, 2]"),
        lambda _: safetensors("{}" + " " * 10**6),
        lambda _: safetensors("[" * 5000 + "]" * 5000),
        lambda content: content.replace(b'"data_offsets":[', b'"data_offsets":[9'),
        lambda content: content.replace(b'"F32"', b'"F8 "'),
        lambda content: content + b"\0" * 64,
    ],
)
def test_hostile_safetensors_are_refused(run_path: Path, forge: Forge, change: Callable[[bytes], bytes]) -> None:
    forge(run_path, WEIGHTS, change((run_path / WEIGHTS).read_bytes()))
    with pytest.raises(RunError, match=r"weights\.safetensors"):
        open_run(run_path).load_model()


CHANGES: list[Callable[[dict[str, Any]], object]] = [
    lambda plain: plain["network"].update(name="os.system"),
    lambda plain: plain["network"].update(hidden_layer_sizes=[8, -4]),
    lambda plain: plain["network"].update(hidden_layer_sizes=[8] * 100_000),
    lambda plain: plain["network"].update(hidden_layer_sizes=[10**30]),
    lambda plain: plain["network"].update(dropout="0.1"),
    lambda plain: plain["network"].update(extra=1),
    lambda plain: plain["features"].update(numeric=4),
    lambda plain: plain["features"].update(image=[1, 2, 3]),
    lambda plain: plain["task"].update(name="evil"),
    lambda plain: plain["task"].update(loss="evil"),
    lambda plain: plain["task"].update(classes=["no", "YES"]),
    lambda plain: plain["task"].update(classes=5),
    lambda plain: plain["task"].update(class_weights=[1.0]),
    lambda plain: plain["task"].update(class_weights=["a", "b"]),
    lambda plain: plain["task"].update(class_weights=[-1.0, 1.0]),
    lambda plain: plain["task"].update(label_smoothing="0.1"),
    lambda plain: plain["task"].update(label_smoothing=1.5),
    lambda plain: plain.update(task={"name": "regression"}),
    lambda plain: plain.update(dtype="float16"),
    lambda plain: plain.update(more=1),
    lambda plain: plain.pop("task"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_impossible_model_is_refused(
    run_path: Path, edit_json: Callable[..., None], change: Callable[[dict[str, Any]], object]
) -> None:
    edit_json(run_path, MODEL, change)
    with pytest.raises(RunError, match=r"model\.json|not hold the expected arrays"):
        open_run(run_path).load_model()


def leaves(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all values in plain data."""
    items = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    return [path, *(found for key, value in items for found in leaves(value, (*path, key)))]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", [MODEL, "schema.json"])
@given(data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_json_loads_or_is_refused(run_path: Path, name: str, data: st.DataObject) -> None:
    whole, manifest = (run_path / name).read_text(), (run_path / "manifest.json").read_text()
    plain = {"all": json.loads(whole)}
    *path, last = data.draw(st.sampled_from(leaves(plain)[1:]))
    place: Any = plain
    for key in path:
        place = place[key]
    place[last] = data.draw(json_values)
    forged(run_path, name, json.dumps(plain["all"]).encode())
    try:
        saved = open_run(run_path).load_model()
        assert saved.variables.params["body"]["dense_0"]["kernel"].shape == (3, 8)
    except RunError:
        pass
    finally:
        (run_path / name).write_text(whole)
        (run_path / "manifest.json").write_text(manifest)


def test_weights_of_classes_beyond_float32_are_refused(run_path: Path) -> None:
    plain = json.loads((run_path / MODEL).read_text())
    plain["task"]["class_weights"] = [1.0, 1.0, 3.41e38]
    forged(run_path, MODEL, json.dumps(plain).encode())
    with pytest.raises(RunError, match="too large"):
        open_run(run_path).load_model()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": 1, "a": 1}',
        "[" * 100_000,
        "[" * 40 + "]" * 40,
        r'"\ud800"',
        "9" * 5000,
    ],
)
def test_json_is_strict(text: str) -> None:
    with pytest.raises(RunError, match="file"):
        parse_json(text.encode(), Path("file"))
    with pytest.raises(RunError, match="file"):
        parse_json(b"\xff" + text.encode(), Path("file"))


def outside(path: Path, name: str) -> Path:
    """Move a file or folder of a run out of it."""
    return (path / name).rename(path.parent / "outside")


@pytest.mark.parametrize("name", ["manifest.json", "config.yaml", "schema.json", "history.jsonl", "model", WEIGHTS])
def test_symbolic_link_is_refused(run_path: Path, name: str) -> None:
    (run_path / name).symlink_to(outside(run_path, name))
    with pytest.raises(RunError, match="is a link"):
        read_all(run_path)


@pytest.mark.parametrize("name", ["manifest.json", "config.yaml", WEIGHTS])
def test_hard_link_is_refused(run_path: Path, name: str) -> None:
    os.link(outside(run_path, name), run_path / name)
    with pytest.raises(RunError, match="hard link"):
        read_all(run_path)


@pytest.mark.parametrize("name", ["manifest.json", "config.yaml", WEIGHTS])
def test_pipe_is_refused_without_waiting(run_path: Path, name: str) -> None:
    outside(run_path, name)
    os.mkfifo(run_path / name)
    with pytest.raises(RunError, match="not a plain file"):
        read_all(run_path)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "model/../../outside", "other.bin"])
def test_manifest_lists_only_the_files_of_a_run(run_path: Path, name: str) -> None:
    manifest = read_manifest(run_path)
    manifest.files[name] = File(1, "0" * 64)
    (run_path / "manifest.json").write_text(manifest.to_text())
    with pytest.raises(RunError, match="unknown file"):
        open_run(run_path)


def test_huge_file_is_refused_without_reading_it(run_path: Path) -> None:
    manifest = read_manifest(run_path)
    os.truncate(run_path / WEIGHTS, 1 << 39)  # takes no room on the disk
    manifest.files[WEIGHTS] = File(1 << 39, "0" * 64)
    (run_path / "manifest.json").write_text(manifest.to_text())
    with pytest.raises(RunError, match="at most"):
        open_run(run_path).load_model()


def test_rows_in_two_parts_are_refused(run_path: Path, forge: Forge) -> None:
    rows = np.arange(3)
    forge(run_path, "splits.safetensors", save({"train": rows, "validation": rows + 2, "test": rows[:0]}))
    with pytest.raises(RunError, match="two parts"):
        open_run(run_path).indices()


def test_newer_format_is_refused(run_path: Path) -> None:
    manifest = run_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(RunError, match="upgrade"):
        open_run(run_path)


RUNS_WHAT_IT_WROTE = "export/numpy_format.py"
"""Runs a file that was made of our own code and of texts by `repr` (tests/export/test_portable_formats.py)."""


def test_no_module_can_run_what_a_file_holds() -> None:
    package = Path(batchwright.errors.__file__).parent
    forbidden = re.compile(r"\b(c?pickle|dill|joblib|marshal|shelve)\b(?!=False)|(?<![\w.])(eval|exec|__import__)\(")
    by_name = re.compile(r"import_module|getattr\(sys\.modules")
    for file in package.rglob("*.py"):
        code = "\n".join(line for line in file.read_text().splitlines() if "allow_pickle=False" not in line)
        code = re.sub(r'"""[\s\S]*?"""|#.*', "", code).replace('".pickle"', "")  # an ending that is refused
        assert file == package / RUNS_WHAT_IT_WROTE or not forbidden.search(code), file
        if file.parent.name in ("runs", "config", "data"):
            assert not by_name.search(code), file


def read_all(path: Path) -> None:
    run = open_run(path)
    _ = run.config, run.history
    run.indices()
    run.load_model()
