import json
import os
import subprocess
import sys
import threading
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Array

from ideomotor import train
from ideomotor._batches import Batches, assemble  # the order of the samples, which `train` shows to nobody
from ideomotor.errors import CheckpointError, DataError, TrainingError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.7 + 0.1 * RNG.normal(size=40)


class Linear(eqx.Module):
    weight: Array
    bias: Any

    def __call__(self, x):
        return x @ self.weight + self.bias


def linear() -> Linear:
    return Linear(jnp.zeros(3), jnp.zeros(()))


def squares(model, batch, key):
    x, y = batch
    return jnp.mean((jax.vmap(model)(x) - y) ** 2)


def network(width=8) -> eqx.nn.MLP:
    return eqx.nn.MLP(3, "scalar", width, 2, key=jax.random.key(1))


def assert_equal(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        if eqx.is_array_like(a):
            if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
                a, b = jax.random.key_data(a), jax.random.key_data(b)
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("x64, tolerance", [(False, 2e-6), (True, 1e-12)])
@pytest.mark.parametrize("array", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_reaches_least_squares(x64, tolerance, array):
    with jax.enable_x64(x64):
        got = train(linear(), squares, (array(X), array(Y)), optax.sgd(0.3), steps=300)
        assert got.weight.dtype == (jnp.float64 if x64 else jnp.float32)
        wanted = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), Y, rcond=None)[0]
        np.testing.assert_allclose(np.append(got.weight, got.bias), wanted, atol=tolerance)


def test_steps_are_those_of_optax():
    """The same batches in a loop by hand."""
    optimiser = optax.adamw(optax.cosine_decay_schedule(1e-2, 20), weight_decay=0.1)

    def data(key, step):
        chosen = jax.random.choice(key, 40, (8,))
        return jnp.asarray(X)[chosen], jnp.asarray(Y)[chosen]

    keys = []

    def spying(key, step):
        keys.append(key)
        return data(key, step)

    got = train(network(), squares, spying, optimiser, steps=20, log_every=7)

    gradient_of = eqx.filter_jit(eqx.filter_grad(squares))
    model = network()
    state = optimiser.init(eqx.filter(model, eqx.is_inexact_array))
    for i in range(20):
        gradient = gradient_of(model, data(keys[i], i), None)
        updates, state = optimiser.update(gradient, state, eqx.filter(model, eqx.is_inexact_array))
        model = eqx.apply_updates(model, updates)
    assert len({int(jax.random.bits(key)) for key in keys}) == 20
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(model), strict=True):
        if eqx.is_array(a):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_each_epoch_takes_each_example_at_most_once(examples, size, seed):
    size = min(size, examples)
    numbers = np.arange(examples)
    batches = Batches((numbers, jnp.asarray(numbers)), size, jax.random.key(0), seed)
    per_epoch = examples // size
    epochs = []
    for epoch in range(2):
        seen = []
        for step in range(epoch * per_epoch, (epoch + 1) * per_epoch):
            kept, sent = batches.at(step)
            one, other = assemble(batches.layout, kept, sent, step)
            np.testing.assert_array_equal(one, other)  # from the host and on the device
            assert np.shape(one) == (size,)
            seen += list(np.asarray(one))
        assert len(set(seen)) == len(seen) == per_epoch * size
        epochs.append(seen)
    again = Batches(numbers, size, jax.random.key(0), seed)
    np.testing.assert_array_equal(again.at(per_epoch)[1][0], epochs[1][:size])
    if per_epoch * size > 20:
        assert epochs[0] != epochs[1]


def test_host_and_device_data_give_the_same_bits():
    usual = dict(steps=15, batch_size=12, seed=5)
    one = train(network(), squares, (X, Y), optax.adam(1e-2), **usual)
    other = train(network(), squares, (jnp.asarray(X), Y), optax.adam(1e-2), **usual)
    assert_equal(one, other)
    different = train(network(), squares, (X, Y), optax.adam(1e-2), **{**usual, "seed": 6})
    assert not np.array_equal(one.layers[0].weight, different.layers[0].weight)


def test_the_key_changes_from_step_to_step_and_is_that_of_the_seed():
    def noisy(model, batch, key):
        return squares(model, batch, key), {"draw": jax.random.uniform(key)}

    optimiser = optax.sgd(0.1)

    def draws(seed):
        seen = []
        train(
            linear(),
            noisy,
            (X, Y),
            optimiser,
            steps=5,
            log_every=1,
            seed=seed,
            callback=lambda step, metrics, _: seen.append(metrics["draw"]),
        )
        return seen

    assert len(set(draws(0))) == 5 and draws(0) == draws(0) and draws(0) != draws(1)


class Parts(eqx.Module):
    perception: eqx.nn.MLP
    lengths: np.ndarray
    gain: Array
    count: Array
    noise: Array
    name: str = eqx.field(static=True, default="arm")

    def __call__(self, x):
        return self.gain * self.perception(x) * jnp.sum(self.lengths) + self.count


def parts() -> Parts:
    return Parts(network(), np.array([0.3, 0.33]), jnp.float32(1.5), jnp.int32(1), jax.random.key(3))


@pytest.mark.parametrize(
    "where, names",
    [
        (lambda p: p.perception, {"perception"}),
        (lambda p: (p.gain, p.perception.layers[0]), {"gain", "perception.layers[0]"}),
        (lambda p: p.lengths, {"lengths"}),
        (None, {"perception", "gain", "lengths"}),
    ],
)
def test_where_leaves_everything_else_alone(where, names):
    before = parts()
    after = train(before, squares, (X, Y), optax.adam(1e-2), steps=4, batch_size=8, where=where)
    assert jax.tree.structure(after) == jax.tree.structure(before)
    leaves = zip(jax.tree_util.tree_flatten_with_path(before)[0], jax.tree.leaves(after), strict=True)
    changed = 0
    for (path, old), new in leaves:
        path = jax.tree_util.keystr(path)[1:]
        floating = eqx.is_array_like(old) and jnp.issubdtype(old.dtype, jnp.floating)
        if floating and any(path.startswith(name) for name in names):
            assert isinstance(new, jax.Array) and not np.array_equal(old, new), path
            changed += 1
        else:
            assert new is old, path
    assert changed
    assert_equal(before, parts())  # the model that was passed in is neither changed nor given away


def test_nothing_is_compiled_twice():
    traces = []

    def loss(model, batch, key):
        traces.append(1)
        return squares(model, batch, key)

    optimiser = optax.inject_hyperparams(optax.adam)(learning_rate=1e-2)  # whose state starts weakly typed
    model = Linear(jnp.zeros(3), jnp.asarray(0.0))  # so does this leaf
    train(model, loss, (X, Y), optimiser, steps=23, batch_size=7, log_every=5)
    assert len(traces) == 2  # the shapes, the step
    train(model, loss, (X, Y), optimiser, steps=5, batch_size=7)
    assert len(traces) == 3


def test_callback_sees_means_and_models_and_can_stop():
    seen = []

    def loss(model, batch, key):
        return squares(model, batch, key), {"first": batch[0][0, 0]}

    def data(key, step):
        return np.full((1, 3), float(step)), np.zeros(1)

    def callback(step, metrics, model):
        seen.append((step, metrics, model))
        return step >= 6

    got = train(linear(), loss, data, optax.sgd(1e-4), steps=100, log_every=3, callback=callback)
    assert [step for step, *_ in seen] == [3, 6]
    assert [m["first"] for _, m, _ in seen] == [1.0, 4.0]  # the means of 0, 1, 2 and of 3, 4, 5
    assert_equal(seen[-1][2], got)
    three = train(linear(), loss, data, optax.sgd(1e-4), steps=3)
    assert_equal(seen[0][2], three)  # an earlier model stays usable


def test_runs_in_a_thread_until_it_is_stopped():
    stop, ready, result = threading.Event(), threading.Event(), []

    def callback(step, metrics, model):
        ready.set()
        return stop.is_set()

    def work():
        result.append(
            train(linear(), squares, (X, Y), optax.sgd(0.1), steps=10**9, log_every=10, callback=callback)
        )

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(120)
    stop.set()
    thread.join(120)
    assert not thread.is_alive() and np.isfinite(result[0].weight).all()


@pytest.mark.parametrize(
    "optimiser",
    [
        optax.lbfgs(),
        optax.contrib.schedule_free(optax.sgd(0.2), 0.2),  # keeps a copy of the weights
        optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1), optax.ema(0.9)),
        optax.chain(optax.adam(0.1), optax.contrib.reduce_on_plateau(patience=2)),
        optax.chain(optax.add_noise(0.01, 0.5, jax.random.key(2)), optax.sgd(0.1)),
    ],
    ids=["lbfgs", "schedule-free", "chain", "plateau", "noise"],
)
def test_optimisers_of_many_kinds(optimiser, tmp_path):
    model, loss = linear(), squares
    whole = train(model, loss, (X, Y), optimiser, steps=20, run=tmp_path / "a")
    train(model, loss, (X, Y), optimiser, steps=7, run=tmp_path / "b")
    assert_equal(train(model, loss, (X, Y), optimiser, steps=20, run=tmp_path / "b", resume=True), whole)
    assert squares(whole, (X, Y), None) < 0.8 * squares(linear(), (X, Y), None)


def test_the_run_folder(tmp_path):
    run = tmp_path / "runs" / "one"
    train(linear(), squares, (X, Y), optax.sgd(0.1), steps=25, batch_size=10, log_every=10, seed=4, run=run)
    assert sorted(p.name for p in run.iterdir()) == ["checkpoint.safetensors", "config.json", "metrics.jsonl"]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 25] and all(line["loss"] > 0 for line in lines)
    config = json.loads((run / "config.json").read_text())
    assert config["seed"] == 4 and config["steps"] == 25 and config["versions"]["jax"] == jax.__version__


def test_no_bar_where_there_is_no_terminal(capsys):
    train(linear(), squares, (X, Y), optax.sgd(0.1), steps=3)
    assert capsys.readouterr() == ("", "")


def poisoned(at):
    """Data that hold a NaN from step `at` (counted from 0) on."""

    def data(key, step):
        return np.full((2, 3), np.nan if step >= at else 1.0), np.zeros(2)

    return data


def test_a_loss_that_is_not_finite_stops_at_the_first_such_step(tmp_path):
    def loss(model, batch, key):
        value = squares(model, batch, key)
        return value, {"size": jnp.sum(model.weight**2) * 0 + 2.0, "twice": 2 * value}

    run = tmp_path / "run"
    with pytest.raises(TrainingError) as info:
        train(
            linear(), loss, poisoned(13), optax.sgd(0.1), steps=100, log_every=50, checkpoint_every=5, run=run
        )
    assert "not finite at step 14 (loss nan, size 2, twice nan)" in str(info.value)
    assert "the checkpoint of step 10 stays in" in str(info.value) and "\n" not in str(info.value)
    # That checkpoint is a good one to go on from with mended data.
    got = train(linear(), loss, poisoned(99), optax.sgd(0.1), steps=20, run=run, resume=True)
    assert_equal(got, train(linear(), loss, poisoned(99), optax.sgd(0.1), steps=20))


def test_weights_that_are_not_finite_are_never_kept(tmp_path):
    """The gradient of a norm at zero is NaN, while the loss is finite."""

    def loss(model, batch, key):
        return jnp.linalg.norm(model.weight) + model.bias**2

    with pytest.raises(TrainingError, match="The weights weight are not finite after step 1; lower the"):
        train(linear(), loss, (X, Y), optax.sgd(0.1), steps=1, run=tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()
    with pytest.raises(TrainingError, match="The weights weight are not finite after step 1"):
        train(linear(), loss, (X, Y), optax.sgd(0.1), steps=1)


def call(**changes):
    usual = dict(model=linear(), loss=squares, data=(X, Y), optimiser=optax.sgd(0.1), steps=3)
    return train(**{**usual, **changes})


@pytest.mark.parametrize(
    "changes, error, message",
    [
        (dict(steps=0), TrainingError, "steps must be a positive whole number, not 0"),
        (dict(steps=True), TrainingError, "steps must be a positive whole number, not True"),
        (dict(log_every=0), TrainingError, "log_every must be a positive"),
        (dict(checkpoint_every=-1), TrainingError, "checkpoint_every must be a positive"),
        (dict(batch_size=0), TrainingError, "batch_size must be a positive"),
        (dict(seed=-1), TrainingError, "seed must be a whole number from 0"),
        (dict(batch_size=41), DataError, "batch_size=41 is more than the 40 examples"),
        (dict(data=(X, Y[:9])), DataError, "same number of examples, and 0 has 40, 1 has 9"),
        (dict(data={"x": X, "y": np.float64(3)}), DataError, "data: y must be an array that leads with"),
        (dict(data={"x": X, "y": [1.0]}), DataError, r"data: y.0 must be an array .* not 1.0"),
        (dict(data=()), DataError, "data holds no arrays"),
        (dict(data=(X[:0], Y[:0])), DataError, "data holds no examples"),
        (
            dict(data=lambda key, step: (X[: step + 1], Y[: step + 1])),
            DataError,
            r"data\(key, 1\) gave .*64\[2,3\]",
        ),
        (dict(data=lambda key, step: (X, Y), batch_size=4), DataError, "leave batch_size out"),
        (
            dict(loss=lambda m, b, k: jax.vmap(m)(b[0])),
            TrainingError,
            r"The loss returned f32\[40\]; a loss returns",
        ),
        (
            dict(loss=lambda m, b, k: 3),
            TrainingError,
            r"The loss returned .*; a loss returns a floating-point",
        ),
        (dict(loss=lambda m, b, k: (m.bias, 1, 2)), TrainingError, "returned a tuple of 3"),
        (dict(loss=lambda m, b, k: (m.bias, {"w": m.weight})), TrainingError, r"The metric 'w' is f32\[3\]"),
        (dict(loss=lambda m, b, k: (m.bias, {"step": m.bias})), TrainingError, "a metric called 'step'"),
        (dict(where=lambda m: m.wheels), TrainingError, "where cannot be applied to this Linear: .*wheels"),
        (dict(where=lambda m: 3.0), TrainingError, "where returned 3.0, which is not a part"),
        (dict(where=lambda m: ()), TrainingError, "What where selects holds no floating-point arrays"),
        (dict(model=parts(), where=lambda m: m.count), TrainingError, "What where selects holds no"),
        (dict(model=parts(), where=lambda m: m.name), TrainingError, "where returned 'arm'"),
        (dict(model=jnp.arange(3)), TrainingError, "The model holds no floating-point arrays"),
        (dict(resume=True), CheckpointError, "resume=True needs the folder of the run"),
    ],
)
def test_bad_input_is_told_in_one_sentence(changes, error, message):
    with pytest.raises(error, match=message) as info:
        call(**changes)
    assert "\n" not in str(info.value)


TWO_DEVICES = """
import sys
import equinox as eqx, jax, jax.numpy as jnp, numpy as np, optax
from ideomotor import train
from ideomotor._batches import Batches

jax.config.update("jax_enable_x64", True)
assert len(jax.devices()) == 2
rng = np.random.default_rng(0)
x = rng.normal(size=(40, 3)); y = np.sin(x).sum(1)
model = eqx.nn.MLP(3, "scalar", 8, 2, key=jax.random.key(1))
optimiser = optax.adam(1e-2)
shardings = []

def loss(model, batch, key):
    jax.debug.inspect_array_sharding(batch[0], callback=shardings.append)
    return jnp.mean((jax.vmap(model)(batch[0]) + 0.01 * jax.random.normal(key) - batch[1]) ** 2)

def run(data, folder=None, **more):
    got = train(model, loss, data, optimiser, steps=30, log_every=10, run=folder, **more)
    return [np.asarray(a) for a in jax.tree.leaves(eqx.filter(got, eqx.is_array))], got

made = lambda key, step: (x[step % 10 : step % 10 + 8], y[step % 10 : step % 10 + 8])
cases = {"host": ((x, y), dict(batch_size=8)), "device": (jax.device_put((x, y)), dict(batch_size=8)),
         "whole": ((x, y), {}), "made": (made, {})}
for name, (data, more) in cases.items():
    shardings.clear()
    two, got = run(data, f"{sys.argv[1]}/{name}", **more)
    assert {len(s.device_set) for s in shardings} == {2} and not shardings[0].is_fully_replicated, shardings
    assert all(len(a.devices()) == 1 for a in jax.tree.leaves(eqx.filter(got, eqx.is_array)))
    with jax.default_device(jax.devices()[1]):
        one, _ = run(data, **more)
    worst = max(np.abs(a - b).max() for a, b in zip(one, two, strict=True))
    assert 0 <= worst < 1e-12, (name, worst)
    again = train(model, loss, data, optimiser, steps=40, run=f"{sys.argv[1]}/{name}", resume=True, **more)
    whole = train(model, loss, data, optimiser, steps=40, **more)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(whole), strict=True):
        if eqx.is_array(a):
            np.testing.assert_array_equal(a, b)
assert Batches((x, y), 7, jax.random.key(0), 0).layout.mesh is None
print("same on one and two")
"""


def test_two_devices_give_the_result_of_one(tmp_path):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    env = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(tmp_path)],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "same on one and two" in done.stdout
