"""Speed of imitation and of the variants of the DMP beside their peers, side by side in one run.

    pytest -n 0 -s --benchmarks tests/benchmarks/test_dmp_variants.py

Run it with one thread for a fair comparison (OMP_NUM_THREADS=1,
XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"). The library
movement_primitives takes one movement at a time: it is timed on a few and scaled, which the report says.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor import Trajectory
from ideomotor_dmp import DMP, OrientationDMP, PeriodicDMP, ProMP

from .test_dmp_speed import BASIS, DOF, SAMPLES, TAU, blocked, fastest, report

pytestmark = [pytest.mark.benchmark_suite, pytest.mark.filterwarnings("ignore")]


def demonstrations(count):
    rng = np.random.default_rng(0)
    durations = TAU * (1 + 0.05 * rng.uniform(-1, 1, count))
    ts = durations[:, None] * np.linspace(0.0, 1.0, SAMPLES)
    angle = ts[..., None] * rng.uniform(1, 2, (count, 1, DOF)) + rng.normal(size=(count, 1, DOF))
    return ts, 10 * np.sin(angle)


def test_imitation_of_a_thousand_demonstrations():
    """Durations differ, samples are uniform in time; both sides start from NumPy arrays."""
    few = 20
    ts, ys = demonstrations(1000)
    peer = pytest.importorskip("movement_primitives.dmp").DMP

    def theirs():
        for t, y in zip(ts[:few], ys[:few], strict=True):
            made = peer(DOF, execution_time=t[-1], dt=t[-1] / (SAMPLES - 1), n_weights_per_dim=BASIS)
            made.imitate(t, y)

    ours = lambda: jax.block_until_ready(DMP().fit_many(ts, ys))  # noqa: E731
    times = fastest(8, ideomotor=ours, movement_primitives=theirs)
    times["movement_primitives"] *= 1000 / few
    report(
        f"imitation of 1,000 demonstrations of {SAMPLES} samples (peer: {few}, scaled)", times, "ideomotor"
    )
    assert times["movement_primitives"] >= 100 * times["ideomotor"]


def test_thousand_orientations_and_rhythms():
    few, ts = 5, jnp.linspace(0.0, TAU, SAMPLES, dtype=jnp.float32)
    dmp = OrientationDMP()
    rng = np.random.default_rng(0)
    one = dmp.default_params()
    params = jax.tree.map(lambda a: jnp.broadcast_to(a, (1000, *a.shape)), one)
    weights = jnp.asarray(100 * rng.normal(size=(1000, 3, BASIS)), jnp.float32)
    params = type(one)(weights, params.goal, params.start, jnp.full(1000, TAU, jnp.float32))
    ours = jax.jit(jax.vmap(lambda p: dmp.trajectory(p, ts)))
    peer = pytest.importorskip("movement_primitives.dmp").CartesianDMP(TAU, TAU / (SAMPLES - 1), BASIS)

    def theirs():
        for i in range(few):
            peer.forcing_term_rot.weights_[:] = weights[i]
            peer.configure(start_y=np.eye(7)[3], goal_y=np.array([0, 0, 0, 0.7, 0, 0, 0.7]) / np.sqrt(0.98))
            peer.open_loop()

    times = fastest(2, **{"orientation": blocked(ours, params), "movement_primitives (pose)": theirs})
    times["movement_primitives (pose)"] *= 1000 / few
    rhythm = PeriodicDMP(DOF)
    first = rhythm.default_params()
    many = jax.tree.map(lambda a: jnp.broadcast_to(a, (1000, *a.shape)), first)
    play = jax.jit(jax.vmap(lambda p: rhythm.trajectory(p, ts)))
    times |= fastest(5, periodic=blocked(play, many))
    report(f"1,000 rollouts of {SAMPLES} samples (peer: {few}, scaled)", times, "orientation")
    # Measured 2,000; the peer plays a position too.
    assert times["movement_primitives (pose)"] >= 100 * times["orientation"]


def test_learning_a_distribution():
    ts, ys = demonstrations(20)
    demos = [Trajectory(t, y) for t, y in zip(ts, ys, strict=True)]
    promp = ProMP(DOF, 10)
    made = pytest.importorskip("movement_primitives.promp").ProMP

    def theirs():
        made(DOF, 10).imitate([t.copy() for t in ts], list(ys), n_iter=10)

    ours = lambda: jax.block_until_ready(promp.learn(demos, iterations=10))  # noqa: E731
    times = fastest(2, ideomotor=ours, movement_primitives=theirs)
    report("a distribution from 20 demonstrations, 10 iterations", times, "ideomotor")
    assert times["movement_primitives"] >= 10 * times["ideomotor"]  # measured 86
