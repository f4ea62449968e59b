"""Every component that the installed plug-ins offer, by the rules that all components keep."""

import pytest

import ideomotor
from ideomotor.errors import PluginError
from ideomotor.testing import check

NAMES = [c.name for c in ideomotor.components() if c.kind in ("perception", "planner", "primitive", "plant")]

# Smaller than by default: the checks are about the interface, and a large network only takes longer.
MADE = {
    "encoder-decoder": lambda: ideomotor.make(
        "encoder-decoder", image_shape=(8, 8), encoder=ideomotor.make("fully-connected", widths=(16,))
    ),
    "trajectory-inversion": lambda: ideomotor.make(
        "trajectory-inversion", decoder=ideomotor.make("trajectory-decoder")
    ),
    "cvae": lambda: ideomotor.make("cvae", {"place": (2,)}, (3,), tower=ideomotor.make("dense-tower", (8,))),
    "gaussian-regression": lambda: ideomotor.make(
        "gaussian-regression", {"place": (2,)}, (3,), ideomotor.make("dense-tower", (8,))
    ),
    "refined": lambda: ideomotor.make("refined", MADE["encoder-decoder"]()),
}


# All other tests run in float32, where finite differences say little of a gradient and rounding much of equality; "both",
# which is everybody's default, therefore checks less of the second precision.
@pytest.mark.parametrize("precision", ["float64", pytest.param("both", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("name", NAMES)
def test_conforms(name, precision):
    component = ideomotor.registry().get(name)
    try:
        ideomotor.registry().factory(name)
    except PluginError as error:
        if component.extra is None:
            raise
        pytest.skip(str(error))
    check(MADE[name]() if name in MADE else name, precision=precision)
