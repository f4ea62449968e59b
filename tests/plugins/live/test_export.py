import json
import shutil
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner

import ideomotor
from ideomotor.cli import command
from ideomotor.errors import AssemblyError, IdeomotorError
from ideomotor_live import export

needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
TS = np.linspace(0, 1, 21)
FEW = 20


def test_stablehlo_runs_without_our_classes(tmp_path):
    pytest.importorskip("flatbuffers")
    policy = ideomotor.make("recurrent-policy")
    card = export(policy, tmp_path / "out", ts=TS, examples=FEW)
    inputs = card["programs"]["step"]["inputs"]
    names = [one["name"] for one in inputs]
    params = policy.default_params()
    feedback = policy.default_feedback()
    _, command = policy.step(policy.init(params), feedback, params, 0.05)
    given = jax.tree.leaves(
        {"state": policy.init(params), "feedback": feedback, "params": params, "dt": np.float32(0.05)}
    )
    # In the order of the names on the card; a dictionary's keys are sorted, as JAX does.
    assert names[0] == "dt" and inputs[0]["unit"] == "s" and len(given) == len(names)
    np.savez(tmp_path / "given.npz", *given)
    script = (
        "import sys, numpy as np, jax.export\n"
        "program = jax.export.deserialize(open(sys.argv[1], 'rb').read())\n"
        "with np.load(sys.argv[2]) as given: out = program.call(*given.values())\n"
        "assert not any(name.startswith('ideomotor') for name in sys.modules)\n"
        "print([np.asarray(x).ravel().tolist() for x in out])\n"
    )
    files = [str(tmp_path / "out" / "step.stablehlo"), str(tmp_path / "given.npz")]
    done = subprocess.run([sys.executable, "-c", script, *files], capture_output=True, text=True, check=True)
    outputs = [one["name"] for one in card["programs"]["step"]["outputs"]]
    found = json.loads(done.stdout)[outputs.index("out_command")]
    np.testing.assert_allclose(found, command, rtol=1e-5, atol=1e-6)


@needs_cc
@pytest.mark.parametrize(
    "name, steps",
    [("recurrent-policy", "step"), ("feedback-dmp", "step"), ("dmp", "trajectory")],
)
def test_c_gives_the_same_numbers(name, steps, tmp_path):
    card = export(ideomotor.make(name), tmp_path / "out", to="c", ts=TS, examples=FEW)
    assert card["programs"][steps]["compared"]["largest_difference"] < 2e-6
    source = (tmp_path / "out" / f"{steps}.c").read_text()
    assert "malloc" not in source and source.count("#include") == 1 and "<math.h>" in source
    strict = ["cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    subprocess.run([*strict, str(tmp_path / "out" / f"{steps}.c")], check=True)
    assert "ideomotor_" in (tmp_path / "out" / f"{steps}.h").read_text()


class Odd(ideomotor.AbstractPerception):
    """Operations that the components at hand do not use."""

    weights: jax.Array = eqx.field(
        default_factory=lambda: jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), jnp.float32)
    )

    def default_observation(self):
        return np.linspace(-1, 1, 4, dtype=np.float32)

    def __call__(self, x, *, key=None):
        def turn(carry, row):
            return jnp.tanh(carry + row[:4].sum()), carry * row[0]

        carry, rows = jax.lax.scan(turn, x[:2], jnp.stack([x, x[::-1], 2 * x]), reverse=True)
        branch = jax.lax.cond(x[0] > -1, lambda y: y + 1, lambda y: y * 2, x)
        at = jnp.clip(jnp.floor(3 * jnp.abs(x)).astype(int), 0, 3)
        # An outer product, gather, extremes, a product over three axes, integers, a slice from a place that is computed.
        return {
            "a": x[:, None] * self.weights[0][None], "b": self.weights[:, at].max(0), "c": carry, "d": rows, "e": branch,
            "f": jnp.einsum("ij,kj->ki", self.weights, self.weights), "g": (at // 2 + at % 2).astype(x.dtype),
            "h": jax.lax.dynamic_slice(x, (at[0],), (2,)), "i": jnp.where(x > 0, jnp.sqrt(jnp.abs(x)), -x), "j": x**3 / 7,
        }  # fmt: skip


@needs_cc
def test_operations_translate_one_by_one(tmp_path):
    card = export(Odd(), tmp_path / "out", to="c", examples=200)
    assert card["programs"]["params"]["compared"]["largest_difference"] < 2e-6


@needs_cc
def test_what_has_no_translation_says_which(tmp_path):
    class Sorted(Odd):
        def __call__(self, x, *, key=None):
            return jnp.sort(x)

    with pytest.raises(
        IdeomotorError, match="operation sort has no translation to C; export to stablehlo or onnx"
    ):
        export(Sorted(), tmp_path / "out", to="c")
    assert not (tmp_path / "out").exists()


def test_what_runs_on_the_host_is_refused(tmp_path):
    class Plain:
        def default_observation(self):
            return np.zeros(2)

        def __call__(self, observation):
            return observation

    with pytest.raises(AssemblyError, match="Plain runs on the host"):
        export(ideomotor.host(Plain()), tmp_path / "out")
    with pytest.raises(ValueError, match="to must be one of stablehlo, onnx, c"):
        export(Odd(), tmp_path / "out", to="fortran")


@needs_cc
def test_a_program_that_differs_is_not_written(tmp_path, monkeypatch):
    from ideomotor_live import _c

    monkeypatch.setitem(_c._UNARY, "tanh", "sinf({})")
    with pytest.raises(IdeomotorError, match="differs from Python by"):
        export(Odd(), tmp_path / "out", to="c", examples=FEW)
    assert not (tmp_path / "out").exists()


def test_onnx_gives_the_same_numbers_or_says_what_to_install(tmp_path):
    try:
        import jax2onnx  # noqa: F401
    except ImportError:
        with pytest.raises(IdeomotorError, match="pip install jax2onnx onnxruntime"):
            export(Odd(), tmp_path / "out", to="onnx")
        return
    card = export(ideomotor.make("recurrent-policy"), tmp_path / "out", to="onnx", examples=FEW)
    assert card["programs"]["step"]["compared"]["largest_difference"] < 1e-5


@needs_cc
def test_a_pipeline_on_the_command_line(tmp_path):
    path, out = tmp_path / "p.yaml", tmp_path / "out"
    path.write_text("primitive: {use: dmp, dof: 2, basis: 5}\n")
    arguments = ["export", str(path), "--to", "c", "--out", str(out), "--examples", "5", "--samples", "11"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    card = json.loads((out / "card.json").read_text())
    assert set(card["programs"]) == {"params", "trajectory"}
    inputs = {one["name"]: one for one in card["programs"]["trajectory"]["inputs"]}
    assert inputs["params_goal"]["shape"] == [2] and inputs["ts"]["unit"] == "s"
    assert "| input | `params_goal` | [2] float32 |" in (out / "README.md").read_text()
