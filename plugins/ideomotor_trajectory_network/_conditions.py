from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ideomotor import AbstractPerception
from ideomotor.common.trees import as_array
from ideomotor.errors import DataError

from ._decoder import TrajectoryCode
from ._layers import check_activation, dense, run_layers, widths

LOWER, UPPER = (-0.25, 0.15), (0.25, 0.55)
"""Corners of the workspace of Berniker & Kording 2015, in m from the shoulder."""

CENTRES = ((0.0, 0.35),)


def sample_reaches(
    rng: np.random.Generator,
    count: int,
    *,
    lower: tuple[float, float] = LOWER,
    upper: tuple[float, float] = UPPER,
    distance: tuple[float, float] = (0.01, 0.15),
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and targets `(count, 2)` in m: starts uniform over the workspace, targets in a uniform direction at a
    uniform distance, drawn again until the target lies in the workspace.
    """
    if count < 1:
        raise DataError(f"count must be at least 1, not {count}.")
    low, high = np.asarray(lower, float), np.asarray(upper, float)
    if not ((high > low).all() and 0 < distance[0] <= distance[1] and distance[0] < (high - low).max()):
        raise DataError(
            f"There is no reach of {distance[0]:g} to {distance[1]:g} m between the corners {low.tolist()} and "
            f"{high.tolist()}; the second corner and the second distance must be larger than the first."
        )
    start = rng.uniform(lower, upper, (count, 2))
    target = np.full((count, 2), np.nan)
    missing = np.arange(count)
    while missing.size:
        angle = rng.uniform(0, 2 * np.pi, missing.size)
        away = rng.uniform(*distance, missing.size)
        target[missing] = start[missing] + away[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
        outside = ((target[missing] < lower) | (target[missing] > upper)).any(1)
        missing = missing[outside]
    return start, target


def centre_out(
    centres: tuple[tuple[float, float], ...] = CENTRES, *, directions: int = 24, distance: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and targets of reaches in evenly spread directions from each centre; by default 24 of 10 cm."""
    angle = 2 * np.pi * np.arange(directions) / directions
    away = distance * np.stack([np.cos(angle), np.sin(angle)], -1)
    start = np.repeat(np.asarray(centres, float), directions, axis=0)
    return start, start + np.tile(away, (len(centres), 1))


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

    @staticmethod
    def observations(
        start: Any, target: Any, field: Any = None, duration: Any = None
    ) -> dict[str, Float[Array, "..."]]:
        """A batch of observations: starts and targets `(reach, 2)` in m, and one field and duration (s) for all or each."""
        given = {"start": start, "target": target, "field": field, "duration": duration}
        return {
            name: jnp.asarray(x if np.ndim(x) else np.full(len(start), x), jnp.float32)
            for name, x in given.items()
            if x is not None
        }

    @property
    def timed(self) -> bool:
        """Whether movement time is an input."""
        return isinstance(self.durations, tuple)

    def default_observation(self) -> dict[str, Array]:
        low, high = np.asarray(self.lower), np.asarray(self.upper)
        observation: dict[str, Any] = {"start": low + 0.4 * (high - low), "target": low + 0.6 * (high - low)}
        if self.field > 0:
            observation["field"] = 0.0
        if self.timed:
            observation["duration"] = sum(self.durations) / 2  # pyright: ignore
        return {name: as_array(value, float) for name, value in observation.items()}

    def inputs(self, observation: Mapping[str, Float[ArrayLike, "..."]]) -> Float[Array, " inputs"]:
        """The conditions as input of the network, between 0 and 1."""
        low, high = jnp.asarray(self.lower), jnp.asarray(self.upper)
        parts = [(jnp.asarray(observation[name]) - low) / (high - low) for name in ("start", "target")]
        if self.field > 0:
            parts.append(0.5 + 0.45 * jnp.asarray(observation["field"])[None] / self.field)
        if self.timed:
            shortest, longest = self.durations  # pyright: ignore
            parts.append((jnp.asarray(observation["duration"])[None] - shortest) / (longest - shortest))
        return jnp.concatenate(parts)

    def __call__(self, observation: dict[str, Array], *, key: PRNGKeyArray | None = None) -> TrajectoryCode:
        latent = run_layers(self.layers, self.inputs(observation), self.activation, self.output)
        duration = observation["duration"] if self.timed else jnp.asarray(self.durations, latent.dtype)
        return TrajectoryCode(latent, duration)
