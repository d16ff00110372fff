"""Names of image files that seem to hold classes, as `cat.1.jpg` and `dog.1.jpg` do."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from batchwright.data.typed.cells import first_ten

NUMBERED = re.compile(r"([^\W\d_](?:.*[^\W\d_])?)[ ._-]*\(?\d+\)?")
"""The name of a file that is a word and a number."""
MOST_CLASSES, MOST_NUMBERED = 50, 0.9
"""The most words in such names that may be classes, and the least share of files that are named so."""


def classes_in_names(files: Sequence[str] | None) -> str:
    """The advice for images whose files seem to be named by class and number; empty for others.

    >>> classes_in_names(["a/cat.1.jpg", "a/cat.2.jpg", "a/dog (1).jpg", "a/dog (2).jpg"])[:56]
    " The files' names begin with 'cat', 'dog': if these are "
    """
    words = [NUMBERED.fullmatch(Path(file).stem) for file in files or ()]
    counts = Counter(found[1] for found in words if found is not None)
    if not 1 < len(counts) <= MOST_CLASSES or counts.total() < MOST_NUMBERED * len(words) or min(counts.values()) < 2:
        return ""
    return (
        f" The files' names begin with {first_ten(map(repr, counts))}: if these are the classes, put the images into "
        "folders of these names, or give a table of files and classes."
    )
