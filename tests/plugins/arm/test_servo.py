import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor import AbstractPlant
from ideomotor_arm import CurlField, Servo, TwoLinkArm


def follow(play, servo, points, ts):
    """How far the hand is from the set point, at each time (m)."""
    start = servo.at(points[0])
    commands = points if servo.space == "hand" else servo.inverse_kinematics(points)
    hand = play(commands, ts, plant=servo, x0=start).ys["hand"]
    return np.linalg.norm(np.asarray(hand) - points, axis=-1)


@pytest.fixture
def points(drawing):
    """The drawing in metres."""
    return (np.array([-0.12, 0.545]) + 0.005 * drawing[1] * [1, -1]).astype(np.float32)


@pytest.mark.parametrize("space", ["hand", "joint"])
def test_follows_handwriting(play, drawing, points, space):
    errors = follow(play, Servo(space=space), points, drawing[0])
    assert errors.max() < 2.5e-4


def test_follows_without_the_model_and_in_a_field_less_well(play, drawing, points):
    by_gains = follow(play, Servo(model=False), points, drawing[0]).max()
    in_field = follow(play, Servo(CurlField(strength=13.0)), points, drawing[0]).max()
    assert 2.5e-4 < by_gains < 5e-3
    assert 2.5e-4 < in_field < 20e-3
    stiffer = follow(play, Servo(CurlField(strength=13.0), bandwidth=120.0), points, drawing[0]).max()
    assert stiffer < 0.6 * in_field


@pytest.mark.parametrize("dt", [0.001, 0.01, 0.1])
def test_holds_at_every_time_step_and_bandwidth(play, dt):
    """Also where bandwidth and time step would be unstable with the gains of continuous time."""
    ts = dt * np.arange(121)
    for per_step in (0.15, 0.6, 3.0, 20.0):
        servo = Servo(TwoLinkArm(substeps=5), bandwidth=per_step / dt)
        target = servo.default_command() + jnp.array([0.03, -0.02])
        hand = play(jnp.tile(target, (121, 1)), ts, plant=servo).ys["hand"]
        np.testing.assert_allclose(hand[-1], target, atol=1e-5)


def test_errors_die_with_both_poles_where_they_were_put(play):
    """After the jump a small error e follows e[k+2] - 2 p e[k+1] + p² e[k] = 0, p = exp(-bandwidth dt)."""
    with jax.enable_x64(True):
        servo = Servo(TwoLinkArm(damping=0.0), space="joint", bandwidth=40.0, max_speed=1e-3)
        target = servo.default_command() + 1e-5
        angle = play(jnp.tile(target, (13, 1)), 0.01 * np.arange(13), plant=servo).ys["angle"]
    errors = np.asarray(angle - target)
    errors, pole = errors[2:], np.exp(-0.4)
    residual = errors[2:] - 2 * pole * errors[1:-1] + pole**2 * errors[:-2]
    assert np.abs(residual).max() < 2e-3 * np.abs(errors).max()


def test_a_jump_is_not_extrapolated(play):
    servo, ts = Servo(), np.linspace(0, 0.5, 51)
    target = servo.default_command() + jnp.array([0.08, -0.06])
    hand = play(jnp.tile(target, (51, 1)), ts, plant=servo).ys["hand"]
    along = np.asarray(hand - servo.default_command()) @ np.array([0.8, -0.6])
    assert along.max() < 0.105
    assert abs(along[-1] - 0.1) < 1e-4


def test_out_of_reach_stretches_the_arm(play):
    far = np.tile([0.0, 2.0], (61, 1))
    hand = play(far, 0.01 * np.arange(61), plant=Servo()).ys["hand"]
    np.testing.assert_allclose(hand[-1], [0.0, 0.63], atol=1e-3)


def test_behind_the_shoulder_no_full_turn(play):
    """The shoulder passes from π to -π on this path."""
    ts = np.linspace(0, 1, 101)
    direction = np.pi + 0.5 * np.sin(np.pi * (ts - 0.5)) ** 3
    points = 0.45 * np.stack([np.cos(direction), np.sin(direction)], -1).astype(np.float32)
    errors = follow(play, Servo(), points, ts)
    assert errors.max() < 2e-3  # the path starts with an acceleration that cannot be foreseen
    assert errors[10:].max() < 1e-3


def test_what_it_cannot_wrap():
    class Still(AbstractPlant):
        def default_state(self):
            return jnp.zeros(2)

        def default_command(self):
            return jnp.zeros(2)

        def step(self, state, command, dt, *, key=None):
            return state

        def observe(self, state, *, key=None):
            return {"angle": state}

    with pytest.raises(ValueError, match="Servo cannot wrap Still, which has no inverse_dynamics"):
        Servo(Still())
    with pytest.raises(ValueError, match="Servo wraps a plant, not a int"):
        Servo(3)
    with pytest.raises(ValueError, match="space must be 'hand' or 'joint'"):
        Servo(space="feet")
    with pytest.raises(ValueError, match="bandwidth must be greater than 0"):
        Servo(bandwidth=0.0)
