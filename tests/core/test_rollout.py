import dataclasses
import warnings

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest
import scipy.integrate
from hypothesis import given, settings
from hypothesis import strategies as st

import ideomotor
from ideomotor import rollout
from ideomotor.errors import AssemblyError, DataError

from ._parts import Count, Jitter, NumpyPull, NumpySpring, NumpyWaves, Pull, Spring, Wave, Waves

TS = jnp.linspace(0.0, 1.0, 11)


def by_hand(primitive, params, ts, plant, x0):
    """The loop of `rollout` in plain Python, for both kinds of primitive."""
    feedforward = isinstance(primitive, ideomotor.AbstractFeedforwardPrimitive)
    commands = primitive.trajectory(params, ts) if feedforward else None
    p = None if feedforward else primitive.init(params)
    x, ys, us, xs = x0, [], [], []
    for i in range(len(ts)):
        y = plant.observe(x)
        dt = ts[i + 1] - ts[i] if i + 1 < len(ts) else ts[i] - ts[i - 1]
        if feedforward:
            u = commands[i]
        else:
            p, u = primitive.step(p, y, params, dt)
        ys.append(y), us.append(u), xs.append(x)
        x = plant.step(x, u, dt)
    return [jax.tree.map(lambda *leaves: jnp.stack(leaves), *many) for many in (ys, us, xs)]


def assert_close(one, other, **kwargs):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **kwargs), one, other)


def test_feedforward_primitive_alone_is_called_once_for_the_whole_movement():
    calls = []

    class Spy(ideomotor.AbstractFeedforwardPrimitive):
        def default_params(self):
            return jnp.ones(2)

        def trajectory(self, params, ts, *, key=None):
            calls.append(ts.shape)
            return ts[:, None] * params

    movement = rollout(Spy(), jnp.array([1.0, 2.0]), TS)
    assert calls == [(11,)]
    np.testing.assert_array_equal(movement.ts, TS)
    np.testing.assert_allclose(movement.ys, np.outer(TS, [1.0, 2.0]), rtol=1e-6)
    assert movement.us is None and movement.xs is None


@pytest.mark.parametrize("primitive", [Waves(), Pull()], ids=["feedforward", "feedback"])
def test_with_a_plant_it_is_the_loop_written_by_hand(primitive):
    params = jax.tree.map(lambda leaf: leaf + jnp.array([0.1, 0.4]), primitive.default_params())
    x0 = {"position": jnp.array([0.2, -0.1]), "velocity": jnp.array([0.0, 1.0])}
    ts = jnp.array([0.0, 0.1, 0.15, 0.4, 0.5])  # unequal steps
    plant = Spring()
    movement = rollout(primitive, params, ts, plant=plant, x0=x0)
    ys, us, xs = by_hand(primitive, params, ts, plant, x0)
    assert_close((movement.ys, movement.us, movement.xs), (ys, us, xs), rtol=2e-5, atol=1e-6)


def test_n_times_make_n_samples_and_one_step_less():
    class Steps(ideomotor.AbstractPlant):  # counts its steps
        def default_state(self):
            return jnp.zeros(())

        def default_command(self):
            return jnp.zeros(())

        def step(self, state, command, dt, *, key=None):
            return state + 1

        def observe(self, state, *, key=None):
            return 10 * state

    movement = rollout(Count(), jnp.array(1.0), jnp.linspace(0.0, 1.0, 5), plant=Steps())
    assert movement.xs.tolist() == [0, 1, 2, 3, 4]
    assert movement.ys.tolist() == [0, 10, 20, 30, 40]  # the last state is observed
    assert movement.us.tolist() == [0, 1, 2, 3, 4]  # and answered
    two = rollout(Count(), jnp.array(1.0), jnp.array([0.0, 1.0]), plant=Steps())
    assert two.xs.tolist() == [0, 1]


def test_feedback_primitive_without_plant_gives_its_commands():
    movement = rollout(Count(), jnp.array(2.0), TS)
    assert movement.ys.tolist() == [2.0 * i for i in range(11)]
    assert movement.us is None and movement.xs is None


def test_feedback_movement_is_a_solution_of_the_closed_loop():
    """With a fine time grid the held command tends to continuous feedback, which DOP853 solves."""
    with jax.enable_x64(True):
        plant, primitive, target = Spring(solver=diffrax.Tsit5()), Pull(), np.array([0.7, -0.3])

        def loop(t, s):
            u = (1 + t) * 3.0 * (target - s[:2])
            return np.concatenate([s[2:], u - 4.0 * s[:2] - 0.5 * s[2:]])

        truth = scipy.integrate.solve_ivp(loop, (0, 1), np.zeros(4), "DOP853", rtol=1e-11, atol=1e-12).y[
            :, -1
        ]
        errors = []
        for n in (101, 201):
            movement = rollout(
                primitive, {"target": jnp.asarray(target)}, jnp.linspace(0.0, 1.0, n), plant=plant
            )
            errors.append(np.abs(np.asarray(movement.ys["position"][-1]) - truth[:2]).max())
        assert errors[1] < 5e-3
        assert 1.8 < errors[0] / errors[1] < 2.2  # the hold is of first order


def test_compiles_once_for_all_calls_of_one_shape():
    traces = []

    class Spy(Pull):
        def step(self, *args, **kwargs):
            traces.append(1)
            return super().step(*args, **kwargs)

    def play(value, x, n=11):
        x0 = {"position": jnp.full(2, x), "velocity": jnp.zeros(2)}
        return rollout(
            Spy(value),
            {"target": jnp.full(2, value)},
            jnp.linspace(0.0, value, n),
            plant=Spring(value),
            x0=x0,
        )

    play(1.0, 0.0)
    first = len(traces)
    assert first > 0
    play(2.0, 0.5), play(3.0, 0.1)  # other gains, targets, times, masses and states
    assert len(traces) == first
    play(1.0, 0.0, n=12)
    assert len(traces) > first


def test_python_numbers_as_parameters_do_not_compile_anew():
    traces = []

    class Spy(ideomotor.AbstractFeedforwardPrimitive):
        def default_params(self):
            return 0.0

        def trajectory(self, params, ts, *, key=None):
            traces.append(1)
            return params * ts

    for value in (0.1, 0.2, 0.3):
        np.testing.assert_allclose(rollout(Spy(), value, TS).ys, value * TS, rtol=1e-6)
    assert len(traces) == 1


def test_keys():
    primitive, plant = Waves(), Jitter()

    def play(seed):
        return rollout(primitive, primitive.default_params(), TS, plant=plant, key=jax.random.key(seed))

    one, same, other = play(0), play(0), play(1)
    assert_close(one, same, rtol=0)
    assert np.abs(one.xs - other.xs).max() > 0.01
    steps = (one.xs[1:] - one.xs[:-1]) / jnp.diff(TS)[:, None] - one.us[:-1]
    noise = np.concatenate([steps, 10 * (one.ys - one.xs)])
    assert len(np.unique(np.round(noise, 5))) == noise.size  # every number is drawn from its own key
    with pytest.raises(ValueError, match="give rollout a key"):
        rollout(primitive, primitive.default_params(), TS, plant=plant)


def test_noise_is_standard_normal_over_many_keys():
    keys = jax.random.split(jax.random.key(3), 400)
    run = jax.vmap(lambda key: rollout(Waves(), Waves().default_params(), TS, plant=Jitter(), key=key))
    movements = run(keys)
    steps = np.asarray((movements.xs[:, 1:] - movements.xs[:, :-1]) / 0.1 - movements.us[:, :-1])
    assert abs(steps.mean()) < 5 / np.sqrt(steps.size)
    assert abs(steps.std() - 1) < 5 / np.sqrt(2 * steps.size)


def test_a_jax_primitive_moves_a_host_plant_in_an_ordinary_loop_that_replays_bit_for_bit():
    plant = ideomotor.host(NumpySpring())
    movement = rollout(Pull(), {"target": jnp.array([0.3, 0.1])}, np.linspace(0.0, 1.0, 21), plant=plant)
    assert isinstance(movement.xs, np.ndarray) and movement.xs.dtype == np.float64
    assert isinstance(movement.ys["position"], np.ndarray) and movement.ys["position"].dtype == np.float64
    for i, dt in enumerate(np.diff(movement.ts)):
        again = NumpySpring().step(movement.xs[i], movement.us[i], dt)
        np.testing.assert_array_equal(again, movement.xs[i + 1])


def test_host_loop_agrees_with_the_scan():
    plant, primitive = ideomotor.host(NumpySpring()), ideomotor.host(NumpyPull())
    params = np.array([0.5, -0.5])
    ts = np.linspace(0.0, 1.0, 11)
    eager = rollout(primitive, params, ts, plant=plant)
    traced = jax.jit(lambda params: rollout(primitive, params, ts, plant=plant))(params)
    assert_close(eager, traced, rtol=1e-4, atol=1e-6)
    mixed = rollout(Waves(), Waves().default_params(), ts, plant=plant)
    scanned = jax.jit(lambda params: rollout(Waves(), params, ts, plant=plant))(Waves().default_params())
    assert_close(mixed, scanned, rtol=1e-4, atol=1e-6)


def test_host_primitive_moves_a_jax_plant():
    params, ts = np.array([[0.5, -0.5], [0.1, 0.2]]), np.linspace(0.0, 1.0, 11)
    movement = rollout(ideomotor.host(NumpyWaves()), params, ts, plant=Spring())
    np.testing.assert_allclose(movement.us, NumpyWaves().trajectory(params, ts), rtol=1e-12)
    alone = rollout(ideomotor.host(NumpyWaves()), params, ts)
    assert alone.ys.dtype == np.float64
    np.testing.assert_array_equal(alone.ys, NumpyWaves().trajectory(params, ts))


def test_buffers_that_the_simulator_reuses_are_copied():
    class Reuses(NumpySpring):
        def __init__(self):
            super().__init__()
            self.buffer = np.zeros(2)

        def observe(self, state):
            self.buffer[:] = state[0]
            return {"position": self.buffer}

    movement = rollout(Pull(), Pull().default_params(), TS, plant=ideomotor.host(Reuses()))
    np.testing.assert_array_equal(movement.ys["position"], movement.xs[:, 0])


def end_point(model, params, x0, ts=TS):
    primitive, plant = model
    movement = rollout(primitive, params, ts, plant=plant, x0=x0)
    return sum(
        jnp.sum(jnp.sin(leaf[-1]) + leaf[3] ** 2) for leaf in jax.tree.leaves((movement.ys, movement.us))
    )


@pytest.mark.parametrize(
    ("primitive", "solver"), [(Waves, diffrax.Heun), (Pull, diffrax.Heun), (Pull, diffrax.Kvaerno3)]
)
def test_gradient_with_respect_to_fields_params_and_x0_equals_finite_differences(primitive, solver):
    with jax.enable_x64(True):
        model = (primitive(), Spring(1.3, solver=solver(), substeps=2))
        x0 = {"position": jnp.array([0.2, -0.1]), "velocity": jnp.array([0.0, 1.0])}
        point = (model, model[0].default_params(), x0)
        dynamic, static = eqx.partition(point, eqx.is_inexact_array)
        f = jax.jit(lambda dynamic: end_point(*eqx.combine(dynamic, static)))
        gradient = jax.grad(f)(dynamic)
        rng = np.random.default_rng(0)
        direction = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), dynamic)
        h = 1e-5
        up, down = (f(jax.tree.map(lambda a, b: a + s * h * b, dynamic, direction)) for s in (1, -1))  # noqa: B023
        slope = sum(jnp.vdot(a, b) for a, b in zip(*map(jax.tree.leaves, (gradient, direction)), strict=True))
        np.testing.assert_allclose(
            slope, (up - down) / (2 * h), rtol=2e-7 if solver is diffrax.Heun else 1e-5
        )


def test_vmap_is_the_loop_over_movements():
    targets = jnp.array([[0.0, 1.0], [2.0, 0.5], [-1.0, 0.3]])
    play = lambda target: rollout(Pull(), {"target": target}, TS, plant=Spring())  # noqa: E731
    together = jax.vmap(play)(targets)
    for i, target in enumerate(targets):
        assert_close(jax.tree.map(lambda leaf: leaf[i], together), play(target), rtol=1e-5, atol=1e-6)  # noqa: B023


def test_mixed_precision_takes_the_wider_one():
    with jax.enable_x64(True):
        x0 = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), Spring().default_state())
        movement = rollout(Pull(), {"target": jnp.ones(2)}, jnp.linspace(0.0, 1.0, 5), plant=Spring(), x0=x0)
        assert {leaf.dtype for leaf in jax.tree.leaves(movement)} == {jnp.dtype(jnp.float64)}


@given(st.integers(2, 12), st.floats(0.1, 3.0))
@settings(max_examples=10, deadline=None)
def test_constant_force_on_a_free_mass_gives_the_parabola(n, duration):
    """With a constant command the movement does not depend on how time is cut."""

    class Constant(ideomotor.AbstractFeedforwardPrimitive):
        def default_params(self):
            return jnp.zeros(2)

        def trajectory(self, params, ts, *, key=None):
            return jnp.broadcast_to(params, (ts.shape[0], 2))

    ts = np.linspace(0.0, duration, n)
    force = np.array([1.0, -2.0])
    movement = rollout(Constant(), force, ts, plant=Spring(2.0, 0.0, 0.0))
    np.testing.assert_allclose(movement.xs["position"], np.outer(ts**2, force) / 4, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("ts", "words"),
    [
        (np.array([0.0, 0.2, 0.2]), r"ts\[2\] = 0.2 follows ts\[1\] = 0.2"),
        (np.array([0.0, 0.3, 0.2]), r"ts must increase, and ts\[2\] = 0.2 follows"),
        (np.array([0.0, np.nan, 0.2]), r"ts\[1\] is nan; times must be finite"),
        (np.array([0.0, 1.0, np.inf]), r"ts\[2\] is inf"),
        (np.array([0.5]), r"ts has 1 time\(s\); at least 2 are needed"),
        (np.zeros(0), r"ts has 0 time\(s\)"),
    ],
)
def test_bad_times_are_refused(ts, words):
    with pytest.raises(DataError, match=words):
        rollout(Waves(), Waves().default_params(), ts)
    with pytest.raises(DataError, match=words):
        rollout(Pull(), Pull().default_params(), ts, plant=Spring())


@pytest.mark.parametrize("ts", [np.zeros((2, 3)), 1.0, np.float32(2.0)])
def test_times_that_are_no_sequence_are_refused(ts):
    with pytest.raises(DataError, match="one-dimensional array of times in seconds"):
        ideomotor.check_times(ts)


def test_times_may_be_a_list():
    np.testing.assert_array_equal(ideomotor.check_times([0.0, 1.0]), [0.0, 1.0])


def test_state_without_plant_is_refused():
    with pytest.raises(AssemblyError, match="a state x0 but no plant"):
        rollout(Waves(), Waves().default_params(), TS, x0=jnp.zeros(2))


def test_state_of_another_structure_is_refused():
    with pytest.raises(AssemblyError) as caught:
        rollout(Waves(), Waves().default_params(), TS, plant=Spring(), x0={"position": jnp.zeros(2)})
    assert "x0 does not fit Spring: it lacks ['velocity']" in str(caught.value)
    x0 = {"position": jnp.zeros(2), "velocity": jnp.zeros(3)}
    with pytest.raises(AssemblyError, match=r"\['velocity'\] has shape \(3,\) where \(2,\) is needed"):
        rollout(Waves(), Waves().default_params(), TS, plant=Spring(), x0=x0)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (Wave(jnp.ones(3), jnp.zeros(2)), r"amplitude has shape \(3,\) where \(2,\) is needed"),
        (Wave(jnp.ones((5, 2)), jnp.zeros((5, 2))), r"amplitude has shape \(5, 2\) where \(2,\) is needed"),
        ({"amplitude": jnp.ones(2)}, "a different structure"),
    ],
)
def test_parameters_of_another_structure_are_refused(params, words):
    with pytest.raises(AssemblyError, match=words) as caught:
        rollout(Waves(), params, TS)
    assert "Waves takes parameters: Wave(amplitude=f32[2], offset=f32[2])" in str(caught.value)


def test_a_policy_that_looks_needs_a_plant():
    with pytest.raises(AssemblyError, match="Pull requires the feedback of a plant, but there is none"):
        rollout(Pull(), Pull().default_params(), TS)


def test_a_plant_that_changes_the_structure_of_its_state_is_named():
    class Grows(Spring):
        def step(self, state, command, dt, *, key=None):
            return {**state, "time": dt}

    with pytest.raises(
        AssemblyError, match=r"Grows.step does not fit the state before it: it has unknown \['time'\]"
    ):
        rollout(Waves(), Waves().default_params(), TS, plant=Grows())


def test_neither_kind_of_primitive_is_refused():
    class Odd(ideomotor.AbstractPrimitive):
        def default_params(self):
            return jnp.zeros(())

    with pytest.raises(AssemblyError, match="Odd is neither"):
        rollout(Odd(), jnp.zeros(()), TS)


# ------------------------------------------------------------------------------------- plants given by ODEs


def exact(t, mass=1.0, stiffness=4.0, damping=0.5, force=1.0, x=0.3, v=-0.2):
    """Position and velocity of the damped spring under a constant force, in closed form."""
    rest, decay = force / stiffness, damping / (2 * mass)
    omega = np.sqrt(stiffness / mass - decay**2)
    a, b = x - rest, (v + decay * (x - rest)) / omega
    swing = a * np.cos(omega * t) + b * np.sin(omega * t)
    turn = omega * (b * np.cos(omega * t) - a * np.sin(omega * t))
    return np.array([rest + np.exp(-decay * t) * swing, np.exp(-decay * t) * (turn - decay * swing)])


def one_step(solver, substeps, dt):
    state = {"position": jnp.full(2, 0.3), "velocity": jnp.full(2, -0.2)}
    return Spring(solver=solver, substeps=substeps).step(state, jnp.ones(2), jnp.asarray(dt))


@pytest.mark.parametrize(
    ("solver", "order", "n"),
    [
        (diffrax.Euler(), 1, 64),
        (diffrax.Heun(), 2, 64),
        (diffrax.Kvaerno3(), 3, 64),
        (diffrax.Tsit5(), 5, 16),
    ],
)
def test_order_of_convergence_in_substeps_and_in_dt(solver, order, n):
    with jax.enable_x64(True):
        errors = [error(solver, k, 1.0) for k in (n, 2 * n)]
        assert order - 0.25 < np.log2(errors[0] / errors[1]) < order + 0.25
        # One step of half the size has an error smaller by one order more.
        errors = [error(solver, 1, dt) for dt in (0.04, 0.02)]
        assert order + 0.75 < np.log2(errors[0] / errors[1]) < order + 1.25


def error(solver, substeps, dt):
    after = one_step(solver, substeps, dt)
    return np.linalg.norm(exact(dt) - np.array([after["position"][0], after["velocity"][0]]))


@pytest.mark.parametrize("solver", [diffrax.Euler(), diffrax.Heun(), diffrax.Tsit5(), diffrax.Dopri8()])
def test_substeps_equal_diffeqsolve_to_rounding(solver):
    with jax.enable_x64(True):
        plant = Spring(solver=solver, substeps=7)
        state = {"position": jnp.full(2, 0.3), "velocity": jnp.full(2, -0.2)}
        term = diffrax.ODETerm(plant.vector_field)
        theirs = diffrax.diffeqsolve(term, solver, 0.0, 0.35, 0.05, state, args=jnp.ones(2)).ys
        ours = plant.step(state, jnp.ones(2), jnp.asarray(0.35))
        assert_close(ours, jax.tree.map(lambda leaf: leaf[-1], theirs), rtol=1e-14)


class Pendulum(Spring):
    def vector_field(self, t, state, command):
        return {"position": state["velocity"], "velocity": -9.0 * jnp.sin(state["position"])}


def test_implicit_solver_takes_stiff_steps_and_keeps_given_tolerances():
    with jax.enable_x64(True):
        stiff = Spring(stiffness=1e6, damping=2e3, solver=diffrax.Kvaerno3(), substeps=1)
        state = {"position": jnp.full(2, 0.3), "velocity": jnp.zeros(2)}
        after = stiff.step(state, jnp.zeros(2), jnp.asarray(0.1))  # a hundred time constants in one step
        assert np.all(np.abs(after["position"]) < 0.1 * 0.3)
        explicit = eqx.tree_at(lambda plant: plant.solver, stiff, diffrax.Heun())
        assert np.all(np.abs(explicit.step(state, jnp.zeros(2), jnp.asarray(0.1))["position"]) > 1e3)

        def swing(**tolerances):
            finder = {"root_finder": optx.Newton(**tolerances)} if tolerances else {}
            plant = Pendulum(solver=diffrax.Kvaerno3(**finder), substeps=2)
            state = {"position": jnp.full(2, 2.0), "velocity": jnp.zeros(2)}
            return float(plant.step(state, jnp.zeros(2), jnp.asarray(0.5))["position"][0])

        tight = swing(rtol=1e-13, atol=1e-13, norm=optx.max_norm)
        assert abs(swing() - tight) < 1e-10
        assert abs(swing(rtol=0.3, atol=0.3, norm=optx.max_norm) - tight) > 1e-10  # the user's own are kept
    assert abs(swing() - tight) < 1e-5  # in float32


def test_an_implicit_solver_that_fails_gives_nan_and_not_a_wrong_state():
    class Blows(Spring):
        def vector_field(self, t, state, command):
            return jax.tree.map(lambda leaf: leaf**9 * 1e9, state)

    state = {"position": jnp.full(2, 10.0), "velocity": jnp.full(2, 10.0)}
    after = Blows(solver=diffrax.Kvaerno3()).step(state, jnp.zeros(2), jnp.asarray(1.0))
    assert np.all(np.isnan(after["position"]))


def test_dt_may_be_a_number():
    assert_close(
        one_step(diffrax.Heun(), 2, 0.1),
        Spring(substeps=2).step(
            {"position": jnp.full(2, 0.3), "velocity": jnp.full(2, -0.2)}, jnp.ones(2), 0.1
        ),
    )


def test_symplectic_solver_is_refused_with_a_sentence():
    with pytest.raises(
        TypeError, match=r"solver SemiImplicitEuler does not solve a plain ODE; use an explicit solver"
    ):
        one_step(diffrax.SemiImplicitEuler(), 1, 0.1)


def test_a_command_that_switches_is_held_exactly():
    """Two constant forces one after the other: the reference solves each interval on its own."""
    with jax.enable_x64(True):

        class Switch(ideomotor.AbstractFeedforwardPrimitive):
            def default_params(self):
                return jnp.ones(())

            def trajectory(self, params, ts, *, key=None):
                return jnp.where(ts < 0.5, params, -params)[:, None] * jnp.ones(2)

        plant = Spring(solver=diffrax.Tsit5(), substeps=20)
        x0 = {"position": jnp.zeros(2), "velocity": jnp.zeros(2)}
        movement = rollout(Switch(), jnp.ones(()), jnp.array([0.0, 0.5, 1.0]), plant=plant, x0=x0)
        rest = np.zeros(2)
        for force, i in ((1.0, 1), (-1.0, 2)):
            field = lambda t, s, force=force: [s[1], force - 4 * s[0] - 0.5 * s[1]]  # noqa: E731
            rest = scipy.integrate.solve_ivp(field, (0, 0.5), rest, "DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
            np.testing.assert_allclose(movement.xs["position"][i], rest[0], rtol=1e-8)


def test_trajectory_is_sliced_and_measured_in_time():
    movement = rollout(Pull(), Pull().default_params(), TS, plant=Spring())
    assert len(movement) == 11 and len(movement[::5]) == 3
    np.testing.assert_array_equal(movement[::5].xs["velocity"], movement.xs["velocity"][::5])
    assert [field.name for field in dataclasses.fields(movement)] == ["ts", "ys", "us", "xs", "ps"]


@pytest.mark.parametrize(
    ("ts", "ys", "words"),
    [
        (
            np.array([0.0, 1.0]),
            np.zeros((3, 2)),
            r"trajectory.ys has shape \(3, 2\) and must lead with 2 times",
        ),
        (
            np.array([0.0, 1.0]),
            {"hand": np.array([0.0, np.nan])},
            r"trajectory.ys\['hand'\]\[1\] is not finite",
        ),
        (np.array([1.0, 0.0]), np.zeros((2, 2)), "trajectory.ts must increase"),
    ],
)
def test_demonstrations_that_cannot_be_imitated_are_refused(ts, ys, words):
    with pytest.raises(DataError, match=words):
        ideomotor.check_demonstration(ideomotor.Trajectory(ts, ys))


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rollout(Pull(), Pull().default_params(), TS, plant=Spring(), key=jax.random.key(0))
