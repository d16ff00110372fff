"""The documentation's scripts are run as far as one machine can: under a Slurm of its own, and with names replaced."""

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.children import LIMIT, Child, Children

from batchwright.runs.run import open_run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clusters.md"
SLURM = [shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in ("slurmctld", "slurmd", "munged")]
OF_MUNGE = ("key-file", "socket", "pid-file", "log-file", "seed-file")
FEWER = "--epochs 2 --network linear"


pytestmark = pytest.mark.soak


def blocks(heading: str, language: str) -> str:
    """The first block under a heading."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    return re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the source, in which `batchwright` is this one."""
    random = np.random.default_rng(0)
    lines = [f"{a:.3f},{b:.3f},{'more' if a > b else 'less'}" for a, b in random.normal(size=(120, 2))]
    (tmp_path / "people.csv").write_text("\n".join(["a,b,income", *lines]) + "\n")
    program(tmp_path / "bin" / "batchwright", f'exec {sys.executable} -m batchwright "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("BATCHWRIGHT_CACHE", str(tmp_path / "programs"))
    return tmp_path


def program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def shorter(script: str) -> str:
    """The script with few epochs, with which it has to train in the same way."""
    assert "--target income" in script
    return script.replace("--target income", f"--target income {FEWER}")


def test_the_job_of_kubernetes_trains_with_what_each_pod_knows(place: Path) -> None:
    service, job = yaml.safe_load_all(blocks("Kubernetes", "yml"))
    pods = job["spec"]["template"]["spec"]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert pods["subdomain"] == service["metadata"]["name"]
    (container,) = pods["containers"]
    first = f"{job['metadata']['name']}-0.{service['metadata']['name']}:61440"
    assert first in container["args"][0]
    script = shorter(container["args"][0].replace(first, f"127.0.0.1:{free_port()}"))
    assert f"--processes {job['spec']['completions']}" in script
    given = {one["name"]: one["value"] for one in container["env"]}
    pods = [
        subprocess.Popen([*container["command"], script], cwd=place, env={**os.environ, **given, **told(index)})
        for index in range(job["spec"]["completions"])
    ]
    assert [pod.wait(LIMIT) for pod in pods] == [0, 0]
    assert open_run(place / "runs" / "people").manifest.status == "finished"


def told(index: int) -> dict[str, str]:
    """What Kubernetes tells a pod of an indexed job."""
    return {"JOB_COMPLETION_INDEX": str(index)}


def test_the_script_for_ssh_trains_on_all_hosts(place: Path) -> None:
    program(place / "bin" / "ssh", 'echo "$1" >> hosts; exec bash -c "$2"')
    script = shorter(blocks("Machines with ssh", "sh")).replace("${hosts[0]}:61440", f"127.0.0.1:{free_port()}")
    done = subprocess.run(["bash", "-c", script], cwd=place, check=False, timeout=LIMIT)
    assert done.returncode == 0
    assert sorted((place / "hosts").read_text().split()) == ["node1", "node2"]
    assert open_run(place / "runs" / "people").manifest.status == "finished"


@pytest.fixture
def slurm(place: Path, children: Children, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Slurm with this machine as its only node; it ends with the test."""
    if not all(SLURM) or os.geteuid() != 0:
        pytest.skip("Slurm is not installed (slurm-wlm and munge of Debian), or this is not root")
    host, folder = socket.gethostname().partition(".")[0], place / "slurm"
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    names = (
        f"ClusterName=one\nSlurmctldHost={host}(127.0.0.1)\nNodeName={host} NodeAddr=127.0.0.1 CPUs=2\n"
        f"PartitionName=all Nodes=ALL Default=YES\nSlurmUser=root\nAuthInfo=socket={folder}/munge/socket\n"
        f"StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool\nSlurmctldPidFile={folder}/1.pid\n"
        f"SlurmdPidFile={folder}/2.pid\nSlurmctldPort={free_port()}\nSlurmdPort={free_port()}\nReturnToService=2\n"
        "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSelectType=select/cons_tres\nMpiDefault=none\n"
    )
    (folder / "slurm.conf").write_text(names)
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    controller, node, munge = SLURM
    own = [
        f"--{what}={folder}/munge/{what.partition('-')[0]}"
        for what in ("key-file", "socket", "pid-file", "log-file", "seed-file")
    ]
    daemons = [
        daemon(children, folder, munge, "--foreground", "--force", *own),
        daemon(children, folder, controller, "-D"),
        daemon(children, folder, node, "-D"),
    ]
    until_idle(daemons)
    yield place
    subprocess.run(["scancel", "--user=root"], check=False)


def daemon(children: Children, folder: Path, *command: str) -> Child:
    """A program that ends with the test; Python only starts it."""
    return children.start("-c", f"import os; os.execv({command[0]!r}, {list(command)!r})", cwd=folder)


def until_idle(daemons: list[Child]) -> None:
    began = time.monotonic()
    while (
        subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False).stdout.strip()
        != "idle"
    ):
        assert all(one.alive for one in daemons), [one.err for one in daemons]
        assert time.monotonic() - began < LIMIT
        time.sleep(0.2)


def test_the_script_for_slurm_trains_with_a_step_of_two(slurm: Path) -> None:
    (slurm / "people.sh").write_text(shorter(blocks("Slurm", "sh")))
    done = subprocess.run(["sbatch", "--wait", "people.sh"], cwd=slurm, check=False, timeout=LIMIT)
    said = "".join(path.read_text() for path in slurm.glob("slurm-*.out"))
    assert done.returncode == 0, said
    run = open_run(slurm / "runs" / "people")
    assert run.manifest.status == "finished"
    assert "[Gloo] Rank 1 is connected to 1 peer ranks" in said
