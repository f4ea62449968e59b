from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ideomotor import AbstractPerception, Pipeline
from ideomotor.common.profiles import minimum_jerk
from ideomotor.common.solvers import damped_step
from ideomotor.errors import DataError

from ._conditions import ConditionsNetwork
from ._decoder import CHANNELS, TrajectoryCode, TrajectoryDecoder
from ._layers import run_layers
from ._training import split_function

MIDDLE, SPREAD = 0.5, 0.3  # of scaled conditions, which are between 0 and 1
ENOUGH = 1000  # movements to learn slack and noise from
STEPS = (1.0, 0.5, 0.1, 0.01, 0.0)


class Posterior(NamedTuple):
    """The distribution of a movement given its known parts, a normal one (Laplace's approximation).

    - `latent`: most probable features; `spread`: a root of their covariance, `spread @ spread.T`.
    - `inputs`: most probable conditions as input of the conditions network, between 0 and 1.
    """

    latent: Float[Array, " latent"]
    spread: Float[Array, "latent unknown"]
    inputs: Float[Array, " inputs"]


class TrajectoryInversion(AbstractPerception[TrajectoryCode]):
    """A trajectory function that runs backwards: parts of a movement → a distribution over whole movements.

    The paper's discussion asks for a probabilistic network that is "both a forward and inverse model". Here a movement
    is decoder(z) plus noise, with z = conditions network(c) plus slack, and conditions c from all over the workspace. What
    is known of a movement (all states, a start and an end, a point on the way, the torques) gives a normal posterior of c and
    slack around their most probable values, found by Gauss-Newton from each field; the decoder then fills in all that
    is not known. Features alone would not do: there are more of them than conditions, and a path fits better still at
    features that belong to no conditions and whose torques mean nothing.

    - `observation`: `{"values", "known", "duration"}`: hand position (m), velocity (m/s) and torques (N m) `(time, 6)`
      at `samples` even times; `known` is 1 where a value is known and 0 elsewhere; the duration in s.
    - With a key, a movement drawn from the posterior; without one, the most probable.
    - `slack`: root of the covariance of the features around those of the conditions; `noise`: standard deviation of each
      channel in its unit. Learn both with `learned_from`.
    """

    conditions: ConditionsNetwork
    decoder: TrajectoryDecoder
    slack: Float[Array, "latent latent"]
    noise: Float[Array, "6"]
    samples: int = eqx.field(static=True)
    iterations: int = eqx.field(static=True)

    def __init__(
        self,
        conditions: ConditionsNetwork | None = None,
        decoder: TrajectoryDecoder | None = None,
        slack: Any = None,
        noise: Any = (0.002, 0.002, 0.005, 0.005, 0.005, 0.005),
        samples: int = 101,
        iterations: int = 10,
    ):
        if samples < 2 or iterations < 1:
            raise ValueError(
                f"TrajectoryInversion: samples must be at least 2 and iterations at least 1, not {samples}, {iterations}."
            )
        self.conditions = ConditionsNetwork() if conditions is None else conditions
        self.decoder = TrajectoryDecoder(self.conditions.latent) if decoder is None else decoder
        k = self.decoder.latent
        if self.conditions.latent != k:
            raise ValueError(
                f"TrajectoryInversion: the conditions network makes {self.conditions.latent} features, and the decoder "
                f"takes {k}; give the two halves of one function."
            )
        self.samples, self.iterations = int(samples), int(iterations)
        self.slack = 0.01 * jnp.eye(k) if slack is None else jnp.asarray(slack, float)
        self.noise = jnp.asarray(noise, float)
        if self.slack.shape != (k, k) or self.noise.shape != (CHANNELS,):
            raise ValueError(
                f"TrajectoryInversion: slack and noise must have shapes ({k}, {k}) and ({CHANNELS},), not "
                f"{self.slack.shape} and {self.noise.shape}."
            )

    @staticmethod
    def learned_from(
        function: Pipeline,
        observed: dict[str, Float[Array, "..."]],
        states: Float[ArrayLike, "reach time 4"],
        commands: Float[ArrayLike, "reach time 2"],
    ) -> "TrajectoryInversion":
        """Slack and noise, from a trained function and movements with their conditions.

        The slack is what must be added to the features to come nearest to the movements, the noise what is left then; both
        are those of new movements only if the function was not trained on these.

        Raises a `DataError` for fewer movements than features.
        """
        both = jnp.concatenate([jnp.asarray(states, jnp.float32), jnp.asarray(commands, jnp.float32)], -1)
        conditions, decoder = split_function(function)
        if both.shape[0] <= decoder.latent:
            raise DataError(f"{both.shape[0]} movements are too few for {decoder.latent} features.")
        both, observed = both[:ENOUGH], jax.tree.map(lambda x: x[:ENOUGH], observed)
        plain = TrajectoryInversion(conditions, decoder, samples=both.shape[1])
        added, left = _corrections(plain, jax.vmap(conditions)(observed).latent, both)
        covariance = np.cov(np.asarray(added, np.float64), rowvar=False) + 1e-10 * np.eye(decoder.latent)
        noise = jnp.maximum(jnp.sqrt(jnp.mean(left**2, (0, 1))), 1e-6)
        return TrajectoryInversion(conditions, decoder, np.linalg.cholesky(covariance), noise, both.shape[1])

    def decoded(self, latent: Float[Array, " latent"]) -> Float[Array, "time 6"]:
        """The movement without noise."""
        phase = jnp.linspace(0.0, 1.0, self.samples)
        return self.decoder.basis(phase) @ self.decoder.unscaled(self.decoder.outputs(latent))

    def default_observation(self) -> dict[str, Array]:
        """A straight line of the hand, nothing else known."""
        phase = jnp.linspace(0.0, 1.0, self.samples)
        middle = (self.decoder.low + self.decoder.high)[:2] / 2
        path = middle + (minimum_jerk(phase)[:, None] - 0.5) * jnp.array([0.1, 0.0])
        values = jnp.concatenate([path, jnp.zeros((self.samples, CHANNELS - 2))], -1)
        known = jnp.zeros((self.samples, CHANNELS)).at[:, :2].set(1.0)
        return {"values": values, "known": known, "duration": jnp.asarray(1.0)}

    @eqx.filter_jit
    def posterior(self, observation: dict[str, Array]) -> Posterior:
        """The distribution of the whole movement given its known parts."""
        known, values = jnp.asarray(observation["known"]), jnp.asarray(observation["values"])
        weight, values = known / self.noise, jnp.where(known > 0, values, 0.0)
        inputs, latent = self._prior(observation["duration"])

        def misses(w):
            """The residuals of the most probable w: of what is known, in units of its noise, and w itself."""
            return jnp.concatenate([((self.decoded(latent(w)) - values) * weight).ravel(), w])

        def objective(w):
            return jnp.sum(misses(w) ** 2)

        def step(w, _):
            # Not by the normal equations, whose condition number float32 cannot hold where the noise is small.
            q, r = jnp.linalg.qr(jax.jacfwd(misses)(w))
            full = -jax.scipy.linalg.solve_triangular(r, q.T @ misses(w))
            tries = w + jnp.array(STEPS)[:, None] * full
            return tries[jnp.argmin(jax.vmap(objective)(tries))], None

        found = jax.vmap(lambda w: jax.lax.scan(step, w, None, length=self.iterations)[0])(self._starts())
        w = found[jnp.argmin(jax.vmap(objective)(found))]
        # The curvature is R'R, so that R⁻¹ is a root of the covariance.
        root = jnp.linalg.qr(jax.jacfwd(misses)(w), mode="r")
        spread = jax.scipy.linalg.solve_triangular(root, jnp.eye(w.size))
        return Posterior(latent(w), jax.jacfwd(latent)(w) @ spread, inputs(w))

    def __call__(self, observation: dict[str, Array], *, key: PRNGKeyArray | None = None) -> TrajectoryCode:
        """The most probable movement, or with a key one drawn from the posterior."""
        latent, spread, _ = self.posterior(observation)
        if key is not None:
            latent = latent + spread @ jax.random.normal(key, spread.shape[1:], latent.dtype)
        return TrajectoryCode(latent, jnp.asarray(observation["duration"]))

    def _prior(self, duration):
        """Conditions and features as functions of standard normal numbers; the duration is known."""
        network = self.conditions
        free = 4 + (network.field > 0)
        fixed = jnp.zeros(0)
        if network.timed:
            shortest, longest = network.durations  # pyright: ignore[reportGeneralTypeIssues]
            fixed = (jnp.asarray(duration)[None] - shortest) / (longest - shortest)

        def inputs(w):
            return jnp.concatenate([MIDDLE + SPREAD * w[:free], fixed.astype(w.dtype)])

        def latent(w):
            found = run_layers(network.layers, inputs(w), network.activation, network.output)
            return found + self.slack @ w[free:]

        return inputs, latent

    def _starts(self):
        """The middle of the workspace, in each field: a path may be explained in more than one."""
        network = self.conditions
        fields = jnp.array([[-1.0], [0.0], [1.0]]) * 0.45 / SPREAD if network.field > 0 else jnp.zeros((1, 0))
        pad = [jnp.zeros((len(fields), size)) for size in (4, self.decoder.latent)]
        return jnp.concatenate([pad[0], fields, pad[1]], 1)


@eqx.filter_jit
def _corrections(plain, latent, both):
    """What to add to the features of each movement to come nearest to it, and what is left: three Gauss-Newton steps."""
    span = plain.decoder.high - plain.decoder.low

    def one(latent, movement):
        def misses(added):
            return ((plain.decoded(latent + added) - movement) / span).ravel()

        def step(added, _):
            slope = jax.jacfwd(misses)(added)
            # A small ridge, for features that the movement does not determine.
            ridge = 1e-4 * jnp.sum(slope**2) / added.size
            return added + damped_step(slope, misses(added), ridge), None

        added, _ = jax.lax.scan(step, jnp.zeros_like(latent), None, length=3)
        return added, plain.decoded(latent + added) - movement

    return jax.lax.map(lambda pair: one(*pair), (latent, both), batch_size=100)
