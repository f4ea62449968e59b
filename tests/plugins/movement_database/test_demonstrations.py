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
