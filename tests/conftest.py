"""Options and fixtures shared by all tests."""

import gc
import os
import sys
from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--benchmarks", action="store_true", help="run tests/benchmarks: speed and accuracy against peers"
    )
    parser.addoption(
        "--thorough", action="store_true", help="run also further cases of what other tests show already"
    )


def pytest_collection_modifyitems(config, items):
    skips = {
        "benchmark_suite": ("--benchmarks", "benchmarks run with --benchmarks (and the extra `bench`)"),
        "thorough": ("--thorough", "a further case of what other tests show; runs with --thorough"),
    }
    for keyword, (option, reason) in skips.items():
        for item in items if not config.getoption(option) else ():
            if keyword in item.keywords:
                item.add_marker(pytest.mark.skip(reason=reason))


_MAPS = Path("/proc/self/maps")
_MANY = 15_000  # of the 65,530 that Linux gives a process


def pytest_runtest_teardown(item):
    """Forget compiled programs before they take all memory maps: XLA then crashes in the middle of a compilation.

    Each program takes a few maps, and a process that runs a thousand tests compiles many thousands.
    """
    if "jax" in sys.modules and _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MANY:
        sys.modules["jax"].clear_caches()
        gc.collect()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of development data that is not part of the project; tests that need it skip without it."""
    here = Path(__file__).resolve().parents[1].parent / "shared"
    folder = Path(os.environ.get("IDEOMOTOR_SHARED", here)) / "data"
    if not folder.is_dir():
        pytest.skip("the development data (IDEOMOTOR_SHARED) are not here")
    return folder
