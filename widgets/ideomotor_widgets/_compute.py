"""All that needs JAX; imported when something is computed, so that `import ideomotor_widgets` stays quick."""

import re
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ideomotor
from ideomotor import Quantity

_WORD = re.compile(r"\w+")


class Tree:
    """A tree of parameters as named arrays on the host, with what each of them means."""

    def __init__(self, tree: Any):
        found, self.structure = jax.tree_util.tree_flatten_with_path(tree)
        self.names = [".".join(_WORD.findall(jax.tree_util.keystr(path))) or "value" for path, _ in found]
        self.types = [np.asarray(leaf).dtype for _, leaf in found]
        self.values = {name: np.array(leaf) for name, (_, leaf) in zip(self.names, found, strict=True)}
        meaning = ideomotor.leaf_quantities(tree)
        self.quantities: dict[str, Quantity] = dict(zip(self.names, meaning, strict=True))

    def build(self) -> Any:
        """The tree with the values as they are now."""
        leaves = [
            jnp.asarray(np.asarray(self.values[name], kind))
            for name, kind in zip(self.names, self.types, strict=True)
        ]
        return jax.tree.unflatten(self.structure, leaves)


@eqx.filter_jit
def play_open(primitive: Any, params: Any, ts: Any) -> tuple[jax.Array, jax.Array]:
    """Path and velocity of a movement, both (time, dof)."""
    path = primitive.trajectory(params, ts)
    if hasattr(primitive, "velocity"):
        return path, primitive.velocity(params, ts)
    return path, jnp.asarray(jnp.gradient(path, ts[1] - ts[0], axis=0))


def pushes(primitive: Any, params: Any, ts: Any, name: str) -> float:
    """How far one unit of a parameter's middle number moves the path, at most."""
    tree = Tree(params)
    base = np.asarray(play_open(primitive, params, ts)[0])
    array = tree.values[name]
    array[..., array.shape[-1] // 2] += 1
    moved = np.asarray(play_open(primitive, tree.build(), ts)[0])
    return float(np.abs(moved - base).max())
