"""Many rollouts of the KUKA arm: ours beside MuJoCo's own, the same steps and the same numbers of threads."""

import os

import mujoco
import mujoco.rollout
import numpy as np
import pytest

import ideomotor
from ideomotor_mujoco import lwr4, rollout_batch

pytestmark = pytest.mark.benchmark_suite

BATCH, TS = 64, np.linspace(0, 0.5, 51)


def commands(plant):
    rng = np.random.default_rng(0)
    return np.asarray(plant.default_command()) + rng.normal(size=(BATCH, 1, 7)) * 0.2 * np.sin(
        5 * TS[:, None]
    )


@pytest.mark.benchmark(group="64 movements of 500 steps, actuator controls")
def test_ours(benchmark):
    plant = lwr4(mode=ideomotor.make("actuators"))
    u = commands(plant)
    benchmark(lambda: rollout_batch(plant, u, TS, observe=False))


@pytest.mark.benchmark(group="64 movements of 500 steps, actuator controls")
def test_mujoco_rollout(benchmark):
    plant = lwr4(mode=ideomotor.make("actuators"))
    model, data = plant.mj_model, [mujoco.MjData(plant.mj_model) for _ in range(os.cpu_count() or 1)]
    first = plant.data(plant.default_state())
    start = np.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS))
    mujoco.mj_getState(model, first, start, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    u = np.repeat(commands(plant)[:, :-1], 10, axis=1)
    benchmark(lambda: mujoco.rollout.rollout(model, data, np.tile(start, (BATCH, 1)), u))


@pytest.mark.benchmark(group="64 movements of 500 steps, actuator controls")
def test_python_loop(benchmark):
    plant = lwr4(mode=ideomotor.make("actuators"))
    model, data, u = plant.mj_model, mujoco.MjData(plant.mj_model), commands(plant)
    mujoco.mj_resetData(model, data)
    qpos = plant.data(plant.default_state()).qpos.copy()

    def loop():
        for movement in u:
            mujoco.mj_resetData(model, data)
            data.qpos[:] = qpos
            for control in movement[:-1]:
                data.ctrl[:] = control
                for _ in range(10):
                    mujoco.mj_step(model, data)

    benchmark.pedantic(loop, rounds=3)


@pytest.mark.benchmark(group="64 movements of 500 steps, joint positions")
def test_joint_positions(benchmark):
    plant = lwr4(mode=ideomotor.make("joint-position"))
    u = commands(plant)
    benchmark.pedantic(lambda: rollout_batch(plant, u, TS, observe=False), rounds=3)
