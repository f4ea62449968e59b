"""Pictures without a display: rays against geometry, and against OpenGL where there is one."""

import mujoco
import numpy as np
import pytest
from PIL import Image

from ideomotor import Trajectory
from ideomotor.errors import DataError
from ideomotor_mujoco import MujocoPlant, draw_ink

# Kernels of `plant.render` and of the depth camera.
from ideomotor_mujoco._rays import cast
from ideomotor_mujoco._render import _context, render

SCENE = """<mujoco><worldbody><geom name="floor" type="plane" size="5 5 .1" rgba="0 1 0 1"/>
<body pos="0 0 1"><geom name="ball" size="0.2" rgba="1 0 0 1"/></body></worldbody></mujoco>"""


@pytest.fixture(scope="module")
def scene():
    model = mujoco.MjModel.from_xml_string(SCENE)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def test_rays_measure_what_they_meet(scene):
    from_above = np.diag([1.0, 1.0, 1.0])  # right x, up y, backwards z: looking down
    seen = cast(*scene, np.array([0, 0, 3.0]), from_above, fovy=60, width=201, height=201)
    assert seen.depth[100, 100] == pytest.approx(3.0 - 1.2, abs=1e-12)
    assert seen.depth[0, 0] == pytest.approx(3.0, abs=1e-9) and seen.distance[0, 0] > 3.5
    np.testing.assert_allclose(seen.normal[100, 100], [0, 0, 1], atol=1e-9)
    # The ball's rim is seen at an angle of asin(radius / distance of its centre).
    radius = np.tan(np.arcsin(0.2 / 2.0)) / np.tan(np.radians(30)) * 100.5
    assert np.sum(seen.geom == 1) == pytest.approx(np.pi * radius**2, rel=0.02)  # 17 px: its rim is coarse
    assert seen.rgb[100, 100, 0] > 0.5 > seen.rgb[100, 100, 1]
    up = cast(*scene, np.array([0, 0, 3.0]), np.diag([1.0, -1.0, -1.0]), fovy=60, width=8, height=8)
    assert np.all(up.geom == -1) and np.all(np.isinf(up.depth))


def test_things_cast_shadows(scene):
    seen = cast(*scene, np.array([0, 0, 8.0]), np.eye(3), fovy=60, width=100, height=100)
    plain = cast(*scene, np.array([0, 0, 8.0]), np.eye(3), fovy=60, width=100, height=100, shadows=False)
    darker = (seen.rgb < plain.rgb - 0.1).any(-1)
    assert 0 < darker.sum() < 0.05 * darker.size and not np.any(
        darker & (seen.geom == 1) & (seen.normal[..., 2] > 0.9)
    )


def test_opengl_and_rays_show_the_same_outline(scene):
    if _context(160, 120) is None:
        pytest.skip("no OpenGL on this machine")
    view = {"lookat": (0, 0, 0.7), "distance": 2.5, "azimuth": 40.0, "elevation": -15.0}
    red = []
    for backend in ("gl", "rays"):
        picture = render(*scene, camera=view, width=160, height=120, backend=backend).astype(int)
        assert picture.shape == (120, 160, 3)
        red.append(picture[..., 0] > picture[..., 1] + 30)
    assert np.sum(red[0] & red[1]) / np.sum(red[0] | red[1]) > 0.93


def test_gif_takes_as_long_as_the_movement(tmp_path):
    plant = MujocoPlant()
    x, xs = plant.at_joints([0.5, 0.5]), []
    for _ in range(21):
        xs.append(x)
        x = plant.step(x, np.zeros(2), 0.05)
    movement = Trajectory(0.05 * np.arange(21), None, None, np.stack(xs))
    path = plant.animate(movement, tmp_path / "a.gif", fps=10.0, width=64, height=48, backend="rays")
    with Image.open(path) as gif:
        assert gif.n_frames == 11 and gif.size == (64, 48)
        first = np.asarray(gif.convert("RGB"), int)
        gif.seek(10)
        assert gif.info["duration"] == 1000
        assert np.abs(np.asarray(gif.convert("RGB"), int) - first).max() > 60
    assert [p.name for p in tmp_path.iterdir()] == ["a.gif"]


def test_bad_wishes(scene):
    with pytest.raises(DataError, match="no camera 'side'"):
        render(*scene, camera="side")
    with pytest.raises(DataError, match="not by 'far'"):
        render(*scene, camera={"far": 3})
    with pytest.raises(DataError, match="'auto', 'gl' or 'rays', not 'vulkan'"):
        render(*scene, backend="vulkan")


def test_ink_is_a_line_of_its_width():
    points = np.array([[5.0, 10.0], [25.0, 10.0], [25.0, 30.0]])
    ink = draw_ink(points, np.array([True, True, True]), width=3.0)
    assert ink.shape == (40, 40)
    np.testing.assert_array_equal(np.flatnonzero(ink[:, 15] > 0.5), [9, 10, 11])
    # Two rectangles, half discs at the ends and three quarters of one in the corner, less what lies on top of each other.
    assert ink.sum() == pytest.approx(2 * 20 * 3 + np.pi * 1.5**2 + 1.5**2 * (1 - np.pi / 4) - 1.5**2, abs=2)
    lifted = draw_ink(points, np.array([True, True, False]), width=3.0)
    assert lifted[30, 25] == 0 and lifted[10, 15] == 1
    assert draw_ink(points, np.array([True, False, True])).sum() == 0
    fine = draw_ink(points, np.array([True, True, True]), width=3.0, scale=4)
    assert fine.shape == (160, 160) and fine.sum() / 16 == pytest.approx(ink.sum(), rel=0.02)
    with pytest.raises(DataError, match="width above zero"):
        draw_ink(points, np.array([True, True, True]), width=0.0)
