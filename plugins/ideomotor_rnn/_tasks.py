"""What the networks are asked to do: commands, starts, and schedules of commands."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractPlant
from ideomotor.errors import DataError

from ._commands import MIDDLE, CircleCommand, ReachCommand
from ._policy import RecurrentPolicy
from ._schedule import Schedule, Scheduled

POINTS = 16  # on a circle, that must be within the workspace
TRIES = 24  # centers that are drawn for each circle
SLACK = 0.1  # rad by which a circle may leave the workspace of its center
BY_CANDIDATE = 1e-6


class Workspace(eqx.Module):
    """The postures, and so the points, in which movements start and end.

    By default where the muscles of the default arm can still push both joints either way: flexed further, the extensors
    of the elbow are shorter than 0.6 optimal lengths and pull no more. The hand covers 0.14 m², 26 to 54 cm away.
    """

    shoulder: tuple[float, float] = eqx.field(static=True, default=(-0.2, 1.1), converter=tuple)  # pyright: ignore[reportGeneralTypeIssues]
    elbow: tuple[float, float] = eqx.field(static=True, default=(1.1, 2.3), converter=tuple)  # pyright: ignore[reportGeneralTypeIssues]

    def __check_init__(self):
        for name in ("shoulder", "elbow"):
            low, high = getattr(self, name)
            if not low < high:
                raise ValueError(
                    f"Workspace: {name} must be a range of angles, lower first, not ({low}, {high})."
                )

    def points(self, plant: AbstractPlant, key: PRNGKeyArray, count: int) -> Float[Array, "count 2"]:
        """Points (m) that are uniform over the area the hand can reach with joints in these ranges."""
        key_shoulder, key_elbow = jax.random.split(key)
        shoulder = jax.random.uniform(
            key_shoulder, (count,), minval=self.shoulder[0], maxval=self.shoulder[1]
        )
        # The area covered by a small change of the angles is proportional to the sine of the elbow.
        cosine = jax.random.uniform(
            key_elbow, (count,), minval=np.cos(self.elbow[1]), maxval=np.cos(self.elbow[0])
        )
        angle = jnp.stack([shoulder, jnp.arccos(cosine)], -1)
        return plant.forward_kinematics(angle)  # pyright: ignore[reportAttributeAccessIssue]

    def circles(
        self,
        plant: AbstractPlant,
        key: PRNGKeyArray,
        count: int,
        radius: tuple[float, float] = (0.04, 0.10),
        speed: tuple[float, float] = (0.15, 0.45),
    ) -> CircleCommand:
        """Circles within the workspace: radii (m) and absolute speeds (m/s) uniform, either sense of rotation."""
        keys = jax.random.split(key, 4)
        r = jax.random.uniform(keys[0], (count,), minval=radius[0], maxval=radius[1])
        v = jax.random.uniform(keys[1], (count,), minval=speed[0], maxval=speed[1])
        v = v * jnp.where(jax.random.bernoulli(keys[2], 0.5, (count,)), 1.0, -1.0)
        centers = self.points(plant, keys[3], count * TRIES).reshape(count, TRIES, 2)
        inside = self.excess(plant, CircleCommand(centers, r[:, None], v[:, None]))
        # The first that is inside; of those that are not, the one that leaves least.
        best = jnp.argmin(inside + BY_CANDIDATE * jnp.arange(TRIES), -1)
        return CircleCommand(centers[jnp.arange(count), best], r, v)

    def excess(self, plant: AbstractPlant, circle: CircleCommand) -> Float[Array, "*axes"]:
        """How far (rad) a circle leaves the workspace beyond what is let pass; zero inside."""
        phase = jnp.linspace(0.0, 2 * jnp.pi, POINTS, endpoint=False)
        around = jnp.stack([jnp.cos(phase), jnp.sin(phase)], -1)
        points = circle.center[..., None, :] + jnp.asarray(circle.radius)[..., None, None] * around
        angle = plant.inverse_kinematics(points, clamp=True)  # pyright: ignore[reportAttributeAccessIssue]
        low = jnp.array([self.shoulder[0], self.elbow[0]]) - SLACK
        high = jnp.array([self.shoulder[1], self.elbow[1]]) + SLACK
        out = jnp.maximum(low - angle, 0.0) + jnp.maximum(angle - high, 0.0)
        return jnp.max(out, axis=(-1, -2))


def check_circle(plant: AbstractPlant, circle: CircleCommand) -> None:
    """Raise a `DataError` for a circle that is partly out of reach, or is none."""
    radius, speed = np.asarray(circle.radius).item(), np.asarray(circle.speed).item()
    if not (radius > 0 and speed != 0):
        raise DataError(
            f"A circle needs a positive radius and a speed that is not zero, not {radius:g} m and {speed:g} m/s."
        )
    phase = np.linspace(0.0, 2 * np.pi, POINTS, endpoint=False)
    around = np.stack([np.cos(phase), np.sin(phase)], -1)
    plant.at(np.asarray(circle.center) + np.asarray(circle.radius) * around)  # pyright: ignore[reportAttributeAccessIssue]


def random_activity(policy: RecurrentPolicy, key: PRNGKeyArray, count: int) -> Float[Array, "count units"]:
    """Activity that is uniform between zero and one, for the start of a trial."""
    return jax.random.uniform(key, (count, policy.cell.units))


def circle_state(plant: AbstractPlant, circle: CircleCommand, phase: Float[Array, "*axes"]) -> PyTree:
    """The plant's state on the circle, moving along it, at a phase (rad, counter-clockwise from the x-axis)."""
    out = jnp.stack([jnp.cos(phase), jnp.sin(phase)], -1)
    tangent = jnp.stack([out[..., 1], -out[..., 0]], -1)
    radius, speed = jnp.asarray(circle.radius)[..., None], jnp.asarray(circle.speed)[..., None]
    return plant.moving(circle.center + radius * out, speed * tangent)  # pyright: ignore[reportAttributeAccessIssue]


def jumps(policy: RecurrentPolicy, commands: Any, hold: float) -> tuple[Scheduled, Schedule]:
    """One command after the other, each for `hold` seconds; the last one stays.

    - `commands`: leaves lead with the command.
    """
    if not hold > 0:
        raise DataError(f"Commands must be held for some time, and hold is {hold} s.")
    count = jax.tree.leaves(commands)[0].shape[0]
    return Scheduled(policy, count), Schedule(hold * jnp.arange(count), commands)


def moving_target(
    policy: RecurrentPolicy, points: Float[Array | np.ndarray, "time 2"], dt: float
) -> tuple[Scheduled, Schedule]:
    """A target that moves along `points` (m), one every `dt` seconds, in straight lines between them."""
    if not dt > 0:
        raise DataError(f"The points of a moving target must be some time apart, and dt is {dt} s.")
    count = len(points)
    schedule = Schedule(dt * jnp.arange(count), ReachCommand(jnp.asarray(points)))
    return Scheduled(policy, count, smooth=True), schedule


def figure_eight(
    policy: RecurrentPolicy,
    *,
    center: tuple[float, float] = MIDDLE,
    radius: float = 0.06,
    speed: float = 0.25,
    loops: int = 4,
    lead: float = 0.0,
) -> tuple[Scheduled, Schedule]:
    """A figure of eight, by commanding one circle after the other in opposite senses (Huh & Todorov 2009, fig. 8).

    The circles touch at `center`; each is commanded for one round, `2 π radius / speed` seconds.

    - `lead`: how much earlier (s) the next circle is commanded, to make up for the network's reaction time.
    """
    if not (radius > 0 and speed > 0):
        raise DataError(
            f"A figure of eight needs a positive radius and speed, not {radius} m and {speed} m/s."
        )
    count = 2 * loops
    side = np.where(np.arange(count) % 2, 1.0, -1.0)
    centers = np.asarray(center) + side[:, None] * np.array([radius, 0.0])
    commands = CircleCommand(jnp.asarray(centers), jnp.full(count, radius), jnp.asarray(side * speed))
    round_time = 2 * np.pi * radius / speed
    times = round_time * np.arange(count)
    times[1:] -= lead
    return Scheduled(policy, count), Schedule(jnp.asarray(times), commands)
