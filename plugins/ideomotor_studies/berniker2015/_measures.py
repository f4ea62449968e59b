"""How a trajectory function is judged: by what it says, and by what its commands do to the arm."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ideomotor import Pipeline
from ideomotor_trajectory_network import (
    ConditionsNetwork,
    OptimalReaches,
    ReachProblem,
    commands_and_states,
)


def observed(conditions: ConditionsNetwork, reaches: OptimalReaches) -> dict[str, jax.Array]:
    """The inputs of a conditions network for reaches."""
    field = reaches.field if conditions.field > 0 else None
    return ConditionsNetwork.observations(
        reaches.start, reaches.target, field, reaches.duration if conditions.timed else None
    )


def numbers(conditions, decoder, reaches: OptimalReaches) -> tuple[jax.Array, jax.Array]:
    """Scaled conditions and movements of reaches."""
    inputs = jax.vmap(conditions.inputs)(observed(conditions, reaches))
    return inputs, decoder.scaled(jnp.asarray(reaches.states), jnp.asarray(reaches.commands))


def error(function: Pipeline, reaches: OptimalReaches) -> float:
    """Root mean square over scaled states and commands, of what the function says."""
    conditions, decoder = function.perception, function.primitive
    _, wanted = numbers(conditions, decoder, reaches)
    codes = jax.vmap(conditions)(observed(conditions, reaches))
    found = jax.vmap(decoder.outputs)(jnp.asarray(codes.latent))
    return float(jnp.sqrt(jnp.mean((found - wanted) ** 2)))


def played(problem: ReachProblem, function: Pipeline, reaches: OptimalReaches) -> tuple[Any, np.ndarray]:
    """What the function's commands do to the arm, and the states that it expects."""
    samples = reaches.commands.shape[1]
    us, expected = commands_and_states(function, observed(function.perception, reaches), samples)
    moved = problem.play_all(reaches.start, np.asarray(us), reaches.field, reaches.duration)
    return moved, np.asarray(expected)


def end_errors(states: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Distance from the target at the end, in cm."""
    return 100 * np.linalg.norm(states[:, -1, :2] - target, axis=-1)


def costs(problem: ReachProblem, moved: Any, reaches: OptimalReaches) -> np.ndarray:
    """What the movements cost, as the problem has it."""
    arrays = (moved.states[:, -1], reaches.target, moved.commands, reaches.duration)
    return np.asarray(jax.vmap(problem.cost)(*(jnp.asarray(x, jnp.float32) for x in arrays)))


def lateral(reaches: OptimalReaches) -> np.ndarray:
    """The farthest that a reach goes to the side of the straight line to its target, in cm."""
    along = reaches.target - reaches.start
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    away = reaches.states[..., :2] - reaches.start[:, None]
    across = away[..., 0] * along[:, None, 1] - away[..., 1] * along[:, None, 0]
    return 100 * np.abs(across).max(1)


def by_field(values: np.ndarray) -> list[float]:
    """The mean in each of the three fields, in which the test reaches follow each other."""
    return [float(part.mean()) for part in np.split(values, 3)]


def judged(
    problem: ReachProblem,
    function: Pipeline,
    training: OptimalReaches,
    validation: OptimalReaches,
    test: OptimalReaches,
) -> dict[str, Any]:
    """Errors on three sets of reaches, and where the arm ends in each field."""
    moved, _ = played(problem, function, test)
    tests = [test[rows] for rows in np.split(np.arange(len(test.start)), 3)]
    return {
        "training": error(function, training),
        "validation": error(function, validation),
        "test": [error(function, some) for some in tests],
        "end": by_field(end_errors(moved.states, test.target)),
        "end_from_optimal": by_field(end_errors(moved.states, test.states[:, -1, :2])),
    }


def distance(
    problem: ReachProblem, function: Pipeline, test: OptimalReaches, span: np.ndarray
) -> dict[str, Any]:
    """Distance of what the function says from what would be optimal, and where its commands end.

    - `span`: range of each channel of the optimal reaches, so that the distances of all functions can be compared.
    """
    moved, expected = played(problem, function, test)
    optimal = np.concatenate([test.states, test.commands], -1)
    said = np.concatenate([expected, moved.commands], -1)
    return {
        "distance": float(np.sqrt((((said - optimal) / span) ** 2).mean())),
        "end": float(end_errors(moved.states, test.target).mean()),
        "cost": float(costs(problem, moved, test).mean()),
        "optimal_cost": float(test.cost.mean()),
        "end_speed": float(np.linalg.norm(moved.states[:, -1, 2:], axis=1).mean()),
    }
