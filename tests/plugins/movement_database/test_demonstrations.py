import warnings

import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_movement_database import Demonstration, Demonstrations

TS = np.arange(5) * 0.01
YS = np.arange(15.0).reshape(5, 3) * 0.01


def _with(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("ts", "ys", "says"),
    [
        (TS, _with(YS, (2, 1), np.nan), r"ys\[2, 1\] is not a finite number"),
        (_with(TS, 3, np.inf), YS, r"ts\[3\] is not a finite number"),
        (
            _with(TS, 3, TS[2]),
            YS,
            r"ts\[3\] = 0.02 follows ts\[2\] = 0.02; sort the samples and drop repeated",
        ),
        (TS[::-1], YS, "times must increase"),
        (TS[:1], YS[:1], "has 1 sample"),
        (TS[:4], YS, "4 times and 5 samples"),
        (TS, YS[:, 0], r"must be \(time, dof\)"),
        (TS, np.array([["a"] * 3] * 5), "not an array of numbers"),
    ],
)
def test_refuses_what_is_no_movement(ts, ys, says):
    with pytest.raises(DataError, match=says):
        Demonstration("reach", ts, ys)


@pytest.mark.parametrize(("space", "says"), [("cartesian", "millimetres"), ("joint", "degrees")])
def test_warns_of_units(space, says):
    with pytest.warns(UserWarning, match=says):
        Demonstration("reach", TS, YS * 1000 + 60, space)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Demonstration("reach", TS, YS, space)


def test_warns_where_one_is_a_thousand_times_larger():
    small, large = Demonstration("small", TS, YS * 0.1), Demonstration("large", TS, YS * 100)
    with pytest.warns(UserWarning, match="'large' is 1000 times as large as 'small'"):
        Demonstrations([small, large])


def test_refuses_what_does_not_fit_together():
    one = Demonstration("one", TS, YS)
    with pytest.raises(DataError, match="are the same movement"):
        Demonstrations([one, Demonstration("two", TS + 7.0, YS)])
    with pytest.raises(DataError, match="Two demonstrations are called 'one'"):
        Demonstrations([one, Demonstration("one", TS, YS + 1)])
    with pytest.raises(DataError, match="'two' has 2 coordinates"):
        Demonstrations([one, Demonstration("two", TS, YS[:, :2])])
    with pytest.raises(DataError, match="no demonstrations"):
        Demonstrations([])


def test_pose_quaternions_are_checked_and_made_continuous():
    poses = np.column_stack([YS, np.tile([1.0, 0, 0, 0], (5, 1))])
    poses[2:, 3] = -1.0
    kept = Demonstration("pose", TS, poses, "pose")
    assert np.array_equal(kept.ys[:, 3], np.ones(5))
    with pytest.raises(DataError, match="must be a unit quaternion"):
        Demonstration("pose", TS, poses * [1, 1, 1, 2, 1, 1, 1], "pose")
    with pytest.raises(DataError, match="a pose has seven"):
        Demonstration("pose", TS, YS, "pose")


def test_is_kept_as_given_and_cannot_be_changed():
    ys = YS.copy()
    kept = Demonstration("reach", TS, ys, metadata={"hand": "left"})
    ys[:] = 0
    assert np.array_equal(kept.ys, YS) and kept.metadata["hand"] == "left"
    with pytest.raises(ValueError, match="read-only"):
        kept.ys[0] = 1


def test_angles_recorded_within_one_turn_are_unwrapped():
    """A joint that turns at 1 rad/s through pi, and one that goes back and forth over it (kind: as quaternion signs are)."""
    t = np.linspace(0, 8, 401)
    true = np.column_stack([2.5 + t, np.pi + 0.3 * np.sin(3 * t), 0.1 * t])
    wrapped = (true + np.pi) % (2 * np.pi) - np.pi
    kept = Demonstration("arm", t, wrapped, "joint")
    np.testing.assert_allclose(kept.ys - kept.ys[0], true - true[0], atol=1e-12)
    assert Demonstrations([kept]).continuous == (0, 1)
    assert np.array_equal(Demonstration("free", t, wrapped).ys, wrapped)  # not angles
    again = Demonstration("again", t, kept.ys, "joint", kept.metadata)
    assert np.array_equal(again.ys, kept.ys) and Demonstrations([again]).continuous == (0, 1)


def test_a_jump_that_is_no_turn_is_reported_and_degrees_are_left_alone():
    ys = np.zeros((5, 2))
    ys[2:, 1] = 4.0
    with pytest.warns(UserWarning, match="joint 1 jumps by 4 rad between samples 1 and 2"):
        kept = Demonstration("arm", TS, ys, "joint")
    assert np.array_equal(kept.ys, ys)
    with pytest.warns(UserWarning, match="degrees"):
        assert np.array_equal(Demonstration("arm", TS, 100 * ys, "joint").ys, 100 * ys)


@pytest.mark.parametrize("jump", [1.2, 3.1])
def test_a_jump_of_less_than_half_a_turn_is_reported_and_quick_movements_are_not(jump):
    t = np.linspace(0, 4, 201)
    smooth = np.stack([np.sin(2 * t), 0.1 * t], axis=1)
    with pytest.warns(
        UserWarning, match=rf"joint 1 jumps by {jump:.3g} rad between samples 100 and 101, in 0.02 s"
    ):
        Demonstration("arm", t, smooth + jump * np.array([0, 1]) * (t > 2)[:, None], "joint")
    for quick in (8 * np.sin(2 * t), 2 * np.tanh(5 * (t - 2))):
        Demonstration("arm", t, np.stack([quick, t], axis=1), "joint")  # warnings are errors


def reach(rest, seconds=2.0, noise=0.0, where=0.0):
    """A minimum-jerk reach of 0.5 m, with `rest` seconds of idle time before it (or at `where` of its way), at 100 Hz."""
    s = np.linspace(0, 1, round(100 * seconds) + 1)
    way = 0.5 * (10 * s**3 - 15 * s**4 + 6 * s**5)
    at = np.searchsorted(s, where)
    way = np.concatenate([way[:at], np.full(round(100 * rest), way[at]), way[at:]])
    ys = np.column_stack([way, 0 * way, 0 * way])
    ys += noise * np.random.default_rng(0).normal(size=ys.shape)
    return Demonstration(f"rest {rest} {where} {noise}", 0.01 * np.arange(len(way)), ys)


@pytest.mark.parametrize("where", [0.0, 0.5])
@pytest.mark.parametrize("noise", [0.0, 1e-4])
@pytest.mark.parametrize("rest", [5.0, 20.0, 200.0])
def test_pauses_count_neither_as_time_nor_as_speed(rest, noise, where):
    """Peak 1.875 L/T and mean L/T of a minimum-jerk reach (Flash & Hogan 1985); idle 20 s planned 24.8 s, 200 s 410,000 s."""
    found = Demonstrations([reach(rest, noise=noise, where=where)]).speeds()
    # 0.1 s at either end of a pause count as movement.
    assert found.mean == pytest.approx(0.25, rel=0.1 if noise or where else 0.05)
    assert found.peak == pytest.approx(1.875 * 0.25, rel=0.05)


def test_a_slow_start_and_a_steady_movement_are_no_pauses():
    t = 0.01 * np.arange(400)
    steady = Demonstration("steady", t, np.column_stack([0.001 * t, 0 * t]))
    assert Demonstrations([steady]).moving.all()
    assert Demonstrations([reach(0.0)]).moving.mean() > 0.9
    assert Demonstrations([reach(0.0, seconds=20.0)]).moving.mean() > 0.9
    still = Demonstration("still", t, np.zeros((400, 2)))
    assert Demonstrations([still]).moving.all()
