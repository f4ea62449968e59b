"""Bodies in space: what is packed, and the picture of them that needs no browser."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

import ideomotor
from ideomotor.errors import DataError
from ideomotor_widgets import MovementPlayer
from ideomotor_widgets._canvas import Canvas3D  # what views are made of
from ideomotor_widgets._drawn import in_space, thinned
from ideomotor_widgets._scene import Scene, rotated
from ideomotor_widgets._still import still, tessellated

T = np.linspace(0, 1, 21)
HERE = [0, 0, 0, 1, 0, 0, 0]
RED = [0.9, 0.1, 0.1, 1.0]


class Falling:
    """A plant of one ball that falls, as a stranger would write it; its state is the height."""

    def shapes(self):
        return [{"kind": "sphere", "size": [0.1, 0, 0], "rgba": RED, "body": 0, "pose": HERE}]

    def poses(self, states):
        z = np.asarray(states)[:, 0]
        return np.stack([np.stack([0 * z, 0 * z, z, 1 + 0 * z, 0 * z, 0 * z, 0 * z], -1)], 1)


def fall(**outputs):
    height = 1 - 0.5 * T**2
    return ideomotor.Trajectory(T, {"height": height, **outputs}, xs=height[:, None])


def picture(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def shape(kind, **more):
    return {"kind": kind, "size": [0.1, 0.2, 0.3], "rgba": RED, "body": -1, "pose": HERE, **more}


def test_quaternions_turn_as_scipy_turns():
    random = np.random.default_rng(0)
    q, v = random.normal(size=(20, 4)), random.normal(size=(20, 3))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    wanted = Rotation.from_quat(q[:, [1, 2, 3, 0]]).apply(v)
    np.testing.assert_allclose(rotated(q, v), wanted, atol=1e-12)


@pytest.mark.parametrize(
    "kind, volume, accuracy",
    [
        ("box", 8 * 0.1 * 0.2 * 0.3, 1e-9),
        ("sphere", 4 / 3 * np.pi * 0.1**3, 0.06),
        ("ellipsoid", 4 / 3 * np.pi * 0.1 * 0.2 * 0.3, 0.06),
        ("cylinder", 2 * np.pi * 0.1**2 * 0.2, 0.03),
        ("capsule", 2 * np.pi * 0.1**2 * 0.2 + 4 / 3 * np.pi * 0.1**3, 0.05),
    ],
)
def test_shapes_are_closed_and_as_large_as_mujoco_means_them(kind, volume, accuracy):
    """By the divergence theorem, which also sees triangles that look inwards."""
    points, faces = tessellated({"kind": kind, "size": [0.1, 0.2, 0.3]}, np.zeros(0))
    a, b, c = np.moveaxis(points[faces], 1, 0)
    found = float((a * np.cross(b, c)).sum() / 6)
    assert found == pytest.approx(volume, rel=accuracy)


def test_a_scene_is_packed_as_the_browser_reads_it():
    poses = np.random.default_rng(1).normal(size=(21, 2, 7))
    corners, faces = np.eye(4)[:, :3], np.array([[0, 1, 2], [0, 1, 3]])
    scene = Scene(T).bodies([shape("box", body=1), shape("mesh", vertices=corners, faces=faces)], poses)
    scene.line(np.ones((21, 3)), trail=True).dots(np.zeros((2, 3)), size=0.01)
    numbers = np.frombuffer(scene.pack(), np.float32)
    clock, bodies, box, mesh, line, dots = scene.describe()
    np.testing.assert_array_equal(numbers[clock["at"] : clock["at"] + 21], np.float32(T))
    got = numbers[bodies["at"] : bodies["at"] + 21 * 14].reshape(21, 2, 7)
    np.testing.assert_array_equal(got, np.float32(poses))
    np.testing.assert_array_equal(numbers[mesh["faces"] : mesh["faces"] + 6].reshape(2, 3), faces)
    np.testing.assert_array_equal(numbers[mesh["at"] : mesh["at"] + 12].reshape(4, 3), corners)
    assert (box["body"], mesh["body"], line["points"], dots["points"], dots["frames"]) == (1, -1, 21, 2, 0)
    json.dumps(scene.describe())


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Scene().bodies([shape("blob")], np.zeros((1, 7))), "no shape 'blob'"),
        (
            lambda: Scene().bodies([shape("box", body=1)], np.zeros((1, 7))),
            "body 1, and there are poses of 1",
        ),
        (lambda: Scene().bodies([], np.zeros((1, 6))), r"shape \(bodies, 7\)"),
        (lambda: Scene(T).bodies([], np.zeros((20, 1, 7))), "20 sets of poses and 21 times"),
        (lambda: Scene().bodies([], np.full((1, 7), np.nan)), "not finite"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_the_view_holds_all_bodies_at_all_times():
    """Each ball's middle and rim lie within the picture's pyramid, by the pinhole camera's own formula."""
    poses = np.tile(np.float32(HERE), (21, 1, 1))
    poses[:, 0, :3] = np.stack([T, -2 * T, 0.5 * T], -1)
    ball = shape("sphere", body=0)
    azimuth, elevation, distance, *middle = Scene(T).bodies([ball], poses).view()
    a, e = np.radians([azimuth, elevation])
    forward = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
    eye = np.array(middle) - distance * forward
    away = poses[:, 0, :3] - eye
    angle = np.arccos(away @ forward / np.linalg.norm(away, axis=1))
    rim = np.arcsin(0.1 / np.linalg.norm(away, axis=1))
    assert np.degrees((angle + rim).max()) < 17.6


def test_a_ball_is_drawn_where_a_pinhole_camera_sees_it():
    canvas = Canvas3D(width=300, height=300)
    place = [0.0, 0.15, 0.2, 1, 0, 0, 0]
    scene = Scene().bodies([shape("sphere", size=[0.03, 0, 0], body=0)], [place])
    canvas.show(scene, view=[0.0, 0.0, 2.0, 0.0, 0.0, 0.0])  # from (-2, 0, 0) along x: y is to the left
    seen = picture(still(canvas))
    red = np.argwhere((seen[..., 0] > 90) & (seen[..., 1] < 80)).mean(0)
    scale = 150 / np.tan(np.radians(17.5)) / 2.0
    np.testing.assert_allclose(red, [150 - 0.2 * scale, 150 - 0.15 * scale], atol=2)


def test_what_is_near_hides_what_is_far():
    shapes = [shape("sphere", body=0), shape("sphere", body=1, rgba=[0.1, 0.1, 0.9, 1])]
    canvas = Canvas3D(width=200, height=200)
    for near, far, colour in ((0, 1, 0), (1, 0, 2)):
        poses = np.tile(np.float32(HERE), (2, 1))
        poses[near, 0], poses[far, 0] = -0.5, 0.5
        canvas.show(Scene().bodies(shapes, poses), view=[0.0, 0.0, 2.0, 0.0, 0.0, 0.0])
        middle = picture(still(canvas))[100, 100]
        assert np.argmax(middle) == colour


def test_any_plant_that_tells_of_its_shapes_is_played_in_space(send):
    player = MovementPlayer(fall(), Falling(), loop=False)
    assert isinstance(player.canvas, Canvas3D) and player.canvas.controls
    first = picture(player.snapshot())
    player.seek(1.0)
    last = picture(player.snapshot())
    rows = [np.argwhere((p[..., 0] > 90) & (p[..., 1] < 80)).mean(0)[0] for p in (first, last)]
    assert rows[1] > rows[0] + 30, "it has fallen"
    send(player.canvas, playing=True, position=0.25)
    assert player.playing and player.position == 0.25


def test_a_player_changes_between_plane_and_space_and_closes_what_it_leaves(open_widgets):
    player = MovementPlayer(np.stack([T, T], -1), ts=T, loop=False, speed=0.5)
    before = open_widgets()
    for _ in range(3):
        player.show(fall(), Falling())
        assert isinstance(player.canvas, Canvas3D) and player.canvas.speed == 0.5 and not player.canvas.loop
        player.show(np.stack([T, T], -1), ts=T)
    assert open_widgets() == before
    player.play()
    assert player.canvas.playing
    player.close()


def test_the_way_of_the_tip_and_what_a_pen_writes():
    tip = np.stack([T, T, T], -1)
    line = in_space(fall(tip=tip), Falling()).describe()[-1]
    assert line["trail"] and line["points"] == 21
    force = np.where(T < 0.5, 1.0, 0.0)
    scene = in_space(fall(tip=tip, pen_force=force), Falling())
    ink = scene.describe()[-1]
    way = np.frombuffer(scene.pack(), np.float32)[ink["at"] : ink["at"] + 63].reshape(21, 3)
    np.testing.assert_array_equal(np.isfinite(way[:, 0]), T < 0.5)


def test_without_states_there_is_nothing_to_show_in_space():
    assert in_space(ideomotor.Trajectory(T, np.stack([T, T], -1)), Falling()) is None
    assert in_space(fall(), None) is None
    bad = ideomotor.Trajectory(T, T, xs=np.zeros((5, 1)))
    with pytest.raises(DataError, match=r"states xs of shape \(21, numbers\)"):
        in_space(bad, Falling())


def test_long_movements_are_thinned_and_keep_their_ends():
    ts = np.arange(0, 10.0005, 0.001)
    rows = thinned(ts)
    assert rows[0] == 0 and rows[-1] == len(ts) - 1 and len(rows) == 1001
    assert len(thinned(np.arange(0, 3600, 0.01))) == 3000
    np.testing.assert_array_equal(thinned(T), np.arange(21))


def test_a_registered_robot_is_seen_through_its_adapter():
    pytest.importorskip("mujoco")
    import jax

    robot = ideomotor.make("lwr4")
    state = robot.default_state()
    outputs = jax.tree.map(lambda leaf: np.stack([leaf] * 3), robot.observe(state))
    movement = ideomotor.Trajectory(np.array([0.0, 0.1, 0.2]), outputs, xs=np.stack([state] * 3))
    player = MovementPlayer(movement, robot)
    kinds = {layer["kind"] for layer in player.canvas.layers}
    assert {"poses", "capsule", "cylinder", "plane"} <= kinds
    assert len(player.canvas.data) < 60_000 and picture(player.snapshot()).std() > 20
