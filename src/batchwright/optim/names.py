"""The names of parameters, and the patterns that choose some of them: for decay, for rates, and for freezing.

A parameter is called by its path in the network, such as `body/dense_0/kernel`; saved models call it
`params/body/dense_0/kernel`. A pattern is a part of a name, such as `bias`, or, where it holds `*`, `?` or `[`, a shell
pattern for a whole name, such as `body/dense_[01]/*`. A star goes across slashes.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import jax

from batchwright.errors import ConfigError

Tree = Any
SHOWN = 20
"""Names that a message lists at most."""


def name_of(path: tuple[object, ...]) -> str:
    """The name of a parameter by its path, such as `body/dense_0/kernel`."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def names_of(params: Tree) -> list[str]:
    """The names of all parameters, in the order of their arrays.

    >>> names_of({"dense_0": {"kernel": 1.0, "bias": 0.0}})
    ['dense_0/bias', 'dense_0/kernel']
    """
    return [name_of(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern chooses a parameter. A number in a part is whole: `dense_1` is no part of `dense_10`.

    >>> [matches("body/dense_10/bias", pattern) for pattern in ("bias", "dense_1", "body/*", "dense_10*")]
    [True, False, True, False]
    """
    if is_shell_pattern(pattern):
        return fnmatchcase(name, pattern)
    before, after = (r"(?<!\d)" if pattern[:1].isdigit() else "", r"(?!\d)" if pattern[-1:].isdigit() else "")
    return re.search(before + re.escape(pattern) + after, name) is not None


def is_chosen(name: str, patterns: Iterable[str]) -> bool:
    """Whether any of the patterns chooses a parameter."""
    return any(matches(name, pattern) for pattern in patterns)


def is_shell_pattern(pattern: str) -> bool:
    """Whether a pattern is one for whole names, rather than a part of one."""
    return any(character in pattern for character in "*?[")


def refuse_unmatched(setting: str, patterns: Iterable[str], names: Sequence[str]) -> None:
    """Refuse a pattern that chooses none of these parameters.

    Raises:
        ConfigError: the pattern, and the names that there are.
    """
    for pattern in patterns:
        if not pattern or not any(matches(name, pattern) for name in names):
            wrong = f"matches {pattern!r}" if is_shell_pattern(pattern) else f"has {pattern!r} in its name"
            raise ConfigError(f"{setting}: no parameter {wrong}; there are {list_names(names)}.")


def list_names(names: Sequence[str]) -> str:
    """Names with commas between, and how many more there are."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def leave_out_chosen(params: Tree, patterns: Sequence[str]) -> Tree:
    """The tree without the parameters that the patterns choose: None, which holds no array, stands in their places."""
    if not patterns:
        return params
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: None if is_chosen(name_of(path), patterns) else leaf, params
    )


def put_back(some: Tree, params: Tree) -> Tree:
    """The tree `some` of `leave_out_chosen`, with the parameters of `params` where it has none."""
    choose: Callable[[Any, Any], Any] = lambda own, other: other if own is None else own  # noqa: E731
    return jax.tree.map(choose, some, params, is_leaf=lambda leaf: leaf is None)
