"""All that a comparison's folder says of it: its variants with their curves, and what came of them."""

from pathlib import Path
from typing import Any

from batchwright.dashboard.plain import mapping, number, read_mapping, safe, text

COMPARISON = "comparison.json"
MOST_BYTES = 1 << 28
MOST_VARIANTS, MOST_EPOCHS, MOST_SEEDS = 100, 20_000, 100
NUMBERS = ("updates_per_epoch", "seconds_per_epoch", "at_equal_seconds", "updates_to_target", "seconds_to_target")


def describe_comparison(folder: Path) -> dict[str, Any]:
    """The plan and the result of a comparison as plain data.

    Raises:
        Unreadable: there is none that can be read.
    """
    found = read_mapping(folder / COMPARISON, MOST_BYTES)
    plan, result = mapping(found.get("plan")), mapping(found.get("result"))
    rows = result.get("rows")
    return {
        "plan": {name: safe(plan.get(name)) for name in ("vary", "trials", "seeds", "rows", "notes")},
        "target": number(result.get("target")),
        "verdict": text(result.get("verdict")),
        "seconds": number(result.get("seconds")),
        "variants": [_variant(mapping(one)) for one in rows[:MOST_VARIANTS]] if isinstance(rows, list) else [],
    }


def _variant(one: dict[str, Any]) -> dict[str, Any]:
    """A variant; the curves of its seeds are those of whole numbers of epochs, None where a loss was not finite."""
    by_seed = one.get("curves_by_seed")
    stable = one.get("stable_range")
    return {
        "name": text(one.get("name"), 200),
        "settings": safe(mapping(one.get("settings"))),
        "validation": {name: number(mapping(one.get("validation")).get(name)) for name in ("mean", "low", "high")},
        "stable_range": [number(end) for end in stable[:2]] if isinstance(stable, list) else None,
        "curve": _curve(one.get("curve")),
        "curves_by_seed": [_curve(curve) for curve in by_seed[:MOST_SEEDS]] if isinstance(by_seed, list) else [],
        **{name: number(one.get(name)) for name in NUMBERS},
    }


def _curve(values: object) -> list[float | int | None]:
    return [number(value) for value in values[:MOST_EPOCHS]] if isinstance(values, list) else []
