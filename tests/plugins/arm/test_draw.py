import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure

from ideomotor_arm import CurlField, Delayed, Noisy, Servo, Sheet, TwoLinkArm, draw_arm


@pytest.fixture
def axes():
    return Figure().subplots()


@pytest.mark.parametrize("wrap", [lambda arm: arm, lambda arm: Servo(Noisy(Delayed(CurlField(arm))))])
def test_the_links_are_where_the_joints_are(axes, wrap):
    plant = wrap(TwoLinkArm())
    state = plant.at(jnp.array([0.1, 0.4]))
    links, joints = draw_arm(axes, plant, state, color="red")
    np.testing.assert_allclose(links.get_xydata()[2], [0.1, 0.4], atol=1e-6)
    np.testing.assert_array_equal(links.get_xydata()[0], 0)
    np.testing.assert_array_equal(joints.get_xydata(), links.get_xydata()[:2])
    assert links.get_color() == "red"


def test_in_pixels_on_a_sheet(axes):
    sheet = Sheet()
    state = sheet.at(jnp.array([3.0, 7.0]))
    np.testing.assert_allclose(draw_arm(axes, sheet, state)[0].get_xydata()[2], [3, 7], atol=1e-3)
    in_metres = draw_arm(axes, sheet, state, pixels=False)[0].get_xydata()[2]
    np.testing.assert_allclose(in_metres, sheet.to_metres(np.array([3.0, 7.0])), atol=1e-6)


def test_from_angles(axes):
    points = draw_arm(axes, TwoLinkArm(), np.array([0.0, 0.0]))[0].get_xydata()
    np.testing.assert_allclose(points, [[0, 0], [0.3, 0], [0.63, 0]], atol=1e-6)


def test_no_sheet_no_pixels(axes):
    with pytest.raises(ValueError, match="no Sheet around TwoLinkArm"):
        draw_arm(axes, TwoLinkArm(), TwoLinkArm().default_state(), pixels=True)
