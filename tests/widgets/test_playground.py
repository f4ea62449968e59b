import numpy as np
import pytest

import ideomotor
from ideomotor_widgets import ControlPlayground


@pytest.fixture(scope="module")
def playground():
    playground = ControlPlayground()
    playground.ready()
    playground.run.value = False  # no browser plays it; times are given
    return playground


@pytest.fixture
def rest(playground):
    playground.task.value = "reach"
    for name in ("curl", "noise", "delay"):
        setattr(playground, name, 0.0)
    playground._restart()
    return playground


def last(playground):
    return np.asarray(playground.movement.ys["hand"])[-1]


def test_the_arm_comes_to_where_the_target_was_dragged(rest, send):
    handles = [{**rest.canvas.handles[0], "x": 0.05, "y": 0.42}]
    send(rest.canvas, handles=handles)
    assert not rest.error
    assert np.linalg.norm(last(rest) - [0.05, 0.42]) < 0.03


def test_it_goes_on_from_where_it_is(rest):
    rest.target = (0.0, 0.45)
    ts, before = np.asarray(rest.movement.ts), np.asarray(rest.movement.ys["hand"])
    rest.go_on(0.3)
    again = np.asarray(rest.movement.ys["hand"])
    k = int(np.argmin(np.abs(ts - rest.movement.ts[0])))
    assert 0.29 < rest.movement.ts[0] < 0.31
    np.testing.assert_allclose(again[:50], before[k : k + 50], atol=2e-3)


def test_it_is_what_rollout_computes(rest):
    """The loop in the widget against the only other loop there is."""
    import jax.numpy as jnp

    rest.target = (0.05, 0.4)
    rest._restart()
    policy = ideomotor.config.from_config({"load": "ideomotor_rnn:checkpoints/reach"}, kind="primitive")
    plant = rest._plant()
    movement = ideomotor.rollout(policy, rest._params(), jnp.arange(300) * 0.01, plant=plant)
    np.testing.assert_allclose(rest.movement.ys["hand"], movement.ys["hand"], atol=2e-3)


def test_the_browser_asks_for_more_before_it_runs_out(rest, send):
    end = rest.movement.ts[-1]
    send(rest.canvas, wants=2.5)
    assert rest.movement.ts[0] == pytest.approx(2.5, abs=0.011) and rest.movement.ts[-1] > end + 2


def test_circles_have_the_radius_and_speed_of_the_sliders(rest, send):
    rest.target = (0.18, 0.36)
    send(rest.task, index=1)
    send(rest.radius, value=0.06)
    hand = np.asarray(rest.movement.ys["hand"])[120:]
    assert abs(np.linalg.norm(hand - np.array(rest.target), axis=-1).mean() - 0.06) < 0.015
    assert rest.radius.layout.display is None


def test_a_field_pushes_and_noise_differs_from_one_time_to_the_next(rest):
    rest.target = (0.18, 0.36)
    rest._restart()
    quiet = np.asarray(rest.movement.ys["hand"])
    rest.curl = 15.0
    rest._restart()
    assert np.abs(np.asarray(rest.movement.ys["hand"]) - quiet).max() > 1e-3
    rest.curl, rest.noise = 0.0, 0.3
    rest._restart()
    one = np.asarray(rest.movement.ys["hand"])
    rest._restart()
    assert np.abs(np.asarray(rest.movement.ys["hand"]) - one).max() > 1e-4


def test_sliders_compile_nothing(rest, caplog):
    import jax

    rest.curl, rest.noise, rest.delay = 1.0, 0.1, 0.02
    with jax.log_compiles(), caplog.at_level("WARNING"):
        jax.jit(lambda x: 1.25 * x - 0.375)(0.5)
        assert "Compiling" in caplog.text  # a compilation would be seen
        caplog.clear()
        rest.curl, rest.noise, rest.delay = 3.0, 0.2, 0.01
        rest.target = (0.1, 0.4)
    assert "Compiling" not in caplog.text


def test_bad_targets(rest):
    with pytest.raises(ValueError, match="finite"):
        rest.target = (np.nan, 0.0)
    rest.target = (3.0, 3.0)
    assert "out of the arm's reach" in rest.notice.status and np.isfinite(last(rest)).all()
