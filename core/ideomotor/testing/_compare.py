"""Trees of numbers compared and changed, and the sentence that says which check failed."""

from typing import Any, NoReturn

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._quantity import leaf_quantities
from .._structure import describe
from ..errors import IdeomotorError


def is_float(leaf: Any) -> bool:
    """Whether a leaf is an array of floating-point numbers."""
    return isinstance(leaf, jax.Array | np.ndarray) and jnp.issubdtype(leaf.dtype, jnp.floating)


def cast(tree: PyTree, dtype) -> PyTree:
    """All numbers as JAX arrays, those with a point in `dtype`; other leaves (functions, keys) stay."""

    def one(leaf):
        if isinstance(leaf, bool | int | float | np.generic):
            leaf = np.asarray(leaf)
        if is_float(leaf):
            return jnp.asarray(np.asarray(leaf, dtype))  # on the host, which compiles nothing
        return jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf

    return jax.tree.map(one, tree)


def on_host(tree: PyTree) -> PyTree:
    """Numbers as NumPy arrays, for which arithmetic and indexing need no compilation; keys stay."""
    return jax.tree.map(
        lambda leaf: leaf if jnp.issubdtype(_dtype(leaf), jax.dtypes.prng_key) else np.asarray(leaf), tree
    )


def other_structure(one: PyTree, other: PyTree, *, dtypes: bool = True) -> str:
    """How the second tree differs from the first in structure, shapes or dtypes; empty if it does not."""
    if jax.tree.structure(one) != jax.tree.structure(other):
        return f"{_show(one)} became {_show(other)}"
    pairs = zip(_named(one), _named(other), strict=True)
    for (name, a), (_, b) in pairs:
        if np.shape(a) != np.shape(b):
            return f"{name or 'it'} of shape {np.shape(a)} became of shape {np.shape(b)}"
        if dtypes and _dtype(a) != _dtype(b):
            return f"{name or 'it'} of dtype {_dtype(a)} became {_dtype(b)}"
    return ""


def other_values(one: PyTree, other: PyTree, *, tolerance: float = 0.0) -> str:
    """Where and how numbers differ by more than `tolerance` times their size; structures are the same.

    Arrays of small numbers are measured against a tenth: they may be what rounding leaves of larger ones.
    """
    for (name, a), (_, b) in zip(_named(one), _named(other), strict=True):
        a, b = _numbers(a), _numbers(b)
        scale = np.max(np.abs(a), initial=0.1, where=np.isfinite(a)) if tolerance else 0.0
        same = (a == b) | (np.isnan(a) & np.isnan(b)) if a.dtype.kind == "f" else a == b
        if tolerance and a.dtype.kind == "f":
            same |= np.abs(a - b) <= tolerance * scale
        if not np.all(same):
            where = tuple(int(i) for i in np.argwhere(~np.asarray(same))[0])
            place = name + (str(list(where)) if where else "") or "it"
            return f"{place} is {a[where]} and {b[where]}"
    return ""


def not_finite(tree: PyTree) -> str:
    """The first number that is NaN or infinite, with its place; empty if there is none."""
    for name, leaf in _named(tree):
        values = _numbers(leaf)
        if values.dtype.kind == "f" and not np.all(np.isfinite(values)):
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            return f"{name + (str(list(where)) if where else '') or 'it'} is {values[where]}"
    return ""


def shift(tree: PyTree, seed: int, size: float) -> PyTree:
    """The tree with its floating-point numbers moved at random, and kept well within their bounds."""
    rng = np.random.default_rng(seed)

    def move(leaf, quantity):
        if not is_float(leaf):
            return leaf
        values = np.asarray(leaf, np.float64)
        moved = values + size * (np.abs(values) + 1.0) * rng.uniform(-1.0, 1.0, values.shape)
        low, high = quantity.bounds
        if low is not None:
            moved = np.maximum(moved, low + 1e-2 * (1.0 + abs(low)))
        if high is not None:
            moved = np.minimum(moved, high - 1e-2 * (1.0 + abs(high)))
        return jnp.asarray(moved, leaf.dtype) if isinstance(leaf, jax.Array) else moved.astype(leaf.dtype)

    leaves, treedef = jax.tree.flatten(tree)
    return jax.tree.unflatten(
        treedef, [move(*pair) for pair in zip(leaves, leaf_quantities(tree), strict=True)]
    )


def copied(tree: PyTree) -> PyTree:
    """NumPy arrays are copied, so that it shows when they are written to."""
    return jax.tree.map(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, tree)


def _named(tree: PyTree) -> list[tuple[str, Any]]:
    return [
        (jax.tree_util.keystr(path), leaf) for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    ]


def _numbers(leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    values = np.asarray(leaf)
    return values.astype(np.float64) if jnp.issubdtype(values.dtype, jnp.floating) else values


def _dtype(leaf: Any):
    return leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype


def _show(tree: PyTree) -> str:
    arrays, rest = eqx.partition(tree, lambda leaf: eqx.is_array_like(leaf) or isinstance(leaf, np.ndarray))
    return describe(arrays) if not jax.tree.leaves(rest) else repr(tree)


class ConformanceError(IdeomotorError, AssertionError):
    """A component breaks a rule that all components keep."""


def fail(title: str, law: str, what: str, fix: str, cause: BaseException | None = None) -> NoReturn:
    """Raise the one sentence: which component, which check, what was seen, what to do."""
    what = " ".join(what.split())
    raise ConformanceError(f"{title} fails the check {law!r}: {what}; {fix}.") from cause


def one_line(error: BaseException) -> str:
    """An exception in at most two hundred characters."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return text if len(text) <= 200 else text[:199] + "…"
