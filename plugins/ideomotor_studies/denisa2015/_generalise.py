"""From 30 movements to each goal to a movement from any start (section 4 of the paper)."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ideomotor import Trajectory
from ideomotor_movement_database import Chart, Pace, fit_gaussian_process, imitate, routes

from ._arm import joints
from ._data import demonstrations, dmp_for, look_of, place_of
from ._robot import SCENE
from ._settings import VISION

_SAMPLES = 400  # of a generalised movement


def seen(places: Float[np.ndarray, "place 2"]) -> Float[np.ndarray, "place 2"]:
    """Places on the table (m) as a camera sees them, with a systematic error of 0.85 cm whose direction changes over the table."""
    turn = 2.0 * places[:, 0] + 3.0 * places[:, 1]
    return places + VISION * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def generalise(study: Any, space: str) -> dict[str, Any]:
    """New starts, each to one of the goals in turn, played by DMPs whose parameters a Gaussian process gives, and executed."""
    made, dmp = demonstrations(study.seed, space), dmp_for(space)
    found = study.kept(f"{space}-flat")
    starts = SCENE.starts(study.preset.starts, np.random.default_rng(1000 + study.seed))
    where = np.array([place_of(space, m.ys[0])[:2] for m in found])
    goals = np.array([item.ys[-1] for item in demonstrations(study.seed, "cartesian")])[::5]
    ends = np.array([place_of(space, m.ys[-1]) for m in found])
    nearest = np.linalg.norm(ends[:, None] - goals, axis=-1).argmin(axis=1)
    chart, look = Chart.of(space, made.ys, 0.1), look_of(space)
    speeds: dict[str, Any] = {"peak": Pace.of(made, chart).peak}
    if look is not None:
        speeds |= {"look": look, "look_peak": Pace.of(made, chart, look).peak}
    before = study.kept("cartesian-generalised") if space == "joint" else []
    movements: list[Any] = [None] * len(starts)
    deviation, trusted, ways = np.zeros(len(starts)), np.zeros(len(starts), bool), []
    for goal in range(min(len(goals), len(starts))):
        mine = np.arange(goal, len(starts), len(goals))
        own = [found[i] for i in np.flatnonzero(nearest == goal)]
        labels = routes(own, distance=0.15 if space == "cartesian" else 0.4)
        process = fit_gaussian_process(
            dmp, seen(where[nearest == goal]), imitate(dmp, own), routes=labels,
            restarts=study.preset.restarts, seed=study.seed, **speeds,
        )  # fmt: skip
        ways.append(int(labels.max()) + 1)
        said = jax.jit(jax.vmap(process.predict))(jnp.asarray(seen(starts[mine, :2])))
        params = said.params
        if space == "joint":
            # As in the paper, weights, tau and goal are predicted; the arm starts where it has grasped the object.
            grasped = np.array([before[i].ys[0] for i in mine])
            params = eqx.tree_at(lambda p: p.start, params, jnp.asarray(joints(SCENE, grasped)))
            params = jax.jit(jax.vmap(process.paced))(params)
        ts = params.tau[:, None] * jnp.linspace(0.0, 1.0, _SAMPLES)
        ys = jax.jit(jax.vmap(dmp.trajectory))(params, ts)
        deviation[mine], trusted[mine] = np.asarray(said.deviation), np.asarray(said.trusted)
        for i, t, y in zip(mine, np.asarray(ts, float), np.asarray(ys, float), strict=True):
            movements[i] = Trajectory(t, y)
    study.keep(f"{space}-generalised", movements)
    result = study.executed(movements, goals[np.arange(len(starts)) % len(goals)], space)
    begin = np.array([place_of(space, m.ys[0]) for m in movements])
    off = np.linalg.norm(begin - starts, axis=1)
    return {
        **result,
        "starts": len(starts),
        "start_error_median": float(np.median(off)),
        "start_error_worst": float(off.max()),
        "routes": ways,
        "trusted": int(trusted.sum()),
        "deviation_median": float(np.median(deviation)),
    }
