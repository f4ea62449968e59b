"""Packages that others could have written, installed beside the wheel into an environment without the source tree."""

import json
import textwrap
import tomllib

import numpy as np
import pytest
from click.testing import CliRunner

from ideomotor.cli import command

from ._installed import ROOT, Environment, build

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "3.1"
dependencies = ["{requires}"]

[project.entry-points."ideomotor.plugins"]
{entry} = "{module}"

[tool.hatch.build.targets.wheel]
only-include = ["{module}.py"]
"""

DECLARE = """
from ideomotor.spec import Component, hookimpl

@hookimpl
def {hook}():
    return [Component("{kind}", "{name}", "{module}:{cls}", "{name} of a stranger")]
"""

# A plain NumPy class: no JAX, no base class. A trolley that runs after its set point.
TROLLEY = """
import numpy as np

class Trolley:
    def __init__(self, rate: float = 5.0):
        self.rate = rate

    def default_state(self):
        return np.zeros(2)

    def default_command(self):
        return np.zeros(2)

    def step(self, state, command, dt):
        return state + dt * self.rate * (command - state)

    def observe(self, state):
        return {"position": state}
"""


def declare(module, *, hook="ideomotor_components", kind="plant", name="trolley", cls="Trolley"):
    return DECLARE.format(hook=hook, kind=kind, name=name, module=module, cls=cls)


STRANGERS = {
    "trolley": ("ideomotor>=0.1,<0.2", declare("stranger_trolley") + TROLLEY),
    "torn": ("ideomotor", "import a_module_that_is_not_there\n" + declare("stranger_torn", name="torn")),
    "typo": ("ideomotor", declare("stranger_typo", hook="ideomotor_component", name="typo")),
    "greedy": ("ideomotor", declare("stranger_greedy", kind="primitive", name="dmp")),
    "ancient": ("ideomotor<0.1", declare("stranger_ancient", name="ancient")),
}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("strangers")


@pytest.fixture(scope="module")
def environment(work, once):
    """The wheel, a package made by `ideomotor new-plugin`, and five packages written by hand."""
    made = CliRunner().invoke(command, ["new-plugin", "brisk-reach", "--into", str(work)])
    assert made.exit_code == 0, made.output
    sources = [work / "ideomotor-brisk-reach"]
    for entry, (requires, code) in STRANGERS.items():
        folder = work / "packages" / entry
        folder.mkdir(parents=True)
        words = {
            "name": f"strange-{entry}",
            "entry": entry,
            "module": f"stranger_{entry}",
            "requires": requires,
        }
        (folder / "pyproject.toml").write_text(PYPROJECT.format(**words))
        (folder / f"stranger_{entry}.py").write_text(textwrap.dedent(code))
        sources.append(folder)
    wheels = [
        *once("dist", lambda folder: build(folder, ROOT)).glob("*.whl"),
        *build(work / "dist", *sources),
    ]
    environment = Environment(work / "environment")
    environment.install(*wheels)
    return environment


@pytest.fixture(scope="module")
def listed(environment, work):
    done = environment.run("ideomotor", "plugins", "--json", cwd=work)
    assert done.returncode == 0, done.stderr
    return {p["name"]: p for p in json.loads(done.stdout)}


def test_ideomotor_itself_comes_from_the_wheel(environment, work):
    done = environment.run("python", "-c", "import ideomotor; print(ideomotor.__file__)", cwd=work)
    assert done.stdout.startswith(str(environment.site)), done.stdout + done.stderr


def test_each_is_listed_with_its_state_and_the_reason(listed):
    expected = {
        "brisk-reach": ("active", ""),
        "trolley": ("active", ""),
        "torn": ("broken", "a_module_that_is_not_there"),
        "typo": ("broken", "Did you mean 'ideomotor_components'?"),
        "greedy": ("broken", "plug-in 'greedy' of strange-greedy and plug-in 'dmp' of ideomotor both"),
        "ancient": ("incompatible", "it requires ideomotor<0.1"),
    }
    for name, (status, reason) in expected.items():
        assert listed[name]["status"] == status, listed[name]
        assert reason in listed[name]["reason"]
    assert listed["trolley"]["version"] == "3.1" and listed["trolley"]["distribution"] == "strange-trolley"


def test_none_of_them_disturbs_our_own_plugins(listed):
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][
        "ideomotor.plugins"
    ]
    assert {name: listed[name]["status"] for name in ours} == dict.fromkeys(ours, "active")


def test_the_list_for_people_gives_the_reasons(environment, work):
    done = environment.run("ideomotor", "plugins", "--components", cwd=work)
    assert done.returncode == 0, done.stderr
    for words in ("brisk-reach", "a straight reach", "trolley of a stranger", "a_module_that_is_not_there"):
        assert words in done.stdout


def test_a_pipeline_of_strangers_runs_on_the_command_line(environment, work):
    (work / "reach.yaml").write_text(
        "primitive: {use: brisk-reach, dof: 2}\nplant: {use: trolley, rate: 4.0}\n"
    )
    done = environment.run("ideomotor", "run", "reach.yaml", "--samples", 101, "--duration", 2, cwd=work)
    assert done.returncode == 0, done.stderr
    folder = work / "reach-movement"
    with np.load(folder / "trajectory.npz") as arrays:
        position, ts = arrays["ys.position"], arrays["ts"]
    # The same by hand: a minimum-jerk reach of 0.1 m in one second, and a first-order lag behind it.
    s = np.minimum(ts, 1.0)
    commands = 0.1 * (10 * s**3 - 15 * s**4 + 6 * s**5)
    x = [0.0]
    for i in range(100):
        x.append(x[-1] + 0.02 * 4.0 * (commands[i] - x[-1]))
    np.testing.assert_allclose(position, np.stack([x, x], axis=1), atol=1e-6)
    # What was written can be run again.
    again = environment.run(
        "ideomotor",
        "run",
        folder / "pipeline.yaml",
        "--samples",
        101,
        "--duration",
        2,
        "--out",
        "again",
        cwd=work,
    )
    assert again.returncode == 0, again.stderr
    assert (work / "again" / "trajectory.csv").read_text() == (folder / "trajectory.csv").read_text()


def test_a_strangers_component_is_described(environment, work):
    done = environment.run("ideomotor", "describe", "trolley", cwd=work)
    assert done.returncode == 0, done.stderr
    for words in ("plant of plug-in trolley (strange-trolley 3.1)", "rate: float = 5.0", "'position'"):
        assert words in done.stdout


def test_the_tests_of_a_new_package_pass_at_once(environment, work):
    folder = work / "ideomotor-brisk-reach"
    assert sum(path.is_file() for path in folder.rglob("*") if "__pycache__" not in path.parts) <= 6
    done = environment.run(
        "python", "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", cwd=folder
    )
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr


def test_strict_mode_shows_an_author_the_traceback(environment, work):
    done = environment.run("ideomotor", "--debug", "plugins", cwd=work, IDEOMOTOR_STRICT="1")
    assert done.returncode != 0 and "Traceback" in done.stderr
