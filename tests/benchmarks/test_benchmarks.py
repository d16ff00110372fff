"""The benchmarks run from end to end on stand-ins for all contestants: no training, known times."""

import gzip
import json
import re
import statistics
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

OURS = """#!{python}
import json, sys
seconds = {{"load": 0, "compile": 0.25, "fit": 0.5, "evaluate": 0, "total": 1}}
plan = {{"parameters": 101770, "updates": 6000}}
test = {{"accuracy": 0.98, "r2": 0.5}}
print("usage" if "--help" in sys.argv else json.dumps({{"seconds": seconds, "plan": plan, "test": test}}))
"""

PYTHON = """#!{python}
import sys
name = sys.argv[1].rpartition("/")[2]
if name == "peers.py":
    print('{{"fit": 2.0, "compile": 0.0, "accuracy": 0.97, "parameters": 101770, "updates": 6000}}')
elif name == "product.py":
    print(1000.0)
elif name == "-c":
    print("{{}}")
"""


@pytest.fixture
def stand_ins(tmp_path):
    for name, text in (("batchwright", OURS), ("python", PYTHON)):
        (tmp_path / name).write_text(text.format(python=sys.executable))
        (tmp_path / name).chmod(0o755)
    (tmp_path / "mnist").mkdir()
    return tmp_path


def run(folder, *arguments):
    places = ("--batchwright", folder / "batchwright", "--peers-python", folder / "python", "--data", folder / "mnist")
    command = [sys.executable, BENCHMARKS / "run.py", *places, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_whole_run(stand_ins):
    page, numbers = stand_ins / "page.md", stand_ins / "numbers.json"
    page.write_text("above\n<!-- results: begin -->\nold\n<!-- results: end -->\nbelow\n")
    done = run(stand_ins, "--pairs", "2", "--only", "a,d", "--markdown", page, "--json", numbers)
    assert done.returncode == 0, done.stderr
    assert done.stdout in page.read_text()
    assert "old" not in page.read_text()
    assert page.read_text().startswith("above\n")
    assert page.read_text().endswith("below\n")
    assert "| PyTorch, loop over tensors | 0.250 (0.250 to 0.250) | 0.250 | ≤ 0.333: reached | 0.375 |" in done.stdout
    assert "| PyTorch, DataLoader | 0.250 (0.250 to 0.250) | 0.250 | ≤ 0.222: **missed** | 0.375 |" in done.stdout
    assert "491 of 1000 GFLOP/s, 49.1%" in done.stdout
    assert "| digits, test accuracy | 0.98 | ≥ 0.97: reached |" in done.stdout
    written = json.loads(numbers.read_text())
    assert written["ratios"]["a"]["sklearn"]["fit"]["of_pairs"] == 0.25
    assert len(written["contests"][0]["rounds"]) == 2


def test_a_contestant_that_fails_is_named_with_what_it_said(stand_ins):
    (stand_ins / "batchwright").write_text(f"#!{sys.executable}\nraise SystemExit('no such option')\n")
    done = run(stand_ins, "--pairs", "2", "--only", "a")
    assert done.returncode == 1
    assert "no such option" in done.stderr
    assert "--hidden-layer-sizes 128 --no-batch-normalization --optimizer sgd --momentum 0.9" in done.stderr


def test_ratios_against_numpy(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from ratios import ratio

    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(1, 2, 7), rng.uniform(3, 4, 7)
    drawn = rng.integers(0, 7, (20_000, 7))
    bounds = np.quantile(np.median(ours[drawn], axis=1) / np.median(theirs[drawn], axis=1), [0.025, 0.975])
    found = ratio(ours.tolist(), theirs.tolist())
    assert found.of_medians == pytest.approx(statistics.median(ours) / statistics.median(theirs))
    assert found.of_pairs == pytest.approx(np.median(ours / theirs))
    np.testing.assert_allclose([found.low, found.high], bounds, rtol=0.03)


def test_counted_operations_by_hand(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from jobs import MNIST

    first, second = 2 * 100 * 784 * 128, 2 * 100 * 128 * 10
    assert MNIST.flops_per_update == 2 * first + 3 * second


def test_images_from_their_files(tmp_path):
    """Packed and unpacked files give times, and the page has what is printed."""
    folder, page = tmp_path / "images", tmp_path / "page.md"
    folder.mkdir()
    images, labels = bytes(range(240)), bytes([0, 1, 2] * 20)
    for stem, head, content in (("images-idx3", [60, 2, 2], images), ("labels-idx1", [60], labels)):
        packed = gzip.compress(bytes([0, 0, 8, len(head)]) + struct.pack(f">{len(head)}I", *head) + content)
        (folder / f"train-{stem}-ubyte.gz").write_bytes(packed)
    page.write_text("<!-- from-files: begin -->\nold\n<!-- from-files: end -->\n")
    command = [sys.executable, BENCHMARKS / "from_files.py", folder, "--runs", "1", "--markdown", page]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\| gzipped, now \| \d+\.\d{3} \| \d+\.\d{3} \|\n\| unpacked, now \| \d+\.\d{3} \|", done.stdout)
    assert done.stdout in page.read_text()
    assert "old" not in page.read_text()
