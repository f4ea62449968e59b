"""Options and fixtures shared by all tests."""

import contextlib
import ctypes
import gc
import importlib.util
import mmap
import os
import sys
import threading
import time
from collections.abc import Callable
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
    "--xla_cpu_parallel_codegen_split_count=1",  # a program is small: one module for LLVM, not many
    "--xla_llvm_enable_alias_scope_metadata=false",
    "--xla_llvm_enable_noalias_metadata=false",
    "--xla_llvm_enable_invariant_load_metadata=false",
)


def pytest_configure(config):
    """Compile quickly rather than well, except with --thorough and --benchmarks and where XLA_FLAGS is set, and only once.

    Compiled programs are kept in pytest's cache (`pytest --cache-clear` deletes them): the workers of xdist, the commands
    and kernels that tests start and the next run share them. It is read when JAX first computes.
    """
    if hasattr(config, "workerinput"):  # the environment is that of the process that started this worker
        return
    if not (config.getoption("--thorough") or config.getoption("--benchmarks") or "XLA_FLAGS" in os.environ):
        os.environ["XLA_FLAGS"] = " ".join(flag for flag in _QUICK if _in_this_jaxlib(flag))
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ and hasattr(config, "cache"):
        folder = config.cache.mkdir("jax")
        _keep_small(folder)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ.setdefault(
        "JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0"
    )  # of each operation, which nobody reads here
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")


def _keep_small(folder: Path, most: int = 1_000_000_000) -> None:
    """Delete the oldest files of a folder until it holds at most half of `most` bytes, if it holds more than that."""
    files = sorted(((path.stat(), path) for path in folder.iterdir()), key=lambda pair: pair[0].st_mtime)
    size = sum(stat.st_size for stat, _ in files)
    if size > most:
        for stat, path in files:
            path.unlink()
            size -= stat.st_size
            if size < most // 2:
                return


def _in_this_jaxlib(flag: str) -> bool:
    """XLA ends the process at a flag that it does not know, and its flags come and go."""
    name = flag.removeprefix("--").partition("=")[0].encode()
    jaxlib = importlib.util.find_spec("jaxlib")
    for path in Path(jaxlib.origin).parent.glob("*jax_common*") if jaxlib and jaxlib.origin else ():
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as library:
            return library.find(name + b"\0") >= 0  # without the end it may be a field of an older message
    return False


# What takes long comes first: a worker that has nothing left takes short tests from the other.
_LONG = (
    "widgets/browser/",
    "notebooks/",
    "docs/",
    "plugins/studies/",
    "plugins/commands/",
    "plugins/test_conformance",
)


def pytest_collection_modifyitems(config, items):
    here = Path(__file__).parent.as_posix() + "/"
    order = {name: i for i, name in enumerate(_LONG)}
    items.sort(
        key=lambda item: next(
            (i for name, i in order.items() if here + name in item.path.as_posix()), len(order)
        )
    )
    skips = {
        "benchmark_suite": ("--benchmarks", "benchmarks run with --benchmarks (and the extra `bench`)"),
        "thorough": ("--thorough", "a further case of what other tests show; runs with --thorough"),
    }
    for keyword, (option, reason) in skips.items():
        for item in items if not config.getoption(option) else ():
            if keyword in item.keywords:
                item.add_marker(pytest.mark.skip(reason=reason))


_STATUS, _MAPS = Path("/proc/self/statm"), Path("/proc/self/maps")
_LARGE = 2_000_000_000 // os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0  # pages of memory
_MANY = 40_000  # memory maps, of the 65,530 that Linux gives a process
_seen = {"tests": 0, "least": _LARGE}


def pytest_collection_finish(session):
    """Tracing makes millions of objects; Python's collector would look at all of them again and again."""
    if "jax" in sys.modules:
        _share_contexts()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _share_contexts(programs: int = 200) -> None:
    """Lower so many programs in one context of MLIR: to set one up takes most of the time in which a small program is lowered.

    JAX has no public setting for it; where it has changed, each program has its own again.
    """
    mlir = importlib.import_module("jax._src.interpreters.mlir")
    make, local = getattr(mlir, "make_ir_context", None), threading.local()
    if make is None:
        return

    def shared():
        if mlir.ir.Context.current:  # inside of the lowering of another program, into which this one would go
            return make()
        if getattr(local, "left", 0) == 0:
            local.context, local.left = make(), programs
        local.left -= 1
        return local.context

    mlir.make_ir_context = shared


def pytest_runtest_teardown(item):
    """Forget compiled programs before they take all memory, or all memory maps: XLA then crashes while compiling.

    Each program takes a few maps and up to a megabyte, and a process that runs a thousand tests compiles many thousands.
    """
    if "jax" not in sys.modules or not _STATUS.exists():
        return
    _seen["tests"] += 1
    pages = int(_STATUS.read_bytes().split()[1])
    many = _seen["tests"] % 10 == 0 and _MAPS.read_bytes().count(b"\n") > _MANY
    if many or pages > _seen["least"]:
        sys.modules["jax"].clear_caches()
        gc.collect()
        _release_memory()
        # What remains is in use; looking again before it has grown would only cost time.
        _seen["least"] = max(_LARGE, int(_STATUS.read_bytes().split()[1]) + _LARGE // 3)


def _release_memory() -> None:
    """Give freed memory back to the system, where the C library has a call for it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """`once(name, make)`: what `make(folder)` puts into a folder, made once for all workers of xdist; returns the folder."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name: str, make: Callable[[Path], None]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        while not done.exists():
            try:
                folder.mkdir()
            except FileExistsError:  # another worker is at it
                time.sleep(0.2)
                if (shared / f"{name}.failed").exists():
                    pytest.fail(f"Another worker failed to make {name}.")
                continue
            try:
                make(folder)
            except BaseException:
                (shared / f"{name}.failed").touch()
                raise
            done.touch()
        return folder

    return once


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of development data that is not part of the project; tests that need it skip without it."""
    here = Path(__file__).resolve().parents[1].parent / "shared"
    folder = Path(os.environ.get("IDEOMOTOR_SHARED", here)) / "data"
    if not folder.is_dir():
        pytest.skip("the development data (IDEOMOTOR_SHARED) are not here")
    return folder
