"""Many demonstrations at once are what they are one by one."""

import jax
import numpy as np
import pytest

from ideomotor import Trajectory
from ideomotor.errors import DataError
from ideomotor_dmp import DMP


def demonstrations(count=5, samples=80):
    rng = np.random.default_rng(0)
    durations = rng.uniform(1.0, 3.0, count)
    ts = durations[:, None] * np.linspace(0.0, 1.0, samples)
    ys = np.sin(ts[..., None] * rng.uniform(1, 4, (count, 1, 2)) + rng.normal(size=(count, 1, 2)))
    return ts, ys


@pytest.mark.parametrize("scaling", ["none", "amplitude", "smooth"])
@pytest.mark.parametrize("shared", [True, False])
def test_equals_one_by_one(x64, scaling, shared):
    ts, ys = demonstrations()
    if not shared:
        ts = ts + 0.01 * ts * (ts[:, -1:] - ts) * np.arange(5)[:, None]
    dmp = DMP(scaling=scaling)
    many = dmp.fit_many(ts + 7.0, ys)
    for i in (0, 4):
        one = dmp.fit(Trajectory(ts[i], ys[i]))
        for a, b in zip([leaf[i] for leaf in jax.tree.leaves(many)], jax.tree.leaves(one), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6 * np.abs(b).max())


def test_one_clock_for_all_and_a_fixed_duration(x64):
    ts, ys = demonstrations()
    many = DMP().fit_many(ts[0], ys)
    np.testing.assert_allclose(many.tau, np.full(5, ts[0, -1]))
    fixed = DMP(duration=2.0)
    found = fixed.fit_many(ts, ys)
    assert found.tau is None
    one = fixed.fit(Trajectory(ts[3], ys[3]))
    np.testing.assert_allclose(found.weights[3], one.weights, atol=1e-6 * np.abs(one.weights).max())


def test_times_may_be_lists_and_dates(x64):
    ts, ys = demonstrations(2, 50)
    steps = np.arange(50)
    expected = DMP().fit_many(0.01 * steps, ys)
    for given in (
        (0.01 * steps).tolist(),
        np.datetime64("2024-01-01T00:00:00.000") + steps * np.timedelta64(10, "ms"),
    ):
        found = DMP().fit_many(given, ys.tolist())
        np.testing.assert_allclose(found.tau, 0.49)
        # A clock time in float64 is right to 0.2 µs.
        np.testing.assert_allclose(found.weights, expected.weights, atol=0.1)


def test_bad_input():
    ts, ys = demonstrations()
    late = ts.copy()
    late[2, 5] = late[2, 6]
    hole = ys.copy()
    hole[1, 3, 0] = np.nan
    for t, y, words in (
        (ts, ys[..., :1], r"\(demo, time, 2\)"),
        (ts[:, :-1], ys, "ts has shape"),
        (late, ys, "must increase"),
        (ts, hole, r"ys\[1, 3, 0\] is not finite"),
        (np.arange(80) * 10**10, ys, r"in ns multiply by 1e-9"),
        (ts, [ys[0].tolist(), ys[1, :50].tolist()], "ys is not an array of numbers"),
        (np.full(80, object()), ys, "ts is not an array of numbers"),
    ):
        with pytest.raises(DataError, match=words):
            DMP().fit_many(t, y)
