"""Which processes train together: what is given, or what Slurm, Open MPI or Kubernetes tell each of them."""

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from batchwright.errors import UsageError

FIRST_PORT, PORTS = 61_440, 4_096
"""A port is chosen from these by the number of the job, so that two jobs on a machine hardly have the same."""

Environment = Mapping[str, str]


@dataclass(frozen=True)
class Peers:
    """How many processes there are, which of them this is, from 0, and where the first one listens: HOST:PORT."""

    coordinator: str
    count: int
    index: int


@dataclass(frozen=True)
class Told:
    """What is known of the peers; None for what is not. `source` says who told it."""

    source: str
    coordinator: str | None = None
    count: int | None = None
    index: int | None = None


def find_peers(
    environment: Environment, *, coordinator: str | None = None, count: int | None = None, index: int | None = None
) -> Peers:
    """The peers of this process. What is given counts more than what the environment tells.

    >>> slurm = {"SLURM_JOB_ID": "7", "SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_STEP_NODELIST": "n[1-2]"}
    >>> find_peers(slurm)
    Peers(coordinator='n1:61447', count=2, index=1)

    Raises:
        UsageError: something is not known, or they do not go together.
    """
    told = what_is_known(environment, coordinator=coordinator, count=count, index=index)
    coordinator, count, index = told.coordinator, told.count, told.index
    needed = {"coordinator=HOST:PORT": coordinator, "processes=N": count, "process=I": index}
    if missing := [name for name, value in needed.items() if value is None]:
        who = f"{told.source} does not tell all of it" if told.source else "this is no job of Slurm or Open MPI"
        raise UsageError(
            f"it is not known with whom to train: {who}. Give {' and '.join(f'`{name}`' for name in missing)}."
        )
    assert coordinator is not None
    assert count is not None
    assert index is not None
    if not is_address(coordinator):
        raise UsageError(
            f"the coordinator is {coordinator!r}, and has to be HOST:PORT, as node1:61440, with a port from 1 to 65535."
        )
    if not 0 <= index < count:
        raise UsageError(f"process {index} of {count}: the number of a process is from 0 to {max(count - 1, 0)}.")
    return Peers(coordinator, count, index)


def what_is_known(
    environment: Environment, *, coordinator: str | None = None, count: int | None = None, index: int | None = None
) -> Told:
    """What is given, and what the environment tells besides."""
    told = next((found for finder in FINDERS if (found := finder(environment))), Told(""))
    return Told(
        told.source,
        told.coordinator if coordinator is None else coordinator,
        told.count if count is None else count,
        told.index if index is None else index,
    )


def is_address(text: str) -> bool:
    """Whether this is HOST:PORT."""
    written = re.fullmatch(r"(?:[^\s:]+|\[[0-9a-fA-F:]+\]):(\d{1,5})", text)
    return written is not None and 0 < int(written[1]) < 65_536


def split_address(coordinator: str) -> tuple[str, int]:
    """The host and the port of HOST:PORT.

    >>> split_address("node1:61440"), split_address("[::1]:9")
    (('node1', 61440), ('::1', 9))
    """
    host, _, port = coordinator.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def as_written(host: str) -> str:
    """A host as it stands in an address.

    >>> as_written("node1"), as_written("::1")
    ('node1', '[::1]')
    """
    return f"[{host}]" if ":" in host else host


def _slurm(environment: Environment) -> Told | None:
    """A step of Slurm, begun with `srun`."""
    names = ("SLURM_JOB_ID", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_NODELIST")
    job, process, count, nodes = (environment.get(name) for name in names)
    if job is None or process is None or count is None or nodes is None:
        return None
    return Told("Slurm", f"{_first_node(nodes)}:{_port(job)}", _number(count), _number(process))


def _first_node(nodes: str) -> str:
    """The first of a list of nodes.

    >>> [_first_node(nodes) for nodes in ("a", "a,b", "node[003-010,12],b", "x[7]")]
    ['a', 'a', 'node003', 'x7']
    """
    found = re.match(r"([^,\[]+)(?:\[([^,\-\]]+))?", nodes)
    return "" if found is None else found[1] + (found[2] or "")


def _open_mpi(environment: Environment) -> Told | None:
    """A process that `mpirun` of Open MPI has begun; it tells the host only where all are on one."""
    names = ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE")
    count, rank, here = (environment.get(name) for name in names)
    if count is None or rank is None:
        return None
    job = environment.get("PMIX_NAMESPACE") or environment.get("OMPI_MCA_ess_base_jobid", "")
    address = f"127.0.0.1:{_port(job)}" if here == count else None
    return Told("Open MPI", address, _number(count), _number(rank))


def _kubernetes(environment: Environment) -> Told | None:
    """A pod of an indexed job, which knows its number alone."""
    index = environment.get("JOB_COMPLETION_INDEX")
    return None if index is None else Told("an indexed job of Kubernetes", index=_number(index))


FINDERS: tuple[Callable[[Environment], Told | None], ...] = (_slurm, _open_mpi, _kubernetes)


def _port(job: str) -> int:
    number = int(job) if job.isdecimal() else zlib.crc32(job.encode())
    return FIRST_PORT + number % PORTS


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
