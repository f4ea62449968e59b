import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

_LOG_TAU = 1.8378770664093453  # log 2π


class Gaussian(eqx.Module):
    """A normal distribution with independent numbers, by the logarithm of its standard deviations."""

    mean: Float[Array, "*batch dof"]
    log_sigma: Float[Array, "*batch dof"]

    def sample(self, key: PRNGKeyArray) -> Float[Array, "*batch dof"]:
        """One draw; differentiable in mean and deviation (Kingma & Welling 2014; Veres et al. 2017, eq. 2)."""
        noise = jax.random.normal(key, self.mean.shape, self.mean.dtype)
        return self.mean + jnp.exp(self.log_sigma) * noise

    def log_density(self, value: Float[Array, "... dof"]) -> Float[Array, "..."]:
        """The logarithm of the density (nats), summed over the last axis."""
        scaled = (value - self.mean) * jnp.exp(-self.log_sigma)
        return jnp.sum(-0.5 * (scaled**2 + _LOG_TAU) - self.log_sigma, axis=-1)

    def divergence(self, other: "Gaussian") -> Float[Array, "*batch"]:
        """The Kullback-Leibler divergence from `other` to this distribution (nats), in closed form."""
        ratio = jnp.exp(2 * (self.log_sigma - other.log_sigma))
        shift = (self.mean - other.mean) * jnp.exp(-other.log_sigma)
        return 0.5 * jnp.sum(ratio + shift**2 - 1 - jnp.log(ratio), axis=-1)


def bounded(raw: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """A log deviation between −3 and 1, the authors' bounds, approached smoothly so that gradients never vanish."""
    return 2 * jnp.tanh((raw + 1) / 2) - 1
