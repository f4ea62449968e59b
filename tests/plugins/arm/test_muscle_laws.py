"""Muscles by themselves: their published numbers, and derivatives that stay finite and agree with finite differences."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ideomotor import make

MUSCLES = {
    "linear": make("linear-muscle"),
    "spring": make("linear-muscle", stiffness=7.5, damping=0.4),
    "virtual": make("virtual-muscle"),
    "slow": make("virtual-muscle", "slow"),
    "fast": make("virtual-muscle", "fast"),
    "lillicrap-scott": make("virtual-muscle", "lillicrap-scott"),
    "kistemaker": make("kistemaker-muscle"),
    "thelen": make("thelen-muscle"),
}
ACTIVATIONS = [
    make("first-order-activation"),
    make("todorov-li-activation"),
    make("thelen-activation"),
]


@pytest.fixture(params=MUSCLES, name="muscle")
def _muscle(request):
    return MUSCLES[request.param]


@pytest.mark.parametrize("name", ["virtual", "slow", "fast", "lillicrap-scott", "kistemaker", "thelen"])
def test_isometric_tension_at_optimal_length_is_the_activation(name):
    with jax.enable_x64(True):
        # 0.0004 is what resists compression in the virtual muscle at its optimal length.
        for activation in (0.3, 1.0):
            tension = MUSCLES[name].tension(jnp.array(activation), jnp.array(1.0), jnp.array(0.0))
            np.testing.assert_allclose(tension, activation, atol=5e-4)


@pytest.mark.parametrize(
    ("length", "speed", "tension"),
    [
        (0.60, 0.0, 0.409645),
        (0.65, 0.0, 0.619006),
        (0.70, 0.0, 0.733033),
        (0.80, 0.0, 0.869363),
        (1.20, 0.0, 0.828371),
        (0.80, -3.0, 0.153835),
        (1.10, -0.5, 0.658457),
        (1.10, 0.5, 1.259960),
    ],
)
def test_virtual_muscle_gives_the_tensions_of_public_implementations(length, speed, tension):
    """exp(-|(l^1.93 - 1) / 1.03|^1.87) FV - 0.02 exp(13.8 - 18.7 l), as ten public implementations of Li & Todorov 2004
    have it; the constant was 14.77 here before, which left no tension at 0.6."""
    with jax.enable_x64(True):
        found = make("virtual-muscle").tension(jnp.array(0.7), jnp.array(length), jnp.array(speed))
        np.testing.assert_allclose(found, 0.7 * tension, atol=1e-6)


def test_browns_fibres_resist_compression_below_0_79_only():
    """Brown et al. 1999: FPE2 = -0.02 (exp(-18.7 (l - 0.79)) - 1), zero at 0.79 and above."""
    with jax.enable_x64(True):
        for name, beta, omega, rho in (("slow", 2.30, 1.26, 1.62), ("fast", 1.55, 0.81, 2.12)):
            for length, compression in ((0.6, 0.678358), (0.7, 0.087634), (0.79, 0.0), (0.9, 0.0)):
                found = make("virtual-muscle", name).tension(
                    jnp.array(1.0), jnp.array(length), jnp.array(0.0)
                )
                by_length = np.exp(-(abs((length**beta - 1) / omega) ** rho))
                np.testing.assert_allclose(found, max(by_length - compression, 0.0), atol=1e-6)


@pytest.mark.parametrize("activation", [0.05, 0.4, 1.0])
@pytest.mark.parametrize("length", [0.8, 1.0, 1.2])
@pytest.mark.parametrize("speed", [-2.5, -0.5, 0.5, 3.0])
def test_thelen_muscle_solves_the_published_equation(activation, length, speed):
    """Thelen 2003, eq. (6), gives the speed for a force: put our force in and get our speed back."""
    with jax.enable_x64(True):
        passive = float(make("thelen-muscle").tension(jnp.array(0.0), jnp.array(length), jnp.array(0.0)))
        force = (
            float(make("thelen-muscle").tension(jnp.array(activation), jnp.array(length), jnp.array(speed)))
            - passive
        )
        isometric = activation * np.exp(-((length - 1) ** 2) / 0.45)
        if force <= isometric:
            b = isometric + force / 0.25
        else:
            b = (2 + 2 / 0.25) * (isometric * 1.4 - force) / (1.4 - 1)
        got = (0.25 + 0.75 * activation) * 10.0 * (force - isometric) / b
        np.testing.assert_allclose(got, speed, rtol=1e-9)


def test_kistemaker_muscle_has_the_published_landmarks():
    with jax.enable_x64(True):
        muscle, one = make("kistemaker-muscle"), jnp.array(1.0)
        # Hill: no force at the greatest speed of shortening, b/a times vmax of the muscle.
        fastest = -5.2 / 0.41 * 10.0
        np.testing.assert_allclose(muscle.tension(one, one, jnp.array(fastest)), 0.0, atol=1e-12)
        slope = jax.grad(muscle.tension, 2)
        shortening, lengthening = slope(one, one, jnp.array(-1e-9)), slope(one, one, jnp.array(1e-9))
        np.testing.assert_allclose(lengthening / shortening, 2.0, rtol=1e-6)
        # Far out the eccentric branch rises by 0.001 per vmax, towards 1.5.
        far = muscle.tension(one, one, jnp.array(1e4))
        np.testing.assert_allclose(far, 1.5 + 0.001 * 1e3, rtol=1e-3)
        np.testing.assert_allclose(
            muscle.tension(jnp.array(0.0), jnp.array(1.66), jnp.array(0.0)), 1.0, atol=2e-3
        )


@pytest.mark.parametrize("name", MUSCLES)
def test_faster_shortening_gives_less_tension(name):
    speeds = jnp.linspace(-6.0, 4.0, 81)
    tension = MUSCLES[name].tension(jnp.full(81, 0.6), jnp.full(81, 1.1), speeds)
    assert np.all(np.diff(tension) >= -1e-6)


# Rest, zero activation, optimal length, the ends of the curves, and just beside each of them.
_CORNERS = [
    jnp.array(corner)
    for corner in itertools.product(
        [0.0, 0.3, 1.0], [0.0, 0.45, 0.7, 1.0, 1.6, 3.0], [-20.0, -1.0, 0.0, 1.0, 20.0]
    )
]


def test_gradients_are_finite_everywhere(muscle):
    corners = jnp.stack(_CORNERS)
    value, gradient = jax.vmap(jax.value_and_grad(lambda x: muscle.tension(*x)))(corners)
    assert np.all(np.isfinite(value)) and np.all(np.isfinite(gradient))
    assert np.all(np.asarray(value) >= 0)


@given(
    activation=st.floats(0.02, 0.98),
    length=st.floats(0.7, 1.6),
    speed=st.floats(-3.0, 3.0).filter(lambda v: abs(v) > 1e-3),
)
@settings(max_examples=25, deadline=None)
def test_gradients_agree_with_finite_differences(activation, length, speed):
    with jax.enable_x64(True):
        for name, muscle in MUSCLES.items():
            x, h = np.array([activation, length, speed]), 1e-6
            if abs(length - 1.0) < 1e-4 or abs(activation - 0.3) < 1e-4:
                return  # some curves have a kink there

            def tension(x, muscle=muscle):
                return float(muscle.tension(*jnp.asarray(x)))

            gradient = np.asarray(jax.grad(lambda x: muscle.tension(*x))(jnp.asarray(x)))  # noqa: B023
            steps = h * np.eye(3)
            by_differences = np.array([(tension(x + s) - tension(x - s)) / (2 * h) for s in steps])
            if tension(x) < 1e-6 or abs(length - 1.4) < 1e-4:
                continue  # a kink where the tension is cut at zero, or where a passive spring goes slack
            np.testing.assert_allclose(gradient, by_differences, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: type(a).__name__)
def test_activation_follows_excitation_and_stays_in_range(activation):
    a = jnp.linspace(activation.least, 1.0, 11)
    for u in (activation.least, 0.4, 1.0):
        rate = activation.rate(a, jnp.full(11, u))
        assert np.all(np.sign(np.round(rate, 5)) == np.sign(np.round(u - a, 6)))
        assert np.all(np.isfinite(jax.vmap(jax.grad(activation.rate))(a, jnp.full(11, u))))
    np.testing.assert_allclose(activation.limit(jnp.array([-1.0, 0.5, 7.0])), [activation.least, 0.5, 1.0])


def test_activation_times_are_the_published_ones():
    with jax.enable_x64(True):
        zero, half, one = jnp.array(0.0), jnp.array(0.5), jnp.array(1.0)
        assert make("first-order-activation").rate(zero, one) == pytest.approx(1 / 0.05)
        assert make("first-order-activation").rate(one, zero) == pytest.approx(-1 / 0.05)
        assert make("todorov-li-activation").rate(zero, one) == pytest.approx(1 / 0.05)
        assert make("todorov-li-activation").rate(zero, half) == pytest.approx(0.5 / 0.058)
        assert make("todorov-li-activation").rate(one, zero) == pytest.approx(-1 / 0.066)
        assert make("thelen-activation").rate(half, one) == pytest.approx(0.5 / (0.015 * 1.25))
        assert make("thelen-activation").rate(half, zero) == pytest.approx(-0.5 / (0.05 / 1.25))


def test_parameters_are_named_or_numbers():
    numbers = [1.93, 1.03, 1.87, -5.72, [1.38, 2.09], [-3.12, 4.21, -2.67], 0.62]
    at = jnp.array(0.5), jnp.array(0.8), jnp.array(-1.0)
    np.testing.assert_array_equal(
        make("virtual-muscle", numbers).tension(*at), make("virtual-muscle").tension(*at)
    )
    assert make("virtual-muscle", "fast").tension(*at) != make("virtual-muscle", "slow").tension(*at)


def test_limits_push_back_and_take_energy():
    limits = make("joint-limits", lower=(0.0, 0.0), upper=(1.0, 2.0))
    inside = limits.torque(jnp.array([0.5, 1.9]), jnp.array([5.0, 5.0]))
    np.testing.assert_array_equal(inside, 0.0)
    out = limits.torque(jnp.array([1.2, -0.1]), jnp.array([3.0, -3.0]))
    np.testing.assert_allclose(out, [-30.0 * 0.2 - 2.0 * 3.0, 30.0 * 0.1 + 2.0 * 3.0], rtol=1e-5)
    coming_back = limits.torque(jnp.array([1.2, 1.0]), jnp.array([-3.0, 0.0]))
    np.testing.assert_allclose(coming_back, [-6.0, 0.0], rtol=1e-5)


_PATHS = {"reference": [[0.0, 0.0]], "linear": [[-0.02, 0.0]], "optimal_length": [0.1], "max_force": [100.0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimal_length": [0.0]}, "optimal_length of 'muscle 1' is 0; it must be greater than 0"),
        ({"max_force": [-5.0]}, "max_force of 'muscle 1' is -5; it must be greater than 0"),
        ({"tendon_length": [-0.1]}, "tendon_length of 'muscle 1' is -0.1; it must be at least 0"),
        ({"offset": [0.1, 0.2]}, r"offset must be of shape \(1,\)"),
        ({"names": ["a", "b"]}, "2 names for 1 muscles"),
    ],
)
def test_paths_no_muscle_can_have(change, message):
    with pytest.raises(ValueError, match=message):
        make("muscle-paths", **{**_PATHS, **change})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make("first-order-activation", time=0.0), "time must be greater than 0"),
        (lambda: make("thelen-activation", least=1.0), "least must be at least 0 and below 1"),
        (lambda: make("thelen-muscle", eccentric=1.0), "eccentric must be greater than 1"),
        (lambda: make("kistemaker-muscle", vmax=-1.0), "vmax must be greater than 0"),
        (lambda: make("linear-muscle", stiffness=float("nan")), "stiffness must be finite"),
        (
            lambda: make("virtual-muscle", [1.93, 1.03, 1.87, 5.72, [1, 2], [-3, 4, -2], 0.62]),
            "v_m must be negative",
        ),
        (lambda: make("virtual-muscle", "brown"), "one of li-todorov, slow, fast, lillicrap-scott"),
        (lambda: make("joint-limits", lower=(1.0, 0.0), upper=(0.0, 1.0)), "must be below upper"),
    ],
)
def test_parts_no_muscle_can_have(make, message):
    with pytest.raises(ValueError, match=message):
        make()
