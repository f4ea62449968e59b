# pyright: reportAttributeAccessIssue=false
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import mujoco
import mujoco.batch
import numpy as np
from jaxtyping import Array, Float

from ideomotor import Trajectory, check_times, plain_object
from ideomotor.errors import DataError, SimulationError

from ._modes import Actuators
from ._plant import MujocoPlant

# The parts of a state vector, in its order; mujoco.batch gives each as an array of its own.
_PARTS = {
    mujoco.mjtState.mjSTATE_TIME: "time",
    mujoco.mjtState.mjSTATE_QPOS: "qpos",
    mujoco.mjtState.mjSTATE_QVEL: "qvel",
    mujoco.mjtState.mjSTATE_ACT: "act",
    mujoco.mjtState.mjSTATE_HISTORY: "history",
    mujoco.mjtState.mjSTATE_WARMSTART: "qacc_warmstart",
    mujoco.mjtState.mjSTATE_CTRL: "ctrl",
    mujoco.mjtState.mjSTATE_QFRC_APPLIED: "qfrc_applied",
    mujoco.mjtState.mjSTATE_XFRC_APPLIED: "xfrc_applied",
    mujoco.mjtState.mjSTATE_EQ_ACTIVE: "eq_active",
    mujoco.mjtState.mjSTATE_MOCAP_POS: "mocap_pos",
    mujoco.mjtState.mjSTATE_MOCAP_QUAT: "mocap_quat",
    mujoco.mjtState.mjSTATE_USERDATA: "userdata",
    mujoco.mjtState.mjSTATE_PLUGIN: "plugin_state",
    mujoco.mjtState.mjSTATE_PLASTIC: "plastic",
}
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


def rollout_batch(
    plant: Any,
    commands: Any,
    ts: Float[Array | np.ndarray, " time"],
    *,
    x0: Float[Array | np.ndarray, "*batch numbers"] | None = None,
    observe: bool = True,
    threads: int | None = None,
) -> Trajectory:
    """Play many movements of one MuJoCo plant at once, on all processors.

    - `commands`: leaves lead with `(batch, time)`; they are held between the times, as in `ideomotor.rollout`.
    - `ts`: increasing times, s, the same for all.
    - `x0`: the states at the start, `(batch, numbers)` or one for all; by default the plant's own.
    - `observe`: whether the feedback is computed; otherwise `ys` is `None`, which is much quicker.
    - `threads`: how many; by default one for each processor.

    Gives a trajectory whose leaves lead with `(batch, time)` (`ts` is as given), bit-equal to the same movements
    played one by one. Commands that are plain actuator controls run inside MuJoCo's own `mujoco.batch`, without
    Python between the steps.
    """
    plant = plain_object(plant)
    if not isinstance(plant, MujocoPlant):
        raise DataError(f"rollout_batch requires a MuJoCo plant, not a {type(plant).__name__}.")
    ts = np.asarray(check_times(np.asarray(ts, float)))
    commands = jax.tree.map(lambda leaf: np.asarray(leaf, float), commands)
    sizes = {leaf.shape[:2] for leaf in jax.tree.leaves(commands)}
    if len(sizes) != 1 or next(iter(sizes))[1:] != ts.shape:
        raise DataError(
            f"The leading axes of the commands must be (batch, {len(ts)}) for {len(ts)} times, not {sorted(sizes)}."
        )
    count = next(iter(sizes))[0]
    starts = plant.default_state() if x0 is None else np.asarray(x0, float)
    starts = np.broadcast_to(starts, (count, starts.shape[-1]))
    threads = threads or os.cpu_count() or 1
    direct = isinstance(plant._mode, Actuators) and not plant._mode.mocap
    xs = (_in_mujoco if direct else _in_threads)(plant, commands, ts, starts, threads)
    if not observe:
        return Trajectory(ts, None, commands, xs)
    with ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(lambda row: _stack([plant.observe(x) for x in row]), xs))
    return Trajectory(ts, _stack(rows), commands, xs)


def _stack(trees):
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _in_threads(plant, commands, ts, starts, threads):
    """The ordinary loop over time, one movement in each thread; MuJoCo lets go of Python while it steps."""

    def one(i):
        xs = [starts[i]]
        for t, dt in enumerate(np.diff(ts)):
            xs.append(plant.step(xs[-1], jax.tree.map(lambda leaf: leaf[i, t], commands), dt))  # noqa: B023
        return np.stack(xs)

    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(one, range(len(starts)))))


def _in_mujoco(plant, commands, ts, starts, threads):
    """One call of `mujoco.batch` for each interval, all movements together."""
    # Not a rollout: MuJoCo steps all movements in C without Python between them; the bits are those of a rollout.
    model = plant.robot.model
    xs = np.empty((len(starts), len(ts), starts.shape[1]))
    xs[:, 0] = starts
    batch, last = None, 0.0
    for t, dt in enumerate(np.diff(ts)):
        steps, h = plant.split(float(dt))
        if batch is None or h != last:
            model.opt.timestep = last = h
            batch = mujoco.batch.Batch(model, nsim=len(starts), nthread=threads)
            _fill(batch, model, xs[:, t])
        batch.ctrl[:] = commands[:, t]
        xs[:, t + 1] = batch.rollout(steps, None, record=[_STATE])[_STATE][:, -1]
        bad = ~np.isfinite(xs[:, t + 1]).all(1) | (
            np.abs(xs[:, t + 1, 0] - xs[:, t, 0] - dt) > 1e-6 + 1e-3 * dt
        )
        if bad.any():
            # Played again alone, the movement says when and where.
            i = int(np.argmax(bad))
            plant.step(xs[i, t], commands[i, t], dt)
            raise SimulationError(f"Movement {i} of {plant.name} diverged at {ts[t]:g} s.")
    return xs


def _fill(batch, model, states):
    at = 0
    for part, name in _PARTS.items():
        size = mujoco.mj_stateSize(model, part)
        if size:
            field = batch.bind(name)
            field[:] = states[:, at : at + size].reshape(field.shape)
        at += size
    assert at == states.shape[1]
