"""The policy, its cells and commands, and what changes commands in time."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError, UnknownNameError
from ideomotor_arm import MuscleArm
from ideomotor_rnn import CircleCommand, ReachCommand, RecurrentPolicy, ScheduledPolicy, pretrained


def _feedback(seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(0.5, 1.5, 6).astype(np.float32) for name in ("length", "speed", "tension")}


def test_step_is_equation_two():
    policy, seen = RecurrentPolicy(), _feedback()
    command = ReachCommand(np.array([0.1, 0.4], np.float32))
    y = jax.random.uniform(jax.random.key(3), (12,))
    new, u = policy.step(y, seen, command, 0.01)
    s = np.concatenate([(seen["length"] - 1) * 3, seen["speed"] / 2.5, seen["tension"] / 300])
    k = (np.array([0.1, 0.4]) - [0.18, 0.36]) / 0.15
    cell = policy.cell
    drive = cell.recurrent @ y + policy.sensory @ s + policy.commanded @ k + cell.bias
    np.testing.assert_allclose(new, y + 0.01 / 0.05 * (np.maximum(drive, 0) - y), rtol=1e-5, atol=1e-6)
    excitation = np.clip(policy.motor @ y + policy.reflex @ s + policy.tone, 0, 1)
    np.testing.assert_allclose(u, excitation, rtol=1e-5, atol=1e-6)


def test_no_direct_path_from_command_to_muscle():
    policy = RecurrentPolicy()
    y = jax.random.uniform(jax.random.key(0), (12,))

    def excitation(target):
        return policy.step(y, _feedback(), ReachCommand(target), 0.01)[1]

    np.testing.assert_array_equal(jax.jacobian(excitation)(jnp.array([0.1, 0.3])), 0.0)

    def after_two(target):
        new = policy.step(y, _feedback(), ReachCommand(target), 0.01)[0]
        return policy.step(new, _feedback(), ReachCommand(target), 0.01)[1]

    assert np.abs(jax.jacobian(after_two)(jnp.array([0.1, 0.3]))).max() > 0


def test_noise_is_multiplicative_and_of_the_stated_size():
    policy, y = RecurrentPolicy(noise=0.2), jnp.zeros(12)
    policy = eqx.tree_at(lambda p: (p.reflex, p.tone), policy, (jnp.zeros((6, 18)), jnp.full(6, 0.4)))
    keys = jax.random.split(jax.random.key(0), 4000)
    us = jax.vmap(lambda key: policy.step(y, _feedback(), ReachCommand(), 0.01, key=key)[1])(keys)
    np.testing.assert_allclose(us.mean(0), 0.4, rtol=0.02)
    np.testing.assert_allclose(us.std(0), 0.4 * 0.2, rtol=0.05)
    silent = policy.step(y, _feedback(), ReachCommand(), 0.01)[1]
    np.testing.assert_allclose(silent, 0.4, rtol=1e-6)
    # The command in the middle is coded as zero, so no noise on it; the same key gives the same.
    one, two = (policy.step(y, _feedback(), ReachCommand(), 0.01, key=keys[0])[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "cell",
    [
        ideomotor.make("rate-cell", 5),
        ideomotor.make("rate-cell", 5, transfer="tanh"),
        ideomotor.make("rate-cell", 5, transfer="sigmoid"),
        ideomotor.make("gru-cell", 5),
    ],
)
def test_other_cells(cell):
    policy = RecurrentPolicy(cell=cell)
    plant = MuscleArm()
    movement = ideomotor.rollout(policy, ReachCommand(), jnp.arange(20) * 0.01, plant=plant)
    assert movement.us.shape == (20, 6) and np.all(np.isfinite(movement.ys["hand"]))


def test_gated_units_are_those_of_equinox():
    ours, theirs = (
        ideomotor.make("gru-cell", 5, key=jax.random.key(1)),
        eqx.nn.GRUCell(3, 5, key=jax.random.key(2)),
    )
    ours = eqx.tree_at(
        lambda c: (c.recurrent, c.bias, c.recurrent_bias),
        ours,
        (theirs.weight_hh, theirs.bias, theirs.bias_n),
    )
    x, y = jnp.array([0.3, -1.0, 2.0]), jnp.linspace(-0.5, 0.5, 5)
    np.testing.assert_allclose(ours.step(y, theirs.weight_ih @ x, 0.01), theirs(x, y), rtol=1e-5, atol=1e-6)


def test_other_signals_fit_the_plant():
    policy = RecurrentPolicy(signals=("length", "angle", "hand_velocity"))
    ideomotor.Pipeline(None, policy, plant=MuscleArm())
    with pytest.raises(ideomotor.errors.AssemblyError, match="TwoLinkArm"):
        ideomotor.Pipeline(None, RecurrentPolicy(), plant=ideomotor.make("two-link-arm"))


@pytest.mark.parametrize("command", [ReachCommand(), CircleCommand()])
def test_config_and_checkpoint_round_trip(command, tmp_path):
    policy = RecurrentPolicy(command, ideomotor.make("rate-cell", 7), key=jax.random.key(5))
    again = ideomotor.config.from_config(ideomotor.config.to_config(policy))
    assert jax.tree.structure(again) == jax.tree.structure(policy)
    ideomotor.save(policy, tmp_path / "policy")
    assert eqx.tree_equal(ideomotor.load(tmp_path / "policy"), policy)


def test_movements_of_a_batch_start_from_activity_of_their_own():
    policy = RecurrentPolicy()

    def excitations(activity):
        movement = ideomotor.rollout(
            policy, ReachCommand(), jnp.arange(5) * 0.01, plant=MuscleArm(), p0=activity
        )
        return movement.us

    batch = jax.vmap(excitations)(policy.random_activity(jax.random.key(0), 3))
    assert batch.shape == (3, 5, 6) and not np.array_equal(batch[0], batch[1])


def test_commands_change_when_due():
    targets = jnp.array([[0.1, 0.3], [0.2, 0.4], [0.3, 0.3]])
    scheduled, schedule = ScheduledPolicy.steps(RecurrentPolicy(), ReachCommand(targets), 0.3)
    held = [float(scheduled.command(schedule, t).target[0]) for t in (0.0, 0.29, 0.3, 0.59, 0.6, 9.0)]
    np.testing.assert_allclose(held, [0.1, 0.1, 0.2, 0.2, 0.3, 0.3], rtol=1e-6)
    # Times that were added up from steps must switch at the step, too.
    time, switched = jnp.zeros(()), []
    for _ in range(70):
        switched.append(float(scheduled.command(schedule, time).target[0]))
        time = time + 0.01
    assert switched.index(switched[30]) == 30 and switched.index(switched[60]) == 60


def test_the_clock_of_a_schedule_keeps_time_in_float32():
    """After 20,000 s in steps of 0.1 s, which a plain sum in float32 makes 19,959 s."""
    policy = RecurrentPolicy()
    scheduled, schedule = ScheduledPolicy.steps(
        policy, ReachCommand(jnp.array([[0.1, 0.3], [0.2, 0.4]])), 2e4
    )

    def step(_, state):
        return scheduled.step(state, policy.default_feedback(), schedule, 0.1)[0]

    with jax.enable_x64(False):
        state = jax.jit(lambda: jax.lax.fori_loop(0, 200_000, step, scheduled.init(schedule)))()
    assert float(state.time) == pytest.approx(200_000 * float(np.float32(0.1)), abs=2e-3)


def test_a_moving_target_moves_linearly():
    points = np.array([[0.1, 0.3], [0.2, 0.5], [0.2, 0.4]])
    scheduled, schedule = ScheduledPolicy.moving_target(RecurrentPolicy(), points, 0.1)
    for t, expected in (
        (0.0, [0.1, 0.3]),
        (0.05, [0.15, 0.4]),
        (0.1, [0.2, 0.5]),
        (0.175, [0.2, 0.425]),
        (5.0, [0.2, 0.4]),
    ):
        np.testing.assert_allclose(scheduled.command(schedule, t).target, expected, rtol=1e-5)


def test_figure_eight_turns_each_circle_once_and_meets_in_the_middle():
    policy = RecurrentPolicy(CircleCommand())
    _, schedule = ScheduledPolicy.figure_eight(policy, center=(0.2, 0.3), radius=0.05, speed=0.25, loops=2)
    np.testing.assert_allclose(np.diff(schedule.times), 2 * np.pi * 0.05 / 0.25, rtol=1e-6)
    centers, speeds = np.asarray(schedule.commands.center), np.asarray(schedule.commands.speed)
    np.testing.assert_allclose(np.linalg.norm(centers - [0.2, 0.3], axis=-1), 0.05, rtol=1e-6)
    np.testing.assert_allclose(speeds[1:], -speeds[:-1])


def test_a_schedule_is_one_long_movement():
    """Two commands in one rollout are the first movement continued, not two that begin anew."""
    policy, plant = RecurrentPolicy(), MuscleArm()
    targets = ReachCommand(jnp.array([[0.1, 0.4], [0.25, 0.35]]))
    movement = ideomotor.rollout(
        *ScheduledPolicy.steps(policy, targets, 0.1), jnp.arange(21) * 0.01, plant=plant
    )
    first = ideomotor.rollout(policy, ReachCommand(targets.target[0]), jnp.arange(11) * 0.01, plant=plant)
    np.testing.assert_allclose(movement.us[:10], first.us[:10], rtol=1e-5)
    np.testing.assert_allclose(movement.xs.angle[:11], first.xs.angle, rtol=1e-5)


@pytest.mark.parametrize("name", ["reach", "circle"])
def test_trained_networks_do_what_they_are_for(name):
    policy, plant = pretrained(name), MuscleArm()
    if name == "reach":
        target = np.array([0.27, 0.43], np.float32)
        movement = ideomotor.rollout(policy, ReachCommand(target), np.arange(151) * 0.01, plant=plant)
        assert np.linalg.norm(movement.ys["hand"][100:] - target, axis=-1).max() < 0.025
        return
    for speed in (-0.3, 0.3):
        circle = CircleCommand(np.array([0.18, 0.36], np.float32), np.float32(0.07), np.float32(speed))
        movement = ideomotor.rollout(policy, circle, np.arange(501) * 0.01, plant=plant)
        off = np.asarray(movement.ys["hand"][250:]) - circle.center
        distance = np.linalg.norm(off, axis=-1)
        assert np.abs(distance - 0.07).mean() < 0.01
        turned = np.unwrap(np.arctan2(off[:, 1], off[:, 0]))
        np.testing.assert_allclose(-(turned[-1] - turned[0]) * 0.07 / 2.5, speed, rtol=0.15)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ideomotor.make("rate-cell", 0), ValueError, "units must be at least 1"),
        (lambda: ideomotor.make("gru-cell", 0), ValueError, "units must be at least 1"),
        (lambda: ideomotor.make("rate-cell", time=0.0), ValueError, "time must be greater than 0"),
        (lambda: ideomotor.make("rate-cell", transfer="step"), ValueError, "transfer must be one of relu"),
        (lambda: RecurrentPolicy(noise=-0.1), ValueError, "noise must be at least 0"),
        (lambda: RecurrentPolicy(signals=("smell",)), ValueError, "not 'smell'"),
        (lambda: RecurrentPolicy(muscles=0), ValueError, "muscles must be at least 1"),
        (lambda: ScheduledPolicy(RecurrentPolicy(), 0), ValueError, "switches must be at least 1"),
        (
            lambda: eqx.tree_at(
                lambda s: s.times, ScheduledPolicy().default_params(), np.zeros(2)
            ).__check_init__(),
            DataError,
            "times must increase",
        ),
        (
            lambda: ScheduledPolicy.steps(RecurrentPolicy(), ReachCommand(np.zeros((2, 2))), 0.0),
            DataError,
            "hold must be positive",
        ),
        (
            lambda: ScheduledPolicy.moving_target(RecurrentPolicy(), np.zeros((3, 2)), 0.0),
            DataError,
            "dt must be positive",
        ),
        (
            lambda: ScheduledPolicy.figure_eight(RecurrentPolicy(), radius=0.0),
            DataError,
            "positive radius and speed",
        ),
        (lambda: pretrained("walk"), UnknownNameError, "no trained 'walk'"),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=message):
        make()
