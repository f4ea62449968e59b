from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor.errors import DataError

from ._problem import ReachProblem
from ._sampling import LOWER, UPPER


class Movements(NamedTuple):
    """Commands, and where they moved the hand; every array leads with the movement.

    - `start`, `end`: hand positions in m; `states` `(movement, time, 4)` and `commands` `(movement, time, 2)` as in
      `OptimalReaches`.
    """

    start: np.ndarray
    end: np.ndarray
    states: np.ndarray
    commands: np.ndarray


def play_all(problem: ReachProblem, start, commands, field: Any = 0.0, duration: Any = 1.0) -> Movements:
    """Play many command sequences on the problem's plant, from rest."""
    count = len(start)
    field, duration = np.broadcast_to(field, (count,)), np.broadcast_to(duration, (count,))
    arrays = [jnp.asarray(x, float) for x in (start, commands, field, duration)]
    states = np.asarray(_play(problem, *arrays))
    return Movements(np.asarray(start), states[:, -1, :2], states, np.asarray(commands))


@eqx.filter_jit
def _play(problem, start, commands, field, duration):
    def one(start, commands, field, duration):
        return problem.in_field(field).play(start, commands, duration)

    return jax.vmap(one)(start, commands, field, duration)


def babble(
    problem: ReachProblem,
    rng: np.random.Generator,
    count: int,
    *,
    amplitude: float = 0.04,
    harmonics: int = 5,
    duration: float = 1.0,
) -> Movements:
    """Movements by random torques: sums of sinusoids of random amplitude, from starts all over the workspace.

    The sinusoids are cosines of half, one, one and a half … periods. None has a mean, so that the hand comes nearly to
    rest; and all have one standard deviation, so that the mean of all commands that lead to one place, which is what a
    function learns of them, is not far from the one of least effort. Movements that leave the workspace are drawn again.

    - `amplitude`: standard deviation of each sinusoid in N m.
    """
    if not (amplitude > 0 and harmonics >= 1 and count >= 1):
        raise DataError(
            f"count, amplitude and harmonics must be positive, not {count}, {amplitude:g} and {harmonics}."
        )
    phase = np.linspace(0, 1, problem.samples)
    waves = np.cos(np.pi * np.arange(1, harmonics + 1)[:, None] * phase)
    found: list[Movements] = []
    for _ in range(50):
        heights = rng.normal(0, amplitude, (count, harmonics, 2))
        commands = np.einsum("mhu,ht->mtu", heights, waves)
        found.append(
            inside(play_all(problem, rng.uniform(LOWER, UPPER, (count, 2)), commands, duration=duration))
        )
        if sum(len(part.start) for part in found) >= count:
            return Movements(*(np.concatenate(leaves)[:count] for leaves in zip(*found, strict=True)))
    raise DataError(
        f"Hardly any movement by torques of {amplitude:g} N m stays in the workspace; lower amplitude."
    )


def inside(movements: Movements, margin: float = 0.02) -> Movements:
    """Those movements whose hand stays in the workspace, give or take `margin` (m), and that are finite."""
    path = movements.states[..., :2]
    low, high = np.asarray(LOWER) - margin, np.asarray(UPPER) + margin
    good = np.isfinite(movements.states).all((1, 2)) & ((path > low) & (path < high)).all((1, 2))
    return Movements(*(leaf[good] for leaf in movements))


def conditions_of(start, target, field=None, duration=None) -> dict[str, Float[Array, "..."]]:
    """A batch of observations for a conditions network."""
    given = {"start": start, "target": target, "field": field, "duration": duration}
    count = len(start)
    return {
        name: jnp.asarray(x if np.ndim(x) else np.full(count, x), jnp.float32)
        for name, x in given.items()
        if x is not None
    }
