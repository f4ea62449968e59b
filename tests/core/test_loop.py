"""One loop: movements that continue, clock times, movements that diverge or are interrupted."""

import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor import Loop, Trajectory, rollout
from ideomotor.errors import AssemblyError, DataError, SimulationError

from ._parts import Count, Jitter, NumpyPull, NumpySpring, NumpyWaves, Pull, Spring, Waves

TS = np.linspace(0.0, 1.0, 41)
CLOCK = 1.7e9  # s, a clock time of 2023


class NoisyPull(Pull):
    """`Pull` with noise in its command; a wrapper would do the same."""

    def step(self, state, feedback, params, dt, *, key=None):
        state, command = super().step(state, feedback, params, dt)
        return state, command if key is None else command + jax.random.normal(key, (2,))


class NumpyNoise(NumpySpring):
    """A spring on the host that samples."""

    def step(self, state, command, dt, *, key=None):
        new = super().step(state, command, dt)
        return new if key is None else new + 0.01 * np.random.default_rng(key).normal(size=new.shape)


PAIRS = {
    "feedback": (NoisyPull(), Spring()),
    "feedforward": (Waves(), Jitter()),
    "feedforward alone": (Waves(), None),
    "feedback alone": (Count(), None),
    "dmp": (ideomotor.make("dmp", dof=2, basis=6), Spring()),
    "feedback dmp": (ideomotor.make("feedback-dmp"), None),
    "policy": (
        ideomotor.make("recurrent-policy"),
        ideomotor.make("noisy", plant=ideomotor.make("muscle-arm")),
    ),
    "host plant": (NoisyPull(), ideomotor.host(NumpyNoise())),
    "host plant, feedforward": (Waves(), ideomotor.host(NumpyNoise())),
    "host primitive": (ideomotor.host(NumpyPull()), Spring()),
    "host feedforward": (ideomotor.host(NumpyWaves()), Jitter()),
    "host feedforward alone": (ideomotor.host(NumpyWaves()), None),
}


def assert_same(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("keyed", [False, True], ids=["plain", "with a key"])
@pytest.mark.parametrize("name", PAIRS)
def test_a_movement_continues_from_any_sample_bit_for_bit(name, keyed):
    primitive, plant = PAIRS[name]
    key = jax.random.key(3) if keyed or isinstance(plant, Jitter) else None
    params = primitive.default_params()
    for ts in (TS, CLOCK + TS):
        whole = rollout(primitive, params, ts, plant=plant, key=key)
        for k in (1, 20, 38, 39, 40):
            rest = rollout(primitive, params, ts, plant=plant, key=key, start=whole[k])
            assert_same(rest, whole[k:])
    assert_same(rollout(primitive, params, ts, plant=plant, key=key, start=whole[::10][2]), whole[20:])


@pytest.mark.parametrize("name", PAIRS)
def test_loop_and_rollout_agree(name):
    primitive, plant = PAIRS[name]
    key, loop = jax.random.key(4), Loop(primitive, plant)
    moment, samples = loop.start(primitive.default_params(), ts=TS, key=key), []
    for dt in np.diff(TS, append=1.025):
        moment, sample = loop.advance(moment, dt)
        samples.append(sample)
    stepped = jax.tree.map(lambda *leaves: np.stack(leaves), *samples)
    whole = rollout(primitive, primitive.default_params(), TS, plant=plant, key=key)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), stepped, whole
    )  # muscles are stiff
    assert moment.steps == 41 and moment.t == pytest.approx(1.025, abs=1e-12)


def test_a_rollout_continues_from_the_moment_of_a_loop_that_was_stored(tmp_path):
    loop, key = Loop(NoisyPull(), Spring()), jax.random.key(1)
    params = Pull().default_params()
    moment = loop.start(params, ts=TS, key=key)
    for dt in np.diff(TS)[:15]:
        moment, _ = loop.advance(moment, dt)
    eqx.tree_serialise_leaves(tmp_path / "moment.eqx", moment)
    stored = eqx.tree_deserialise_leaves(tmp_path / "moment.eqx", moment)
    assert_same(loop.advance(stored, 0.02), loop.advance(moment, 0.02))
    rest = rollout(loop.primitive, params, TS, plant=loop.plant, start=stored)  # its key is in the moment
    whole = rollout(loop.primitive, params, TS, plant=loop.plant, key=key)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), rest, whole[15:])


def test_params_change_in_the_middle():
    pull = Loop(Pull(), Spring())
    moment = pull.start({"target": jnp.zeros(2)})
    for _ in range(5):
        moment, sample = pull.advance(moment, 0.1)
    assert not np.any(sample.us)
    moment, sample = pull.advance(pull.change(moment, {"target": jnp.ones(2)}), 0.1)
    np.testing.assert_allclose(sample.us, 3.0 * 1.5, rtol=1e-6)  # the phase was kept
    waves = Loop(Waves(), Spring())
    params = Waves().default_params()
    moment = waves.start(params, ts=TS)
    for _ in range(5):
        moment, _ = waves.advance(moment, TS[1])
    moment, sample = waves.advance(waves.change(moment, jax.tree.map(lambda x: 3 * x, params)), TS[1])
    np.testing.assert_allclose(sample.us, 3 * np.sin(2 * TS[5]), rtol=1e-5)


def test_the_last_command_is_held():
    loop = Loop(Waves())
    moment = loop.start(Waves().default_params(), ts=TS[:3])
    for _ in range(5):
        moment, sample = loop.advance(moment, TS[1])
    np.testing.assert_allclose(sample.ys, np.sin(2 * TS[2]), rtol=1e-5)


def test_advance_inside_a_scan_and_a_gradient():
    loop = Loop(Pull(), Spring())

    def end(target):
        moment = loop.start({"target": target})
        moment, samples = jax.lax.scan(
            lambda *args: loop.advance(*args), jax.tree.map(jnp.asarray, moment), jnp.full(20, 0.05)
        )
        return moment.x["position"].sum(), samples

    slope, samples = jax.jit(jax.grad(end, has_aux=True))(jnp.ones(2))
    whole = rollout(Pull(), {"target": jnp.ones(2)}, 0.05 * np.arange(20), plant=Spring())
    np.testing.assert_allclose(samples.xs["position"], whole.xs["position"], rtol=1e-5, atol=1e-6)
    assert np.all(slope > 0)


def test_p0_is_the_state_that_the_primitive_starts_in():
    movement = rollout(Count(), jnp.array(1.0), TS[:4], p0=jnp.array(7.0))
    assert movement.ys.tolist() == movement.ps.tolist() == [7.0, 8.0, 9.0, 10.0]
    with pytest.raises(
        AssemblyError, match="Waves is a feedforward primitive, which has no state; leave p0 out"
    ):
        rollout(Waves(), Waves().default_params(), TS, p0=jnp.zeros(()))
    with pytest.raises(AssemblyError, match=r"p0 does not fit Count: it has shape \(2,\)"):
        rollout(Count(), jnp.array(1.0), TS, p0=jnp.zeros(2))


@pytest.mark.parametrize(
    ("start", "ts", "words"),
    [
        (20, TS[20:], "start is at 0.5 s, and ts goes from 0.5 to 1 s; give all times of the movement"),
        (20, TS[30:], "start is at 0.5 s, and ts goes from 0.75 to 1 s"),
        (slice(3), TS, r"start must be one sample of a movement, such as movement\[40\]"),
    ],
)
def test_a_start_that_is_not_in_the_movement_is_refused(start, ts, words):
    movement = rollout(Pull(), Pull().default_params(), TS, plant=Spring())
    with pytest.raises(DataError, match=words):
        rollout(Pull(), Pull().default_params(), ts, plant=Spring(), start=movement[start])


def test_feedforward_primitives_need_times_to_start():
    with pytest.raises(
        AssemblyError, match="Waves computes all commands at the start; pass their times, ts="
    ):
        Loop(Waves(), Spring()).start(Waves().default_params())
    Loop(Waves(), Spring()).start(Waves().default_params(), ts=TS)


# ------------------------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize("name", [*PAIRS, "servo", "muscles"])
def test_a_movement_from_a_clock_time_is_that_from_zero(name):
    primitive, plant = (
        PAIRS.get(name)
        or {
            "servo": (ideomotor.make("dmp", dof=2, basis=6), ideomotor.make("servo")),
            "muscles": (ideomotor.make("dmp", dof=6, basis=5), ideomotor.make("arm26")),
        }[name]
    )
    key, ts = jax.random.key(3), np.linspace(0, 1, 201)
    zero = rollout(primitive, primitive.default_params(), ts, plant=plant, key=key)
    for begin in (1e5, 1e6, CLOCK, -CLOCK):
        later = rollout(primitive, primitive.default_params(), begin + ts, plant=plant, key=key)
        assert later.ts.dtype == np.float64
        np.testing.assert_array_equal(later.ts, begin + ts)
        jax.tree.map(
            # Steps of 5 ms are known to 0.2 µs at a clock time.
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(b).max()),
            later.ys,
            zero.ys,
        )


def test_a_pipeline_from_a_clock_time_is_that_from_zero():
    pipeline = ideomotor.Pipeline(None, Pull(), Spring())
    zero, later = (pipeline(Pull().default_params(), begin + TS) for begin in (0.0, CLOCK))
    np.testing.assert_allclose(later.xs["position"], zero.xs["position"], rtol=1e-4)
    np.testing.assert_array_equal(later.ts, CLOCK + TS)
    assert_same(zero, rollout(Pull(), Pull().default_params(), TS, plant=Spring()))


TEN = np.arange(0.0, 1.01, 0.1)


@pytest.mark.parametrize(
    "ts",
    [
        TEN.tolist(),
        tuple(TEN),
        TEN.astype(np.float32),
        jnp.asarray(TEN),
        np.datetime64("2024-01-01", "ns") + (TEN * 1e9).round().astype("timedelta64[ns]"),
        (TEN * 1e6).round().astype("timedelta64[us]"),
    ],
    ids=["list", "tuple", "float32", "jax", "datetime64", "timedelta64"],
)
def test_times_of_any_type(ts):
    whole = rollout(Pull(), Pull().default_params(), TEN, plant=Spring())
    movement = rollout(Pull(), Pull().default_params(), ts, plant=Spring())
    np.testing.assert_allclose(movement.xs["position"], whole.xs["position"], rtol=1e-5, atol=1e-6)
    params = ideomotor.make("dmp", dof=2, basis=6).fit(Trajectory(ts, np.stack([TEN, TEN**2], 1)))
    np.testing.assert_allclose(params.tau, 1.0, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "int64", "uint64", "float16"])
def test_whole_seconds_of_any_width(dtype):
    movement = rollout(Pull(), Pull().default_params(), np.arange(5).astype(dtype), plant=Spring())
    whole = rollout(Pull(), Pull().default_params(), np.arange(5.0), plant=Spring())
    np.testing.assert_allclose(movement.xs["position"], whole.xs["position"], rtol=1e-6)


def test_positions_in_64_bit_integers_do_not_wrap():
    positions = np.int64(3e9 + 1e6 * np.arange(50))
    params = ideomotor.make("dmp", dof=1, basis=10).fit(Trajectory(np.linspace(0, 1, 50), positions[:, None]))
    np.testing.assert_allclose(params.start, 3e9, rtol=1e-6)
    np.testing.assert_allclose(params.goal, 3.049e9, rtol=1e-6)


@pytest.mark.parametrize(
    ("factor", "fix"),
    [(1e9, "ns multiply by 1e-9 (5 s)"), (1e6, "µs multiply by 1e-6 (5 s)"), (1e-9, "by 1e9 (5 s)")],
)
def test_implausible_units_of_time_are_questioned_and_the_advice_works(factor, fix):
    ts, dmp = np.linspace(0, 5, 501), ideomotor.make("dmp", dof=1, basis=6)
    given = ts * factor if factor < 1 else (ts * factor).astype(np.int64)
    with pytest.raises(DataError, match="is implausible; times are in seconds") as caught:
        dmp.fit(Trajectory(given, np.sin(ts)[:, None]))
    assert fix in str(caught.value)
    advice = float(fix.split("by ")[1].split(" ")[0])
    np.testing.assert_allclose(dmp.fit(Trajectory(given * advice, np.sin(ts)[:, None])).tau, 5.0, rtol=1e-6)


@pytest.mark.parametrize(
    "ts", [np.array(["0", "1"]), np.array([0.0, None]), [0.0, "a"], [[0.0, 1.0], [2.0]], np.array([0.0, 1j])]
)
def test_what_holds_no_numbers_is_refused(ts):
    for use in (ideomotor.check_times, lambda ts: Trajectory(ts, np.zeros((2, 1)))):
        with pytest.raises(DataError, match="numbers"):
            use(ts)


def test_not_a_time_is_refused():
    ts = np.array(["2024-01-01", "NaT"], "datetime64[s]")
    with pytest.raises(DataError, match=r"ts\[1\] is NaT; drop that sample"):
        ideomotor.check_times(ts)


# --------------------------------------------------------------------------------------- movements that come to an end


def test_a_movement_that_diverges_names_the_first_time_and_quantity():
    stiff, ts = Spring(stiffness=1e6), np.linspace(0.0, 1.0, 21)
    with pytest.raises(
        SimulationError, match=r"diverged: xs\['velocity'\]\[0\] is (nan|inf|-inf) at 0\.\d+ s"
    ) as caught:
        rollout(Pull(), Pull().default_params(), ts, plant=stiff)
    kept = caught.value.movement
    assert 1 < len(kept) < 21 and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(kept))
    inside = jax.jit(lambda params: rollout(Pull(), params, ts, plant=stiff))(Pull().default_params())
    np.testing.assert_array_equal(inside.xs["position"][: len(kept)], kept.xs["position"])
    assert not np.isfinite(inside.xs["velocity"][len(kept)]).all()
    with pytest.raises(SimulationError, match="diverged"):
        ideomotor.Pipeline(None, Pull(), stiff)(Pull().default_params(), ts)
    # The advice: times that are closer together.
    rollout(
        Pull(), Pull().default_params(), np.linspace(0, 1, 2001), plant=Spring(stiffness=1e6, damping=1e3)
    )


def test_large_but_finite_numbers_are_no_divergence():
    movement = rollout(Count(), jnp.array(3e38), TS[:2], p0=jnp.array(3e38) * 0)
    assert np.isfinite(movement.ys).all()
    movement = rollout(Waves(), jax.tree.map(lambda x: 0 * x + 3e38, Waves().default_params()), 1e-3 * TS[:4])
    assert np.isfinite(movement.ys).all()  # their sum is not


def test_parameters_that_are_not_finite_are_said_at_the_start():
    with pytest.raises(
        SimulationError, match=r"us\[0\] is nan at the start of the movement; check its parameters"
    ):
        rollout(Pull(), {"target": jnp.array([jnp.nan, 0.0])}, TS, plant=Spring())


class Breaks(NumpySpring):
    """A robot that fails at its fifth step."""

    def __init__(self, error):
        super().__init__()
        self.error, self.steps = error, 0

    def step(self, state, command, dt):
        self.steps += 1
        if self.steps == 5:
            raise self.error
        return super().step(state, command, dt)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), ConnectionError("lost"), SimulationError("stuck")], ids=repr
)
def test_what_was_recorded_is_kept_with_any_exception_of_a_host_plant(error):
    whole = rollout(Pull(), Pull().default_params(), TS, plant=ideomotor.host(NumpySpring()))
    with pytest.raises(type(error)) as caught:
        rollout(Pull(), Pull().default_params(), TS, plant=ideomotor.host(Breaks(error)))
    assert_same(caught.value.movement, whole[:5])
    # And the movement continues from there.
    start = caught.value.movement[-1]
    rest = rollout(Pull(), Pull().default_params(), TS, plant=ideomotor.host(NumpySpring()), start=start)
    assert_same(rest, whole[4:])


def test_a_host_plant_stops_where_a_number_is_not_finite():
    class Lost(NumpySpring):
        def observe(self, state):
            seen = super().observe(state)
            return {"position": seen["position"] * (np.nan if state[0, 0] > 0.01 else 1)}

    with pytest.raises(SimulationError, match=r"diverged: us\[0\] is nan at 0\.\d+ s") as caught:
        rollout(Pull(), Pull().default_params(), TS, plant=ideomotor.host(Lost()))
    assert len(caught.value.movement) > 1


def test_parts_of_another_kind_are_refused_in_a_sentence():
    # In a process of its own, because the type checker that the tests run with would speak first.
    script = (
        "import numpy as np, ideomotor\n"
        "class Robot: pass\n"
        "dmp = ideomotor.make('dmp')\n"
        "for parts in ((dmp, Robot()), (Robot(), None), (dmp, type(dmp)), (ideomotor.make('sheet'), None)):\n"
        "    try: ideomotor.rollout(parts[0], dmp.default_params(), np.linspace(0, 1, 5), plant=parts[1])\n"
        "    except ideomotor.errors.AssemblyError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert "A plant must be an AbstractPlant, not <__main__.Robot" in lines[0]
    assert "wrap a plain object with ideomotor.host" in lines[0]
    assert "A primitive must be" in lines[1] and "ideomotor.host" in lines[1]
    assert "make it: DMP(…)" in lines[2] and "A primitive must be an AbstractPrimitive" in lines[3]
