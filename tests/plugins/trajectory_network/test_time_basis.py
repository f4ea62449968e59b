import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ideomotor


@pytest.mark.parametrize(
    "basis",
    [
        ideomotor.make("time-samples", 11),
        ideomotor.make("time-splines", 4),
        ideomotor.make("time-splines", 20),
    ],
)
def test_functions_add_up_to_one(basis):
    np.testing.assert_allclose(basis(jnp.linspace(0, 1, 57)).sum(1), 1.0, atol=1e-6)


def test_samples_give_back_their_values():
    values = np.random.default_rng(0).normal(size=(101, 6))
    # In float32 the phase of a sample is known to 1e-5 of an interval, in which the values change by up to 5.
    np.testing.assert_allclose(
        ideomotor.make("time-samples", 101)(jnp.linspace(0, 1, 101)) @ values, values, atol=5e-5
    )


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4), st.integers(4, 25))
def test_cubic_splines_hold_every_cubic(coefficients, count):
    phase = np.linspace(0, 1, 60)
    values = np.polyval(coefficients, phase)[:, None].astype(np.float32)
    basis = ideomotor.make("time-splines", count)
    np.testing.assert_allclose(
        basis(jnp.asarray(phase, jnp.float32)) @ basis.fit(jnp.asarray(values)), values, atol=2e-4
    )


@pytest.mark.parametrize(
    "make", [lambda: ideomotor.make("time-samples", 1), lambda: ideomotor.make("time-splines", 3)]
)
def test_too_few_functions(make):
    with pytest.raises(ValueError, match="count must be at least"):
        make()
