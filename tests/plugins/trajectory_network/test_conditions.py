import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_trajectory_network import ConditionsNetwork, centre_out, sample_reaches
from ideomotor_trajectory_network._conditions import LOWER, UPPER


def test_conditions_are_scaled_as_in_the_paper():
    network = ConditionsNetwork(field=5.0)
    for field, flag in ((-5.0, 0.05), (0.0, 0.5), (5.0, 0.95)):
        found = network.inputs(
            {"start": jnp.array(LOWER), "target": jnp.array(UPPER), "field": jnp.asarray(field)}
        )
        np.testing.assert_allclose(found, [0, 0, 1, 1, flag], atol=1e-6)


def test_movement_time_is_an_input_and_is_passed_on():
    network = ConditionsNetwork(durations=(0.5, 1.5))
    observation = network.default_observation() | {"duration": jnp.asarray(0.75)}
    assert network.inputs(observation)[-1] == 0.25
    assert network(observation).duration == 0.75
    assert ConditionsNetwork(durations=0.8)(
        ConditionsNetwork().default_observation()
    ).duration == jnp.float32(0.8)


@pytest.mark.parametrize(
    "kwargs, words",
    [
        ({"durations": 0.0}, "positive number of seconds"),
        ({"durations": (1.0, 0.5)}, "two increasing ones"),
        ({"field": -1.0}, "at least 0"),
        ({"lower": (0.3, 0.15)}, "opposite corners"),
        ({"output": "step"}, "output must be one of"),
    ],
)
def test_bad_networks(kwargs, words):
    with pytest.raises(ValueError, match=words):
        ConditionsNetwork(**kwargs)


def test_reaches_are_drawn_within_the_workspace():
    start, target = sample_reaches(np.random.default_rng(0), 500)
    away = np.linalg.norm(target - start, axis=1)
    for points in (start, target):
        assert (points >= LOWER).all() and (points <= UPPER).all()
    assert away.min() >= 0.01 and away.max() <= 0.15 and 0.06 < away.mean() < 0.09


def test_centre_out_reaches():
    start, target = centre_out()
    assert len(start) == 24
    np.testing.assert_allclose(np.linalg.norm(target - start, axis=1), 0.1)
    np.testing.assert_allclose((target - start).sum(0), 0, atol=1e-12)


@pytest.mark.parametrize(
    "kwargs", [{"count": 0}, {"count": 3, "distance": (0.9, 1.0)}, {"count": 3, "lower": (1.0, 1.0)}]
)
def test_reaches_that_do_not_exist(kwargs):
    with pytest.raises(DataError):
        sample_reaches(np.random.default_rng(0), **kwargs)
