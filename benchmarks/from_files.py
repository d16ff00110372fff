"""How long MNIST takes from its files to rows on the device, in a process that has imported everything.

`.venv/bin/python benchmarks/from_files.py ../shared/data/mnist --markdown docs/benchmarks.md`: the folder as it is, and
with its files unpacked. Each run is a process of its own that loads six times, of which the least counts. With
`--before`, the folder `src` of another version is run in turn with this one.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from report import replace_section, table, verdict

SOURCE = Path(__file__).resolve().parents[1] / "src"
AIM = 0.15
LOADS = 6
Seconds = tuple[float, float]
"""By the clock, and of the processor."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of the four files")
    parser.add_argument("--runs", type=int, default=5, help="processes of each (default 5)")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="the folder `src` of another version")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `from-files` of a file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        print(json.dumps(least(given.folder)))
        return 0
    versions = {"before": given.before, "now": SOURCE} if given.before else {"now": SOURCE}
    found: dict[tuple[str, str], list[Seconds]] = {}
    with tempfile.TemporaryDirectory(prefix="batchwright-from-files-") as scratch:
        for kind, folder in {"gzipped": given.folder, "unpacked": unpacked(given.folder, Path(scratch))}.items():
            for number in range(given.runs):
                for version in versions if number % 2 else reversed(versions):
                    found.setdefault((kind, version), []).append(_run(versions[version], folder))
    text = markdown(found)
    print(text, end="")
    if given.markdown:
        replace_section(given.markdown, text, "from-files")
    return 0


def unpacked(folder: Path, into: Path) -> Path:
    """A folder with the same files, not gzipped."""
    for file in folder.glob("*ubyte*"):
        content = file.read_bytes()
        (into / file.name.removesuffix(".gz")).write_bytes(
            gzip.decompress(content) if file.suffix == ".gz" else content
        )
    return into


def _run(source: Path, folder: Path) -> Seconds:
    command = [sys.executable, __file__, str(folder), "--child"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(source)}, check=True, stdout=subprocess.PIPE, text=True
    )
    clock, processor = json.loads(done.stdout)
    return clock, processor


def least(folder: Path) -> Seconds:
    """The least seconds of some loads in this process, each of them to all rows on the device."""
    import jax

    from batchwright.data.load import load
    from batchwright.training.state import to_device

    jax.devices()
    found = list[Seconds]()
    for _ in range(LOADS):
        clock, processor = time.perf_counter(), time.process_time()
        dataset = load(folder)
        jax.block_until_ready([to_device(part) for part in dataset.parts.values()])
        found.append((time.perf_counter() - clock, time.process_time() - processor))
    return min(clock for clock, _ in found), min(processor for _, processor in found)


def markdown(found: dict[tuple[str, str], list[Seconds]]) -> str:
    """The least seconds of each kind of files and each version."""
    shortest = {of: tuple(map(min, zip(*runs, strict=True))) for of, runs in found.items()}
    rows = [
        (f"{kind}, {version}", f"{clock:.3f}", f"{processor:.3f}")
        for (kind, version), (clock, processor) in shortest.items()
    ]
    runs, now = len(next(iter(found.values()))), shortest["gzipped", "now"][0]
    said = f"The least of {runs} processes each. Gzipped {now:.2f} s; aim ≤ {AIM:g}: {verdict(now <= AIM)}."
    return f"{table(('', 'seconds', 'of processor'), rows)}\n\n{said}\n"


if __name__ == "__main__":
    sys.exit(main())
