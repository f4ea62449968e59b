"""What components take and give, one function for each kind; trees of arrays, or of shapes where nothing is computed."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ._structure import shapes_of
from .interfaces import (
    AbstractFeedbackPrimitive,
    AbstractPerception,
    AbstractPlanner,
    AbstractPlant,
    AbstractPrimitive,
)


def perception(made: AbstractPerception) -> dict[str, PyTree]:
    """The observation, and the parameters made of it."""
    observation = made.default_observation()
    return {"observation": observation, "parameters": shapes_of(made, observation, key=_KEY)}


def planner(made: AbstractPlanner) -> dict[str, PyTree]:
    """The two ends of a query."""
    start, goal = made.default_query()
    return {"start": start, "goal": goal}


def primitive(made: AbstractPrimitive) -> dict[str, PyTree]:
    """The parameters, for a policy also feedback and state, and the command."""
    params = made.default_params()
    if not isinstance(made, AbstractFeedbackPrimitive):
        return {"parameters": params, "command": command_of(made)}
    feedback = made.default_feedback()
    state = shapes_of(made.init, params)
    return {
        "parameters": params,
        "feedback": feedback,
        "state": state,
        "command": command_of(made, feedback),
    }


def plant(made: AbstractPlant) -> dict[str, PyTree]:
    """State, command and feedback."""
    state = shapes_of(made.default_state)
    return {"state": state, "command": made.default_command(), "feedback": feedback_of(made)}


def feedback_of(plant: AbstractPlant) -> PyTree:
    """The feedback of a plant."""
    return shapes_of(lambda key: plant.observe(plant.default_state(), key=key), _KEY)


def command_of(primitive: Any, feedback: PyTree = None) -> PyTree:
    """The command of one instant; a policy's for feedback that it may see more of than it needs."""
    params = primitive.default_params()
    if isinstance(primitive, AbstractFeedbackPrimitive):

        def act(params, seen, dt, key):
            return primitive.step(primitive.init(params), seen, params, dt, key=key)[1]

        return shapes_of(act, params, feedback, jax.ShapeDtypeStruct((), jnp.result_type(float)), _KEY)
    many = shapes_of(
        primitive.trajectory, params, jax.ShapeDtypeStruct((2,), jnp.result_type(float)), key=_KEY
    )
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), many)


_KEY = jax.eval_shape(lambda: jax.random.key(0))
