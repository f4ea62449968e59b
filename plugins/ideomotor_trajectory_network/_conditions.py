from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ideomotor import AbstractPerception

from ._decoder import TrajectoryCode
from ._layers import check_activation, dense, run_layers, widths
from ._sampling import LOWER, UPPER


class ConditionsNetwork(AbstractPerception[TrajectoryCode]):
    """The lower half of a trajectory function: start, target and field → features of the whole movement.

    Berniker & Kording 2015, fig. 2B. An observation is `{"start", "target"}`, hand positions `(2,)` in m; with `field`
    also `"field"`, the field's strength; with `durations` also `"duration"` in s (the paper's discussion).

    - `latent`, `hidden`: widths; the paper has 10 and (100,).
    - `lower`, `upper`: corners of the workspace in m, which scale to 0 and 1.
    - `field`: the greatest strength, 0 for none; -field, 0, field scale to 0.05, 0.5, 0.95 as in the paper.
    - `durations`: shortest and longest in s, or one number for a network that knows one duration only.
    - `activation` of hidden layers and `output` activation: sigmoid (the paper's), tanh, silu, linear.
    """

    layers: tuple[eqx.nn.Linear, ...]
    latent: int = eqx.field(static=True)
    hidden: tuple[int, ...] = eqx.field(static=True)
    lower: tuple[float, float] = eqx.field(static=True)
    upper: tuple[float, float] = eqx.field(static=True)
    field: float = eqx.field(static=True)
    durations: tuple[float, float] | float = eqx.field(static=True)
    activation: str = eqx.field(static=True)
    output: str = eqx.field(static=True)

    def __init__(
        self,
        latent: int = 10,
        hidden: tuple[int, ...] = (100,),
        lower: tuple[float, float] = LOWER,
        upper: tuple[float, float] = UPPER,
        field: float = 0.0,
        durations: tuple[float, float] | float = 1.0,
        activation: str = "sigmoid",
        output: str = "sigmoid",
        *,
        key: PRNGKeyArray | None = None,
    ):
        check_activation("ConditionsNetwork", activation=activation, output=output)
        (self.latent,) = widths("ConditionsNetwork", "latent", (latent,))
        self.hidden = widths("ConditionsNetwork", "hidden", hidden)
        if not (len(lower) == len(upper) == 2 and all(a < b for a, b in zip(lower, upper, strict=True))):
            raise ValueError(
                f"ConditionsNetwork: lower {lower} and upper {upper} must be opposite corners of the workspace, (x, y) in m."
            )
        self.lower, self.upper = (float(lower[0]), float(lower[1])), (float(upper[0]), float(upper[1]))
        if not 0 <= field < float("inf"):
            raise ValueError(f"ConditionsNetwork: field must be a strength of at least 0, not {field!r}.")
        timed = not isinstance(durations, int | float)
        ends = tuple(durations) if timed else (durations, durations)
        if (
            len(ends) != 2
            or not 0 < ends[0] < float("inf")
            or (timed and not ends[0] < ends[1] < float("inf"))
        ):
            raise ValueError(
                f"ConditionsNetwork: durations must be a positive number of seconds, or two increasing ones, not {durations!r}."
            )
        self.field = float(field)
        self.durations = (float(ends[0]), float(ends[1])) if timed else float(ends[0])
        self.activation, self.output = activation, output
        key = jax.random.key(0) if key is None else key
        self.layers = dense((4 + (self.field > 0) + timed, *self.hidden, self.latent), key)

    @property
    def timed(self) -> bool:
        """Whether movement time is an input."""
        return isinstance(self.durations, tuple)

    def default_observation(self) -> dict[str, Array]:
        """A reach across the middle of the workspace."""
        low, high = jnp.asarray(self.lower), jnp.asarray(self.upper)
        observation = {"start": low + 0.4 * (high - low), "target": low + 0.6 * (high - low)}
        if self.field > 0:
            observation["field"] = jnp.asarray(0.0)
        if self.timed:
            observation["duration"] = jnp.asarray(sum(self.durations) / 2)  # pyright: ignore
        return observation

    def inputs(self, observation: Mapping[str, Float[ArrayLike, "..."]]) -> Float[Array, " inputs"]:
        """The conditions as the network sees them, between 0 and 1."""
        low, high = jnp.asarray(self.lower), jnp.asarray(self.upper)
        parts = [(jnp.asarray(observation[name]) - low) / (high - low) for name in ("start", "target")]
        if self.field > 0:
            parts.append(0.5 + 0.45 * jnp.asarray(observation["field"])[None] / self.field)
        if self.timed:
            shortest, longest = self.durations  # pyright: ignore
            parts.append((jnp.asarray(observation["duration"])[None] - shortest) / (longest - shortest))
        return jnp.concatenate(parts)

    def __call__(self, observation: dict[str, Array], *, key: PRNGKeyArray | None = None) -> TrajectoryCode:
        """Features and duration of the movement."""
        latent = run_layers(self.layers, self.inputs(observation), self.activation, self.output)
        duration = observation["duration"] if self.timed else jnp.asarray(self.durations, latent.dtype)
        return TrajectoryCode(latent, duration)
