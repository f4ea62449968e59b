import pytest

import ideomotor
from ideomotor.testing import check


@pytest.mark.parametrize("name", ["conditions-network", "trajectory-decoder"])
def test_components_conform(name):
    check(name)


def test_an_inversion_conforms():
    conditions = ideomotor.make("conditions-network", latent=3, hidden=(8,))
    decoder = ideomotor.make(
        "trajectory-decoder", latent=3, hidden=(8,), basis=ideomotor.make("time-splines", count=5)
    )
    check(ideomotor.make("trajectory-inversion", conditions=conditions, decoder=decoder, samples=9))
