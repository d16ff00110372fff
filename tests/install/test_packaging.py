"""What is built and published beside the code: wheel and sdist, the recipe for conda, the container, the hook."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.test_extras import extras
from tools import container

from batchwright.cli.table_names import names_in

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HOOK: dict[str, Any] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))[0]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheel and sdist."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return folder


def test_the_wheel_has_all_and_no_more(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    sources = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src/batchwright").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    inside = {name for name in names if name.startswith("batchwright/")}
    assert inside == sources
    assert any(name.endswith(".data/data/share/man/man1/batchwright.1") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"batchwright"}
    assert set(re.findall(r"^Provides-Extra: (.*)$", metadata, re.MULTILINE)) == set(extras())
    assert "License-Expression: Apache-2.0" in metadata
    assert sum(name.endswith("LICENSE") and ".dist-info/" in name for name in names) == 2


def test_the_sdist_has_what_tests_and_documentation_are_made_of(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "LICENSE", "man/batchwright.1", "tests/conftest.py", "tools/golden.py"} <= names
    assert {"Makefile", "mkdocs.yml", "Dockerfile", ".dockerignore", ".pre-commit-hooks.yaml", "CITATION.cff"} <= names
    assert {"recipe/recipe.yaml", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/run.py"} <= names
    assert any(name.startswith("tests/golden/0.1.0/classes/model/") for name in names)


def test_each_python_of_the_classifiers_is_tried() -> None:
    text = (ROOT / "tools/wheels.py").read_text(encoding="utf-8")
    tried = re.findall(r'"(3\.\d+)"', text.partition("PYTHONS = ")[2].partition("\n")[0])
    said = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if "Python :: 3." in one]
    assert set(said) <= set(tried) and PROJECT["requires-python"] == f">={tried[0]}"


def test_the_recipe_needs_what_the_project_needs() -> None:
    recipe = yaml.safe_load((ROOT / "recipe/recipe.yaml").read_text(encoding="utf-8"))
    needs = [re.sub(r"(?<=\w)(?=[<>=])", " ", need, count=1) for need in PROJECT["dependencies"]]
    assert recipe["requirements"]["run"] == [f"python {PROJECT['requires-python']}", *needs]
    assert recipe["context"]["version"] == PROJECT["version"]
    assert recipe["build"]["python"]["entry_points"] == [
        f"{name} = {place}" for name, place in PROJECT["scripts"].items()
    ]
    assert recipe["about"]["license_file"] == PROJECT["license-files"]


def test_conda_reads_the_recipe() -> None:
    """As rattler-build reads it, which refuses unknown fields and kinds."""
    conda = pytest.importorskip("rattler_build", reason="py-rattler-build reads recipes of conda")
    (rendered,) = conda.Stage0Recipe.from_file(str(ROOT / "recipe/recipe.yaml")).render()
    recipe = rendered.recipe.to_dict()
    assert recipe["package"] == {"name": PROJECT["name"], "version": PROJECT["version"]}
    assert recipe["build"]["noarch"] == "python"
    assert len(recipe["requirements"]["run"]) == len(PROJECT["dependencies"]) + 1
    assert recipe["about"]["license"] == PROJECT["license"]


def test_the_container_is_not_root_and_copies_what_there_is() -> None:
    assert re.search(r"^USER \d+:\d+$", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.rindex("\nUSER ") > DOCKERFILE.rindex("\nRUN ")
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
            assert f"\n!{name}\n" in (ROOT / ".dockerignore").read_text(encoding="utf-8")
    python = re.findall(r"^FROM python:(\d\.\d+)-slim", DOCKERFILE, re.MULTILINE)
    assert len(set(python)) == 1
    assert f"Programming Language :: Python :: {python[0]}" in PROJECT["classifiers"]
    named = re.findall(r"\.whl\)\[([\w,]+)\]", DOCKERFILE)[0].split(",")
    assert set(named) <= set(extras())


def test_the_base_image_can_be_made_where_no_docker_is() -> None:
    image, suite = container.base_of(DOCKERFILE)
    assert f"\nFROM {image} AS build\n" in DOCKERFILE and f"\nFROM {image}\n" in DOCKERFILE and suite == "trixie"
    with pytest.raises(container.Failed, match="no Debian with Python"):
        container.base_of("FROM python:3.9-slim")
    settings = container.pip_settings(
        {"PIP_INDEX_URL": "https://example.org/simple", "PIP_FIND_LINKS": "/opt", "A": "b"}
    )
    assert settings == "[global]\nindex-url = https://example.org/simple\n"


def test_without_what_it_takes_nothing_is_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", ["container.py"])
    assert container.main() == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("nothing is tried", "root", "apt-get install debootstrap", "buildah"))


@pytest.mark.parametrize("broken", [False, True])
def test_the_hook_checks_every_file(broken: bool, tmp_path: Path) -> None:
    """As pre-commit calls it: its words, and then the files."""
    program = tmp_path / "bin/batchwright"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom batchwright.cli.main import main\nmain()\n")
    program.chmod(0o755)
    good = "data: {source: iris}\nnetwork: {name: linear}\ntraining: {epochs: 1}\n"
    (tmp_path / "first.batchwright.yaml").write_text(good.replace("epochs", "epcohs") if broken else good)
    (tmp_path / "batchwright.yaml").write_text("data: {source: no-such.csv, target: x}" if broken else good)
    script = ["sh", "-c", re.findall(r"'(.*)'", HOOK["entry"])[0], "--"]
    files = ["first.batchwright.yaml", "batchwright.yaml"][: 2 if broken else 1]
    assert all(re.search(HOOK["files"], name) for name in files)
    env = {"PATH": f"{program.parent}:/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src"), "BATCHWRIGHT_CACHE": "off"}
    done = subprocess.run([*script, *files], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == (2 if broken else 0), done.stderr
    assert ("did you mean" in done.stderr) == broken
    assert done.stdout == ""
    named = [f"{name}: exit code 2" in done.stderr.splitlines() for name in files]
    assert named == [broken] * len(files), "an error about rows does not say which configuration names them"


def test_the_rules_of_the_manual_are_those_there_are() -> None:
    manual = (ROOT / "man/batchwright.1").read_text(encoding="utf-8")
    assert all(name in manual for name in names_in("batchwright.optim.optimizers", "OPTIMIZERS"))
