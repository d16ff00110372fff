"""With whom a process trains: as the launchers of clusters tell it, or as it is given."""

import pytest

from batchwright.cluster.peers import Peers, find_peers
from batchwright.errors import UsageError

SLURM = {
    "SLURM_JOB_ID": "4711",
    "SLURM_PROCID": "3",
    "SLURM_NTASKS": "8",
    "SLURM_STEP_NODELIST": "gpu[007-009,12],login",
}
OPEN_MPI = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "PMIX_NAMESPACE": "prterun-node-1@1"}


def test_slurm_tells_all() -> None:
    assert find_peers(SLURM) == Peers(f"gpu007:{61_440 + 4711 % 4096}", 8, 3)


def test_processes_of_a_job_find_the_same_place_and_other_jobs_another() -> None:
    each = {find_peers(SLURM | {"SLURM_PROCID": str(index)}).coordinator for index in range(8)}
    other = find_peers(SLURM | {"SLURM_JOB_ID": "4712"}).coordinator
    assert len(each) == 1
    assert other not in each


def test_open_mpi_on_one_machine_tells_all_and_on_several_needs_the_first() -> None:
    here = find_peers(OPEN_MPI | {"OMPI_COMM_WORLD_LOCAL_SIZE": "2"})
    assert (here.coordinator.partition(":")[0], here.count, here.index) == ("127.0.0.1", 2, 1)
    with pytest.raises(UsageError, match=r"Open MPI does not tell all of it. Give `coordinator=HOST:PORT`."):
        find_peers(OPEN_MPI | {"OMPI_COMM_WORLD_LOCAL_SIZE": "1"})


def test_an_indexed_job_tells_the_number_of_the_pod() -> None:
    found = find_peers({"JOB_COMPLETION_INDEX": "2"}, coordinator="train-0.train:61440", count=3)
    assert found == Peers("train-0.train:61440", 3, 2)


def test_what_is_given_counts_more_than_what_is_told() -> None:
    assert find_peers(SLURM, coordinator="n1:9", count=4, index=0) == Peers("n1:9", 4, 0)


def test_nothing_known_says_what_to_give() -> None:
    wanted = "Give `coordinator=HOST:PORT` and `processes=N` and `process=I`."
    with pytest.raises(UsageError, match=r"no job of Slurm or Open MPI") as caught:
        find_peers({})
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    "address", ["node1", "node1:", ":9", "node 1:9", "node1:port", "a:b:9", "node1:0", "node1:65536"]
)
def test_an_address_needs_a_host_and_a_port(address: str) -> None:
    with pytest.raises(UsageError, match=r"has to be HOST:PORT"):
        find_peers({}, coordinator=address, count=2, index=0)


@pytest.mark.parametrize("index", [2, -1])
def test_the_number_of_a_process_is_below_their_count(index: int) -> None:
    with pytest.raises(UsageError, match=r"is from 0 to 1"):
        find_peers({}, coordinator="[::1]:9", count=2, index=index)
