import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, check_demonstration, quantity
from ideomotor.common.solvers import least_squares
from ideomotor.common.trees import as_array
from ideomotor.errors import DataError

from ._layers import check_activation, dense, run_layers, widths


class AbstractTimeBasis(eqx.Module):
    """Basis functions of time for a decoder's weights; `phase` is time over duration, from 0 to 1."""

    count: eqx.AbstractVar[int]

    @abc.abstractmethod
    def __call__(self, phase: Float[Array, " time"]) -> Float[Array, "time count"]:
        """The value of each basis function at each phase."""

    def fit(self, values: Float[Array, "... time channel"]) -> Float[Array, "... count channel"]:
        """The weights whose sum is nearest to evenly spaced values."""
        matrix = self(jnp.linspace(0.0, 1.0, values.shape[-2], dtype=values.dtype))
        return jnp.linalg.pinv(matrix) @ values


class Samples(AbstractTimeBasis):
    """Evenly spaced samples, joined by straight lines: the paper's discretised trajectory."""

    count: int = eqx.field(static=True, default=101)

    def __check_init__(self):
        if self.count < 2:
            raise ValueError(f"Samples: count must be at least 2, not {self.count}.")

    def __call__(self, phase: Float[Array, " time"]) -> Float[Array, "time count"]:
        """A triangle around each sample."""
        place = jnp.clip(phase, 0.0, 1.0)[:, None] * (self.count - 1)
        return jnp.maximum(0.0, 1.0 - jnp.abs(place - jnp.arange(self.count, dtype=place.dtype)))


class Splines(AbstractTimeBasis):
    """Cubic B-splines on even knots: fewer numbers than samples, and smooth for any output of the network.

    The paper's discussion proposes a temporal basis whose width follows the duration of the movement.
    """

    count: int = eqx.field(static=True, default=20)

    def __check_init__(self):
        if self.count < 4:
            raise ValueError(f"Splines: count must be at least 4, not {self.count}.")

    def __call__(self, phase: Float[Array, " time"]) -> Float[Array, "time count"]:
        """The cardinal cubic B-spline, moved to each knot; the knots reach one beyond either end."""
        knots = jnp.arange(-1, self.count - 1, dtype=phase.dtype)
        away = jnp.abs(jnp.clip(phase, 0.0, 1.0)[:, None] * (self.count - 3) - knots)
        near = 2 / 3 - away**2 + away**3 / 2
        far = (2 - jnp.minimum(away, 2.0)) ** 3 / 6
        return jnp.where(away < 1, near, far)


CHANNELS = 6  # hand position and velocity, and two torques: (n + r) of the paper
STATES = 4
# Generous for an arm of human size; `scaled_to` sets what the data need.
LOW, HIGH = (-0.3, 0.1, -1.0, -1.0, -1.0, -1.0), (0.3, 0.6, 1.0, 1.0, 1.0, 1.0)


class TrajectoryCode(eqx.Module):
    """What one movement is made of: features of the trajectory function's inner layer, and the duration."""

    latent: Float[Array | np.ndarray, " latent"] = quantity(bounds=(0.0, 1.0), label="inner features")
    duration: Float[ArrayLike, ""] = quantity(unit="s", bounds=(0.1, 5.0), label="movement time")


class TrajectoryDecoder(AbstractFeedforwardPrimitive[TrajectoryCode]):
    """The upper half of a trajectory function: features → the whole command *and* the states it leads to.

    Berniker & Kording 2015, fig. 2: latent → hidden → (n + r) N numbers scaled to lie between 0 and 1, here n = 4
    (hand position and velocity) and r = 2 (joint torques). `trajectory` gives the torques as `ideomotor.rollout` holds
    them, for an arm that starts at rest at `movement(params).ys["hand"][0]`; `torques` gives them as a function of time,
    and `movement` the states as well, without an arm.

    - `latent`, `hidden`: widths from the inner layer outwards; the paper has 10 and (100,).
    - `basis`: `ideomotor.make("time-samples", 101)` as in the paper, or temporal basis functions: `"time-splines"`.
    - `activation` of hidden layers and `output` activation: sigmoid (the paper's), tanh, silu, linear.
    - `low`, `high`: the values of the six channels (m, m/s, N m) that scale to 0 and 1.

    Weights start Xavier-uniform. Train with `where=lambda decoder: decoder.layers`.
    """

    layers: tuple[eqx.nn.Linear, ...]
    low: Float[Array, "6"]
    high: Float[Array, "6"]
    basis: AbstractTimeBasis
    latent: int = eqx.field(static=True)
    hidden: tuple[int, ...] = eqx.field(static=True)
    activation: str = eqx.field(static=True)
    output: str = eqx.field(static=True)

    def __init__(
        self,
        latent: int = 10,
        hidden: tuple[int, ...] = (100,),
        basis: AbstractTimeBasis | None = None,
        activation: str = "sigmoid",
        output: str = "sigmoid",
        low: Any = LOW,
        high: Any = HIGH,
        *,
        key: PRNGKeyArray | None = None,
    ):
        check_activation("TrajectoryDecoder", activation=activation, output=output)
        (self.latent,) = widths("TrajectoryDecoder", "latent", (latent,))
        self.hidden = widths("TrajectoryDecoder", "hidden", hidden)
        self.basis = Samples() if basis is None else basis
        if not isinstance(self.basis, AbstractTimeBasis):
            raise ValueError(f"TrajectoryDecoder: basis must be Samples or Splines, not {basis!r}.")
        self.activation, self.output = activation, output
        self.low, self.high = as_array(low, float), as_array(high, float)
        if self.low.shape != (CHANNELS,) or self.high.shape != (CHANNELS,):
            raise ValueError(
                f"TrajectoryDecoder: low and high have {CHANNELS} numbers each (hand position, hand velocity, torques)."
            )
        key = jax.random.key(0) if key is None else key
        self.layers = dense((self.latent, *self.hidden, self.basis.count * CHANNELS), key)

    def scaled_to(
        self, states: Float[ArrayLike, "*reach time 4"], commands: Float[ArrayLike, "*reach time 2"]
    ):
        """The decoder with `low` and `high` set to the extremes of some movements."""
        both = np.concatenate([states, commands], -1).reshape(-1, CHANNELS)
        low, high = both.min(0), both.max(0)
        if not (np.isfinite(both).all() and (high > low).all()):
            raise DataError("The movements are not finite, or a channel is constant; they give no scale.")
        scale = (jnp.asarray(low, float), jnp.asarray(high, float))
        return eqx.tree_at(lambda d: (d.low, d.high), self, scale)

    def scaled(
        self, states: Float[Array, "*reach time 4"], commands: Float[Array, "*reach time 2"]
    ) -> Float[Array, "*reach numbers"]:
        """Movements as output of the network: basis weights between 0 and 1."""
        both = (jnp.concatenate([states, commands], -1) - self.low) / (self.high - self.low)
        weights = both if _is_sampled(self.basis, both.shape[-2]) else self.basis.fit(both)
        return weights.reshape(*both.shape[:-2], -1)

    def outputs(self, latent: Float[Array, " latent"]) -> Float[Array, " numbers"]:
        """The network's last layer, between 0 and 1."""
        return run_layers(self.layers, latent, self.activation, self.output)

    def unscaled(self, outputs: Float[Array, " numbers"]) -> Float[Array, "count 6"]:
        """Basis weights in m, m/s and N m."""
        return self.low + outputs.reshape(self.basis.count, CHANNELS) * (self.high - self.low)

    def default_params(self) -> TrajectoryCode:
        return TrajectoryCode(as_array(np.full(self.latent, 0.5)), as_array(1.0))

    def trajectory(
        self, params: TrajectoryCode, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "time 2"]:
        """Joint torques (N m) to be held from each time (s) to the next: each is the mean of `torques` at both.

        Holding the torque of the first instead would be half an interval late: at 100 commands a second 3 mm in a reach of
        10 cm. There is none after the end of the movement.
        """
        ts = jnp.asarray(ts)
        until = jnp.minimum(ts[1:], params.duration)
        share = jnp.maximum(until - ts[:-1], 0.0) / jnp.diff(ts)
        means = 0.5 * (self.torques(params, ts[:-1]) + self.torques(params, until)) * share[:, None]
        return jnp.concatenate([means, self.torques(params, ts[-1:])])

    def torques(self, params: TrajectoryCode, ts: Float[Array, " time"]) -> Float[Array, "time 2"]:
        """Joint torques (N m) at times (s); none after the end of the movement."""
        values = self._values(params, ts)[:, STATES:]
        return jnp.where((ts <= params.duration * (1 + 1e-6))[:, None], values, 0.0)

    def states(self, params: TrajectoryCode, ts: Float[Array, " time"]) -> Float[Array, "time 4"]:
        """The hand's position (m) and velocity (m/s) that the network predicts."""
        return self._values(params, ts)[:, :STATES]

    def movement(self, params: TrajectoryCode, ts: Float[Array, " time"] | None = None) -> Trajectory:
        """The expected `ys` and `us` of the whole movement; by default at 101 even times."""
        ts = jnp.linspace(0.0, 1.0, 101) * params.duration if ts is None else ts
        states = self.states(params, ts)
        ys = {"hand": states[:, :2], "hand_velocity": states[:, 2:]}
        return Trajectory(ts, ys, self.trajectory(params, ts))

    def fit(self, trajectory: Trajectory) -> TrajectoryCode:
        """The features whose movement is nearest to a demonstrated one, by Levenberg-Marquardt.

        `trajectory.ys` is the hand's position `(time, 2)` or a dictionary with `hand`, and `hand_velocity` if it is
        known; `trajectory.us`, if given, are torques. What is not given is filled in by the network.
        """
        trajectory = check_demonstration(trajectory)
        ys = trajectory.ys if isinstance(trajectory.ys, dict) else {"hand": trajectory.ys}
        if "hand" not in ys or np.shape(ys["hand"])[1:] != (2,):
            raise DataError("trajectory.ys must have the hand's position, of shape (time, 2).")
        ts = jnp.asarray(trajectory.ts, self.low.dtype)
        duration, span = ts[-1], self.high - self.low

        def misses(latent):
            code = TrajectoryCode(latent, duration)
            states = self.states(code, ts)
            found = [(states[:, :2] - ys["hand"]) / span[:2]]
            if "hand_velocity" in ys:
                found.append((states[:, 2:] - ys["hand_velocity"]) / span[2:STATES])
            if trajectory.us is not None:
                found.append((self.trajectory(code, ts) - trajectory.us) / span[STATES:])
            return jnp.concatenate(found, -1).ravel()

        start = jnp.asarray(self.default_params().latent)
        return TrajectoryCode(least_squares(misses, start, steps=200), duration)

    def _values(self, params, ts):
        phase = jnp.asarray(ts) / params.duration
        return self.basis(phase) @ self.unscaled(self.outputs(jnp.asarray(params.latent)))


def _is_sampled(basis, times):
    return isinstance(basis, Samples) and basis.count == times
