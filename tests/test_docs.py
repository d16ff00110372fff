"""The documentation is run: its Python is executed, its commands are parsed, and what it names exists."""

import ast
import re
import shlex
import sys
import tomllib
import types
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest
import typer

from batchwright.cli.main import app
from batchwright.config import Config, flow, load_config, to_plain
from batchwright.config.document import resolve_scalar
from batchwright.config.keys import homes
from batchwright.data.formats.examples import EXAMPLES
from batchwright.nn import ARCHITECTURES, Architecture
from batchwright.optim import OPTIMIZERS, SCHEDULES
from batchwright.search.space import load_space

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = ("bash", "console")
OPTIONS_OF_RULES = {"name"}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> Iterator[tuple[int, str]]:
    """The line before its first, and the text of every fenced block in these languages."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        if found[1] in languages:
            yield text.count("\n", 0, found.start()) + 1, found[2]


def commands(page: Path) -> Iterator[list[str]]:
    """The command lines of a page, as words."""
    for _, block in blocks(page, *SHELL):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line.removeprefix("$ "), comments=True):
                yield words


def section(page: str, heading: str) -> str:
    """The text under a heading of the second level."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def repeats_its_original(page: Path) -> bool:
    """Whether each statement of a translated page is in its original, in the same order; comments may differ."""
    original = page.with_name(page.name.replace(".zh-CN", ""))
    if page == original:
        return False
    translated, whole = (
        [ast.dump(statement) for _, text in blocks(one, "python") for statement in ast.parse(text).body]
        for one in (page, original)
    )
    left = iter(whole)
    return all(statement in left for statement in translated)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(blocks(page, "python")) and not repeats_its_original(page)], ids=name_of
)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one namespace per page, in an empty folder; a traceback names the page and its line.

    A translated page whose code is that of its original is not run again.
    """
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    for line, block in blocks(page, "python"):
        exec(compile("\n" * line + block, str(page), "exec"), module.__dict__)


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, *SHELL))], ids=name_of)
def test_commands_parse(page: Path) -> None:
    """Verb, options and values are taken by the parser; nothing is run."""
    group = typer.main.get_command(app)
    with click.Context(group) as context:
        own = {option for parameter in group.get_params(context) for option in parameter.opts}
        for program, *words in commands(page):
            if program != "batchwright" or words[0] in own:
                continue
            arguments = words[: words.index(">")] if ">" in words else words
            verb = group.get_command(context, arguments[0])  # type: ignore[attr-defined]
            assert verb is not None, f"{page.name}: there is no verb {arguments[0]}"
            verb.make_context(arguments[0], list(arguments[1:]), parent=context)


def test_assignments_in_commands_are_settings() -> None:
    """What is behind `--set` is a key of the configuration with a value that it may have, or for a search a space."""
    for page in PAGES:
        for words in commands(page):
            read = load_space if words[1:2] == ["search"] else load_config
            for option, assignment in pairwise(words):
                if option == "--set":
                    key, _, value = assignment.partition("=")
                    read(None, [(key, value, assignment)])


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, "yaml"))], ids=name_of)
def test_configurations_are_read(page: Path, tmp_path: Path) -> None:
    for number, (_, block) in enumerate(blocks(page, "yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        read = load_space if page.name == "search.md" else load_config
        read(path)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    for page in PAGES:
        named = {word for words in commands(page) if words[0] == "make" for word in words[1:]}
        quoted = re.findall(r"`make ([a-z -]+)`", page.read_text(encoding="utf-8"))
        named |= {word for words in quoted for word in words.split()}
        assert named <= targets, page.name


def test_the_readmes_say_the_same() -> None:
    """The same commands, configurations and code in the same order, the same sections, tables and links."""
    one, other = READMES
    assert list(commands(one)) == list(commands(other))
    assert [text for _, text in blocks(one, "yaml")] == [text for _, text in blocks(other, "yaml")]
    code = [[re.sub(r"#.*", "", text) for _, text in blocks(page, "python")] for page in READMES]
    assert code[0] == code[1]
    for pattern in (r"^#+ ", r"^\|", r"^- ", r"^  \S+"):
        counts = [len(re.findall(pattern, page.read_text(encoding="utf-8"), re.MULTILINE)) for page in READMES]
        assert counts[0] == counts[1], pattern
    links = [sorted(set(re.findall(r"\]\((.*?)\)", page.read_text(encoding="utf-8")))) for page in READMES]
    assert [link for link in links[0] if "README" not in link] == [link for link in links[1] if "README" not in link]


def test_the_tables_of_verbs_are_those_of_the_command_line() -> None:
    verbs = {command.name for command in app.registered_commands}
    for page in READMES:
        assert set(re.findall(r"^\| `([a-z-]+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)) == verbs


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_tests_and_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path, test in re.findall(r"`(tests/\S+?\.py)::(\w+)`", text):
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"
    new = set(re.findall(r"\*\*The file\*\*, `(\S+)`", text))
    files = re.findall(r"`((?:src|tests|docs|tools|data|nn|optim|tasks|config|training|runs|cli)/[\w/]+\.py)`", text)
    for path in set(files) - new:
        assert (ROOT / path).exists() or (ROOT / "src/batchwright" / path).exists(), path


def test_every_invariant_has_a_test() -> None:
    for invariant in re.split(
        r"^\d+\. ", section("docs/architecture.md", "The invariants, and the tests that hold them"), flags=re.M
    )[1:]:
        assert "`tests/" in invariant, invariant


def test_the_import_order_is_the_contract() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contract = tomllib.load(file)["tool"]["importlinter"]["contracts"][0]
    order = FENCE.search(section("docs/architecture.md", "The import order"))
    assert order is not None
    assert order[2].splitlines() == contract["layers"]


def test_every_rule_schedule_and_example_is_in_its_table() -> None:
    rules = re.findall(r"^\| `(\w+)`", section("docs/training.md", "Update rules"), re.MULTILINE)
    assert [rule.name for rule in OPTIMIZERS] == rules[: len(OPTIMIZERS)]
    schedules = re.findall(r"^\| `(\w+)`", section("docs/training.md", "Learning-rate schedules"), re.MULTILINE)
    assert [schedule.name for schedule in SCHEDULES] == schedules
    examples = re.findall(r"^\| `([\w-]+)`", section("docs/data.md", "Sources"), re.MULTILINE)
    assert [example.name for example in EXAMPLES] == examples


def test_every_key_is_in_the_documentation() -> None:
    """Those of update rules and schedules in the tables of their page, all others on that of the configuration."""
    texts = {name: (ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("configuration", "training")}
    missing = []
    for home in homes():
        page = "training" if home.path[0] in ("optimizer", "schedule") and len(home.path) > 1 else "configuration"
        if home.path[-1] not in OPTIONS_OF_RULES and f"`{home.path[-1]}`" not in texts[page]:
            missing.append(".".join(home.path))
    assert missing == []


@pytest.mark.parametrize("part", ["data", "task", "training"])
def test_defaults_are_as_documented(part: str) -> None:
    """Those that are a number or a word."""
    defaults = to_plain(getattr(Config(), part))
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \|", section("docs/configuration.md", f"`{part}`"), re.MULTILINE)
    said = {key: resolve_scalar(default) for keys, default in rows for key in re.findall(r"`(\w+)`", keys)}
    assert said.keys() == defaults.keys()
    scalars = {key: value for key, value in defaults.items() if not isinstance(value, list | dict)}
    assert {key: said[key] for key in scalars} == scalars


@pytest.mark.parametrize("network", ARCHITECTURES)
def test_defaults_of_networks_are_as_documented(network: type[Architecture]) -> None:
    said_of_networks = section("docs/configuration.md", "`network`")
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \|", said_of_networks, re.MULTILINE)
    said = {key: default for keys, default in rows for key in re.findall(r"`(\w+)`", keys)}
    assert f"`{Config().network.name}`, default" in said_of_networks
    for key, value in to_plain(network()).items():
        if key != "name":
            assert (f"{value:g}" if isinstance(value, float) else flow(value)) in said[key], key


def test_the_project_speaks_of_itself_alone() -> None:
    for page in PAGES:
        assert "/work" not in page.read_text(encoding="utf-8"), page.name
