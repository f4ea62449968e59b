"""Options and fixtures shared by all tests."""

import gc
import importlib.util
import mmap
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


# Nearly all time of the tests is XLA compiling small programs that run once: these settings make it two to
# three times faster and the programs a little slower. They change no rules of floating-point arithmetic.
_QUICK = (
    "--xla_cpu_opt_preset=FAST_COMPILE",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_backend_optimization_level=0",
    "--xla_cpu_multi_thread_eigen=false",  # the workers of xdist share the cores
)


def pytest_configure(config):
    """Compile quickly rather than well, except with --thorough and --benchmarks and where XLA_FLAGS is set.

    It is read when JAX first computes, and is handed on to the workers of xdist and the commands that tests run.
    """
    if not (config.getoption("--thorough") or config.getoption("--benchmarks") or "XLA_FLAGS" in os.environ):
        os.environ["XLA_FLAGS"] = " ".join(flag for flag in _QUICK if _in_this_jaxlib(flag))


def _in_this_jaxlib(flag: str) -> bool:
    """XLA ends the process at a flag that it does not know, and its flags come and go."""
    name = flag.removeprefix("--").partition("=")[0].encode()
    jaxlib = importlib.util.find_spec("jaxlib")
    for path in Path(jaxlib.origin).parent.glob("*jax_common*") if jaxlib and jaxlib.origin else ():
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as library:
            return library.find(name) >= 0
    return False


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
