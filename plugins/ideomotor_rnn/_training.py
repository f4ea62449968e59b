"""Batches of trials and their loss, as `ideomotor.train` takes them."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractPlant, Trajectory, rollout

from ._batch import ManyPlants, ManyPolicies, trials_last
from ._commands import AbstractCommand, CircleCommand, ReachCommand
from ._optimising import risk
from ._policy import RecurrentPolicy
from ._schedule import Schedule, ScheduledPolicy

TRIES = 24  # centers that are drawn for each circle
SLACK = 0.1  # rad by which a circle may leave the workspace of its center
BY_CANDIDATE = 1e-6


class Workspace(eqx.Module):
    """The postures, and so the points, in which movements start and end.

    By default where the muscles of the default arm can still push both joints either way. The hand covers 0.14 m², 26 to
    54 cm away.
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
        """How far (rad) a circle leaves the workspace beyond the tolerance; zero inside."""
        angle = plant.inverse_kinematics(circle.points(), clamp=True)  # pyright: ignore[reportAttributeAccessIssue]
        low = jnp.array([self.shoulder[0], self.elbow[0]]) - SLACK
        high = jnp.array([self.shoulder[1], self.elbow[1]]) + SLACK
        out = jnp.maximum(low - angle, 0.0) + jnp.maximum(angle - high, 0.0)
        return jnp.max(out, axis=(-1, -2))


class Trials(eqx.Module):
    """A batch of movements between two attractors; leaves lead with the trial."""

    x0: PyTree[Any]
    activity: Float[Array, "trials units"]
    first: Any
    second: Any
    d0: Float[ArrayLike, ""]


class AbstractTask(eqx.Module):
    """Movements from one attractor to another, Huh & Todorov 2009, fig. 4.

    The body starts on the first attractor, with random activity; the first command holds for `hold` seconds, the second
    for `duration`. `objective` maps the costs of the trials to one number, eq. (5'): by default `risk` with β = 1.

    - `d0`, `alpha`, `gamma`: of the cost (`AbstractCommand.cost`).
    - `anneal`: the target size d0 begins at `wide` (m) and shrinks to `d0` over this share of the training, because the
      saturating cost has no gradient further than about 10 cm from the target.
    """

    plant: AbstractPlant
    workspace: Workspace = Workspace()
    hold: float = eqx.field(static=True, default=0.3)
    duration: float = eqx.field(static=True, default=1.0)
    dt: float = eqx.field(static=True, default=0.01)
    objective: Callable[[Array], Array] = eqx.field(static=True, default=risk)
    d0: float = eqx.field(static=True, default=0.04)
    wide: float = eqx.field(static=True, default=0.12)
    anneal: float = eqx.field(static=True, default=0.3)
    alpha: float = eqx.field(static=True, default=1.0)
    gamma: float = eqx.field(static=True, default=0.003)

    def __check_init__(self):
        name = type(self).__name__
        if not 0 < self.dt < self.duration:
            raise ValueError(
                f"{name}: duration must be longer than one time step, but it is {self.duration} s and dt {self.dt} s."
            )
        if not self.hold >= 0:
            raise ValueError(f"{name}: hold must be at least 0 s, not {self.hold}.")

    @abc.abstractmethod
    def sample(self, policy: RecurrentPolicy, key: PRNGKeyArray, count: int, d0: Any = None) -> Trials:
        """Random trials."""

    def times(self) -> Float[np.ndarray, " time"]:
        """The times of a trial, in s."""
        return self.dt * np.arange(round((self.hold + self.duration) / self.dt) + 1)

    def data(
        self, policy: RecurrentPolicy, count: int, steps: int
    ) -> Callable[[PRNGKeyArray, ArrayLike], Trials]:
        """A function that draws the batch of each of `steps` steps, for `ideomotor.train(…, data=…)`."""

        def batch(key, step):
            share = jnp.clip(step / max(1.0, self.anneal * steps), 0.0, 1.0)
            return self.sample(policy, key, count, self.wide * (self.d0 / self.wide) ** share)

        return jax.jit(batch)

    def costs(
        self, policy: RecurrentPolicy, trials: Trials, key: PRNGKeyArray | None
    ) -> Float[Array, " trials"]:
        """The cost of each trial, eq. (4), in s; without noise for `key=None`."""
        ts = self.times()
        x0, activity, first, second = trials_last((trials.x0, trials.activity, trials.first, trials.second))
        both = jax.tree.map(lambda a, b: jnp.stack([a, b]), first, second)
        many = ScheduledPolicy(ManyPolicies(policy, activity), 2)
        plants = ManyPlants(self.plant, activity.shape[-1])
        schedule = Schedule(jnp.array([0.0, self.hold]), both)
        movement = rollout(many, schedule, ts, plant=plants, x0=x0, key=key)
        late = jnp.asarray(ts >= self.hold - self.dt / 2)
        command = jax.tree.map(lambda a, b: _each(late, a, b), first, second)

        def cost(hand, hand_velocity, excitation, command: AbstractCommand):
            feedback = {"hand": hand, "hand_velocity": hand_velocity}
            constants = {"d0": trials.d0, "alpha": self.alpha, "gamma": self.gamma}
            return command.movement_cost(Trajectory(ts, feedback, excitation), **constants)

        hand, hand_velocity = movement.ys["hand"], movement.ys["hand_velocity"]
        return jax.vmap(cost, -1)(hand, hand_velocity, movement.us, command)

    def loss(
        self, policy: RecurrentPolicy, trials: Trials, key: PRNGKeyArray | None
    ) -> tuple[Array, dict[str, Array]]:
        """The objective over the costs of the trials, and their mean for the log; for `ideomotor.train`."""
        costs = self.costs(policy, trials, key)
        return self.objective(costs), {"mean_cost": jnp.mean(costs)}


def _each(late, first, second):
    late = late.reshape(-1, *[1] * jnp.ndim(first))
    return jnp.where(late, second, first)


class ReachTask(AbstractTask):
    """Reaching from target to target, cost (6). In a share `holding` of the trials the target stays where it is.

    With a load around the plant, `ReachTask(PulseLoad(MuscleArm()), holding=1.0)`, the task is to withstand it.
    """

    holding: float = eqx.field(static=True, default=0.0)

    def __check_init__(self):
        if not 0.0 <= self.holding <= 1.0:
            raise ValueError(
                f"ReachTask: holding must be a share of the trials from 0 to 1, not {self.holding}."
            )

    def sample(self, policy: RecurrentPolicy, key: PRNGKeyArray, count: int, d0: Any = None) -> Trials:
        """Random pairs of targets; the hand rests at the first."""
        keys = jax.random.split(key, 3)
        first = self.workspace.points(self.plant, keys[0], count)
        second = self.workspace.points(self.plant, keys[1], count)
        stays = jax.random.bernoulli(jax.random.fold_in(key, 3), self.holding, (count, 1))
        second = jnp.where(stays, first, second)
        x0 = jax.vmap(self.plant.at)(first)  # pyright: ignore[reportAttributeAccessIssue]
        activity = policy.random_activity(keys[2], count)
        return Trials(x0, activity, ReachCommand(first), ReachCommand(second), self.d0 if d0 is None else d0)


class CircleTask(AbstractTask):
    """Drawing circle after circle, cost (7). In a share `resting` of the trials the hand is at rest on its first circle."""

    duration: float = eqx.field(static=True, default=0.9)
    anneal: float = eqx.field(static=True, default=0.4)
    alpha: float = eqx.field(static=True, default=2.0)
    resting: float = eqx.field(static=True, default=0.3)
    radius: tuple[float, float] = eqx.field(static=True, default=(0.04, 0.10), converter=tuple)  # pyright: ignore[reportGeneralTypeIssues]
    speed: tuple[float, float] = eqx.field(static=True, default=(0.15, 0.45), converter=tuple)  # pyright: ignore[reportGeneralTypeIssues]

    def sample(self, policy: RecurrentPolicy, key: PRNGKeyArray, count: int, d0: Any = None) -> Trials:
        """Random pairs of circles; the hand is anywhere on the first."""
        keys = jax.random.split(key, 5)
        first, second = (
            self.workspace.circles(self.plant, k, count, self.radius, self.speed) for k in keys[:2]
        )
        phase = jax.random.uniform(keys[2], (count,), maxval=2 * jnp.pi)
        moving = ~jax.random.bernoulli(keys[3], self.resting, (count,))
        started = CircleCommand(first.center, first.radius, first.speed * moving)
        x0 = jax.vmap(lambda circle, phase: circle.state(self.plant, phase))(started, phase)
        activity = policy.random_activity(keys[4], count)
        return Trials(x0, activity, first, second, self.d0 if d0 is None else d0)
