"""Workers for what can be done in parallel: processes here, or Ray where its address is given; the same code."""

import abc
import collections
import dataclasses
import functools
import importlib.util
import itertools
import multiprocessing
import os
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ._secrets import hide_credentials
from .errors import DataError

_OBJECTS = 256 * 2**20  # bytes; Ray would take a third of the memory for its object store


@dataclasses.dataclass(frozen=True)
class _Shared:
    """A ticket for arrays that all workers see: `get()` gives them in any worker, `key` tells them from others.

    What was stored for them is freed when the ticket is no longer held here.
    """

    key: str
    get: Callable[[], dict[str, np.ndarray]]


class AbstractPool(abc.ABC):
    """Workers; `with make_pool(2) as pool: list(pool.map(function, items))`. Functions must be importable."""

    @abc.abstractmethod
    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        """Like the built-in `map`: the results in order, the first error raised.

        Workers are given a few items ahead of the results that are taken, so `items` may be long or made as they are needed.
        """

    @abc.abstractmethod
    def share(self, arrays: Mapping[str, np.ndarray]) -> _Shared:
        """A ticket that gives the arrays in any worker; they are sent once, not copied, and read only."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the workers that were started here."""

    def __enter__(self) -> "AbstractPool":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _SerialPool(AbstractPool):
    """No workers: everything in this process."""

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(function, items)

    def share(self, arrays: Mapping[str, np.ndarray]) -> _Shared:
        return _Shared(uuid.uuid4().hex, functools.partial(dict, arrays))

    def close(self) -> None:
        pass


class _LocalPool(AbstractPool):
    """Processes on this machine, started at the first `map`; by default as many as it has cores."""

    def __init__(self, workers: int | None = None):
        self.workers = workers
        self._executor: ProcessPoolExecutor | None = None
        self._folder: tempfile.TemporaryDirectory | None = None

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        if self._executor is None:
            # A fork of a process in which JAX has started its threads may hang.
            self._executor = ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn"))
        submit = functools.partial(self._executor.submit, function)
        return _ahead(submit, Future.result, items, 2 * (self.workers or os.cpu_count() or 1))

    def share(self, arrays: Mapping[str, np.ndarray]) -> _Shared:
        """A ticket for files that the workers map into memory; they go when the ticket does."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="ideomotor-", ignore_cleanup_errors=True)
        key = uuid.uuid4().hex
        folder = Path(self._folder.name) / key
        folder.mkdir()
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", np.asarray(array, order="C"), allow_pickle=False)
        ticket = _Shared(key, functools.partial(_mapped, str(folder)))
        weakref.finalize(ticket, shutil.rmtree, folder, ignore_errors=True)
        return ticket

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


@functools.lru_cache(2)
def _mapped(folder: str) -> dict[str, np.ndarray]:
    # Arrays of no elements cannot be mapped.
    def one(path: Path) -> np.ndarray:
        whole = np.load(path, mmap_mode=None if path.stat().st_size < 4096 else "r", allow_pickle=False)
        return np.asarray(whole)

    return {path.stem: one(path) for path in Path(folder).iterdir()}


class _RayPool(AbstractPool):
    """The workers of a Ray cluster.

    - `address`: as Ray takes it: `"ray://host:10001"`, `"host:6379"`, `"auto"`, or `"local"` to start one on this machine.
    - `workers`: with `"local"`, how many.
    """

    def __init__(self, address: str, workers: int | None = None):
        self.address, self.workers = address, workers
        try:
            import ray
        except ImportError as error:
            raise DataError("Workers on Ray require ray: pip install 'ideomotor[ray]'.") from error
        if address.startswith("ray://") and importlib.util.find_spec("grpc") is None:
            raise DataError(f"{hide_credentials(address)} requires Ray's client: pip install 'ray[client]'.")
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
                    f"Ray cannot be reached at {hide_credentials(address)!r} "
                    f"({hide_credentials(' '.join(str(error).split()))[:200]}); start it, or leave the address out for processes "
                    f"on this machine."
                ) from None  # the cause would show the address with its password

    def map(self, function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        cpus = int(self._ray.cluster_resources().get("CPU", 1))
        return _ahead(self._ray.remote(function).remote, self._ray.get, items, 2 * max(1, cpus))

    def share(self, arrays: Mapping[str, np.ndarray]) -> _Shared:
        """A ticket for arrays in Ray's object store."""
        return _Shared(uuid.uuid4().hex, functools.partial(_fetched, [self._ray.put(dict(arrays))]))

    def close(self) -> None:
        if self._ours:
            self._ray.shutdown()


def _ahead(submit: Callable, result: Callable, items: Iterable[Any], most: int) -> Iterator[Any]:
    """Results in order, with at most so many items given to the workers before theirs is asked for."""
    items = iter(items)
    waiting = collections.deque(submit(item) for item in itertools.islice(items, most))

    def results() -> Iterator[Any]:
        while waiting:
            found = result(waiting.popleft())
            waiting.extend(submit(item) for item in itertools.islice(items, 1))
            yield found

    return results()


def _fetched(reference: list) -> dict[str, np.ndarray]:
    import ray

    return ray.get(reference[0])


def make_pool(workers: int | None = 1, address: str | None = None) -> AbstractPool:
    """Workers for `build_tree(map=pool.map)`, `MovementDatabase(pool=)` and work of your own.

    - `workers`: how many processes; with 1, everything runs in this process, with `None` as many as the machine has cores.
    - `address`: of a Ray cluster, whose workers are used instead: `"ray://host:10001"`, `"host:6379"`, `"auto"`, or `"local"` to
      start one on this machine.

    Raises a `DataError` for fewer than one worker, without Ray, and for a cluster that cannot be reached.
    """
    if workers is not None and workers < 1:
        raise DataError(f"workers = {workers}; there must be at least one.")
    if address:
        return _RayPool(address, workers)
    return _SerialPool() if workers == 1 else _LocalPool(workers)
