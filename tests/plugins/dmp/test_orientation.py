"""The DMP on unit quaternions against DOP853 with SciPy's rotations, and against movement_primitives."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.spatial.transform import Rotation, Slerp

import ideomotor
from ideomotor import Trajectory
from ideomotor.errors import DataError
from ideomotor_dmp import DMP, DMPParams, OrientationDMP, PoseDMP

from .conftest import forcing, gaussians

OrientationDMPParams = type(OrientationDMP().default_params())
PoseDMPParams = type(PoseDMP().default_params())
TS = np.linspace(0.0, 1.5, 61)


def movement(seed=0, basis=25, size=300.0):
    rng = np.random.default_rng(seed)
    start, goal = (q / np.linalg.norm(q) for q in rng.normal(size=(2, 4)))
    goal = goal * np.sign(goal @ start)
    return OrientationDMPParams(*map(jnp.asarray, (size * rng.normal(size=(3, basis)), goal, start, 1.2)))


def rotation(q):
    return Rotation.from_quat(q, scalar_first=True)


@pytest.fixture(scope="module")
def exact():
    """Ude et al. 2014, with the rotation vectors of SciPy."""
    p, table = movement(), gaussians()
    weights, goal, start, tau = (np.asarray(a, float) for a in (p.weights, p.goal, p.start, p.tau))

    def slope(t, state):
        q, eta = state[:4], state[4:]
        left = (rotation(goal) * rotation(q).inv()).as_rotvec()
        turning = np.concatenate([[-eta @ q[1:]], q[0] * eta + np.cross(eta, q[1:])]) / 2
        push = forcing(np.exp(-2.0 * t / tau), weights, *table)
        return np.concatenate([turning, 48 * (12 * left - eta) + push]) / tau

    first = np.concatenate([start, np.zeros(3)])
    return solve_ivp(slope, (0, TS[-1]), first, "DOP853", TS, rtol=1e-11, atol=1e-11, max_step=tau / 50).y


def test_is_the_equation_and_of_unit_length(x64, exact):
    with_care = OrientationDMP(method=ideomotor.make("integrated", rtol=1e-9, atol=1e-9))
    params = movement()
    params = dataclasses.replace(params, weights=jnp.asarray(params.weights, jnp.float64))
    qs = with_care.trajectory(params, jnp.asarray(TS))
    np.testing.assert_allclose(qs, exact[:4].T, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(qs, axis=1), 1, atol=1e-14)


def test_default_tolerance_double_cover_and_goal(exact):
    dmp, params, ts = OrientationDMP(), movement(), jnp.asarray(TS)
    qs = dmp.trajectory(params, ts)
    np.testing.assert_allclose(qs, exact[:4].T, atol=1e-3)
    # -goal is the same orientation, and so are quaternions of any length.
    same = dmp.trajectory(dataclasses.replace(params, goal=-2.0 * params.goal, start=3.0 * params.start), ts)
    np.testing.assert_allclose(same, qs, atol=1e-4)
    end = dmp.trajectory(params, jnp.asarray([9.0]))[0]
    np.testing.assert_allclose(end, params.goal, atol=1e-3)
    still = dataclasses.replace(params, goal=params.start, weights=0.0 * params.weights)
    np.testing.assert_allclose(dmp.trajectory(still, ts), np.tile(params.start, (61, 1)), atol=1e-6)


def test_agrees_with_movement_primitives(x64):
    """Its orientations are integrated by Euler's method, so that the error falls with its step."""
    peer = pytest.importorskip("movement_primitives.dmp").CartesianDMP
    params = movement(5, basis=10, size=60.0)
    ours = OrientationDMP(10, alpha=25.0, alpha_x=-np.log(0.01), overlap=0.8)
    errors = []
    for step in (2e-3, 1e-3):
        theirs = peer(execution_time=1.2, dt=0.024, n_weights_per_dim=10, int_dt=step)
        theirs.forcing_term_rot.weights_[:] = np.asarray(params.weights)
        at = np.zeros((2, 7))
        at[:, 3:] = params.start, params.goal
        theirs.configure(start_y=at[0], goal_y=at[1])
        ts, ys = theirs.open_loop(quaternion_step_function="python")
        qs = ours.trajectory(params, jnp.asarray(ts))
        signs = np.sign(np.sum(ys[:, 3:] * qs, axis=1))[:, None]
        errors.append(np.abs(signs * ys[:, 3:] - qs).max())
    assert errors[1] < 5e-3 and 1.6 < errors[0] / errors[1] < 2.4, errors


def test_imitates_and_poses_have_one_duration(x64):
    pose = PoseDMP(DMP(3))
    truth = movement(7)
    ts = np.linspace(0.0, 1.2, 150)
    rng = np.random.default_rng(0)
    position = DMPParams(*map(jnp.asarray, (300 * rng.normal(size=(3, 25)), *rng.normal(size=(2, 3)), 1.2)))
    made = PoseDMPParams(position, dataclasses.replace(truth, tau=None))
    demo = pose.trajectory(made, jnp.asarray(ts))
    assert demo.shape == (150, 7)
    # A demonstration with signs at random is the same movement.
    signs = rng.choice([-1.0, 1.0], (150, 1))
    shown = np.concatenate([demo[:, :3], demo[:, 3:] * signs], axis=1)
    fitted = pose.fit(Trajectory(ts, shown))
    assert fitted.orientation.tau is None and float(fitted.position.tau) == pytest.approx(1.2)
    again = pose.trajectory(fitted, jnp.asarray(ts))
    closeness = np.abs(np.sum(again[:, 3:] * demo[:, 3:], axis=1))
    assert np.degrees(2 * np.arccos(np.minimum(closeness, 1)).max()) < 0.05
    assert np.abs(again[:, :3] - demo[:, :3]).max() < 2e-3


@pytest.mark.parametrize(
    "ts",
    [np.linspace(0, 2, 6), np.array([0, 0.001, 0.002, 1, 1.001, 2])],
    ids=["six", "in pairs"],
)
def test_few_orientations_are_joined_by_the_shortest_turns(ts):
    shown = Rotation.from_rotvec(np.stack([np.sin(ts), ts**2 / 4, ts / 4], axis=1))
    params = OrientationDMP().fit(Trajectory(ts, shown.as_quat(scalar_first=True)))
    at = np.linspace(0, 2, 201)
    played = rotation(np.asarray(OrientationDMP().trajectory(params, jnp.asarray(at))))
    assert np.degrees((played * Slerp(ts, shown)(at).inv()).magnitude()).max() < 2.0


def about_z(angle):
    return np.stack([np.cos(angle / 2), 0 * angle, 0 * angle, np.sin(angle / 2)], axis=1)


def test_turns_that_are_too_large_and_other_bad_input():
    ts = np.linspace(0.0, 1.0, 60)
    far = about_z(np.radians(270.0) * (10 * ts**3 - 15 * ts**4 + 6 * ts**5))
    with pytest.raises(DataError, match="270 degrees, more than half a turn"):
        OrientationDMP().fit(Trajectory(ts, far))
    with pytest.raises(DataError, match=r"ys\[0\] has length 2"):
        OrientationDMP().fit(Trajectory(ts, 2.0 * far))
    with pytest.raises(DataError, match=r"\(time, 4\)"):
        OrientationDMP().fit(Trajectory(ts, far[:, :3]))
    with pytest.raises(DataError, match="no direction"):
        OrientationDMP().trajectory(dataclasses.replace(movement(), goal=jnp.zeros(4)), jnp.asarray(TS))
    with pytest.raises(DataError, match="tau is -1"):
        OrientationDMP().trajectory(dataclasses.replace(movement(), tau=jnp.asarray(-1.0)), jnp.asarray(TS))
    with pytest.raises(ValueError, match="3 degrees of freedom"):
        PoseDMP(DMP(2))
    with pytest.raises(ValueError, match="without a duration"):
        PoseDMP(DMP(3), OrientationDMP(duration=1.0))
    signed = OrientationDMP(turn="signed")
    params = signed.fit(Trajectory(ts, far))
    np.testing.assert_allclose(signed.trajectory(params, jnp.asarray(ts)), far, atol=2e-3)
