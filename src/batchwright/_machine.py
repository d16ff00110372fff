"""What the bits of a run depend on besides its configuration, rows and seed, and how to reproduce them elsewhere.

XLA divides sums among its threads, so their rounding depends on the number of threads, but not on the number of cores
that these run on. It reads the number once, when JAX is first used.
"""

import os
import platform
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import jax
from jax._src.xla_bridge import backends_are_initialized  # JAX has no public way to ask

from batchwright._extras import is_installed
from batchwright.errors import UsageError

VARIABLE = "NPROC"
"""XLA reads the number of its threads from this; if unset, it is the number of cores that a process may use."""
FIXED = 4
"""The threads of a deterministic run, on any number of cores."""

GPUS = Path("/proc/driver/nvidia/gpus")
"""Has an entry for each GPU that NVIDIA's driver has found."""
CUDA_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")

SETS = ("sse4", "avx", "fma", "f16c", "amx", "asimd", "sve", "bf16", "i8mm")
"""Prefixes of the instruction sets by which a compiler chooses how to compute."""


def describe() -> dict[str, str]:
    """The machine as far as bits depend on it: device, processor, threads, versions, flags, and how many processes."""
    device = jax.devices()[0]
    cpu = {"threads": str(threads()), **_processor()} if device.platform == "cpu" else {}
    versions = {name: version(name) for name in ("jax", "jaxlib", "numpy")}
    others = {"XLA_FLAGS": os.environ.get("XLA_FLAGS", ""), "processes": str(jax.process_count())}
    return {"device": device.device_kind, **cpu, **versions, **others}


def difference_note(then: Mapping[str, str]) -> str:
    """A sentence on the differences from `then`, given by `describe`; empty if there are none."""
    now = describe()
    found = [f"{name} {was!r}, now {now.get(name, '')!r}" for name, was in then.items() if now.get(name, "") != was]
    if not found:
        return ""
    return f"it began with {'; '.join(found)}: what follows may differ in its last bits from what an unbroken run gives"


def threads() -> int:
    """How many threads XLA has, or will have once JAX is used."""
    given = os.environ.get(VARIABLE, "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(number: int) -> bool:
    """Make XLA use this many threads in this process; False if JAX has already been used with another number."""
    if threads() != number and not backends_are_initialized():
        os.environ[VARIABLE] = str(number)
    return threads() == number


def be_deterministic() -> None:
    """Compute with the number of threads of every deterministic run.

    Raises:
        UsageError: JAX has been used with another number of threads.
    """
    if not use_threads(FIXED):
        raise UsageError(
            f"deterministic: this process has used JAX with {threads()} threads already, and {FIXED} are needed: ask "
            f"for it before anything else uses JAX, or start the process with {VARIABLE}={FIXED}."
        )


def use_recorded_threads(then: Mapping[str, str]) -> None:
    """Compute with the number of threads that a run began with, if JAX has not been used yet."""
    if then.get("threads", "").isdecimal():
        use_threads(int(then["threads"]))


def unused_gpu() -> str:
    """A sentence if there is an NVIDIA GPU and JAX computes on the processor, which nobody asked for; else empty.

    Only files and names are looked at.
    """
    asked = os.environ.get("JAX_PLATFORMS") or os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1")
    if asked or jax.default_backend() != "cpu" or not (any(GPUS.glob("*")) or shutil.which("nvidia-smi")):
        return ""
    if any(map(is_installed, CUDA_PLUGINS)):
        return (
            "this machine has an NVIDIA GPU, and JAX's packages for it are installed, but find no device: the "
            "processor is used. `nvidia-smi` says whether the driver works; JAX_PLATFORMS=cpu keeps to the processor"
        )
    return (
        "this machine has an NVIDIA GPU, which is not used: pip install 'batchwright[cuda]' trains on it; "
        "JAX_PLATFORMS=cpu keeps to the processor"
    )


def _processor() -> dict[str, str]:
    """The name of the processor and its instruction sets, as far as the system tells."""
    facts = {"processor": platform.processor() or platform.machine()}
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return facts
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            facts["processor"] = value.strip()
        if key.strip() in ("flags", "Features"):
            facts["instructions"] = " ".join(sorted(flag for flag in value.split() if flag.startswith(SETS)))
            break  # the first core stands for all
    return facts
