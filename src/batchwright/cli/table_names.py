"""The names in a table of classes, read from its source, so that help lists them without loading the classes or JAX."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.resources import files


def names_in(module: str, table: str) -> tuple[str, ...]:
    """The `name` of every class in a tuple of classes, in the order of the tuple.

    Args:
        module: the module of the tuple, which imports the classes, such as batchwright.optim.optimizers.
        table: the name of the tuple.

    >>> names_in("batchwright.optim.optimizers", "OPTIMIZERS")[:2]
    ('sgd', 'adagrad')
    """
    return tuple(_names(module, table))


def _names(module: str, table: str) -> Iterator[str]:
    body = _body(module)
    imported = [node for node in body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imported for alias in node.names}
    classes = _value(body, table)
    for entry in classes.elts if isinstance(classes, ast.Tuple) else ():
        assert isinstance(entry, ast.Name)
        of_class = next(
            node.body
            for node in _body(homes.get(entry.id) or module)
            if isinstance(node, ast.ClassDef) and node.name == entry.id
        )
        name = _value(of_class, "name")
        assert isinstance(name, ast.Constant)
        yield str(name.value)


@cache
def _body(module: str) -> list[ast.stmt]:
    """The statements of a module of this package; the module is not imported."""
    package, *path = module.split(".")
    source = files(package).joinpath(*path[:-1], f"{path[-1]}.py")
    return ast.parse(source.read_text(encoding="utf-8")).body


def _value(body: list[ast.stmt], name: str) -> ast.expr | None:
    """The expression assigned to an annotated name."""
    return next(
        node.value
        for node in body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name
    )
