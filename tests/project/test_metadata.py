"""What the project says of itself agrees: its version, its lower bounds, its workflows, its dead code."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import ideomotor

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def test_the_version_has_one_source():
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    assert importlib.metadata.version("ideomotor") == ideomotor.__version__
    assert str(Version(ideomotor.__version__)) == ideomotor.__version__


def test_the_citation_and_the_changelog_are_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == ideomotor.__version__
    assert citation["license"] == PROJECT["license"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest and newest[1] == ideomotor.__version__


def lower_bounds() -> dict[str, str]:
    """The lowest version that `pyproject.toml` admits of each dependency of a test environment."""
    extras = PROJECT["optional-dependencies"]
    wanted = [
        *PROJECT["dependencies"],
        *(r for e in ("widgets", "mujoco", "database", "recordings", "grasp", "test") for r in extras[e]),
    ]
    found = {}
    for requirement in map(Requirement, wanted):
        if requirement.name != "ideomotor":
            (bound,) = (s.version for s in requirement.specifier if s.operator in (">=", "=="))
            found[requirement.name] = bound
    return found


def test_the_minimum_versions_are_those_of_the_project():
    lines = (ROOT / "tests/minimum-versions.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert pinned == lower_bounds()


def test_the_classifiers_and_the_workflow_name_the_same_pythons():
    listed = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", c)]
    tests = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    assert listed == tests["jobs"]["tests"]["strategy"]["matrix"]["python"] == PYTHONS
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_take_no_more_rights_than_they_need(path):
    """`on` is YAML's `true`; only the job that publishes may ask for a token, and nothing uses a stored secret."""
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"} and True in workflow
    assert "secrets." not in path.read_text()
    for name, job in workflow["jobs"].items():
        assert job["runs-on"] and job["steps"], name
        assert set(job.get("permissions", {})) <= (
            {"id-token"} if name == "publish" else {"pages", "id-token"}
        )


def test_there_is_no_dead_code():
    """What nothing here calls is listed in `[tool.vulture]`, with the reason."""
    pytest.importorskip("vulture", reason="vulture is not installed (pip install ideomotor[lint])")
    done = subprocess.run([sys.executable, "-m", "vulture"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
