"""Arrays in safetensors files: named numbers and nothing else, checked against expectations before they are used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from batchwright.errors import RunError
from batchwright.runs.reading import REMEDY, parse_json

CODES = {"float32": "F32", "int32": "I32", "int64": "I64", "uint32": "U32", "uint8": "U8", "bool": "BOOL"}
"""Safetensors's name for each dtype that a run may hold."""

LENGTH = 8
"""Bytes that state the length of the JSON header after them."""
HEADER_BYTES = 1024
"""Most bytes of the header per array, and for the header itself."""


class Expected(NamedTuple):
    """What an array must be: its dtype, and its shape with None where an axis may have any length."""

    dtype: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{CODES[self.dtype]} {[length if length is not None else 'any' for length in self.shape]}"

    def fits(self, entry: Any) -> bool:
        """Whether a header's entry describes such an array."""
        shape = entry.get("shape") if isinstance(entry, dict) else None
        return (
            isinstance(shape, list)
            and entry.get("dtype") == CODES[self.dtype]
            and len(shape) == len(self.shape)
            and all(wanted in (None, length) for wanted, length in zip(self.shape, shape, strict=True))
        )


def by_path(tree: Any) -> dict[str, Any]:
    """The arrays of a tree by their paths in it, such as `params/body/dense_0/kernel`."""
    import jax

    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def dump(arrays: Mapping[str, Any]) -> bytes:
    """The content of a safetensors file that holds these NumPy or JAX arrays."""
    from safetensors.numpy import save

    return save({name: np.asarray(array, order="C") for name, array in arrays.items()})  # `save` copies raw memory


def load(data: bytes, expected: Mapping[str, Expected], where: Path) -> dict[str, np.ndarray]:
    """The arrays in the content of a safetensors file: exactly the expected ones, with finite numbers only.

    Raises:
        RunError: it is not such a file; arrays are missing, too many or of another dtype or shape; or a number is not
            finite. The message names the file `where`.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_arrays

    _compare(_header(data, where, len(expected)), expected, where)
    try:
        arrays: dict[str, np.ndarray] = load_arrays(data)
    except (SafetensorError, ValueError) as error:
        raise RunError(f"{where} is damaged: {error}. {REMEDY}") from error
    bad = [name for name, array in arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if bad:
        raise RunError(
            f"{where} holds numbers that are not finite, in {_list_names(bad)}: it cannot be used. Train again."
        )
    return arrays


def _header(data: bytes, where: Path, arrays: int) -> dict[str, Any]:
    """The entries of the file's header, by name; the library alone would accept a name given twice."""
    length = int.from_bytes(data[:LENGTH], "little")
    if len(data) < LENGTH or length > min(len(data) - LENGTH, HEADER_BYTES * (arrays + 1)):
        raise RunError(f"{where} is not a safetensors file, or cut short. {REMEDY}")
    header = parse_json(data[LENGTH : LENGTH + length], where)
    if not isinstance(header, dict):
        raise RunError(f"{where} is not a safetensors file: its header is not a mapping. {REMEDY}")
    return {name: entry for name, entry in header.items() if name != "__metadata__"}


def _compare(header: Mapping[str, Any], expected: Mapping[str, Expected], where: Path) -> None:
    problems = [f"lacks {_list_names(missing)}"] if (missing := sorted(expected.keys() - header.keys())) else []
    problems += [f"has {_list_names(extra)} too many"] if (extra := sorted(header.keys() - expected.keys())) else []
    problems += [
        f"{name!r} is not {wanted}"
        for name, wanted in expected.items()
        if name in header and not wanted.fits(header[name])
    ]
    if problems:
        raise RunError(f"{where} does not hold the expected arrays: {'; '.join(problems[:10])}. {REMEDY}")


def _list_names(names: list[str]) -> str:
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(repr(name[:100]) for name in names[:5]) + more
