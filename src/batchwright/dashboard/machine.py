"""The machine: cores, memory and disk, and how much of them is taken, from what the system tells."""

import os
import platform
import shutil
from pathlib import Path
from typing import Any

PROC = Path("/proc")


def describe_machine(root: Path) -> dict[str, Any]:
    """Cores, load, memory and disk as plain data; None for what this system does not tell."""
    memory = _memory()
    try:
        disk = shutil.disk_usage(root)
    except OSError:
        disk = None
    return {
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "memory": memory.get("MemTotal"),
        "memory_free": memory.get("MemAvailable"),
        "disk": disk and disk.total,
        "disk_free": disk and disk.free,
        "folder": str(root),
    }


def _memory() -> dict[str, int]:
    """Bytes by name, as Linux tells them."""
    try:
        lines = (PROC / "meminfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    found = (line.split() for line in lines)
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in found if len(words) == 3 and words[1].isdecimal()}


def _processor() -> str:
    try:
        text = (PROC / "cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(named, platform.machine())
