"""The validation of members after an epoch: of small ones at once, of others one by one on all cores."""

from collections.abc import Sequence
from dataclasses import replace

import jax
import numpy as np

from batchwright.nn.protocols import Variables
from batchwright.population.evaluate import outputs_of_members
from batchwright.population.members import stack_numbers
from batchwright.population.threads import map_on_cores
from batchwright.training.epochs import NOT_VALIDATED, Validation, keeps_mistakes, validate
from batchwright.training.evaluate import ROWS_AT_ONCE, evaluate_answers
from batchwright.training.job import Job
from batchwright.training.placement import LOCAL, copies
from batchwright.training.state import RUNNING, Rows, TrainState

THREADED_ROWS = 1 << 14
"""Rows from which on the metrics of members are computed on all cores. With few rows most of it is Python itself, where
threads hold each other up: with 2,000 rows they take 1.7 times as much of the processors as one thread."""


def validate_each(jobs: Sequence[Job], states: Sequence[TrainState]) -> list[Validation]:
    """The validation of each job with its state; of none whose loss was not finite. Devices take the jobs in turn."""
    rows = copies((jobs[0].train, jobs[0].validation))

    def validate_job(number: int, job: Job, state: TrainState) -> Validation:
        train, validation = rows[number % len(rows)]
        here = replace(job, train=train, validation=validation)
        return validate(here, state) if int(state.status) == RUNNING else NOT_VALIDATED

    return map_on_cores(validate_job, range(len(jobs)), jobs, states)


def can_validate_at_once(jobs: Sequence[Job]) -> bool:
    """Whether the outputs of all follow from their variables alone, on rows that lie on one device."""
    rows = jobs[0].validation if jobs else None
    return isinstance(rows, Rows) and rows.placement == LOCAL and not any(job.renews_statistics for job in jobs)


def validate_at_once(jobs: Sequence[Job], states: Sequence[TrainState]) -> list[Validation]:
    """`validate_each`; one program computes the outputs of all.

    Metrics are computed from them on the host, in float64, as of a single network: equal outputs give equal bits.
    """
    running = [number for number, state in enumerate(states) if int(state.status) == RUNNING]
    found = [NOT_VALIDATED] * len(jobs)
    if not running:
        return found
    rows = jobs[0].validation
    assert isinstance(rows, Rows)
    models = stack_numbers([jobs[number].program.model.without_views for number in running])
    variables: Variables = jax.tree.map(
        lambda *leaves: np.stack(leaves), *(states[number].evaluated for number in running)
    )
    on_cpu = jax.default_backend() == "cpu"
    at_once = ROWS_AT_ONCE if on_cpu else min(ROWS_AT_ONCE, jobs[0].plan.part_rows)
    outputs = outputs_of_members(models, variables, rows.inputs, together=not on_cpu, rows_at_once=at_once)
    targets = np.asarray(rows.targets)
    weights = None if rows.weights is None else np.asarray(rows.weights)

    def judge(number: int, of_member: np.ndarray) -> Validation:
        job = jobs[number]
        task, mistakes = job.program.model.task, keeps_mistakes(job, rows)
        judged = evaluate_answers(task, of_member, targets, weights, mistakes=mistakes, figures=job.figures)
        return Validation(*judged, states[number].evaluated)

    apply = map_on_cores if rows.length >= THREADED_ROWS else map
    judged = apply(judge, running, list(outputs))
    for number, validation in zip(running, judged, strict=True):
        found[number] = validation
    return found
