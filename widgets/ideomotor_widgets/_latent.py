"""What a perception that samples has to say of one observation; imports JAX, so that it is imported when it is used."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ideomotor.errors import DataError


class Samples:
    """Parameters that a perception draws for one observation, and their latents where it tells them.

    A perception tells its latents where it has `see(observation)` with a `prior` (`mean`, `sample(key)`), `generate(seen,
    latent)` with a `mean`, and `to_params(output)`, as those of a CVAE; any other is asked for samples with keys.
    """

    def __init__(self, model: Any, observation: Any):
        self.model, self.observation = model, observation
        self.seen: Any = eqx.filter_jit(_see)(model, observation) if _tells(model) else None
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


def _tells(model: Any) -> bool:
    return all(callable(getattr(model, name, None)) for name in ("encode", "generate", "to_params"))


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
