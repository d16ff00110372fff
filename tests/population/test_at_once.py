"""How many members fit is what the compiled programs occupy, for every number of them tried one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.population.jobs import EXAMPLE, job

from batchwright.errors import UsageError
from batchwright.population.at_once import OF_MEMORY, memory_of, most_at_once, wave_sizes
from batchwright.population.members import begin
from batchwright.population.segment import compile_population, pays_together

JOB = job()


def occupied(members: int) -> int:
    """By members that are there."""
    made = begin([JOB.program] * members, range(members), EXAMPLE)
    together, iterations = pays_together(JOB.plan, made, JOB.train), JOB.plan.iterations_per_epoch
    return compile_population(
        made, JOB.train, JOB.plan, orders=members, iterations=iterations, together=together
    ).memory_bytes


@pytest.mark.parametrize("members", [1, 40])
def test_shapes_alone_say_what_a_program_occupies(members: int) -> None:
    assert memory_of(JOB, EXAMPLE, members=members, seeds=members) == occupied(members)


@pytest.mark.parametrize("fitting", [1, 24])
def test_as_many_fit_as_the_compiled_program_of_so_many_says(fitting: int) -> None:
    free = int(occupied(fitting) / OF_MEMORY) + 1
    assert most_at_once(JOB, EXAMPLE, members=40, seeds=40, bytes_free=free) == fitting
    assert most_at_once(JOB, EXAMPLE, members=fitting, seeds=fitting, bytes_free=free) == fitting


def test_where_nobody_knows_what_is_free_all_fit() -> None:
    assert most_at_once(JOB, EXAMPLE, members=1000, seeds=1, bytes_free=None) == 1000


def test_where_not_one_fits_it_is_said_what_is_taken_and_free() -> None:
    with pytest.raises(UsageError, match=r"training one network takes about 0 MB, and 0 MB are free: take a smaller"):
        most_at_once(JOB, EXAMPLE, members=4, seeds=1, bytes_free=1000)


@given(st.integers(1, 2000), st.integers(1, 300))
def test_waves_are_as_few_and_as_equal_as_can_be(count: int, most: int) -> None:
    sizes = wave_sizes(count, most)
    assert sum(sizes) == count
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert (len(sizes) - 1) * most < count
