"""What flows between components: structures compared, and shown when they differ."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.core
import numpy as np
from jaxtyping import PyTree

from .errors import AssemblyError


def shapes_of(function: Callable, *args, **kwargs) -> PyTree:
    """The shapes and dtypes `function` would return, without computing anything."""
    return eqx.filter_eval_shape(function, *args, **kwargs)


def any_traced(tree: PyTree) -> bool:
    """Whether JAX is tracing something in `tree` (inside `jit`, `vmap` or `grad`)."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def numbers_to_arrays(tree: PyTree) -> PyTree:
    """Python numbers become arrays: `jit` would compile again for each value of a Python number."""
    return jax.tree.map(lambda x: jax.numpy.asarray(x) if type(x) in (bool, int, float, complex) else x, tree)


def check_fits(
    giver: str, given: PyTree, taker: str, wanted: PyTree, *, what: str = "value", more: bool = False
) -> None:
    """Raise an `AssemblyError` unless `given` has the structure and shapes of `wanted`.

    - `more`: entries of dictionaries that are not wanted are allowed.
    """
    if problem := _mismatch(wanted, given, "", more):
        raise AssemblyError(
            f"{giver} does not fit {taker}: {problem}.\n"
            f"  {taker} takes {what}: {describe(wanted)}\n"
            f"  {giver} gives: {describe(given)}"
        )


def describe(tree: PyTree) -> str:
    """A tree as text on one line, with arrays as `f32[2,3]`."""
    return eqx.tree_pformat(_structs(tree), width=10_000, struct_as_array=True)


def _mismatch(wanted: Any, given: Any, path: str, more: bool) -> str:
    here = path or "it"
    if isinstance(wanted, dict) and isinstance(given, dict):
        missing = [key for key in wanted if key not in given]
        extra = [] if more else [key for key in given if key not in wanted]
        if missing or extra:
            words = [f"{here} lacks {missing}"] * bool(missing) + [f"{here} has unknown {extra}"] * bool(
                extra
            )
            return " and ".join(words)
        return next(
            (m for key in wanted if (m := _mismatch(wanted[key], given[key], f"{path}[{key!r}]", more))), ""
        )
    wanted_flat, wanted_def = jax.tree_util.tree_flatten_with_path(wanted)
    given_flat, given_def = jax.tree_util.tree_flatten_with_path(given)
    if wanted_def != given_def:
        return f"{here} has a different structure"
    for (key, leaf), (_, other) in zip(wanted_flat, given_flat, strict=True):
        name = path + jax.tree_util.keystr(key) or "it"
        if np.shape(leaf) != np.shape(other):
            return f"{name} has shape {_shape(other)} where {_shape(leaf)} is needed"
        if _kind(leaf) != _kind(other):
            return f"{name} holds {_kind(other)} numbers where {_kind(leaf)} are needed"
    return ""


def _shape(leaf) -> str:
    return str(tuple(np.shape(leaf)))


def _dtype(leaf):
    return leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype


def _kind(leaf) -> str:
    dtype = _dtype(leaf)
    if jax.numpy.issubdtype(dtype, np.bool_):
        return "boolean"
    return "integer" if jax.numpy.issubdtype(dtype, np.integer) else "floating-point"


def _structs(tree: PyTree) -> PyTree:
    def struct(leaf):
        return jax.ShapeDtypeStruct(np.shape(leaf), _dtype(leaf))

    return jax.tree.map(struct, tree)
