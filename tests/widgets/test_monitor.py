import threading
import time

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ideomotor
from ideomotor.errors import TrainingError
from ideomotor_widgets import TrainingMonitor

DATA = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32) + 1


def loss(model, batch, key):
    return jnp.mean((batch @ model["w"] - 1.0) ** 2), {"size": jnp.sum(model["w"] ** 2)}


def make(steps=40, **settings):
    model = {"w": jnp.zeros(2)}
    return TrainingMonitor(
        model, loss, DATA, optax.adam(1e-2), steps=steps, batch_size=8, log_every=5, **settings
    )


def test_it_trains_in_a_thread_of_its_own_and_shows_how_far_it_is():
    seen = []
    monitor = make(
        sample=lambda axes, model: seen.append((threading.current_thread().name, axes.plot(model["w"])))
    )
    first = monitor.picture.image.value
    monitor.start()
    monitor.wait()
    assert (
        not monitor.error
        and monitor.step == 40
        and monitor.bar.value == 40
        and monitor.notice.status == "Done."
    )
    assert monitor.button.disabled and monitor.picture.image.value != first
    assert [row["step"] for row in monitor.history] == list(range(5, 41, 5)) and "size" in monitor.history[0]
    assert seen and seen[0][0] == "ideomotor-training"
    with pytest.raises(TrainingError, match="All 40 steps are done"):
        monitor.start()
    monitor.close()


def test_stopped_and_resumed_it_gives_the_same_as_without_a_pause():
    whole = make()
    whole.start()
    whole.wait()
    halted = make(sample=lambda axes, model: halted.stop(wait=False) if halted.step < 10 else None)
    halted.start()
    halted.wait()
    assert (
        halted.step == 5
        and halted.button.description == "Go on"
        and "Stopped after 5 steps" in halted.notice.status
    )
    halted.button.click()
    halted.wait()
    assert halted.step == 40 and not halted.error
    np.testing.assert_array_equal(halted.model["w"], whole.model["w"])
    whole.close()
    halted.close()


def test_the_stop_button_works_while_it_trains():
    monitor = make(steps=1_000_000)
    monitor.start()
    while not monitor.history:
        time.sleep(0.01)
    monitor.button.click()
    monitor.wait(60)
    assert not monitor.running and 0 < monitor.step < 1_000_000
    monitor.close()


def test_a_loss_that_fails_is_shown(caplog):
    monitor = TrainingMonitor(
        {"w": jnp.zeros(2)}, lambda m, b, k: 0.0 * m["w"].sum() / 0.0, DATA, optax.sgd(1.0), steps=9
    )
    monitor.start()
    monitor.wait()
    assert monitor.error and monitor.button.description == "Go on" and not monitor.running
    monitor.close()


def test_a_sample_that_fails_is_shown_and_the_training_goes_on(caplog):
    monitor = make(sample=lambda axes, model: axes.nothing())
    monitor.start()
    monitor.wait()
    assert "nothing" in monitor.error and monitor.step == 40
    monitor.close()


def test_it_can_only_watch_too():
    monitor = TrainingMonitor(steps=20)
    with pytest.raises(TrainingError, match="only watches"):
        monitor.start()
    model = ideomotor.train(
        {"w": jnp.zeros(2)},
        loss,
        DATA,
        optax.adam(1e-2),
        steps=20,
        callback=monitor,
        log_every=5,
        progress=False,
    )
    assert monitor.step == 20 and len(monitor.history) == 4
    np.testing.assert_array_equal(monitor.model["w"], model["w"])
    monitor.close()
