"""Where the contestants live: batchwright's own environment, and one for the peers, made when none is given."""

import json
import os
import platform
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import processes

PEER_PACKAGES = ("torch==2.13.0", "keras", "scikit-learn", "jax", "optuna")
"""What pip installs for the peers. PyTorch is pinned: on some systems the newest brings gigabytes for GPUs with it."""
SHOWN = ("batchwright", "jax", "jaxlib", "numpy", "torch", "keras", "scikit-learn", "optuna")


@dataclass(frozen=True)
class Machine:
    """What the figures belong to. `load` is that of the last minute before the start: it should be near 0."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    load: float
    batchwright: dict[str, str]
    peers: dict[str, str]


def peers_python(name: str = "peers", packages: Sequence[str] = PEER_PACKAGES) -> Path:
    """The Python of an environment of peers in the user's cache folder; made, in minutes, where it is missing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "batchwright" / "benchmarks" / "-".join((name, *platform.python_version_tuple()[:2]))
    python, done = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join(packages)
    if not (done.exists() and done.read_text() == wanted):
        print(f"installing {', '.join(packages)} in {folder}", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        processes.run([str(python), "-m", "pip", "install", "--quiet", *packages])
        done.write_text(wanted)
    return python


def describe(batchwright_python: Path, peers_python: Path) -> Machine:
    """The machine as it is now, and the packages of both environments."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
        system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        load=os.getloadavg()[0],
        batchwright=_versions(batchwright_python, SHOWN),
        peers=_versions(peers_python, SHOWN),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json, sys;"
        "found = {d.name.lower(): d.version for d in m.distributions()};"
        "print(json.dumps({name: found[name] for name in sys.argv[1:] if name in found}))"
    )
    versions: dict[str, str] = json.loads(processes.run([str(python), "-c", code, *packages]).stdout)
    return versions
