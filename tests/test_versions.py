"""The site with all versions of the documentation: its list, its folders, and where the latest leads to."""

import json
from pathlib import Path
from urllib.parse import urljoin

import pytest
from tools.versions import add_version, main, with_version


def built(folder: Path, text: str, *more: str) -> Path:
    """Pages as they are built, each with a text."""
    for name in ("index.html", "data/index.html", *more):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def leads_to(site: Path, page: str) -> str:
    """The text of the page that a browser comes to from a page of the site."""
    text = (site / page).read_text()
    if "http-equiv" not in text:
        return text
    to = text.partition('location.replace("')[2].partition('"')[0]
    assert f'url={to}"' in text and f'href="{to}"' in text
    return leads_to(
        site, urljoin(f"https://example.org/{page}", to).removeprefix("https://example.org/") + "index.html"
    )


def test_the_latest_is_the_newest_release_whatever_is_built_last(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for version in ("0.9.0", "0.10.0", "0.9.1", "0.11.0.dev0"):
        add_version(
            built(tmp_path / version, version, *(["new/index.html"] if version == "0.10.0" else [])), site, version
        )
    listed = json.loads((site / "versions.json").read_text())
    assert [(one["version"], one["title"], one["aliases"]) for one in listed] == [
        ("0.10.0", "0.10.0", ["latest"]),
        ("0.9.1", "0.9.1", []),
        ("0.9.0", "0.9.0", []),
        ("dev", "0.11.0.dev0", []),
    ]
    assert {leads_to(site, page) for page in ("index.html", "latest/index.html", "latest/data/index.html")} == {
        "0.10.0"
    }
    assert leads_to(site, "latest/new/index.html") == "0.10.0"
    assert leads_to(site, "0.9.1/data/index.html") == "0.9.1" and leads_to(site, "dev/index.html") == "0.11.0.dev0"


def test_a_version_that_is_built_again_takes_the_place_of_itself(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    add_version(built(tmp_path / "first", "first", "gone/index.html"), site, "0.1.0")
    add_version(built(tmp_path / "second", "second"), site, "0.1.0")
    assert len(json.loads((site / "versions.json").read_text())) == 1
    assert leads_to(site, "index.html") == "second"
    assert not (site / "latest/gone").exists() and not (site / "0.1.0/gone").exists()


def test_before_the_first_release_the_development_is_shown() -> None:
    assert with_version([], "0.1.0.dev0") == [{"version": "dev", "title": "0.1.0.dev0", "aliases": ["latest"]}]


def test_a_list_that_is_none_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"'\.\./elsewhere', which is no version"):
        with_version([{"version": "../elsewhere", "title": "x"}], "0.1.0")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "people.csv").touch()
    assert main([str(tmp_path)]) == 2
    assert "holds people.csv and no versions.json" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["people.csv"]
