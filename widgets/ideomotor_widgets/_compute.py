"""All that needs JAX; imported when something is computed, so that `import ideomotor_widgets` stays quick."""

import re
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ideomotor
from ideomotor.capabilities import SupportsLatent, SupportsVelocity
from ideomotor.errors import DataError

_WORD = re.compile(r"\w+")


class Tree:
    """A tree of parameters as named arrays on the host, with what each of them means."""

    def __init__(self, tree: Any):
        found, self.structure = jax.tree_util.tree_flatten_with_path(tree)
        self.names = [".".join(_WORD.findall(jax.tree_util.keystr(path))) or "value" for path, _ in found]
        self.types = [np.asarray(leaf).dtype for _, leaf in found]
        self.values = {name: np.array(leaf) for name, (_, leaf) in zip(self.names, found, strict=True)}
        meaning = ideomotor.leaf_quantities(tree)
        self.quantities: dict[str, Any] = dict(zip(self.names, meaning, strict=True))

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
    if isinstance(primitive, SupportsVelocity):
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


class Samples:
    """Parameters that a perception draws for one observation, and their latents where it tells them.

    A perception tells its latents where it is a `SupportsLatent` whose encoding has a `prior`, as those of a CVAE; any other
    is asked for samples with keys.
    """

    def __init__(self, model: Any, observation: Any):
        self.model, self.observation = model, observation
        self.seen: Any = (
            eqx.filter_jit(_see)(model, observation) if isinstance(model, SupportsLatent) else None
        )
        if self.seen is not None and not hasattr(self.seen, "prior"):
            self.seen = None
        self.latents = np.zeros((0, 0), np.float32)
        self.params: Any = None
        self.outputs = np.zeros((0, 0), np.float32)  # all numbers of the parameters, one row each

    @property
    def latent(self) -> int:
        """How many numbers the latent has; none where the perception does not tell."""
        return 0 if self.seen is None else int(self.seen.prior.mean.size)

    def draw(self, count: int, seed: int) -> None:
        """Draw so many; the same seed gives the same."""
        keys = jax.random.split(jax.random.key(seed), count)
        if self.seen is None:
            self.params = _sampled(self.model, self.observation, keys)
        else:
            latents, self.params = _generated(self.model, self.seen, keys)
            self.latents = np.asarray(latents)
        rows = [np.asarray(leaf, float).reshape(count, -1) for leaf in jax.tree.leaves(self.params)]
        self.outputs = np.concatenate(rows, axis=1)
        if not np.isfinite(self.outputs).all():
            raise DataError(
                "The perception's samples are not finite numbers; train it, or give another observation."
            )

    def decode(self, latent: Any) -> Any:
        """The parameters of a latent, shape `(latent,)`."""
        return _decoded(self.model, self.seen, jnp.asarray(latent, self.seen.prior.mean.dtype))

    def of(self, number: int) -> Any:
        """The parameters of one of the samples."""
        return jax.tree.map(lambda leaf: leaf[number], self.params)


def paths(primitive: Any, params: Any, ts: np.ndarray) -> np.ndarray:
    """The paths of many movements, shape `(sample, time, dof)`."""
    return np.asarray(_paths(primitive, params, jnp.asarray(ts)))


def duration_of(params: Any) -> float | None:
    """The duration (s) among the parameters of one movement, `tau`."""
    tau = getattr(params, "tau", None)
    return None if tau is None else float(np.max(np.asarray(tau)))


def _see(model: Any, observation: Any) -> Any:
    return model.encode(observation)


@eqx.filter_jit
def _sampled(model: Any, observation: Any, keys: Any) -> Any:
    return jax.vmap(lambda key: model(observation, key=key))(keys)


@eqx.filter_jit
def _generated(model: Any, seen: Any, keys: Any) -> tuple[Any, Any]:
    latents = jax.vmap(seen.prior.sample)(keys)
    return latents, jax.vmap(lambda z: model.to_params(model.generate(seen, z).mean))(latents)


@eqx.filter_jit
def _decoded(model: Any, seen: Any, latent: Any) -> Any:
    return model.to_params(model.generate(seen, latent).mean)


@eqx.filter_jit
def _paths(primitive: Any, params: Any, ts: Any) -> Any:
    return jax.vmap(lambda p: primitive.trajectory(p, ts))(params)
