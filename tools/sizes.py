"""Print the longest files and functions under src/: the tail to look at, not a limit to enforce."""

import ast
from pathlib import Path

SOURCES = sorted(Path(__file__).parents[1].glob("src/**/*.py"))
SHOWN = 15


def functions(path: Path) -> list[tuple[int, str]]:
    """The length of every function body of a file, its docstring left out, and where it is."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            found.append((lines, f"{path.relative_to(SOURCES[0].parents[2])}:{node.lineno} {node.name}"))
    return found


def main() -> None:
    """Print both lists, longest first."""
    files = [(len(path.read_text().splitlines()), str(path)) for path in SOURCES]
    for rows in (files, [row for path in SOURCES for row in functions(path)]):
        for lines, place in sorted(rows, reverse=True)[:SHOWN]:
            print(f"{lines:5}  {place}")
        print()


if __name__ == "__main__":
    main()
