"""Inputs that are not scaled."""

from batchwright.data.encode.encoders import Number
from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence

WIDE, FAR = 3.0, 5.0
"""Deviation of all inputs, and size of their mean, above which layers that expect about 1 and 0 start badly."""

UNLIKE = 100.0
"""The factor by which the largest numbers of two columns may differ."""


def inputs_not_scaled(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Numbers that reach the first layer in their own units, which are large, or differ from column to column."""
    if evidence.settings.get("data.scaling") != "none":
        return ()
    deviation, mean = (_at_start(evidence, figure) for figure in ("deviation", "mean"))
    sizes = _sizes(evidence)
    large, small = max(sizes, key=sizes.__getitem__, default=""), min(sizes, key=sizes.__getitem__, default="")
    unlike = bool(sizes) and sizes[large] > UNLIKE * sizes[small]
    if not unlike and deviation <= WIDE and abs(mean) <= FAR and not (sizes and sizes[large] > 2 * FAR):
        return ()
    measured = f" (measured: mean {mean:.3g}, deviation {deviation:.3g})" if deviation else ""
    columns = f"; column {large!r} goes up to {sizes[large]:.3g}" if sizes else ""
    columns += f", {small!r} only to {sizes[small]:.3g}" if unlike else ""
    return (
        Diagnosis(
            "inputs not scaled",
            "note" if _is_normalized(evidence) and not unlike else "warning",
            "sure" if unlike or deviation > WIDE else "likely",
            f"the inputs are in their own units{measured}{columns}",
            "scale them: `data.scaling=standard`",
            {"data.scaling": "standard"},
        ),
    )


def _at_start(evidence: Evidence, figure: str) -> float:
    """A figure of what the first layer is given, at the first measured epoch; 0 where it is not known."""
    found = evidence.layers(figure).get("inputs")
    return 0.0 if found is None else float(found[0])


def _sizes(evidence: Evidence) -> dict[str, float]:
    """The size of the largest number of each column that is not scaled, where that is known and not 0."""
    encoders = getattr(getattr(evidence.encoding, "preprocessing", None), "encoders", ())
    plain = [one for one in encoders if isinstance(one, Number) and (one.center, one.scale) == (0.0, 1.0)]
    found = {one.column: max(abs(one.lowest or 0.0), abs(one.highest or 0.0)) for one in plain}
    return {name: size for name, size in found.items() if size > 0}


def _is_normalized(evidence: Evidence) -> bool:
    return any("batch_norm" in name for name in evidence.layers("weights"))
