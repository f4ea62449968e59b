"""Leaves of trees: their names, their dtypes, and the first number that is not finite."""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jaxtyping import PyTree


class _NotFinite(NamedTuple):
    """A number that is NaN or infinite: the name of its leaf, its place in the leaf, and what it is."""

    name: str
    where: tuple[int, ...]
    value: float

    def __str__(self) -> str:
        return f"{self.place or 'it'} is {self.value}"

    @property
    def place(self) -> str:
        """As one would write it in Python: `['hand'][3, 0]`; empty for a tree that is one number."""
        return self.name + (f"[{', '.join(map(str, self.where))}]" if self.where else "")


def named_leaves(tree: PyTree) -> list[tuple[str, Any]]:
    """Leaves with their names, `.goal` or `['hand'][0]`; the name of a tree that is one leaf is empty."""
    return [(jtu.keystr(path), leaf) for path, leaf in jtu.tree_flatten_with_path(tree)[0]]


def as_array(value: Any, dtype: Any = None) -> jax.Array:
    """Numbers (`value`) as an array of JAX, without a program being compiled for it as `jnp.asarray` does.

    - `dtype`: by default that of the numbers; `float` is JAX's default float. 64 bits only where they are enabled.
    """
    if any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(value)):
        return jnp.asarray(value, dtype)
    found = np.asarray(value)
    if not jnp.issubdtype(found.dtype, jnp.number) and found.dtype != np.bool_:
        return jnp.asarray(value, dtype)  # raises
    with np.errstate(over="ignore"):
        return jax.device_put(found.astype(jax.dtypes.canonicalize_dtype(dtype or found.dtype)))


def _dtype_of(leaf: Any) -> Any:
    """The dtype of an array, a JAX scalar or a Python number."""
    return leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype


def is_floating(leaf: Any) -> bool:
    """Whether a leaf holds floating-point numbers (bfloat16 among them)."""
    return jnp.issubdtype(_dtype_of(leaf), jnp.floating)


def floating_dtype(*leaves: Any) -> Any:
    """The dtype in which to compute with leaves: their common one, JAX's default where it is not floating-point.

    >>> floating_dtype(np.zeros(2, np.float32), np.arange(3)).name, floating_dtype(np.arange(3)).name
    ('float32', 'float32')
    """
    floating = [jax.dtypes.canonicalize_dtype(_dtype_of(leaf)) for leaf in leaves if is_floating(leaf)]
    return jnp.result_type(*floating) if floating else jnp.result_type(float)


def first_not_finite(tree: PyTree, *, earliest: bool = False) -> _NotFinite | None:
    """The first number that is NaN or infinite, or `None`; leaves that JAX traces are passed over.

    - `earliest`: leaves lead with time, and the one with the smallest leading index counts, of whatever leaf.
    """
    found = None
    for name, leaf in named_leaves(tree):
        if isinstance(leaf, jax.core.Tracer) or not is_floating(leaf):
            continue
        values = np.asarray(leaf)
        good = np.isfinite(values)
        if good.all():
            continue
        index = tuple(int(i) for i in np.unravel_index(int(np.argmin(good)), good.shape))
        if found is None or index[:1] < found.where[:1]:
            found = _NotFinite(name, index, float(values[index]))
        if not earliest:
            break
    return found
