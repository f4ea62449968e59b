"""The limbs: geometry, work, energy, order of convergence, gradients, and the peer's Arm26."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from hypothesis import given, settings
from hypothesis import strategies as st

import ideomotor
from ideomotor_arm import (
    CurlField,
    MuscleArm,
    PointMass,
    TwoLinkArm,
    arm26,
    franklin_arm,
    muscle_leg,
)

ArmState, MuscleArmState = type(TwoLinkArm().default_state()), type(MuscleArm().default_state())
LIMBS = {
    "muscle-arm": MuscleArm,
    "arm26": arm26,
    "arm26-thelen": lambda: arm26(ideomotor.make("thelen-muscle")),
    "franklin-arm": franklin_arm,
    "muscle-leg": muscle_leg,
}


@pytest.fixture(params=LIMBS, name="limb")
def _limb(request):
    with jax.enable_x64(True):
        yield LIMBS[request.param]()


def _state(limb, seed):
    rng = np.random.default_rng(seed)
    least = limb.activation.least
    return MuscleArmState(
        limb.arm.rest + 0.3 * rng.standard_normal(2),
        rng.standard_normal(2),
        jnp.asarray(rng.uniform(least, 1.0, limb.muscles)),
    )


@pytest.mark.parametrize("seed", range(3))
def test_speed_and_moment_arm_are_the_derivatives_of_length(limb, seed):
    state = _state(limb, seed)
    angle, velocity = jnp.asarray(state.angle), jnp.asarray(state.velocity)
    h = 1e-6
    by_angle = np.stack(
        [(limb.paths.length(angle + e) - limb.paths.length(angle - e)) / (2 * h) for e in h * np.eye(2)], -1
    )
    np.testing.assert_allclose(limb.paths.moment_arms(angle), -by_angle, atol=1e-9)
    by_time = (limb.paths.length(angle + h * velocity) - limb.paths.length(angle - h * velocity)) / (2 * h)
    np.testing.assert_allclose(limb.observe(state)["speed"] * limb.paths.optimal_length, by_time, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_virtual_work(limb, seed):
    """Torque · joint velocity = -Σ tension · lengthening speed: muscles pay for what joints get."""
    state = _state(limb, seed)
    seen = limb.observe(state)
    torque = jnp.asarray(seen["tension"]) @ limb.paths.moment_arms(state.angle)
    power = -jnp.sum(seen["tension"] * seen["speed"] * limb.paths.optimal_length)
    np.testing.assert_allclose(torque @ jnp.asarray(state.velocity), power, rtol=1e-10)


@pytest.mark.parametrize("seed", range(2))
def test_vector_field_is_newtons_law(limb, seed):
    """M q'' + c + B q' = what the muscles (and stops) give, with the accelerations of our own vector field."""
    state = _state(limb, seed)
    limb = eqx.tree_at(lambda limb: limb.limits, limb, None, is_leaf=lambda x: x is None)
    rate = limb.vector_field(0.0, state, limb.default_command())
    torque = limb.tension(state) @ limb.paths.moment_arms(state.angle)
    needed = limb.arm.inverse_dynamics(state.angle, state.velocity, rate.velocity)
    np.testing.assert_allclose(needed, torque, rtol=1e-9, atol=1e-12)


def _free(solver, substeps=1):
    """An arm without friction whose muscles are silent: it must keep its energy."""
    arm = TwoLinkArm(damping=0.0)
    return MuscleArm(arm=arm, muscle=ideomotor.make("linear-muscle"), solver=solver, substeps=substeps)


def test_energy_is_kept_without_friction():
    with jax.enable_x64(True):
        plant = _free(diffrax.Dopri8(), 4)
        state = MuscleArmState(jnp.array([0.5, 1.5]), jnp.array([4.0, -6.0]), jnp.zeros(6))
        before = plant.energy(state)
        step = jax.jit(lambda s: plant.step(s, jnp.zeros(6), 0.01))
        for _ in range(200):
            state = step(state)
        np.testing.assert_allclose(plant.energy(state), before, rtol=1e-10)


@pytest.mark.parametrize(
    ("solver", "order"),
    [(diffrax.Euler(), 1), (diffrax.Heun(), 2), (diffrax.Bosh3(), 3), (diffrax.Tsit5(), 5)],
    ids=["Euler", "Heun", "Bosh3", "Tsit5"],
)
def test_order_of_convergence(solver, order):
    """Against DOP853 at 1e-12, on a smooth stretch of movement with all muscles active."""
    with jax.enable_x64(True):
        # Fifth order needs more derivatives than the force-speed curve has: muscles without one.
        plant = MuscleArm(
            muscle=ideomotor.make("linear-muscle") if order > 3 else ideomotor.make("virtual-muscle"),
            solver=solver,
        )
        # The arm swings fast one way, so that no muscle crosses the kink of its force-speed curve at speed zero.
        start = MuscleArmState(jnp.array([0.3, 1.2]), jnp.array([2.0, 1.5]), jnp.full(6, 0.1))
        command, duration = jnp.array([0.5, 0.1, 0.4, 0.1, 0.3, 0.1]), 0.08

        def flat(t, y):
            state = MuscleArmState(jnp.asarray(y[:2]), jnp.asarray(y[2:4]), jnp.asarray(y[4:]))
            return np.concatenate(jax.tree.leaves(field(state)))

        field = jax.jit(lambda state: plant.vector_field(0.0, state, command))
        y0 = np.concatenate(jax.tree.leaves(start))
        truth = scipy.integrate.solve_ivp(flat, (0, duration), y0, method="DOP853", rtol=1e-12, atol=1e-13).y[
            :, -1
        ]
        errors = []
        counts = (16, 32)
        for count in counts:
            step = jax.jit(lambda s, h=duration / count: plant.step(s, command, h))
            state = start
            for _ in range(count):
                state = step(state)
            errors.append(np.abs(np.concatenate(jax.tree.leaves(state)) - truth).max())
        measured = np.log2(errors[0] / errors[1])
        # From above it may be more: the constant of Tsit5's leading error term is tuned to be tiny.
        assert order - 0.35 <= measured <= order + 0.75, errors


def test_gradient_of_a_movement_equals_finite_differences(limb):
    key = jax.random.key(1)
    commands = jax.random.uniform(key, (15, limb.muscles))
    start = _state(limb, 5)

    def end(commands):
        def body(state, command):
            return limb.step(state, command, 0.01), None

        final, _ = jax.lax.scan(body, jax.tree.map(jnp.asarray, start), commands)
        return jnp.sum(jnp.sin(limb.observe(final)["hand"])) + jnp.sum(final.activation**2)

    end, slope = jax.jit(end), jax.jit(jax.grad(end))
    gradient = slope(commands)
    direction = jax.random.normal(jax.random.key(2), commands.shape)
    h = 1e-6
    by_differences = (end(commands + h * direction) - end(commands - h * direction)) / (2 * h)
    assert np.all(np.isfinite(gradient))
    np.testing.assert_allclose(jnp.sum(gradient * direction), by_differences, rtol=2e-4, atol=1e-7)


def test_gradients_are_finite_from_rest_and_at_zero_activation():
    for make in LIMBS.values():
        limb = make()

        @eqx.filter_jit
        @eqx.filter_grad
        def gradient(inputs):
            limb, command = inputs
            state = jax.tree.map(jnp.asarray, limb.default_state())
            state, _ = jax.lax.scan(lambda s, _: (limb.step(s, command, 0.01), None), state, length=5)
            return jnp.sum(limb.observe(state)["hand"])

        for command in (jnp.zeros(6), jnp.full(6, 0.2), jnp.ones(6)):
            leaves = jax.tree.leaves(gradient((limb, command)))
            assert leaves and all(np.all(np.isfinite(leaf)) for leaf in leaves)


@given(
    shoulder=st.floats(-0.2, 1.1),
    elbow=st.floats(1.1, 2.3),
    joint=st.integers(0, 1),
    sign=st.sampled_from([-1, 1]),
)
@settings(max_examples=30, deadline=None)
def test_muscles_push_both_joints_either_way_within_the_workspace(shoulder, elbow, joint, sign):
    """What the default workspace of the recurrent policies promises."""
    plant = MuscleArm()
    state = MuscleArmState(
        np.array([shoulder, elbow], np.float32), np.zeros(2, np.float32), np.ones(6, np.float32)
    )
    torques = np.asarray(plant.tension(state)[:, None] * plant.paths.moment_arms(state.angle))
    assert np.sum(np.maximum(sign * torques[:, joint], 0.0)) > 0.3


def test_franklin_muscles_are_as_stiff_as_published():
    """75 N/m for each newton, and damping 0.05 s times that."""
    with jax.enable_x64(True):
        limb, angle = franklin_arm(), jnp.array([np.pi / 4, np.pi / 2])

        def tension(length_change, speed):
            lengths = 1 + length_change / limb.paths.optimal_length
            return limb.paths.max_force * limb.muscle.tension(
                jnp.full(6, 0.3), lengths, speed / limb.paths.optimal_length
            )

        force = tension(0.0, 0.0)
        stiffness = jax.jvp(lambda x: tension(x, 0.0), (jnp.zeros(6),), (jnp.ones(6),))[1]
        damping = jax.jvp(lambda v: tension(0.0, v), (jnp.zeros(6),), (jnp.ones(6),))[1]
        np.testing.assert_allclose(stiffness, 75.0 * force, rtol=1e-9)
        np.testing.assert_allclose(damping, 0.05 * 75.0 * force, rtol=1e-9)
        np.testing.assert_allclose(
            limb.observe(MuscleArmState(angle, jnp.zeros(2), jnp.zeros(6)))["length"], 1.0
        )


def test_leg_muscles_turn_the_joints_their_names_say():
    leg = muscle_leg()
    arms = np.asarray(leg.paths.moment_arms(leg.arm.rest))
    signs = dict(zip(leg.paths.names, np.sign(arms).astype(int).tolist(), strict=True))
    # hip extension and knee flexion are positive
    assert signs == {
        "hip flexors": [-1, 0],
        "glutei": [1, 0],
        "hamstrings": [1, 1],
        "biceps short head": [0, 1],
        "vasti": [0, -1],
        "gastrocnemius": [0, 1],
    }
    ts = jnp.arange(61) * 0.01
    swing = eqx.filter_jit(
        lambda u: jax.lax.scan(lambda s, _: (leg.step(s, u, 0.01),) * 2, leg.default_state(), ts)
    )
    kick = swing(jnp.array([0.3, 0.0, 0.0, 0.0, 0.3, 0.0]))[1]
    assert np.all(np.isfinite(kick.angle)) and kick.angle[-1, 0] < leg.arm.rest[0]
    # The knee is stopped near its end of range instead of bending the wrong way.
    assert kick.angle[:, 1].min() > -0.25


def test_agrees_with_motornet_arm26():
    """The same equations in MotorNet 0.3.0 (rigid tendon, Hill, Euler 0.01 s): 50 steps of random excitation."""
    torch = pytest.importorskip("torch")
    motornet = pytest.importorskip("motornet")
    effector = motornet.effector.RigidTendonArm26(motornet.muscle.RigidTendonHillMuscle())
    rng = np.random.default_rng(3)
    # Weak elbow flexors, so that the elbow stays within MotorNet's hard stops.
    commands = (rng.uniform(0.02, 0.35, (50, 6)) * [1, 1, 0.7, 1, 0.7, 1]).astype(np.float32)
    start = np.array([1.2, 1.4, 0.0, 0.0], np.float32)
    effector.reset(options={"batch_size": 1, "joint_state": torch.tensor(start)[None]})
    theirs = []
    for command in commands:
        effector.step(torch.tensor(command)[None])
        theirs.append(effector.states["joint"][0, :2].numpy())
    plant = arm26()
    state = MuscleArmState(start[:2], start[2:], np.full(6, 0.001, np.float32))

    # MotorNet's step takes lengths and speeds of the muscles from one step before (`Effector.integration_step` hands the
    # old geometry to the muscle), which is no Euler step of the equations. Our parts are put together in the same order.
    @jax.jit
    def step(state, before, command):
        length, speed = plant.length_and_speed(before)
        tension = plant.paths.max_force * plant.muscle.tension(jnp.asarray(state.activation), length, speed)
        torque = plant.paths.torque(state.angle, tension)
        rate = plant.arm.vector_field(0.0, ArmState(state.angle, state.velocity), torque)
        rise = plant.activation.rate(jnp.asarray(state.activation), plant.activation.limit(command))
        return MuscleArmState(
            state.angle + 0.01 * rate.angle,
            state.velocity + 0.01 * rate.velocity,
            state.activation + 0.01 * rise,
        )

    before, ours = state, []
    for command in commands:
        state, before = step(state, before, command), state
        ours.append(state.angle)
    assert np.ptp(np.stack(theirs), axis=0).min() > 0.05, "the arm must have moved"
    np.testing.assert_allclose(np.stack(ours), np.stack(theirs), atol=1e-5)


STEPS = (0.001, 0.002, 0.005, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.08, 0.1)
MODELS = {
    **LIMBS,
    "todorov-li-activation": lambda: MuscleArm(activation=ideomotor.make("todorov-li-activation")),
    "thelen-activation": lambda: MuscleArm(activation=ideomotor.make("thelen-activation")),
    "slow": lambda: MuscleArm(muscle=ideomotor.make("virtual-muscle", "slow")),
    "fast": lambda: MuscleArm(muscle=ideomotor.make("virtual-muscle", "fast")),
    "lillicrap-scott": lambda: MuscleArm(muscle=ideomotor.make("virtual-muscle", "lillicrap-scott")),
    "linear": lambda: MuscleArm(muscle=ideomotor.make("linear-muscle")),
    "kistemaker": lambda: MuscleArm(muscle=ideomotor.make("kistemaker-muscle")),
    "in a field": lambda: CurlField(arm26(), 5.0),
}


@pytest.mark.parametrize("name", MODELS)
def test_activations_stay_in_range_and_movements_finite_at_any_time_step(name):
    """Bang-bang and uniform excitations; arm26 also keeps MotorNet's range of the joints, 0 to 135 and 155 degrees."""
    limb = MODELS[name]()

    @jax.jit
    def drive(dt, commands):
        return jax.lax.scan(lambda s, u: (limb.step(s, u, dt),) * 2, limb.default_state(), commands)[1]

    rng = np.random.default_rng(0)
    for dt in STEPS:
        uniform = rng.uniform(-0.2, 1.2, (60, 6))
        states = drive(
            dt, jnp.asarray(np.where(rng.random((60, 1)) < 0.5, np.round(uniform), uniform), float)
        )
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(states)), dt
        assert np.all((states.activation >= 0) & (states.activation <= 1)), dt
        assert np.abs(states.velocity).max() < 200, dt
        if "arm26" in name:
            degrees = np.rad2deg(states.angle)
            assert degrees.min() >= -1e-4 and np.all(degrees.max(0) <= np.array([135, 155]) + 1e-4)


@pytest.mark.parametrize("make_limb", [arm26, muscle_leg])
@pytest.mark.parametrize("u", [0.0, 0.3, 1.0])
def test_activations_after_a_tenth_of_a_second_are_those_of_the_equation(make_limb, u):
    """One step of 0.1 s against Thelen's equation solved by LSODA."""
    limb, first = make_limb(), 0.4
    rise, fall = float(limb.activation.rise), float(limb.activation.fall)
    aim = max(u, 0.001)

    def rate(_, a):
        factor = 0.5 + 1.5 * a
        return (aim - a) / np.where(aim > a, rise * factor, fall / factor)

    truth = scipy.integrate.solve_ivp(rate, (0, 0.1), [first], method="LSODA", rtol=1e-9).y[0, -1]
    start = eqx.tree_at(lambda s: s.activation, limb.default_state(), jnp.full(6, first))
    np.testing.assert_allclose(limb.step(start, jnp.full(6, u), 0.1).activation, truth, atol=0.03)


def test_divided_steps_are_steps_and_have_their_gradients():
    """0.04 s at once is four times 0.01 s, traced or not, and so are the derivatives by the excitations."""
    with jax.enable_x64(True):
        limb = arm26()
        u = jnp.linspace(0.1, 0.9, 6)

        def at_once(u, dt):
            return limb.step(limb.default_state(), u, dt).velocity

        def four_times(u):
            state = limb.default_state()
            for _ in range(4):
                state = limb.step(state, u, 0.01)
            return state.velocity

        np.testing.assert_allclose(at_once(u, 0.04), four_times(u), rtol=1e-9)
        np.testing.assert_allclose(jax.jit(at_once)(u, 0.04), four_times(u), rtol=1e-9)
        slope = jax.jit(jax.jacobian(at_once))(u, 0.04)
        np.testing.assert_allclose(slope, jax.jacobian(four_times)(u), rtol=1e-7, atol=1e-9)
        once = jax.vmap(jax.jit(at_once), (None, 0))(u, jnp.array([0.01, 0.04]))
        np.testing.assert_allclose(once[1], four_times(u), rtol=1e-9)


@pytest.mark.parametrize("name", ["muscle-arm", "arm26", "franklin-arm", "muscle-leg", "point-mass"])
def test_limbs_come_back_from_their_config(name):
    made = ideomotor.make(name)
    again = ideomotor.config.from_config(ideomotor.config.to_config(made))
    assert eqx.tree_equal(made, again)


def test_hand_can_be_put_somewhere_moving():
    with jax.enable_x64(True):
        plant = MuscleArm()
        seen = plant.observe(plant.moving(jnp.array([0.1, 0.42]), jnp.array([0.3, -0.2])))
        np.testing.assert_allclose(seen["hand"], [0.1, 0.42], atol=1e-12)
        np.testing.assert_allclose(seen["hand_velocity"], [0.3, -0.2], atol=1e-12)
        with pytest.raises(ideomotor.errors.DataError, match="reaches only from"):
            plant.at(jnp.array([0.6, 0.6]))


def test_excitation_is_clipped():
    plant = MuscleArm()
    state = plant.default_state()
    one, many = (plant.step(state, jnp.full(6, u), 0.01).activation for u in (1.0, 50.0))
    np.testing.assert_array_equal(one, many)
    np.testing.assert_array_equal(plant.step(state, jnp.full(6, -3.0), 0.01).activation, 0.0)


def test_a_muscle_without_length_is_refused():
    paths = ideomotor.make(
        "muscle-paths", reference=[[0.0, 0.0]], linear=[[-0.5, 0.0]], optimal_length=[0.05], max_force=[100.0]
    )
    with pytest.raises(ValueError, match="muscle 'muscle 1' is -0.34.* m long at the joint angles"):
        MuscleArm(paths=paths)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"muscle": ideomotor.make("first-order-activation")}, "muscle must be a AbstractMuscle"),
        ({"substeps": 0}, "substeps must be at least 1"),
        ({"longest_step": 0.0}, "longest_step must be a positive number"),
        (
            {"paths": ideomotor.make("muscle-paths", [[0.0]], [[-0.01]], [0.1], [10.0])},
            "must run over 2 joints, but the paths run over 1",
        ),
    ],
)
def test_limbs_that_cannot_be(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        MuscleArm(**arguments)


def test_point_mass_is_a_point_mass():
    with jax.enable_x64(True):
        plant = PointMass(mass=2.0, friction=0.5, solver=diffrax.Dopri8())
        state, force, duration = plant.at(jnp.array([0.1, -0.2])), jnp.array([3.0, -1.0]), 0.7
        end = plant.step(state, force, duration)
        rate = 0.5 / 2.0
        speed = force / 0.5 * (1 - np.exp(-rate * duration))
        np.testing.assert_allclose(end.velocity, speed, rtol=1e-9)
        np.testing.assert_allclose(
            end.position, state.position + force / 0.5 * duration - speed / rate, rtol=1e-9
        )
    with pytest.raises(ValueError, match="mass must be greater than 0"):
        PointMass(mass=-1.0)


def test_muscles_can_be_exchanged():
    for muscle in (
        ideomotor.make("linear-muscle"),
        ideomotor.make("virtual-muscle"),
        ideomotor.make("kistemaker-muscle"),
        ideomotor.make("thelen-muscle"),
    ):
        plant = MuscleArm(muscle=muscle)
        assert np.all(np.isfinite(plant.step(plant.default_state(), jnp.full(6, 0.3), 0.01).velocity))
