import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError
from ideomotor_widgets import MovementPlayer

T = np.linspace(0, 2, 50)
PATH = np.stack([np.cos(T), np.sin(T)], -1)


@pytest.fixture(scope="module")
def reach():
    """A reach of the shipped policy with the muscle arm."""
    policy = ideomotor.config.from_config({"load": "ideomotor_rnn:checkpoints/reach"}, kind="primitive")
    arm = ideomotor.make("muscle-arm")
    params = dataclasses.replace(policy.default_params(), target=jnp.array([0.0, 0.45]))
    return arm, ideomotor.rollout(policy, params, jnp.arange(0, 0.5, 0.01), plant=arm)


def test_it_is_driven_by_the_same_traits_as_the_mouse(send):
    player = MovementPlayer(PATH, ts=T, loop=False)
    assert not player.playing and player.canvas.controls
    player.play()
    assert player.canvas.playing
    send(player.canvas, playing=False, position=1.25)  # what the browser reports at a pause
    assert not player.playing and player.position == 1.25
    player.seek(99.0)
    assert player.canvas.position == 2.0
    player.seek(-1)
    assert player.position == 0.0
    send(player.canvas, loop=True, speed=0.5)
    assert player.loop and player.speed == 0.5


def test_the_whole_movement_is_in_the_state_so_that_a_reload_shows_it():
    player = MovementPlayer(PATH, ts=T)
    state = player.canvas.get_state()
    clock, ghost = state["layers"][0], state["layers"][1]
    numbers = np.frombuffer(state["data"], np.float32)
    np.testing.assert_array_equal(numbers[clock["at"] : clock["at"] + 50], np.float32(T))
    np.testing.assert_array_equal(numbers[ghost["at"] : ghost["at"] + 100].reshape(-1, 2), np.float32(PATH))


def test_an_arm_is_drawn_by_its_own_kinematics(reach):
    arm, movement = reach
    canvas = MovementPlayer(movement, arm).canvas
    numbers = np.frombuffer(canvas.data, np.float32)
    links = next(layer for layer in canvas.layers if layer.get("color") == "link" and layer["kind"] == "line")
    drawn = numbers[links["at"] : links["at"] + 50 * 3 * 2].reshape(50, 3, 2)
    shoulder, upper = np.asarray(movement.ys["angle"])[:, 0], np.asarray(arm.arm.lengths)[0]
    elbow = upper * np.stack([np.cos(shoulder), np.sin(shoulder)], -1)
    np.testing.assert_allclose(drawn[:, 1], elbow, atol=1e-6)
    np.testing.assert_allclose(drawn[:, 2], movement.ys["hand"], atol=1e-6)


def test_muscles_lie_on_the_side_to_which_they_turn_the_joint(reach):
    arm, movement = reach
    canvas = MovementPlayer(movement, arm).canvas
    numbers = np.frombuffer(canvas.data, np.float32)
    muscles = [layer for layer in canvas.layers if layer["kind"] == "line" and layer["value"] >= 0]
    assert len(muscles) == 6
    for i, layer in enumerate(muscles):
        activation = numbers[layer["value"] : layer["value"] + 50]
        np.testing.assert_allclose(activation, np.asarray(movement.ys["activation"])[:, i], atol=1e-6)
    flexor, extensor = (  # of the elbow: the bend of the line, seen from the elbow
        numbers[m["at"] : m["at"] + 50 * m["points"] * 2].reshape(50, m["points"], 2)[:, 1]
        for m in muscles[2:4]
    )
    points = np.asarray(arm.joint_positions(movement.ys["angle"]))
    inward = points[:, 0] + points[:, 2] - 2 * points[:, 1]  # from the elbow to where the arm bends
    assert np.all(((flexor - points[:, 1]) * inward).sum(-1) > 0)
    assert np.all(((extensor - points[:, 1]) * inward).sum(-1) < 0)


def test_the_view_holds_all_of_the_movement(reach):
    for player in (MovementPlayer(PATH, ts=T), MovementPlayer(reach[1], reach[0])):
        x0, x1, y0, y1 = player.canvas.view
        path = PATH if player.plant is None else np.asarray(reach[1].ys["hand"])
        assert (
            x0 < path[:, 0].min()
            and path[:, 0].max() < x1
            and y0 < path[:, 1].min()
            and path[:, 1].max() < y1
        )


@pytest.mark.parametrize(
    "path, ts, message",
    [
        (np.zeros((5, 2)), np.zeros(5), "at least two increasing times"),
        (np.zeros((1, 2)), np.zeros(1), "at least two increasing times"),
        (np.zeros((5, 2)), np.arange(4.0), "4 times and outputs of"),
        (np.zeros(5), None, r"must be of shape \(time, 2\), not \(5,\)"),
        (np.zeros((5, 2)), np.array([0, 1, np.nan, 3, 4]), "increasing times"),
    ],
)
def test_what_cannot_be_played_is_refused(path, ts, message):
    with pytest.raises(DataError, match=message):
        MovementPlayer(path, ts=ts)


def test_outputs_without_a_place_are_named():
    movement = ideomotor.Trajectory(T, {"mood": T, "hope": T})
    with pytest.raises(DataError, match="its outputs are hope, mood"):
        MovementPlayer(movement)
