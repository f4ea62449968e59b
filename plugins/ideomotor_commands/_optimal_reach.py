from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ideomotor import Pipeline, load, rollout, save_pipeline
from ideomotor.errors import DataError
from ideomotor_arm import draw_arm
from ideomotor_studies.berniker2015._train import reach_problem
from ideomotor_studies.kit.figures import BLACK, BLUE, GREY, RED, new_figure, plain
from ideomotor_trajectory_network import ConditionsNetwork, TrajectoryDecoder, optimal_reaches, pretrained

FINE = 10  # commands to the arm for each sample of the function
_EPS = 1e-6  # the limits are float32, and printed shorter


def play_optimal_reach(
    folder: Path, start: Any, target: Any, field: float, duration: float, network: Path | None
) -> Any:
    """Play one reach and find the optimal one, write figure and pipeline; returns the movement and what to say."""
    function = pretrained() if network is None else load(network, kind="pipeline")
    conditions, decoder = function.perception, function.primitive
    if not (isinstance(conditions, ConditionsNetwork) and isinstance(decoder, TrajectoryDecoder)):
        raise DataError(
            f"{network} holds no trajectory function; train one with `ideomotor train trajectory-network`."
        )
    observation = _observation(conditions, start, target, field, duration)
    best = optimal_reaches(reach_problem(), start, target, field=field, duration=duration, progress=False)
    reach = reach_problem().in_field(jnp.asarray(field))
    code = conditions(observation)
    ts = np.linspace(0.0, duration, FINE * (reach.samples - 1) + 1, dtype=np.float32)
    movement = rollout(decoder, code, ts, plant=reach.plant, x0=reach.plant.at(jnp.asarray(start)))
    torques = decoder.torques(code, jnp.linspace(0.0, duration, reach.samples))
    states = reach.play(jnp.asarray(start), torques, duration)
    cost = float(reach.cost(states[-1], jnp.asarray(target), torques, duration))
    free = eqx.tree_at(lambda p: p.terminal, reach, jnp.asarray(0.0))
    effort = float(free.cost(states[-1], jnp.asarray(target), torques, duration))
    optimum = float(
        free.cost(*(jnp.asarray(x) for x in (best.states[0, -1], target, best.commands[0], duration)))
    )
    expected = np.asarray(decoder.states(code, jnp.asarray(ts)))
    fig = _figure(reach.plant, movement, expected, best, np.asarray(target))
    fig.savefig(folder / "figure.png", dpi=110)
    save_pipeline(Pipeline(conditions, decoder, plant=reach.plant), folder / "pipeline.yaml")
    miss = 100 * float(np.linalg.norm(movement.ys["hand"][-1] - np.asarray(target)))
    known = " of one that is optimal" if best.converged[0] else " of the best that was found"
    return movement, (
        f"The hand ends {miss:.3f} cm from the target. Effort ½∫u² dt: {effort:.5f}, {optimum:.5f}{known} "
        f"({100 * (effort / optimum - 1):+.1f} %); with Φ = {float(reach.terminal):g} for the miss: {cost:.5f} and "
        f"{float(best.cost[0]):.5f}."
    )


def _observation(network: Any, start: Any, target: Any, field: float, duration: float) -> Any:
    """The conditions; raises a `DataError` for those outside the range that the function was trained on."""
    low, high = np.asarray(network.lower), np.asarray(network.upper)
    for name, point in (("start", start), ("target", target)):
        if not (np.isfinite(point).all() and (low - _EPS <= point).all() and (point <= high + _EPS).all()):
            raise DataError(
                f"The {name} ({point[0]:g}, {point[1]:g}) m is not in the workspace of the function; choose x from "
                f"{low[0]:g} to {high[0]:g} and y from {low[1]:g} to {high[1]:g} m."
            )
    away = float(np.linalg.norm(np.subtract(target, start)))
    if not 0.01 - _EPS <= away <= 0.15 + _EPS:
        raise DataError(
            f"Start and target are {100 * away:.3g} cm apart; the function was trained on reaches of 1 to 15 cm."
        )
    if not abs(field) <= network.field + _EPS:
        raise DataError(
            f"A field of {field:g} N m s/rad is out of the function's range; choose from {-network.field:g} to {network.field:g}."
        )
    shortest, longest = network.durations if network.timed else (network.durations,) * 2  # pyright: ignore
    if not shortest - _EPS <= duration <= longest + _EPS:
        raise DataError(
            f"A movement time of {duration:g} s is outside the range of the function; choose from {shortest:g} to {longest:g} s."
        )
    given = {"start": start, "target": target}
    if network.field > 0:
        given["field"] = field
    if network.timed:
        given["duration"] = duration
    return {name: jnp.asarray(value, jnp.float32) for name, value in given.items()}


def _figure(plant: Any, movement: Any, expected: Any, best: Any, target: Any) -> Any:
    """The arm and the paths of the hand, from far and near; torques over time."""
    fig = new_figure(13, 4.4)
    arm, path, torques = fig.subplots(1, 3, width_ratios=(1, 1, 1.2))
    for i in (0, len(movement.ts) - 1):
        draw_arm(arm, plant, np.asarray(movement.ys["angle"][i]), color="0.3", alpha=0.35, linewidth=7)
    for axes in (arm, path):
        axes.plot(*best.states[0, :, :2].T, color=BLACK, linewidth=2.6, label="optimal")
        axes.plot(*np.asarray(movement.ys["hand"]).T, color=BLUE, linewidth=1.3, label="the arm")
        axes.plot(*expected[:, :2].T, "--", color=GREY, linewidth=1.1, label="what the function expects")
        axes.plot(*target, "o", color=RED, markerfacecolor="none", label="target")
        axes.set_aspect("equal", adjustable="datalim")
        axes.set(xlabel="x (m)", ylabel="y (m)")
    arm.legend(frameon=False, fontsize=8, loc="best")
    ts = np.linspace(0.0, float(movement.ts[-1]), best.commands.shape[1])
    for joint, style in ((0, "-"), (1, ":")):
        torques.plot(ts, best.commands[0, :, joint], style, color=BLACK, linewidth=2.6)
        torques.plot(movement.ts, np.asarray(movement.us)[:, joint], style, color=BLUE, linewidth=1.3)
    torques.set(xlabel="time (s)", ylabel="torque (N m)")
    torques.set_title("shoulder solid, elbow dotted; optimal black", fontsize=10)
    plain(arm, path, torques)
    return fig
