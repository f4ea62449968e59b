"""Minibatches as pure functions of the seed and the step, so that a resumed run sees the same ones."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from . import _tensors
from ._structure import describe
from .errors import DataError

AXIS = "batch"


class Layout(NamedTuple):
    """How a compiled step puts a batch together; hashable."""

    structure: Any
    kept: tuple[bool, ...]  # which leaves stay on the device
    size: int  # of a batch; 0 if its leaves lead with no common axis
    per_epoch: int
    mesh: Mesh | None


class Kept(NamedTuple):
    """What stays on the device from step to step."""

    leaves: list
    order: Any  # in which the examples of this epoch come, or None to take all of them


class Batches:
    """Batches from a tree of arrays, or from a function `data(key, step)`."""

    def __init__(self, data: PyTree | Callable, batch_size: int | None, key, seed: int):
        self._data, self._seed, self._epoch, self._order = data, seed, -1, np.zeros(0, int)
        self._made, self._whole = callable(data), batch_size is None
        if self._made:
            if batch_size is not None:
                raise DataError(
                    "data(key, step) decides on the size of a batch itself; leave batch_size out."
                )
            self._key, self._fold = key, jax.jit(jax.random.fold_in)
            self.example = self._make(0)
            self._wanted = _shapes(self.example)
            leaves = jax.tree.leaves(self.example)
            sizes = {np.shape(x)[0] if np.ndim(x) else 0 for x in leaves}
            size, kept, per_epoch = (sizes.pop() if len(sizes) == 1 else 0), [False] * len(leaves), 0
        else:
            leaves, examples = jax.tree.leaves(data), _count(data)
            size = examples if batch_size is None else batch_size
            if size > examples:
                raise DataError(f"batch_size={size} is more than the {examples} examples; make it smaller.")
            self.example = jax.tree.map(lambda x: jax.ShapeDtypeStruct((size, *x.shape[1:]), _dtype(x)), data)
            self._examples = examples
            kept, per_epoch = [self._whole or isinstance(x, jax.Array) for x in leaves], examples // size
        mesh = _mesh(size)
        self.layout = Layout(jax.tree.structure(self.example), tuple(kept), size, per_epoch, mesh)
        self._leaves = leaves
        kept_leaves = [] if self._made else [x for x, k in zip(leaves, kept, strict=True) if k]
        self._kept = Kept(spread(kept_leaves, mesh) if self._whole else put(kept_leaves, mesh), None)

    def describe(self) -> str:
        """The shapes of the data as text."""
        if self._made:
            return f"made: {describe(self.example)}"
        return describe(jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), _dtype(x)), self._data))

    def at(self, step: int) -> tuple[Kept, list]:
        """What the compiled step `step` (from 0) gets: what stays on the device, and what is sent."""
        layout = self.layout
        if self._made:
            batch = self.example if step == 0 else self._make(step)
            if _shapes(batch) != self._wanted:
                raise DataError(
                    f"data(key, {step}) gave {describe(batch)} and data(key, 0) {describe(self.example)}; "
                    f"all batches must have the same shapes, because each new shape is compiled again."
                )
            return self._kept, spread(jax.tree.leaves(batch), layout.mesh)
        if self._whole:
            return self._kept, []
        epoch, i = divmod(step, layout.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = (
                epoch,
                np.random.default_rng([self._seed, epoch]).permutation(self._examples),
            )
            if any(layout.kept):
                self._kept = self._kept._replace(order=put(self._order.astype(np.int32), layout.mesh))
        chosen = self._order[i * layout.size : (i + 1) * layout.size]
        sent = [x[chosen] for x, kept in zip(self._leaves, layout.kept, strict=True) if not kept]
        return self._kept, spread(sent, layout.mesh)

    def _make(self, step: int) -> PyTree:
        return self._data(self._fold(self._key, step), step)


def assemble(layout: Layout, kept: Kept, sent: list, step) -> PyTree:
    """Inside the compiled step: the batch of `step`."""
    leaves = kept.leaves
    if kept.order is not None:
        start = step % layout.per_epoch * layout.size
        chosen = jax.lax.dynamic_slice(kept.order, (start,), (layout.size,))
        leaves = [x[chosen] for x in leaves]
    here, there = iter(leaves), iter(sent)
    batch = [next(here) if k else next(there) for k in layout.kept]
    if layout.mesh is not None:
        batch = jax.lax.with_sharding_constraint(batch, NamedSharding(layout.mesh, PartitionSpec(AXIS)))
    return jax.tree.unflatten(layout.structure, batch)


def put(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """On the device, or a copy on each."""
    return jax.device_put(tree, None if mesh is None else NamedSharding(mesh, PartitionSpec()))


def spread(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """On the device, or a share of the examples on each."""
    return tree if mesh is None else jax.device_put(tree, NamedSharding(mesh, PartitionSpec(AXIS)))


def _mesh(size: int) -> Mesh | None:
    """All devices, if they can share a batch; one if the user has chosen it with `jax.default_device`."""
    devices = jax.devices()
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    if chosen is not None or len(devices) == 1 or size == 0 or size % len(devices):
        return None
    return Mesh(np.array(devices), (AXIS,))


def _count(data: PyTree) -> int:
    """The number of examples."""
    names = _tensors.names(data)
    sizes = {}
    for name, leaf in zip(names, jax.tree.leaves(data), strict=True):
        if not _tensors.is_array(leaf) or np.ndim(leaf) == 0:
            raise DataError(f"data: {name} must be an array that leads with the examples, not {leaf!r:.60}.")
        sizes[name] = np.shape(leaf)[0]
    if not sizes:
        raise DataError("data holds no arrays; give a tree of arrays that lead with the examples.")
    if len(set(sizes.values())) > 1:
        lengths = ", ".join(f"{name} has {size}" for name, size in list(sizes.items())[:6])
        raise DataError(f"data: all arrays must lead with the same number of examples, and {lengths}.")
    count = next(iter(sizes.values()))
    if count == 0:
        raise DataError("data holds no examples.")
    return count


def _shapes(batch: PyTree):
    return jax.tree.structure(batch), [(np.shape(x), _dtype(x)) for x in jax.tree.leaves(batch)]


def _dtype(leaf) -> Any:
    dtype = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
    return dtype if jnp.issubdtype(dtype, jax.dtypes.extended) else jax.dtypes.canonicalize_dtype(dtype)
