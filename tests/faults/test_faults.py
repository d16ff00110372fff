"""Disks that fail: reading and writing give EIO from a chosen byte on, by a library loaded before the C library.

The command then ends with one clear error, and what it had saved is good: resumed, the run ends with the same bits.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.children import Children
from tests.cli.conftest import Batchwright, batchwright  # noqa: F401  (a fixture)

from batchwright.runs.run import open_run

pytestmark = pytest.mark.slow

TRAINING = (
    *("--target", "y", "--epochs", "4", "--early-stopping", "null", "--network", "mlp", "--hidden-layer-sizes", "8"),
    *("--run-dir", "run"),
)
OFTEN = ("--set", "training.checkpoints.iterations=20")
IN_CHUNKS = ("--memory-limit", "301MB")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes files fail."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("a C compiler and Linux are needed to inject faults")
    built = tmp_path_factory.mktemp("faults") / "eio.so"
    source = Path(__file__).with_name("eio.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", built, source, "-ldl"], check=True)
    return built


def process(folder: Path, *words: str, faults: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "batchwright", *words]
    env = os.environ | {"BATCHWRIGHT_CACHE": str(folder.parent / "programs")} | faults
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def failing(library: Path, calls: str, name: str, after: int) -> dict[str, str]:
    """The environment in which these calls fail for files with `name` in their path, after so many bytes of them."""
    return {"LD_PRELOAD": str(library), "EIO_CALLS": calls, "EIO_PATH": name, "EIO_AFTER": str(after)}


def frame(rows: int = 2000) -> pl.DataFrame:
    x = np.random.default_rng(0).normal(size=(rows, 4))
    return pl.DataFrame({**{f"x{i}": x[:, i] for i in range(4)}, "y": (x[:, 0] > 0).astype(int)})


def csv(path: Path) -> None:
    frame().write_csv(path)


def parquet(path: Path) -> None:
    frame().write_parquet(path)


def npy(path: Path) -> None:
    np.save(path, frame().to_numpy())


def npz(path: Path) -> None:
    table = frame().to_numpy()
    np.savez(path, X=table[:, :-1], y=table[:, -1].astype(int))


def idx(path: Path) -> None:
    path.mkdir()
    for part, rows in (("train", 300), ("t10k", 50)):
        for kind, shape in (("images-idx3", (rows, 8, 8)), ("labels-idx1", (rows,))):
            header = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
            (path / f"{part}-{kind}-ubyte").write_bytes(header + bytes(np.prod(shape)))


def pictures(path: Path) -> None:
    for name in ("cat", "dog"):
        (path / name).mkdir(parents=True)
        for number in range(20):
            Image.effect_noise((16, 16), 50).save(path / name / f"{number}.png")


SOURCES: tuple[tuple[str, Callable[[Path], None], int], ...] = (
    ("table.csv", csv, 0),
    ("table.csv", csv, 10_000),
    ("table.parquet", parquet, 20_000),
    ("table.npy", npy, 60),  # the rest goes through the C library's own buffers, out of reach
    ("table.npz", npz, 10_000),
    ("digit-images", idx, 5_000),
    ("pictures", pictures, 0),
    ("pictures", pictures, 3_000),
)


@pytest.fixture(scope="module")
def tried(library: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, int]]:
    """The folder of each source, where it was trained on, and the exit status."""
    folders = [tmp_path_factory.mktemp("source") for _ in SOURCES]
    lines = []
    for folder, (name, write, after) in zip(folders, SOURCES, strict=True):
        write(folder / name)
        words = ("train", name, "--run-dir", "run", *(() if (folder / name).is_dir() else ("--target", "y")))
        lines.append(json.dumps((str(folder), words, failing(library, "read", f"/{name}", after))))
    command = [sys.executable, Path(__file__).with_name("forks.py")]
    env = os.environ | {"LD_PRELOAD": str(library)}
    said = subprocess.run(command, input="\n".join(lines), env=env, capture_output=True, text=True, check=True).stdout
    return list(zip(folders, json.loads(said), strict=True))


@pytest.mark.parametrize("number", range(len(SOURCES)), ids=[f"{name} after {after}" for name, _, after in SOURCES])
def test_source_that_cannot_be_read(tried: list[tuple[Path, int]], number: int) -> None:
    folder, status = tried[number]
    said = (folder / "said").read_text()
    assert status == 2, said
    assert "Traceback" not in said
    assert "nput/output error" in said
    assert SOURCES[number][0] in said
    assert not (folder / "run").exists(), "nothing is written where there was nothing to learn from"


def weights(run: Path) -> bytes:
    return (run / "model/weights.safetensors").read_bytes()


def assert_stopped(folder: Path, stopped: "subprocess.CompletedProcess[str]") -> None:
    """The run has ended with a clear error, and says how it goes on."""
    assert stopped.returncode == 2, stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "nput/output error" in stopped.stderr
    assert "`batchwright resume run` goes on with it" in stopped.stderr
    assert open_run(folder / "run").manifest.status in ("failed", "running")


def test_rows_on_a_disk_that_fails_while_training(tmp_path: Path, library: Path, children: Children) -> None:
    """What does not fail needs no process that imports all by itself."""
    cache = tmp_path.parent / "programs"
    frame(12_000).write_parquet(tmp_path / "table.parquet")
    words = ("train", "table.parquet", *TRAINING, "--set", "training.checkpoints.iterations=100", *IN_CHUNKS)
    whole = children.batchwright(*words, cwd=tmp_path, cache=cache)
    assert whole.ended() == 0, whole.err
    (tmp_path / "run").rename(tmp_path / "whole")
    rows = next((tmp_path / "table.parquet.batchwright-rows").glob("*/train/numeric.npy"))
    two_epochs = 2 * rows.stat().st_size
    assert_stopped(
        tmp_path, process(tmp_path, *words, faults=failing(library, "read", "train/numeric.npy", two_epochs))
    )
    resumed = children.batchwright("resume", "run", cwd=tmp_path, cache=cache)
    assert resumed.ended() == 0, resumed.err
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


SOAK = pytest.mark.soak


@pytest.mark.parametrize(
    "name", ["history.jsonl", pytest.param("/checkpoints/", marks=SOAK), pytest.param("/.model.", marks=SOAK)]
)
def test_run_folder_on_a_disk_that_fails(tmp_path: Path, library: Path, batchwright: Batchwright, name: str) -> None:  # noqa: F811
    """Only what fails is a process of its own."""
    csv(tmp_path / "table.csv")
    words = ("train", "table.csv", *TRAINING, *OFTEN)
    assert batchwright(*words).code == 0
    (tmp_path / "run").rename(tmp_path / "whole")
    assert_stopped(tmp_path, process(tmp_path, *words, faults=failing(library, "write", name, 300)))
    answer = batchwright("resume", "run")
    assert answer.code == 0, answer.err
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
