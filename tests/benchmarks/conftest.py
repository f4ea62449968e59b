"""What several benchmarks share."""

import os

import pytest


@pytest.fixture(scope="module")
def one_processor():
    """XLA's thread pool outlives its flags; where the system can, one processor is all that either side gets."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    yield
    os.sched_setaffinity(0, before)
