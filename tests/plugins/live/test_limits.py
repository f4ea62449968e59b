import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ideomotor
from ideomotor.errors import DataError
from ideomotor_live import Limiter, Limits, make_plan, read_limits

LAWS = [
    "own",
    pytest.param(
        "ruckig", marks=pytest.mark.skipif(not importlib.util.find_spec("ruckig"), reason="needs ruckig")
    ),
]


def excess(sent, limits, dt):
    """The largest share of velocity, acceleration and jerk by differences, and the way beyond the positions."""
    q = np.concatenate([sent[:1]] * 3 + [sent])
    shares = [
        np.max(np.abs(np.diff(q, k, axis=0)) / dt**k / np.asarray(getattr(limits, name)))
        for k, name in enumerate(("velocity", "acceleration", "jerk"), 1)
    ]
    return np.array([*shares, 1 + np.max(q - limits.upper), 1 + np.max(np.asarray(limits.lower) - q)])


def some_limits(draw, dt):
    velocity = 10 ** draw.uniform(-0.5, 0.7)
    acceleration = velocity * 10 ** draw.uniform(0.3, 1.3)
    jerk = acceleration * 10 ** draw.uniform(0.3, 1.3)
    return Limits.of(1, dict(lower=-1, upper=1, velocity=velocity, acceleration=acceleration, jerk=jerk))


def references(draw, dt, cycles):
    """Jumping goals, moved goals, waves and noise, some beyond the limits, handed over at any time."""
    ref, wave, goal = draw.uniform(-0.9, 0.9), draw.uniform(1, 40), 0.0
    mode, until = 0, 0
    for k in range(cycles):
        if k == until:
            mode, until, goal = draw.integers(4), k + draw.integers(1, 200), draw.uniform(-1.5, 1.5)
        ref = (
            goal,
            ref + 0.05 * (goal - ref),
            goal * np.sin(wave * k * dt),
            goal + 0.1 * draw.normal(),
        )[mode]
        yield ref


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32 - 1), dt=st.sampled_from([0.001, 0.002, 0.005, 0.01]))
def test_no_reference_leads_to_a_command_beyond_a_limit(law, seed, dt):
    draw = np.random.default_rng(seed)
    limits = some_limits(draw, dt)
    limiter, start = Limiter(limits, dt, law=law), draw.uniform(-0.99, 0.99)
    limiter.start([start])
    sent = [[start], *(limiter.step([ref]) for ref in references(draw, dt, 300))]
    brake = draw.integers(2)
    for _ in range(5_000):
        sent.append(limiter.brake() if brake else limiter.step([0.3]))
        if limiter.at_rest():
            break
    assert limiter.at_rest() and (brake or abs(sent[-1][0] - 0.3) < 1e-6)
    # Rounding of positions of order one, seen through dt³.
    assert np.all(excess(np.array(sent), limits, dt) <= 1 + 1e-6 + 1e-15 / (limits.jerk[0] * dt**3))


def test_a_reference_within_the_limits_passes_as_it_is():
    dt, limits = 0.002, Limits.of(2, dict(velocity=2, acceleration=10, jerk=100))
    t = np.arange(500)[:, None] * dt
    path = np.array([0.3, -0.2]) * (t**3 * (10 - 15 * t + 6 * t**2))
    limiter = Limiter(limits, dt)
    limiter.start(path[0])
    np.testing.assert_allclose([limiter.step(q) for q in path], path, rtol=0, atol=1e-12)


def dmp_path(t, seed):
    """A movement that starts with a jump of the acceleration, as DMPs do, and is too quick for the limits."""
    t = np.reshape(t, (-1, 1))
    y = 1 - np.exp(-25 * t) * (1 + 25 * t)
    draw = np.random.default_rng(seed)
    return np.concatenate([draw.uniform(0.5, 2) * y, 0.3 * np.sin(draw.uniform(3, 20) * y), y * (1 - y)], 1)


@pytest.mark.parametrize("dt", [0.002, 0.005])
@pytest.mark.parametrize("seed", range(4))
def test_a_path_that_is_too_quick_is_kept_and_takes_longer(dt, seed):
    path, limits = (
        dmp_path(np.arange(0, 1, dt), seed),
        Limits.of(3, dict(velocity=1.5, acceleration=8, jerk=150)),
    )
    plan = make_plan(path, limits, dt)
    assert len(plan.phase) > len(path) and np.all(np.diff(plan.phase) >= 0)
    assert np.max(excess(plan.points, limits, dt)[:3]) <= 1
    # Within 1 mm (mrad) of the curve, at nearly the same phase.
    around = np.clip(plan.phase[:, None] + np.linspace(-1, 1, 401), 0, None) * dt
    curve = dmp_path(around, seed).reshape(*around.shape, 3)
    assert np.linalg.norm(curve - plan.points[:, None], axis=-1).min(1).max() < 1e-3
    np.testing.assert_allclose(plan.points[[0, -1]], path[[0, -1]], atol=1e-9)


def test_a_path_within_the_limits_stays_as_it_is():
    path = np.linspace(0, 1, 100)[:, None] ** 3 * 1e-3
    plan = make_plan(path, Limits.of(1, dict(velocity=1, acceleration=10, jerk=1e4)), 0.01)
    np.testing.assert_array_equal(plan.points, path)


def test_what_no_slowing_mends_is_refused():
    path = dmp_path(np.arange(0, 1, 0.01), 0)
    with pytest.raises(DataError, match="joint 0 to 0.5.* its upper limit 0.5.*nothing was sent"):
        make_plan(path, Limits.of(3, dict(upper=0.5)), 0.01)
    with pytest.raises(DataError, match="'a' is at 0.7, and its limits are -0.5 to 0.5"):
        Limits.of(1, dict(lower=-0.5, upper=0.5)).check_start([0.7], ["a"])
    path[3] = np.nan
    with pytest.raises(DataError, match="not finite"):
        make_plan(path, Limits.of(3, {}), 0.01)


@pytest.mark.parametrize(
    "known, message",
    [
        (dict(speed=1), "no limit 'speed'"),
        (dict(velocity=-1), "positive"),
        (dict(jerk=[1, 2, 3]), "one number, or 2"),
        (dict(lower=1, upper=0), "must be below upper"),
    ],
)
def test_limits_that_make_no_sense_are_refused(known, message):
    with pytest.raises(DataError, match=message):
        Limits.of(2, known)


def test_later_limits_count_more_and_the_rest_follows_from_the_velocity():
    limits = Limits.of(2, dict(velocity=1, lower=-1), dict(velocity=[0.5, 2]))
    assert limits.velocity == (0.5, 2) and limits.lower == (-1, -1) and limits.upper == (np.inf, np.inf)
    assert limits.acceleration == (2, 8) and limits.jerk == (20, 80)


URDF = """<robot name="r"><joint name="a" type="revolute"><limit lower="-1" upper="2" velocity="3" effort="4"/></joint>
<joint name="b" type="prismatic"><limit upper="0.5" velocity="0.1"/></joint><joint name="c" type="fixed"/></robot>"""
MJCF = """<mujoco><worldbody><body><joint name="a" range="-90 180"/><joint name="b" type="slide" range="-1 1"/></body>
</worldbody></mujoco>"""


def test_limits_come_from_the_files_of_robots(tmp_path):
    (tmp_path / "r.urdf").write_text(URDF)
    (tmp_path / "r.xml").write_text(MJCF)
    assert read_limits(tmp_path / "r.urdf") == dict(lower=[-1, 0], upper=[2, 0.5], velocity=[3, 0.1])
    assert read_limits(tmp_path / "r.urdf", ["b"])["upper"] == [0.5]
    found = read_limits(tmp_path / "r.xml", ["b", "a"])
    np.testing.assert_allclose(found["upper"], [1, np.pi])
    with pytest.raises(DataError, match="no limits for d; it has for a, b"):
        read_limits(tmp_path / "r.xml", ["d"])
    with pytest.raises(DataError, match="cannot be read"):
        read_limits(tmp_path / "none.xml")


def test_without_ruckig_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ruckig", None)
    with pytest.raises(ImportError, match=r"pip install ideomotor\[live\]"):
        ideomotor.make("live-session", ideomotor.make("dmp"), "simulated-robot", law="ruckig")
