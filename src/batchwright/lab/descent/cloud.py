"""The gradients of all batches of an epoch at points of a path: how far they scatter around that of all rows."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright.lab.descent import program
from batchwright.lab.descent.batches import plan_of, shares_of
from batchwright.lab.descent.descend import Course, on_processor, prepare
from batchwright.lab.descent.path import Path
from batchwright.lab.descent.surfaces import MOST_POINTS

Floats: TypeAlias = NDArray[np.float64]
MOST_CLOUDS = 201
"""Points of a path that have a cloud, from the first."""


def clouds_of(course: Course, path: Path) -> Floats:
    """The gradients of the batches of an epoch at each of the first 201 points of a path: [points, batches, weights].

    Args:
        course: of a line on points.
        path: on this course.
    """
    plan = plan_of(course.surface, course.batch_size, course.steps)
    count, seen = plan.iterations_per_epoch, min(len(path.points), MOST_CLOUDS)
    shares = np.zeros((MOST_POINTS, MOST_POINTS), np.float32)
    shares[:count] = shares_of(plan, seed=course.seed, steps=count)
    points = np.zeros((MOST_CLOUDS, course.surface.weights), np.float32)
    points[:seen] = path.points[:seen]
    given = prepare(course)[0]
    with on_processor():
        clouds = program.batch_slopes(program.formulas_of(course.surface)[0], points, given, shares)
    return np.asarray(clouds, np.float64)[:seen, :count]
