"""What a component that offers a capability keeps to; laws for those that can be checked without knowing more."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from PIL import Image

from .. import capabilities as c
from .._structure import shapes_of
from .._trajectory import Trajectory
from ._compare import fail, is_float, not_finite, one_line, other_structure, other_values


def check_capabilities(title: str, component: Any, tolerance: float) -> None:
    """Check each capability that the component has; `tolerance` is relative to the largest number of an array."""
    offered = c.capabilities(component)
    for capability, law in _LAWS.items():
        name = capability.__name__
        if name in offered:
            try:
                problem = law(component, tolerance)
            except Exception as error:
                fix = "let it accept what the component itself publishes, or give the method another name"
                fail(title, name, f"it raised {one_line(error)}", fix, error)
            if problem:
                fail(title, name, problem, f"keep to `ideomotor.capabilities.{name}`")


def _seen(plant: Any, state: Any, *names: str) -> list[np.ndarray] | None:
    """Parts of the feedback, where it has them."""
    seen = plant.observe(state)
    there = isinstance(seen, dict) and all(name in seen for name in names)
    return [np.asarray(seen[name]) for name in names] if there else None


def _reach(plant: Any, tolerance: float) -> str:
    if (found := _seen(plant, plant.default_state(), "hand")) is None:
        return ""
    state = plant.at(found[0])
    if problem := other_structure(plant.default_state(), state, dtypes=False):
        return f"at(hand) gives another state: {problem}"
    problem = other_values(found, _seen(plant, state, "hand"), tolerance=tolerance)
    return problem and f"the hand of at(hand): {problem}"


def _links(plant: Any, tolerance: float) -> str:
    if (found := _seen(plant, plant.default_state(), "angle")) is None:
        return ""
    points, lengths = np.asarray(plant.joint_positions(found[0])), np.asarray(plant.lengths)
    if points.shape[0] != len(lengths) + 1 or points.ndim != 2:
        return f"{len(lengths)} lengths, and joint_positions of shape {points.shape}"
    problem = other_values(lengths, np.linalg.norm(np.diff(points, axis=0), axis=1), tolerance=tolerance)
    return problem and f"lengths, and distances between joint_positions: {problem}"


def _geometry(plant: Any, tolerance: float) -> str:
    shapes, states = plant.shapes(), np.stack([np.asarray(plant.default_state())] * 2)
    poses = np.asarray(plant.poses(states))
    bodies = 1 + max((int(shape["body"]) for shape in shapes), default=-1)
    if poses.ndim != 3 or poses.shape[0] != 2 or poses.shape[1] < bodies or poses.shape[2] != 7:
        return f"for 2 states and shapes of {bodies} bodies, poses have shape {poses.shape} and not (2, bodies, 7)"
    norms = np.linalg.norm(poses[..., 3:], axis=-1)
    problem = other_values(np.ones_like(norms), norms, tolerance=tolerance)
    return not_finite(poses) or (problem and f"the norm of the quaternions: {problem}")


def _animation(plant: Any, _: float) -> str:
    """A film of two samples at rest; the plant and Matplotlib are afterwards as they were."""
    state, command = plant.default_state(), plant.default_command()
    seen = plant.observe(state)
    ys, us, xs = (jax.tree.map(lambda leaf: np.stack([leaf, leaf]), x) for x in (seen, command, state))
    style, windows = dict(matplotlib.rcParams), _windows()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "movement.gif"
        plant.animate(Trajectory(np.array([0.0, 0.04]), ys, us, xs), path)
        try:
            with Image.open(path) as film:
                film.verify()
        except OSError as error:
            return f"animate(movement, path) leaves no picture at path: {one_line(error)}"
    if dict(matplotlib.rcParams) != style or _windows() != windows:
        return "animate changes Matplotlib's settings, or leaves a figure of pyplot open"
    problem = other_values(seen, plant.observe(state))
    return problem and f"feedback before and after animate: {problem}"


def _windows() -> list[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return [] if pyplot is None else pyplot.get_fignums()


def _sheet(plant: Any, tolerance: float) -> str:
    pixels = np.array([[0.0, 0.0], [3.0, 1.0], [-2.0, 7.0]])
    problem = other_values(pixels, np.asarray(plant.to_pixels(plant.to_metres(pixels))), tolerance=tolerance)
    return problem and f"to_pixels(to_metres(pixels)): {problem}"


def _space(plant: Any, _: float) -> str:
    return "" if plant.space in ("hand", "joint") else f"space is {plant.space!r}, and not 'hand' or 'joint'"


def _force(plant: Any, tolerance: float) -> str:
    state = plant.default_state()
    force = jnp.asarray([1.0, 2.0], _dtype(state))
    one, two, none = (plant.force_response(state, s * force) for s in (1.0, 2.0, 0.0))
    problem = other_structure(state, one, dtypes=False)
    problem = problem or other_values(jax.tree.map(lambda x: 2 * x, one), two, tolerance=tolerance)
    problem = problem or other_values(jax.tree.map(jnp.zeros_like, one), none, tolerance=tolerance)
    return problem and f"force_response is not linear in the force, of the structure of a state: {problem}"


def _velocity(primitive: Any, tolerance: float) -> str:
    """The integral of the velocity, by Simpson's rule, is the way."""
    params = primitive.default_params()
    ts = jnp.asarray(np.linspace(0.0, 0.5, 2001), _dtype(params))
    shape, rate = (shapes_of(f, params, ts) for f in (primitive.trajectory, primitive.velocity))
    if not hasattr(shape, "shape"):
        return ""
    if rate.shape != shape.shape:  # orientations: four numbers, and three of their rate
        return "" if rate.shape[:1] == ts.shape else f"for {len(ts)} times it has shape {rate.shape}"
    path, velocity = (
        np.asarray(f(params, ts), np.float64) for f in (primitive.trajectory, primitive.velocity)
    )
    weights = np.array([1.0, *[4.0, 2.0] * 999, 4.0, 1.0])[:, None] * (0.25e-3 / 3)
    way = np.sum(weights * velocity.reshape(len(ts), -1), 0)
    problem = other_values((path[-1] - path[0]).ravel(), way, tolerance=max(tolerance, 1e-4))
    return problem and f"the way in 0.5 s, and the integral of the velocity: {problem}"


def _latent(perception: Any, _: float) -> str:
    def decoded(observation):
        encoded = perception.encode(observation)
        return perception.to_params(perception.generate(encoded, encoded.prior.mean).mean)

    observation = perception.default_observation()
    if not hasattr(shapes_of(perception.encode, observation), "prior"):
        return ""
    params = shapes_of(perception, observation, key=jax.random.key(0))
    problem = other_structure(params, shapes_of(decoded, observation), dtypes=False)
    return problem and f"to_params(generate(encode(observation), latent).mean): {problem}"


def _dtype(tree: Any) -> Any:
    return next((leaf.dtype for leaf in jax.tree.leaves(tree) if is_float(leaf)), jnp.result_type(float))


_LAWS: dict[type, Callable[[Any, float], str]] = {
    c.SupportsReach: _reach,
    c.SupportsLinks: _links,
    c.SupportsGeometry: _geometry,
    c.SupportsAnimation: _animation,
    c.SupportsSheet: _sheet,
    c.SupportsSpace: _space,
    c.SupportsForce: _force,
    c.SupportsVelocity: _velocity,
    c.SupportsLatent: _latent,
}
