"""A site with a folder for each version of the documentation: `make site SITE=FOLDER`.

The version of this checkout is built into `FOLDER/VERSION`; those that are there stay as they were built. The
selector of the theme reads `versions.json`; `latest/` and `index.html` lead to the pages of the newest release. Any web
server can show it: all of it is files.
"""

import argparse
import json
import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LATEST, DEVELOPED, LIST = "latest", "dev", "versions.json"
REDIRECT = """<!doctype html>
<meta charset="utf-8">
<title>batchwright</title>
<link rel="canonical" href="{to}">
<meta http-equiv="refresh" content="1; url={to}">
<script>location.replace("{to}" + location.search + location.hash)</script>
<a href="{to}">{to}</a>
"""
_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)")

Entry = Mapping[str, Any]


def folder_of(found: str) -> str:
    """The folder of a version: that of a release has its number, all others share one.

    >>> folder_of("0.2.0"), folder_of("0.3.0.dev0")
    ('0.2.0', 'dev')
    """
    return found if _RELEASE.fullmatch(found) else DEVELOPED


def with_version(entries: Sequence[Entry], found: str) -> list[dict[str, Any]]:
    """The list of versions with one more: newest first, and the newest release is the latest.

    >>> [(one["version"], one["aliases"]) for one in with_version(with_version([], "0.10.0"), "0.9.1")]
    [('0.10.0', ['latest']), ('0.9.1', [])]
    """
    titles = {str(one["version"]): str(one["title"]) for one in entries} | {folder_of(found): found}
    releases = sorted((name for name in titles if name != DEVELOPED), key=_numbers, reverse=True)
    latest = releases[:1] or [DEVELOPED]
    names = [*releases, *([DEVELOPED] if DEVELOPED in titles else [])]
    return [{"version": name, "title": titles[name], "aliases": [LATEST] if name in latest else []} for name in names]


def _numbers(release: str) -> tuple[int, ...]:
    match = _RELEASE.fullmatch(release)
    if match is None:
        raise SystemExit(f"{LIST} names {release!r}, which is no version such as 0.2.0: correct it, or remove it.")
    return tuple(map(int, match.groups()))


def redirects(pages: Sequence[str], to: str) -> Iterator[tuple[str, str]]:
    """A page for each page of a version, which leads to it, by its path below the folder of the alias.

    >>> [(path, 'url=../../0.2.0/data/"' in text) for path, text in redirects(["data/index.html"], "0.2.0")]
    [('data/index.html', True)]
    """
    for page in pages:
        up = "../" * (page.count("/") + 1)
        yield page, REDIRECT.format(to=f"{up}{to}/{page.removesuffix('index.html')}")


def add_version(built: Path, site: Path, found: str) -> None:
    """Put the built pages of a version into a site, and write anew what tells of all versions."""
    listed = site / LIST
    entries = with_version(json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else [], found)
    name = folder_of(found)
    shutil.rmtree(site / name, ignore_errors=True)
    shutil.copytree(built, site / name)
    listed.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    latest = next(str(one["version"]) for one in entries if one["aliases"])
    shutil.rmtree(site / LATEST, ignore_errors=True)
    pages = sorted(path.relative_to(site / latest).as_posix() for path in (site / latest).rglob("*.html"))
    for page, text in redirects(pages, latest):
        (site / LATEST / page).parent.mkdir(parents=True, exist_ok=True)
        (site / LATEST / page).write_text(text, encoding="utf-8")
    (site / "index.html").write_text(REDIRECT.format(to=f"{latest}/"), encoding="utf-8")


def build(folder: Path) -> None:
    """Build the documentation of this checkout as `mkdocs build --strict` does, with a selector of versions."""
    from mkdocs.commands.build import build as build_pages
    from mkdocs.config import load_config

    told = logging.StreamHandler()
    told.setLevel(logging.WARNING)
    logging.getLogger("mkdocs").addHandler(told)
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
    config.extra["version"] = {"provider": "mike", "default": LATEST}
    config.plugins.on_startup(command="build", dirty=False)
    build_pages(config)
    config.plugins.on_shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, and add it to the site."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path, help="the folder of the site; made if it is not there")
    site = parser.parse_args(arguments).site.resolve()
    site.mkdir(parents=True, exist_ok=True)
    others = [path.name for path in site.iterdir()]
    if others and LIST not in others:
        print(f"{site} holds {min(others)} and no {LIST}: name a new folder, or that of the site.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        build(Path(scratch) / "built")
        add_version(Path(scratch) / "built", site, version("batchwright"))
    print(f"{site / folder_of(version('batchwright'))} is built; `python -m http.server --directory {site}` shows it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
