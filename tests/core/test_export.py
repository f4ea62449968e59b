"""Movements as files other programs read."""

import csv

import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor import Trajectory, write_trajectory


@pytest.fixture
def movement():
    ts = jnp.linspace(0, 1, 4)
    ys = {"hand": jnp.arange(8.0).reshape(4, 2), "angle": jnp.arange(4.0)}
    return Trajectory(ts, ys, us=ts[:, None] ** 2, xs=(ts, ts + 1))


def test_csv_names_every_number_and_gives_it_back(movement, tmp_path):
    write_trajectory(movement, tmp_path)
    rows = list(csv.reader((tmp_path / "trajectory.csv").read_text().splitlines()))
    assert rows[0] == ["ts", "ys.angle", "ys.hand[0]", "ys.hand[1]", "us[0]"]
    numbers = np.array(rows[1:], np.float32)
    np.testing.assert_array_equal(numbers[:, 0], movement.ts)
    np.testing.assert_array_equal(numbers[:, 2:4], movement.ys["hand"])
    np.testing.assert_array_equal(numbers[:, 4:], movement.us)


def test_npz_holds_the_states_too(movement, tmp_path):
    write_trajectory(movement, tmp_path)
    with np.load(tmp_path / "trajectory.npz") as arrays:
        assert set(arrays) == {"ts", "ys.hand", "ys.angle", "us", "xs.0", "xs.1"}
        np.testing.assert_array_equal(arrays["xs.1"], movement.xs[1])


def test_a_movement_without_a_plant(tmp_path):
    ts = jnp.linspace(0, 1, 3)
    write_trajectory(Trajectory(ts, ts), tmp_path)
    assert (tmp_path / "trajectory.csv").read_text().startswith("ts,ys\n0.0,0.0\n")
