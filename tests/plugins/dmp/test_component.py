"""The plug-in's face: names, configs, leaves, peers' numbers."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor.config import from_config, to_config
from ideomotor_dmp import DMP, FeedbackDMP


@pytest.mark.parametrize(
    "made",
    [
        DMP(),
        DMP(3, 10, scaling="amplitude", duration=2.0, overlap=0.8),
        DMP(method=ideomotor.make("integrated", diffrax.Heun(), steps=300)),
        FeedbackDMP(DMP(4), phase_stopping=2.0, position="hand"),
    ],
)
def test_config_round_trip(made):
    assert from_config(to_config(made)) == made


def test_config_of_a_coupling():
    made = FeedbackDMP(DMP(), ideomotor.make("obstacle-coupling", [0.5, 0.25], 0.25))
    again = from_config(to_config(made))
    assert to_config(again) == to_config(made)
    np.testing.assert_array_equal(again.coupling.centre, made.coupling.centre)


def test_has_nothing_to_train_and_55_parameters():
    dmp = ideomotor.make("dmp")
    assert jax.tree.leaves(dmp) == []
    assert sum(leaf.size for leaf in jax.tree.leaves(dmp.default_params())) == 55
    tau = [q for q in ideomotor.leaf_quantities(dmp.default_params()) if q.positive]
    assert len(tau) == 1 and tau[0].unit == "s"


def test_neutral_movement_goes_from_zero_to_one():
    movement = ideomotor.rollout(DMP(3), DMP(3).default_params(), jnp.linspace(0.0, 2.0, 21))
    np.testing.assert_allclose(movement.ys[0], np.zeros(3), atol=1e-6)
    np.testing.assert_allclose(movement.ys[-1], np.ones(3), atol=1e-4)
