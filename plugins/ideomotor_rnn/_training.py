"""Batches of trials and their loss, as `ideomotor.train` takes them."""

import abc
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractPlant, Trajectory, rollout

from ._batch import ManyPlants, ManyPolicies, trials_last
from ._commands import CircleCommand, ReachCommand
from ._costs import circle_cost, movement_cost, reach_cost
from ._objectives import risk
from ._policy import RecurrentPolicy
from ._schedule import Schedule, Scheduled
from ._tasks import Workspace, circle_state, random_activity


class Trials(eqx.Module):
    """A batch of movements between two attractors; leaves lead with the trial."""

    x0: PyTree[Any]
    activity: Float[Array, "trials units"]
    first: Any
    second: Any
    d0: Float[ArrayLike, ""]


class AbstractTask(eqx.Module):
    """Movements from one attractor to another, Huh & Todorov 2009, fig. 4.

    Body on the first attractor, activity random; the first command holds for `hold` seconds, the second for `duration`.
    The cost of each trial goes through an objective, eq. (5').

    - `objective`: from costs to one number; `None` is `risk` with β = 1.
    - `anneal`: the target size d0 begins at `wide` (m) and shrinks to `d0` over this share of the training, because the
      saturating cost has no gradient further than about 10 cm from the target.
    """

    plant: eqx.AbstractVar[AbstractPlant]
    workspace: eqx.AbstractVar[Workspace]
    hold: eqx.AbstractVar[float]
    duration: eqx.AbstractVar[float]
    dt: eqx.AbstractVar[float]
    objective: eqx.AbstractVar[Callable[[Array], Array] | None]
    d0: eqx.AbstractVar[float]
    wide: eqx.AbstractVar[float]
    anneal: eqx.AbstractVar[float]

    @abc.abstractmethod
    def cost(self, d0: Float[ArrayLike, ""]) -> Callable[..., Array]:
        """The cost of an instant."""

    @abc.abstractmethod
    def sample(self, policy: RecurrentPolicy, key: PRNGKeyArray, count: int, d0: Any = None) -> Trials:
        """Random trials."""

    def times(self) -> Float[np.ndarray, " time"]:
        """The times of a trial, in s."""
        return self.dt * np.arange(round((self.hold + self.duration) / self.dt) + 1)

    def data(
        self, policy: RecurrentPolicy, count: int, steps: int
    ) -> Callable[[PRNGKeyArray, ArrayLike], Trials]:
        """A function that makes the batch of each of `steps` steps, for `ideomotor.train(…, data=…)`."""

        def batch(key, step):
            share = jnp.clip(step / max(1.0, self.anneal * steps), 0.0, 1.0)
            return self.sample(policy, key, count, self.wide * (self.d0 / self.wide) ** share)

        return jax.jit(batch)

    def costs(
        self, policy: RecurrentPolicy, trials: Trials, key: PRNGKeyArray | None
    ) -> Float[Array, " trials"]:
        """The cost of each trial, eq. (4), in s. With `key=None` without noise."""
        ts = self.times()
        x0, activity, first, second = trials_last((trials.x0, trials.activity, trials.first, trials.second))
        both = jax.tree.map(lambda a, b: jnp.stack([a, b]), first, second)
        many = Scheduled(ManyPolicies(policy, activity), 2)
        plants = ManyPlants(self.plant, activity.shape[-1])
        schedule = Schedule(jnp.array([0.0, self.hold]), both)
        movement = rollout(many, schedule, ts, plant=plants, x0=x0, key=key)
        late = jnp.asarray(ts >= self.hold - self.dt / 2)
        command = jax.tree.map(lambda a, b: _each(late, a, b), first, second)

        def paid(hand, hand_velocity, excitation, command):
            seen = {"hand": hand, "hand_velocity": hand_velocity}
            return movement_cost(Trajectory(ts, seen, excitation), command, self.cost(trials.d0))

        seen = movement.ys["hand"], movement.ys["hand_velocity"], movement.us
        return jax.vmap(paid, -1)(*seen, command)

    def loss(
        self, policy: RecurrentPolicy, trials: Trials, key: PRNGKeyArray | None
    ) -> tuple[Array, dict[str, Array]]:
        """The objective over the costs of the trials, and their mean for the log; for `ideomotor.train`."""
        costs = self.costs(policy, trials, key)
        objective = partial(risk, beta=1.0) if self.objective is None else self.objective
        return objective(costs), {"mean_cost": jnp.mean(costs)}


def _each(late, first, second):
    late = late.reshape(-1, *[1] * jnp.ndim(first))
    return jnp.where(late, second, first)


def _check(task):
    if not 0 < task.dt < task.duration:
        raise ValueError(
            f"{type(task).__name__}: a movement takes longer than one time step; duration is {task.duration} s and dt "
            f"{task.dt} s."
        )
    if not task.hold >= 0:
        raise ValueError(f"{type(task).__name__}: hold must be at least 0 s, not {task.hold}.")


class ReachTask(AbstractTask):
    """Reaching from target to target, cost (6). In `holding` of the trials the target stays where it is.

    With a load around the plant, `ReachTask(PulseLoad(MuscleArm()), holding=1.0)`, the task is to withstand it.
    """

    plant: AbstractPlant
    workspace: Workspace = Workspace()
    hold: float = eqx.field(static=True, default=0.3)
    duration: float = eqx.field(static=True, default=1.0)
    dt: float = eqx.field(static=True, default=0.01)
    objective: Callable[[Array], Array] | None = eqx.field(static=True, default=None)
    d0: float = eqx.field(static=True, default=0.04)
    wide: float = eqx.field(static=True, default=0.12)
    anneal: float = eqx.field(static=True, default=0.3)
    alpha: float = eqx.field(static=True, default=1.0)
    gamma: float = eqx.field(static=True, default=0.003)
    holding: float = eqx.field(static=True, default=0.0)

    def __check_init__(self):
        _check(self)
        if not 0.0 <= self.holding <= 1.0:
            raise ValueError(f"ReachTask: holding is a share of the trials, from 0 to 1, not {self.holding}.")

    def cost(self, d0: Float[ArrayLike, ""]) -> Callable[..., Array]:
        """See `AbstractTask`."""
        return partial(reach_cost, d0=d0, alpha=self.alpha, gamma=self.gamma)

    def sample(self, policy: RecurrentPolicy, key: PRNGKeyArray, count: int, d0: Any = None) -> Trials:
        """Random pairs of targets; the hand rests at the first."""
        keys = jax.random.split(key, 3)
        first = self.workspace.points(self.plant, keys[0], count)
        second = self.workspace.points(self.plant, keys[1], count)
        stays = jax.random.bernoulli(jax.random.fold_in(key, 3), self.holding, (count, 1))
        second = jnp.where(stays, first, second)
        x0 = jax.vmap(self.plant.at)(first)  # pyright: ignore[reportAttributeAccessIssue]
        activity = random_activity(policy, keys[2], count)
        return Trials(x0, activity, ReachCommand(first), ReachCommand(second), self.d0 if d0 is None else d0)


class CircleTask(AbstractTask):
    """Drawing circle after circle, cost (7). In `resting` of the trials the hand is at rest on its first circle."""

    plant: AbstractPlant
    workspace: Workspace = Workspace()
    hold: float = eqx.field(static=True, default=0.3)
    duration: float = eqx.field(static=True, default=0.9)
    dt: float = eqx.field(static=True, default=0.01)
    objective: Callable[[Array], Array] | None = eqx.field(static=True, default=None)
    d0: float = eqx.field(static=True, default=0.04)
    wide: float = eqx.field(static=True, default=0.12)
    anneal: float = eqx.field(static=True, default=0.4)
    alpha: float = eqx.field(static=True, default=2.0)
    gamma: float = eqx.field(static=True, default=0.003)
    resting: float = eqx.field(static=True, default=0.3)
    radius: tuple[float, float] = eqx.field(static=True, default=(0.04, 0.10), converter=tuple)  # pyright: ignore[reportGeneralTypeIssues]
    speed: tuple[float, float] = eqx.field(static=True, default=(0.15, 0.45), converter=tuple)  # pyright: ignore[reportGeneralTypeIssues]

    def __check_init__(self):
        _check(self)

    def cost(self, d0: Float[ArrayLike, ""]) -> Callable[..., Array]:
        """See `AbstractTask`."""
        return partial(circle_cost, d0=d0, alpha=self.alpha, gamma=self.gamma)

    def circles(self, key: PRNGKeyArray, count: int) -> CircleCommand:
        """Random circles."""
        return self.workspace.circles(self.plant, key, count, self.radius, self.speed)

    def sample(self, policy: RecurrentPolicy, key: PRNGKeyArray, count: int, d0: Any = None) -> Trials:
        """Random pairs of circles; the hand is anywhere on the first."""
        keys = jax.random.split(key, 5)
        first, second = self.circles(keys[0], count), self.circles(keys[1], count)
        phase = jax.random.uniform(keys[2], (count,), maxval=2 * jnp.pi)
        moving = ~jax.random.bernoulli(keys[3], self.resting, (count,))
        started = CircleCommand(first.center, first.radius, first.speed * moving)
        x0 = jax.vmap(lambda circle, phase: circle_state(self.plant, circle, phase))(started, phase)
        activity = random_activity(policy, keys[4], count)
        return Trials(x0, activity, first, second, self.d0 if d0 is None else d0)
