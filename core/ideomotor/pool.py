"""Workers for what can be done in parallel: processes here, or Ray where its address is given; the same code."""

import abc
import functools
import multiprocessing
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .errors import DataError

_OBJECTS = 256 * 2**20  # bytes; Ray would take a third of the memory for its object store


class Shared(NamedTuple):
    """A ticket for arrays that all workers see: `get()` gives them in any worker, `key` tells them from others."""

    key: str
    get: Callable[[], dict[str, np.ndarray]]


class AbstractPool(abc.ABC):
    """Workers; `with make_pool(2) as pool: list(pool.map(function, items))`. Functions must be importable."""

    @abc.abstractmethod
    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        """Like the built-in `map`: the results in order, the first error raised."""

    @abc.abstractmethod
    def share(self, arrays: Mapping[str, np.ndarray]) -> Shared:
        """A ticket that gives the arrays in any worker; they are sent once, not copied, and read only."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the workers that were started here."""

    def __enter__(self) -> "AbstractPool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class SerialPool(AbstractPool):
    """No workers: everything in this process."""

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        """See `AbstractPool`."""
        return map(function, items)

    def share(self, arrays: Mapping[str, np.ndarray]) -> Shared:
        """See `AbstractPool`."""
        return Shared(uuid.uuid4().hex, functools.partial(dict, arrays))

    def close(self) -> None:
        """See `AbstractPool`."""


class LocalPool(AbstractPool):
    """Processes on this machine, started at the first `map`; by default as many as it has cores."""

    def __init__(self, workers: int | None = None):
        self.workers = workers
        self._executor: ProcessPoolExecutor | None = None
        self._folder: tempfile.TemporaryDirectory | None = None

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        """See `AbstractPool`."""
        if self._executor is None:
            # A fork of a process in which JAX has started its threads may hang.
            self._executor = ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn"))
        return self._executor.map(function, items)

    def share(self, arrays: Mapping[str, np.ndarray]) -> Shared:
        """See `AbstractPool`: files that the workers map into memory."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="ideomotor-", ignore_cleanup_errors=True)
        key = uuid.uuid4().hex
        folder = Path(self._folder.name) / key
        folder.mkdir()
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", np.asarray(array, order="C"), allow_pickle=False)
        return Shared(key, functools.partial(_mapped, str(folder)))

    def close(self) -> None:
        """See `AbstractPool`."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


@functools.lru_cache(4)
def _mapped(folder: str) -> dict[str, np.ndarray]:
    # Arrays of no elements cannot be mapped.
    def one(path: Path) -> np.ndarray:
        whole = np.load(path, mmap_mode=None if path.stat().st_size < 4096 else "r", allow_pickle=False)
        return np.asarray(whole)

    return {path.stem: one(path) for path in Path(folder).iterdir()}


class RayPool(AbstractPool):
    """The workers of a Ray cluster.

    - `address`: as Ray takes it: `"ray://host:10001"`, `"host:6379"`, `"auto"`, or `"local"` to start one on this machine.
    - `workers`: with `"local"`, how many.
    """

    def __init__(self, address: str, workers: int | None = None):
        self.address, self.workers = address, workers
        try:
            import ray
        except ImportError as error:
            raise DataError("Workers on Ray need ray: pip install 'ideomotor[ray]'.") from error
        options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "error"}
        if address == "local":
            options |= {
                "num_cpus": workers or os.cpu_count(),
                "object_store_memory": _OBJECTS,
                "include_dashboard": False,
            }
        self._ray, self._ours = ray, not ray.is_initialized()
        if self._ours:
            try:
                ray.init(**options)
            except Exception as error:  # Ray raises bare ones too
                raise DataError(
                    f"Ray cannot be reached at {address!r} ({' '.join(str(error).split())[:200]}); start it, or leave "
                    f"the address out for processes on this machine."
                ) from error

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        """See `AbstractPool`."""
        task = self._ray.remote(function)
        waiting = [task.remote(item) for item in items]
        while waiting:
            yield self._ray.get(waiting.pop(0))

    def share(self, arrays: Mapping[str, np.ndarray]) -> Shared:
        """See `AbstractPool`: in Ray's object store."""
        return Shared(uuid.uuid4().hex, functools.partial(_fetched, [self._ray.put(dict(arrays))]))

    def close(self) -> None:
        """See `AbstractPool`."""
        if self._ours:
            self._ray.shutdown()


def _fetched(reference: list) -> dict[str, np.ndarray]:
    import ray

    return ray.get(reference[0])


def make_pool(workers: int | None = 1, address: str | None = None) -> AbstractPool:
    """Workers: those of the Ray cluster at `address` if it is given, else processes here (none for `workers=1`)."""
    if workers is not None and workers < 1:
        raise DataError(f"workers = {workers}; there must be at least one.")
    if address:
        return RayPool(address, workers)
    return SerialPool() if workers == 1 else LocalPool(workers)
