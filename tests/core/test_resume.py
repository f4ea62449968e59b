import json
import os
import random
import signal
import subprocess
import sys
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import safetensors.numpy
from jaxtyping import Array

from ideomotor import train
from ideomotor.errors import CheckpointError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = np.sin(X).sum(1)
ADAM = optax.adam(optax.cosine_decay_schedule(1e-2, 40))


class Scaled(eqx.Module):
    """A network, and a scale that is not trained."""

    mlp: eqx.nn.MLP
    scale: Array

    def __init__(self, width: int = 8, scale: float = 2.0):
        self.mlp = eqx.nn.MLP(3, "scalar", width, 1, key=jax.random.key(1))
        self.scale = jnp.asarray(scale)

    def __call__(self, x):
        return self.scale * self.mlp(x)


def loss(model, batch, key):
    x, y = batch
    error = jax.vmap(model)(x + 0.1 * jax.random.normal(key, x.shape)) - y
    return jnp.mean(error**2), {"worst": jnp.max(jnp.abs(error))}


def go(run=None, **changes):
    usual = dict(
        model=Scaled(),
        loss=loss,
        data=(X, jnp.asarray(Y)),
        optimiser=ADAM,
        steps=40,
        batch_size=5,
        where=lambda m: m.mlp,
        log_every=6,
        checkpoint_every=9,
    )
    return train(**{**usual, "run": run, **changes})


def assert_same(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        if eqx.is_array(a):
            np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing interrupts: its folder and its result."""
    run = tmp_path_factory.mktemp("whole") / "run"
    return run, go(run)


def lines(run):
    return (run / "metrics.jsonl").read_text()


def interrupt(at):
    def callback(step, metrics, model):
        if step >= at:
            raise KeyboardInterrupt

    return callback


@pytest.mark.parametrize("stops", [[6], [1, 12], [9, 18, 27], [5, 6, 7, 30, 39]])
def test_in_pieces_as_in_one_go(whole, tmp_path, stops):
    run = tmp_path / "run"
    for steps in [*stops, 40]:
        got = go(run, steps=steps, resume=True)
    assert_same(got, whole[1])
    # A piece that ends between two log lines writes a line for its end; the others are those of one go.
    ends = [line for line in lines(run).splitlines() if json.loads(line)["step"] % 6 == 0]
    if all(stop % 6 == 0 for stop in stops):
        assert lines(run) == lines(whole[0])
    assert len(ends) == 6 and len({json.loads(line)["step"] for line in ends}) == 6


def test_ctrl_c_keeps_the_last_step_and_goes_on(whole, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        go(run, callback=interrupt(12))
    with safetensors.safe_open(run / "checkpoint.safetensors", "np") as stored:
        assert stored.metadata()["step"] == "12"
    assert_same(go(run, resume=True), whole[1])
    assert lines(run) == lines(whole[0])


def test_a_callback_that_stops_keeps_its_step(whole, tmp_path):
    run = tmp_path / "run"
    stopped = go(run, callback=lambda step, *_: step >= 18)
    assert json.loads(lines(run).splitlines()[-1])["step"] == 18
    assert_same(go(run, steps=18, resume=True), stopped)  # nothing is left to do
    assert_same(go(run, resume=True), whole[1])


def test_lines_after_the_checkpoint_are_written_once(whole, tmp_path):
    """As a run leaves them that is killed between a line and the next checkpoint, in the middle of a line."""
    run = tmp_path / "run"
    go(run, steps=12)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 18, "loss": 1.0, "worst": 2.0}\n{"step": 24, "lo')
    (run / ".checkpoint.safetensors.half").write_bytes(b"half")
    assert_same(go(run, resume=True), whole[1])
    assert lines(run) == lines(whole[0])
    assert not (run / ".checkpoint.safetensors.half").exists()


def test_resuming_nothing_starts(whole, tmp_path):
    assert_same(go(tmp_path / "new", resume=True), whole[1])
    run = tmp_path / "killed early"  # before the first checkpoint
    go(run, steps=3)
    (run / "checkpoint.safetensors").unlink()
    assert_same(go(run, resume=True), whole[1])
    assert lines(run) == lines(whole[0])


def test_more_steps_go_on_from_the_end(tmp_path):
    run = tmp_path / "run"
    go(run)
    assert_same(go(run, steps=50, resume=True), go(steps=50))
    assert json.loads((run / "config.json").read_text())["steps"] == 50


def test_double_precision_resumes(tmp_path):
    with jax.enable_x64(True):
        whole = go()
        go(tmp_path / "run", steps=20)
        got = go(tmp_path / "run", resume=True)
        assert got.mlp.layers[0].weight.dtype == jnp.float64
        assert_same(got, whole)


def test_the_checkpoint_is_readable_by_others(whole):
    with safetensors.safe_open(whole[0] / "checkpoint.safetensors", "np") as stored:
        weight = stored.get_tensor("model.mlp.layers.0.weight")
        np.testing.assert_array_equal(weight, whole[1].mlp.layers[0].weight)
        names = list(stored.keys())
        assert "optimiser.0.mu.mlp.layers.0.weight" in names and "model.scale" not in names
        assert stored.metadata()["step"] == "40"


def refused(message, run, **changes):
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    with pytest.raises(CheckpointError, match=message) as info:
        go(run, **{"steps": 50, "resume": True, **changes})
    assert "\n" not in str(info.value)
    assert {p.name: p.read_bytes() for p in run.iterdir()} == before


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            dict(resume=False),
            "holds checkpoint.safetensors already; pass resume=True or choose another folder",
        ),
        (dict(seed=1), "different run: the seed was 0 and is 1"),
        (dict(batch_size=6), "different run: batch_size was 5 and is 6"),
        (
            dict(data=(X[:-1], jnp.asarray(Y[:-1]))),
            r"the shape of the data was .*24.* is .*23",
        ),
        (
            dict(model=Scaled(width=9)),
            r"a different model .*: model.mlp.*has shape \(8, 3\) where \(9, 3\)",
        ),
        (dict(model=Scaled(scale=3.0)), "the part of the model that is not trained differs"),
        (dict(where=lambda m: m.mlp.layers[0]), "the part of the model that is not trained differs"),
        (dict(optimiser=optax.sgd(0.1)), "a different model or optimiser: optimiser.* is not part of it"),
        (
            dict(optimiser=optax.adam(0.1)),
            "a different model or optimiser: optimiser.1.count is not part of it",
        ),
        (dict(steps=39), "is at step 40 already; ask for more than steps=39"),
    ],
)
def test_what_does_not_belong_to_the_run_is_refused(whole, changes, message):
    refused(message, whole[0], **changes)


def test_another_precision_is_refused(whole):
    with jax.enable_x64(True):
        refused("the shape of the data was|float32 where float64 is needed", whole[0])


def test_damaged_and_strange_folders_are_refused(tmp_path):
    run = tmp_path / "run"
    go(run, steps=9)
    path = run / "checkpoint.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-9])
    refused("checkpoint.safetensors cannot be read: is not a complete safetensors file", run)
    path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    refused("checkpoint.safetensors has been changed since it was saved", run)
    path.write_bytes(safetensors.numpy.save({"a": np.zeros(2)}))
    refused("checkpoint.safetensors cannot be read", run)

    other = tmp_path / "component"
    other.mkdir()
    (other / "config.json").write_text('{"format": 1}')
    refused("config.json was not written by ideomotor.train; choose another folder", other)
    refused("holds config.json already; pass resume=True or choose another folder", other, resume=False)


SCRIPT = """
import sys
import equinox as eqx, jax, jax.numpy as jnp, numpy as np, optax
from ideomotor import train

run, result = sys.argv[1:]
rng = np.random.default_rng(0)
x = rng.normal(size=(50, 3)); y = np.sin(x).sum(1)
model = eqx.nn.MLP(3, "scalar", 16, 2, key=jax.random.key(1))
optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(1e-2, 1500)))

def loss(model, batch, key):
    error = jax.vmap(model)(batch[0] + 0.05 * jax.random.normal(key, batch[0].shape)) - batch[1]
    return jnp.mean(error**2), {"worst": jnp.max(jnp.abs(error))}

got = train(model, loss, (x, jnp.asarray(y)), optimiser, steps=1500, batch_size=7, run=run, resume=True,
            log_every=10, checkpoint_every=3)
np.savez(result, *[a for a in jax.tree.leaves(got) if eqx.is_array(a)])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_at_random_moments_it_ends_with_the_same_bits(tmp_path):
    seed = random.SystemRandom().randrange(2**32)
    print(f"the moments are those of random.Random({seed})")
    moments = random.Random(seed)
    env = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PLATFORMS": "cpu",
    }

    def start(name):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / name), str(tmp_path / f"{name}.npz")]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(process):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors

    def written(name):
        path = tmp_path / name / "metrics.jsonl"
        return path.read_text().count("\n") if path.exists() else 0

    finish(start("whole"))
    killed_at = []
    for part in range(1, 4):
        process = start("killed")
        while process.poll() is None and written("killed") < 36 * part:
            time.sleep(0.001)
        time.sleep(moments.random() * 0.03)
        process.kill()
        _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, errors or "it had ended before it was killed"
        killed_at.append(written("killed"))
    finish(start("killed"))
    print(f"killed after {killed_at} lines of 150")

    with np.load(tmp_path / "whole.npz") as one, np.load(tmp_path / "killed.npz") as other:
        assert sorted(one.files) == sorted(other.files) and len(one.files) == 6
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])
    assert (tmp_path / "killed/metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()
    left = sorted(path.name for path in (tmp_path / "killed").iterdir())
    assert left == ["checkpoint.safetensors", "config.json", "metrics.jsonl"]
