"""The command line: what it prints, what it writes, how it fails."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import tracemalloc

import jax
import numpy as np
import pytest
from click.testing import CliRunner

import ideomotor
from ideomotor.cli import command, enable_compilation_cache
from ideomotor.errors import DataError
from ideomotor.registry import reset

COMMANDS = """
    import click
    import equinox as eqx
    import jax.numpy as jnp
    from ideomotor.errors import DataError

    @click.command()
    @click.option("--size", type=int, default=3, help="How big.")
    def toy(size):
        \"\"\"Play with a toy.\"\"\"
        click.echo(f"toy of size {size}")

    @click.command()
    @click.argument("how")
    def fail(how):
        if how == "data":
            raise DataError("Row 3 of points.csv is not finite; repair it.")
        if how == "value":
            raise ValueError("too\\n many  words.")
        if how == "empty":
            raise RuntimeError
        if how == "interrupt":
            raise KeyboardInterrupt
        if how == "click":
            raise click.ClickException("as click says it")
        if how == "exit":
            raise click.exceptions.Exit(7)
        if how == "equinox":
            eqx.error_if(jnp.ones(()), True, "x must not be one: it is a length.")
        if how == "equinox-jit":
            eqx.filter_jit(lambda x: eqx.error_if(x, x > 0, "x must not be one: it is a length."))(jnp.ones(()))

    def not_a_command():
        pass
"""


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Nothing from outside, no cache, and a registry of its own."""
    for name in ("IDEOMOTOR_PLUGINS", "IDEOMOTOR_STRICT", "IDEOMOTOR_DEBUG", "JAX_COMPILATION_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IDEOMOTOR_CACHE", "")
    old = reset()
    yield
    reset(old)


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """Commands of a plug-in, in a module that is not imported yet."""
    (tmp_path / "toy_commands.py").write_text(textwrap.dedent(COMMANDS))
    monkeypatch.syspath_prepend(str(tmp_path))
    records = {
        "run toy": "toy",
        "toy box fail": "fail",
        "toy box open": "toy",
        "fail": "fail",
        "odd": "not_a_command",
    }
    for name, function in records.items():
        ideomotor.register("command", name, f"toy_commands:{function}", f"summary of {name}")
    yield "toy_commands"
    sys.modules.pop("toy_commands", None)


def run(*arguments, **kwargs):
    return CliRunner().invoke(command, [str(a) for a in arguments], prog_name="ideomotor", **kwargs)


def error(*arguments, code=1):
    """What a failing command says, which is one line and no traceback."""
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.stderr


# ---- help -------------------------------------------------------------------------------------------------------


def test_help_says_where_to_start_and_lists_the_commands_in_order():
    text = run("--help").output
    assert "Start here:" in text and "ideomotor plugins" in text
    names = ("plugins", "describe", "run", "train", "reproduce", "new-plugin")
    places = [text.index(f"\n  {name} ") for name in names]
    assert places == sorted(places)
    assert run("-h").output == text


def test_help_lists_the_commands_of_plugins_without_importing_them(toys):
    assert "toy   " in run("--help").output
    assert "summary of run toy" in run("run", "--help").output
    (line,) = (line for line in run("--help").output.splitlines() if line.startswith("  toy "))
    assert line.split() == ["toy", "box"]
    assert "summary of toy box fail" in run("toy", "box", "--help").output
    assert toys not in sys.modules
    assert "How big." in run("run", "toy", "--help").output
    assert toys in sys.modules


def test_a_command_of_a_plugin_runs(toys):
    assert run("run", "toy", "--size", 4).output == "toy of size 4\n"
    assert run("toy", "box", "open").output == "toy of size 3\n"


def test_a_group_without_commands_says_so(monkeypatch):
    monkeypatch.setenv("IDEOMOTOR_PLUGINS", "")
    result = run("reproduce", "--help")
    assert result.exit_code == 0 and "No installed plug-in offers a paper here" in result.output


def test_version():
    assert run("--version").output == f"ideomotor {ideomotor.__version__}\n"


# ---- errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how, code, says",
    [
        ("data", 1, "Error: Row 3 of points.csv is not finite; repair it.\n"),
        (
            "value",
            1,
            "Error: Unexpected ValueError: too many words. Run again with --debug for the traceback.\n",
        ),
        (
            "empty",
            1,
            "Error: Unexpected RuntimeError: no message. Run again with --debug for the traceback.\n",
        ),
        ("interrupt", 130, ""),
        ("click", 1, "Error: as click says it\n"),
        ("exit", 7, ""),
        ("equinox", 1, "Error: x must not be one: it is a length.\n"),
        ("equinox-jit", 1, "Error: x must not be one: it is a length.\n"),
    ],
)
def test_an_error_is_one_sentence(toys, how, code, says):
    assert error("fail", how, code=code) == says


@pytest.mark.parametrize(
    "arguments", [("--debug", "fail", "data"), ("fail", "--debug", "data"), ("fail", "data", "--debug")]
)
def test_debug_lets_the_error_through_wherever_it_stands(toys, arguments):
    assert isinstance(run(*arguments).exception, ideomotor.errors.DataError)


def test_debug_by_environment(toys, monkeypatch):
    monkeypatch.setenv("IDEOMOTOR_DEBUG", "1")
    assert isinstance(run("fail", "value").exception, ValueError)
    monkeypatch.setenv("IDEOMOTOR_DEBUG", "0")
    assert "Unexpected ValueError" in error("fail", "value")


def test_after_two_dashes_debug_is_an_argument(toys):
    assert run("fail", "--", "--debug").exit_code == 0


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("plugin",), "No such command 'plugin'. Did you mean 'plugins'?"),
        (("run", "tyo"), "No such study 'tyo'. Did you mean 'toy'?"),
        (("run", "toy", "--sise", "3"), "Did you mean --size?"),
        (("two-link-arm",), "It is a component: ideomotor describe two-link-arm"),
        (("toy", "bax"), "No such command 'bax'. Did you mean 'box'?"),
    ],
)
def test_unknown_words_get_a_hint(toys, arguments, says):
    assert says in error(*arguments, code=2).replace("'--size'", "--size")  # quoted since click 8.4


def test_a_record_that_is_no_command_is_named(toys):
    says = error("odd")
    assert "'odd'" in says and "toy_commands:not_a_command" in says and "@click.command()" in says


def test_strict_mode_shows_in_the_help_too(tmp_path, monkeypatch):
    info = tmp_path / "torn-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torn\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ideomotor.plugins]\ntorn = a_module_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "torn" in run("plugins").output and "a_module_that_is_not_there" in run("plugins").output
    reset()
    monkeypatch.setenv("IDEOMOTOR_STRICT", "1")
    assert "a_module_that_is_not_there" in error("--help")


def test_an_interrupted_process_ends_quietly_with_130(tmp_path, toys):
    """The real signal, in a real process, while a command is running."""
    code = """
        import sys, time
        import click, ideomotor
        from ideomotor.cli import main

        @click.command()
        def wait():
            print("waiting", flush=True)
            time.sleep(60)

        sys.modules["waiter"] = sys.modules["__main__"]
        ideomotor.register("command", "wait", "waiter:wait", "waits")
        main(["wait"])
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in stderr and "Error" not in stderr


# ---- plugins and describe ---------------------------------------------------------------------------------------


def test_plugins_lists_and_hides_those_that_were_not_chosen(monkeypatch):
    monkeypatch.setenv("IDEOMOTOR_PLUGINS", "dmp")
    text = run("plugins", "--components").output
    assert "dynamic movement primitive" in text and "two-link-arm" not in text
    assert "more disabled by IDEOMOTOR_PLUGINS" in text
    assert "not named in IDEOMOTOR_PLUGINS" in run("plugins", "--json").output
    assert "arm " in run("plugins", "--all").output


def test_plugins_as_json_holds_everything():
    found = {p["name"]: p for p in json.loads(run("plugins", "--json").output)}
    assert found["arm"]["status"] == "active" and found["arm"]["distribution"] == "ideomotor"
    arm = next(c for c in found["arm"]["components"] if c["name"] == "two-link-arm")
    assert arm["kind"] == "plant" and arm["factory"] == "ideomotor_arm:TwoLinkArm" and arm["summary"]


def test_plugins_imports_nothing_heavy():
    code = """
        import sys
        from ideomotor.cli import command
        for arguments in (["plugins"], ["plugins", "--components"], ["--help"], ["run", "--help"], ["train", "--help"]):
            command.main(arguments, standalone_mode=False)
        heavy = {"jax", "numpy", "scipy", "matplotlib", "equinox", "yaml", "platformdirs"} & set(sys.modules)
        assert not heavy, heavy
        assert not [m for m in sys.modules if m.startswith("ideomotor_")], sys.modules
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_describe_shows_arguments_units_and_structures():
    text = run("describe", "two-link-arm").output
    assert "plant of plug-in arm (ideomotor" in text and "ideomotor_arm:TwoLinkArm" in text
    assert "Li & Todorov 2004" in text
    (masses,) = [line for line in text.splitlines() if line.strip().startswith("masses")]
    assert "kg" in masses and "[0.1, 10]" in masses
    assert "substeps: int = 1" in text
    assert "state         ArmState(angle=f32[2], velocity=f32[2])" in text
    assert "command       f32[2]" in text and "'hand': f32[2]" in text


def test_describe_a_primitive_shows_one_command_and_the_units_of_its_parameters():
    text = run("describe", "dmp").output
    assert "parameters    DMPParams(weights=f32[2,25]" in text and "command       f32[2]" in text
    (tau,) = [line for line in text.splitlines() if line.strip().startswith(".tau")]
    assert " s " in tau


def test_describe_a_command_shows_its_help(toys):
    text = run("describe", "run", "toy").output
    assert "command of plug-in" in text and "Usage: ideomotor run toy" in text and "How big." in text


def test_describe_what_cannot_be_made_without_arguments():
    class Needy:
        """Needs a size."""

        def __init__(self, size):
            if size < 0:
                raise ValueError

    ideomotor.register("plant", "needy", Needy)
    text = run("describe", "needy").output
    assert "Needs a size." in text and "cannot be made without arguments" in text and "'size'" in text


def test_describe_every_component_there_is():
    from ideomotor.errors import PluginError

    for record in ideomotor.components():
        result = run("--debug", "describe", *record.name.split(" "))
        if record.extra and isinstance(result.exception, PluginError):
            continue  # the extra is not installed
        assert result.exit_code == 0, (record.name, result.exception)


def test_describe_an_unknown_name():
    assert "Did you mean 'dmp'?" in error("describe", "dpm")


# ---- run PIPELINE.yaml ------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reach.yaml").write_text("primitive: {use: dmp, dof: 2, basis: 5}\n")
    return tmp_path


def test_run_writes_the_movement(here):
    result = run("run", "reach.yaml", "--samples", 11, "--duration", 2)
    assert result.exit_code == 0, result.output
    folder = here / "reach-movement"
    assert {p.name for p in folder.iterdir()} == {
        "trajectory.csv",
        "trajectory.npz",
        "pipeline.yaml",
        "figure.png",
    }
    pipeline = ideomotor.load_pipeline(folder / "pipeline.yaml")
    assert pipeline.to_config() == ideomotor.load_pipeline(here / "reach.yaml").to_config()
    expected = pipeline(pipeline.default_observation(), np.linspace(0, 2, 11))
    with np.load(folder / "trajectory.npz") as arrays:
        np.testing.assert_array_equal(arrays["ys"], expected.ys)
        np.testing.assert_allclose(arrays["ts"], np.linspace(0, 2, 11))
    head, *rows = (folder / "trajectory.csv").read_text().splitlines()
    assert head == "ts,ys[0],ys[1]"
    table = np.array([[float(x) for x in row.split(",")] for row in rows], np.float32)
    np.testing.assert_array_equal(table[:, 1:], expected.ys)
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_run_takes_an_observation(here):
    given = {
        "weights": np.zeros((2, 5)),
        "goal": np.array([3.0, 4.0]),
        "start": np.zeros(2),
        "tau": np.array(1.0),
    }
    np.savez(here / "params.npz", **given)
    result = run("run", "reach.yaml", "--input", "params.npz", "--duration", 3, "--out", "moved")
    assert result.exit_code == 0, result.output
    with np.load(here / "moved" / "trajectory.npz") as arrays:
        np.testing.assert_allclose(arrays["ys"][-1], [3, 4], atol=1e-3)
    np.savez(here / "few.npz", goal=np.zeros(2))
    says = error("run", "reach.yaml", "--input", "few.npz", "--out", "other")
    assert "'goal'" in says and "'weights'" in says and not (here / "other").exists()


class Brightness(ideomotor.AbstractPerception):
    """The mean grey value as the goal."""

    def default_observation(self):
        return jax.numpy.zeros((4, 6))

    def __call__(self, observation, *, key=None):
        dmp = ideomotor.make("dmp", dof=1, basis=3).default_params()
        return type(dmp)(dmp.weights, jax.numpy.mean(observation)[None], dmp.start, dmp.tau)


def test_run_takes_images_and_arrays(here):
    from PIL import Image

    ideomotor.register("perception", "brightness", Brightness)
    (here / "look.yaml").write_text("perception: brightness\nprimitive: {use: dmp, dof: 1, basis: 3}\n")
    grey = np.full((4, 6), 51, np.uint8)
    Image.fromarray(grey).save(here / "grey.png")
    np.save(here / "grey.npy", grey / 255)
    for source in ("grey.png", "grey.npy"):
        result = run("run", "look.yaml", "--input", source, "--duration", 5, "--out", "out", "--overwrite")
        assert result.exit_code == 0, result.output
        with np.load(here / "out" / "trajectory.npz") as arrays:
            np.testing.assert_allclose(arrays["ys"][-1], [0.2], atol=1e-3)
    Image.fromarray(grey[:, :5]).save(here / "small.png")
    assert "(4, 5)" in error("run", "look.yaml", "--input", "small.png", "--out", "x")
    assert "There is no file gone.png" in error("run", "look.yaml", "--input", "gone.png", "--out", "x")
    assert "neither .npy, .npz nor an image" in error(
        "run", "look.yaml", "--input", "look.yaml", "--out", "x"
    )
    (here / "torn.npy").write_bytes(b"\x93NUMPY")
    assert "torn.npy cannot be read" in error("run", "look.yaml", "--input", "torn.npy", "--out", "x")
    np.save(here / "nan.npy", np.full((4, 6), np.nan))
    assert "not finite" in error("run", "look.yaml", "--input", "nan.npy", "--out", "x")
    np.save(here / "objects.npy", np.array([{}] * 24, object).reshape(4, 6), allow_pickle=True)
    assert "objects.npy cannot be read" in error("run", "look.yaml", "--input", "objects.npy", "--out", "x")
    assert not (here / "x").exists()


def test_damaged_and_hostile_files_end_in_a_sentence(tmp_path):
    from ideomotor.cli._play import read_observation  # what `run --input` reads with

    def says(name):
        with pytest.raises(DataError) as info:
            read_observation(str(tmp_path / name), {"goal": np.zeros(2), "start": np.zeros(2)})
        return str(info.value)

    np.savez_compressed(tmp_path / "good.npz", goal=np.ones(2), start=np.zeros(2))
    read = read_observation(str(tmp_path / "good.npz"), {"goal": np.zeros(2), "start": np.zeros(2)})
    np.testing.assert_array_equal(read["goal"], [1.0, 1.0])
    whole = (tmp_path / "good.npz").read_bytes()
    (tmp_path / "short.npz").write_bytes(whole[:-30])
    (tmp_path / "bent.npz").write_bytes(whole[:60] + bytes(20) + whole[80:])
    (tmp_path / "text.npz").write_text("not a zip")
    (tmp_path / "text.png").write_text("not a picture")
    for name in ("short.npz", "bent.npz", "text.npz", "text.png"):
        assert f"{name} cannot be read" in says(name)
    # 32 MB of zeros in 32 kB: refused by its header, before a byte of it is unpacked.
    np.savez_compressed(tmp_path / "bomb.npz", goal=np.zeros(4_000_000), start=np.zeros(2))
    tracemalloc.start()
    assert "an array of shape (4000000,), and at most 2 numbers are needed" in says("bomb.npz")
    assert tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()


def test_a_file_that_is_nested_too_deeply_is_said(tmp_path):
    (tmp_path / "deep.yaml").write_text("[" * 100_000)
    assert "deep.yaml is nested too deeply" in error(
        "run", str(tmp_path / "deep.yaml"), "--out", str(tmp_path / "x")
    )


def test_a_terminal_without_arrows_shows_question_marks():
    done = subprocess.run(
        [sys.executable, "-m", "ideomotor", "describe", "cvae"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
        check=True,
    )
    assert b"cvae: " in done.stdout and b"??" in done.stdout


def test_run_refuses_a_folder_with_something_in_it(here):
    (here / "reach-movement").mkdir()
    assert run("run", "reach.yaml").exit_code == 0  # empty is fine
    (here / "reach-movement" / "mine.txt").write_text("precious")
    before = sorted(p.name for p in here.iterdir())
    assert "exists and is not empty" in error("run", "reach.yaml")
    assert (here / "reach-movement" / "mine.txt").read_text() == "precious"
    assert run("run", "reach.yaml", "--overwrite").exit_code == 0
    assert not (here / "reach-movement" / "mine.txt").exists()
    assert sorted(p.name for p in here.iterdir()) == before  # nothing is left lying about


@pytest.mark.parametrize(
    "yaml, says",
    [
        ("primitive: {use: dnp}", "Did you mean 'dmp'?"),
        ("primitve: dmp", "Did you mean 'primitive'?"),
        ("primitive: {use: dmp, dofs: 2}", "Did you mean 'dof'?"),
        ("primitive: [", "not YAML"),
        ("- dmp", "mapping"),
    ],
)
def test_run_explains_what_is_wrong_with_a_file(here, yaml, says):
    (here / "bad.yaml").write_text(yaml)
    assert says in error("run", "bad.yaml")
    assert not (here / "bad-movement").exists()


def test_run_of_a_file_that_is_not_there(here):
    assert error("run", "nowhere.yaml") == "Error: There is no file nowhere.yaml.\n"


class Tremble(ideomotor.AbstractPlant):
    """Is where it is sent, and beside it if there is a key."""

    def default_state(self):
        return jax.numpy.zeros(2)

    def default_command(self):
        return jax.numpy.zeros(2)

    def step(self, state, command, dt, *, key=None):
        return command if key is None else command + jax.random.normal(key, (2,))

    def observe(self, state, *, key=None):
        return state


def test_run_with_noise_depends_on_the_seed(here):
    ideomotor.register("plant", "tremble", Tremble)
    (here / "noisy.yaml").write_text("primitive: {use: dmp}\nplant: tremble\n")
    tables = {}
    for name, seed in {"a": ["--seed", 1], "b": ["--seed", 1], "c": ["--seed", 2], "d": []}.items():
        result = run("run", "noisy.yaml", "--samples", 21, "--duration", 0.5, "--out", name, *seed)
        assert result.exit_code == 0, result.output
        tables[name] = (here / name / "trajectory.csv").read_text()
    assert tables["a"] == tables["b"] and len({*tables.values()}) == 3


@pytest.mark.parametrize(
    "arguments", [("--duration", 0), ("--samples", 1), ("--duration", "x"), ("--seed", "x")]
)
def test_run_refuses_nonsense(here, arguments):
    assert "Invalid value" in error("run", "reach.yaml", *arguments, code=2)


# ---- cache ------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_jax_variables(monkeypatch):
    """`enable_compilation_cache` writes to the environment; monkeypatch undoes it."""
    for name in ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")


def test_the_cache_folder_is_chosen_by_the_environment(tmp_path, monkeypatch, no_jax_variables):
    monkeypatch.setenv("IDEOMOTOR_CACHE", str(tmp_path / "mine"))
    assert enable_compilation_cache() == tmp_path / "mine" / "jax"
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(tmp_path / "mine" / "jax")
    assert (tmp_path / "mine" / "jax").is_dir()
    assert enable_compilation_cache() == tmp_path / "mine" / "jax"


def test_the_cache_is_off_when_it_is_switched_off_or_cannot_be_written(
    tmp_path, monkeypatch, no_jax_variables
):
    monkeypatch.setenv("IDEOMOTOR_CACHE", "")
    assert enable_compilation_cache() is None
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IDEOMOTOR_CACHE", str(tmp_path / "file"))
    assert enable_compilation_cache() is None
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ


def test_a_setting_of_jax_is_left_alone(monkeypatch, no_jax_variables):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "elsewhere")
    enable_compilation_cache()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "elsewhere"


def test_a_run_fills_the_cache(here):
    code = "from ideomotor.cli import main; main(['run', 'reach.yaml'])"
    variables = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    variables |= {"IDEOMOTOR_CACHE": str(here / "cache"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, cwd=here, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert any((here / "cache" / "jax").iterdir())
