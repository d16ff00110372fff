"""Build the image of the Dockerfile without Docker, and try it as a container is run: `make container`.

debootstrap makes the base image from the Debian that has its Python, and buildah builds the Dockerfile on it. The image
is then run without a network, without root's rights, on a root folder that is read-only, without a home folder. It
takes minutes and 3 GB of disk. What is missing on this machine is said, and nothing is tried.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SUITES = {"3.11": "bookworm", "3.13": "trixie"}
"""The Debian that has a Python; that of the newest is also the one of the official image."""
MIRROR = "http://deb.debian.org/debian"
IMAGE = "batchwright"
PACKAGES = "python3,python3-venv,ca-certificates"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
USERS = ("", "1234:5678")
"""As whom it is run: as the image says, and as somebody that the image does not know."""
TRIED = (
    "--version",
    "train iris --epochs 2 --run-dir run",
    "predict run iris --output answers.csv",
    "report run --html",
    "plot run curves --output curves.png",
)
MADE = ("run/manifest.json", "answers.csv", "run/report.html", "curves.png")
INSIDE = r"""
set -e
root=$1 data=$2 user=$3; shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$data" "$root/data"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" --groups= "$root" "$@"
"""
"""Mounts as `docker run --read-only --tmpfs /tmp --volume DATA:/data` has them, in a namespace of its own."""


class Failed(Exception):  # noqa: N818
    """A command has failed; the message is the command and the end of what it said."""


def missing() -> Iterator[str]:
    """What this machine has not."""
    if os.geteuid() != 0:
        yield "the rights of root, by which folders become the root of a process"
    for program in ("debootstrap", "buildah", "unshare"):
        if not shutil.which(program):
            yield f"{program} (apt-get install {'util-linux' if program == 'unshare' else program})"


def base_of(dockerfile: str) -> tuple[str, str]:
    """The base image of a Dockerfile, and the Debian that has its Python.

    >>> base_of("FROM python:3.13-slim AS build")
    ('python:3.13-slim', 'trixie')
    """
    image, python = re.findall(r"^FROM (python:(\d\.\d+)-slim)", dockerfile, re.MULTILINE)[0]
    if python not in SUITES:
        raise Failed(f"no Debian with Python {python} is known: SUITES has {', '.join(SUITES)}.")
    return image, SUITES[python]


def pip_settings(env: Mapping[str, str]) -> str:
    r"""The settings by which pip reaches its index here, as a file for pip in the image.

    >>> pip_settings({"PIP_INDEX_URL": "https://example.org/simple", "PIP_FIND_LINKS": "/opt", "HOME": "/root"})
    '[global]\nindex-url = https://example.org/simple\n'
    """
    names = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_CERT", "PIP_DEFAULT_TIMEOUT", "PIP_PROXY")
    lines = [f"{name[4:].lower().replace('_', '-')} = {env[name]}" for name in names if env.get(name)]
    return "\n".join(["[global]", *lines, ""])


def call(words: Sequence[object]) -> str:
    """What a command says on standard output."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, words))}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


class Builder:
    """buildah with all that it keeps in a folder."""

    def __init__(self, folder: Path) -> None:
        places = ("--root", folder / "storage", "--runroot", folder / "running", "--storage-driver", "vfs")
        self._words = ("buildah", *places)

    def __call__(self, *words: object) -> str:
        """What a command of buildah says."""
        return call([*self._words, *words]).strip()

    def make_base(self, image: str, tree: Path) -> None:
        """Make an image of a tree, whose Python is in /usr/local as in the official image."""
        call(["chroot", tree, "python3", "-m", "venv", "--copies", "/usr/local"])
        made = self("from", "scratch")
        self("add", made, tree, "/")
        self("config", "--env", "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", made)
        self("commit", "--rm", made, f"docker.io/library/{image}")

    def build(self, settings: Path) -> dict[str, Any]:
        """Build the Dockerfile; what the image says of how it is run."""
        readable = [
            (settings, "/etc/pip.conf"),
            *([(CERTIFICATES, CERTIFICATES)] if Path(CERTIFICATES).exists() else []),
        ]
        volumes = [word for here, there in readable for word in ("--volume", f"{here}:{there}:ro")]
        self("build", "--isolation", "chroot", "--pull-never", *volumes, "--tag", IMAGE, ROOT)
        config: dict[str, Any] = json.loads(self("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]
        return config

    def mount(self) -> Path:
        """The files of the image."""
        return Path(self("mount", self("from", "--pull-never", IMAGE)))


def run_inside(root: Path, config: Mapping[str, Any], data: Path, user: str, words: Sequence[str]) -> str:
    """Run words in the image as a container is run; what they say."""
    env = [*config["Env"], "HOME=/"]
    place = f'cd {config["WorkingDir"]} && exec "$@"'
    inside = ["env", "--ignore-environment", *env, "sh", "-c", place, "--", *words]
    own = ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", INSIDE, "--"]
    return call([*own, root, data, user or config["User"], *inside])


def try_image(root: Path, config: Mapping[str, Any], data: Path, user: str) -> None:
    """Do in the image what a user does, and see that it can neither write elsewhere nor reach a network."""
    number, _, group = (user or str(config["User"])).partition(":")
    data.mkdir()
    os.chown(data, int(number), int(group))
    for words in TRIED:
        run_inside(root, config, data, user, [*config["Entrypoint"], *words.split()])
    if lacking := [name for name in MADE if not (data / name).is_file()]:
        raise Failed(f"the container has not made {', '.join(lacking)}")
    asked = r"id -u; grep -c '^[^ ]* / [^ ]* ro[, ]' /proc/mounts; tail -n +2 /proc/net/route | wc -l"
    found = run_inside(root, config, data, user, ["sh", "-c", asked]).split()
    if found != [number, "1", "0"]:
        raise Failed(f"user, read-only roots and routes to a network should be {number}, 1 and 0, but are {found}")


def main() -> int:
    """Build and try; the exit code says whether what could be tried works."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirror", default=MIRROR, help=f"where Debian's packages are [{MIRROR}]")
    given = parser.parse_args()
    if lacking := list(missing()):
        print(f"nothing is tried: this machine lacks {'; '.join(lacking)}")
        return 0
    with tempfile.TemporaryDirectory(prefix="batchwright-container-") as scratch:
        folder = Path(scratch)
        try:
            image, suite = base_of((ROOT / "Dockerfile").read_text(encoding="utf-8"))
            print(f"{image} from Debian {suite} ...", flush=True)
            call(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, folder / "tree", given.mirror])
            builder = Builder(folder)
            builder.make_base(image, folder / "tree")
            print("the Dockerfile ...", flush=True)
            (folder / "pip.conf").write_text(pip_settings(os.environ), encoding="utf-8")
            config = builder.build(folder / "pip.conf")
            root = builder.mount()
            for number, user in enumerate(USERS):
                try_image(root, config, folder / f"data-{number}", user)
                print(f"as {user or config['User']}, without network, home and rights: works", flush=True)
        except Failed as error:
            print(f"FAILED: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
