"""What is installed is what is in the tree, and it works without the tree."""

import configparser
import json
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import ideomotor

from ._installed import ROOT, Environment, build

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = [Path(p) for p in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
DEVELOPMENT = ("all", "dev", "test", "lint")  # extras that no module of ours asks for
# The module behind an extra's distribution, where it has another name.
MODULES = {"scikit-learn": "sklearn"}


def folders(parent: str) -> set[Path]:
    """The package folders in core/, plugins/ or widgets/."""
    found = (p for p in (ROOT / parent).iterdir() if p.is_dir() and any(p.rglob("*.py")))
    return {p.relative_to(ROOT) for p in found}


def files(package: Path) -> set[str]:
    """All files of a package in the tree, as they are named in the wheel."""
    found = (p for p in (ROOT / package).rglob("*") if p.is_file())
    kept = (p for p in found if "__pycache__" not in p.parts and p.suffix != ".pyc")
    packed = {str(p.relative_to(ROOT / package.parent).as_posix()) for p in kept}
    if package.name == "ideomotor":  # `ideomotor lab` copies them from there
        packed |= {f"ideomotor/notebooks/{p.name}" for p in (ROOT / "notebooks").glob("*.ipynb")}
    return packed


@pytest.fixture(scope="module")
def wheel(once):
    (path,) = once("dist", lambda folder: build(folder, ROOT)).glob("*.whl")
    return path


@pytest.fixture(scope="module")
def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def environment(wheel, once):
    return Environment(once("environment", lambda folder: Environment(folder).install(wheel)))


def test_the_list_of_packages_is_the_folders_there_are():
    assert set(PACKAGES) == folders("core") | folders("plugins") | folders("widgets")


def test_every_plugin_folder_has_its_entry_point():
    points = PYPROJECT["project"]["entry-points"]["ideomotor.plugins"]
    expected = {
        p.name.removeprefix("ideomotor_").replace("_", "-"): f"{p.name}.plugin" for p in folders("plugins")
    }
    assert points == expected
    assert all((ROOT / p / "plugin.py").is_file() for p in folders("plugins"))


def test_types_are_checked_while_testing_in_every_package():
    (option,) = [o for o in PYPROJECT["tool"]["pytest"]["ini_options"]["addopts"] if "jaxtyping" in o]
    names = option.partition("=")[2].split(",")
    assert set(names) == {p.name for p in PACKAGES} | {"beartype.beartype"}


def test_the_wheel_holds_the_packages_and_nothing_else(contents):
    tops = {name.partition("/")[0] for name in contents}
    assert tops == {p.name for p in PACKAGES} | {f"ideomotor-{ideomotor.__version__}.dist-info"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_every_file_of_a_package_is_in_the_wheel(contents, package):
    """Also stubs, templates, example pipelines and trained weights."""
    packed = {name for name in contents if name.startswith(f"{package.name}/")}
    assert packed == files(package)
    assert f"{package.name}/py.typed" in packed


def test_the_wheel_holds_the_stub_and_the_templates(contents):
    kinds = ("primitive", "plant", "perception", "planner")
    common = ("pyproject.toml", "README.md", "init.py", "plugin.py")
    templates = [*common, *kinds, *(f"test_{kind}" for kind in kinds)]
    for name in templates:
        suffix = "" if "." in name else ".py"
        assert f"ideomotor/templates/{name}{suffix}.tmpl" in contents
    assert "ideomotor/__init__.pyi" in contents


def test_a_wheel_made_from_the_source_distribution_is_the_same(contents, tmp_path):
    (sdist,) = build(tmp_path, ROOT, what="sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    (again,) = build(tmp_path / "again", source)
    with zipfile.ZipFile(again) as archive:
        assert set(archive.namelist()) == contents


def test_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        info = f"ideomotor-{ideomotor.__version__}.dist-info"
        points = configparser.ConfigParser()
        points.read_string(archive.read(f"{info}/entry_points.txt").decode())
        metadata = archive.read(f"{info}/METADATA").decode()
    assert points["console_scripts"]["ideomotor"] == "ideomotor.cli:main"
    assert "License-Expression: Apache-2.0" in metadata


_IMPORT_ALL = """
import importlib, importlib.abc, json, sys, warnings
from pathlib import Path
warnings.simplefilter("error")
site, blocked, names = json.loads(sys.argv[1])

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
from ideomotor._light import import_light  # how the registry reads a declaration
failed = {}
for name in names:
    try:
        # A declaration must be readable without its package's extra, as the registry reads it.
        light = name.endswith(".plugin")
        module = import_light(name) if light else importlib.import_module(name)
        assert Path(module.__file__).is_relative_to(site), module.__file__
    except ModuleNotFoundError as error:
        failed[name] = [(error.name or "").partition(".")[0], str(error)]
    except BaseException as error:
        failed[name] = ["", f"{type(error).__name__}: {error}"]
print(json.dumps(failed))
"""


def test_every_module_imports_from_the_wheel_and_those_of_the_base_install_without_extras(
    environment, contents, tmp_path
):
    """With the modules of all extras made invisible.

    Only a plug-in that declares components with an `extra`, and the widgets, may have modules that need one.
    """
    from packaging.requirements import Requirement

    extras = PYPROJECT["project"]["optional-dependencies"]
    wanted = [Requirement(r).name for e, rs in extras.items() if e not in DEVELOPMENT for r in rs]
    blocked = sorted({MODULES.get(name, name.replace("-", "_")) for name in wanted} - {"ideomotor"})
    python = sorted(n for n in contents if n.endswith(".py") and not n.endswith("__main__.py"))
    names = [n.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for n in python]
    arguments = json.dumps([str(environment.site), blocked, names])
    done = environment.run("python", "-c", _IMPORT_ALL, arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    failed = json.loads(done.stdout.splitlines()[-1])
    optional = {c.factory.partition(".")[0].partition(":")[0] for c in ideomotor.components() if c.extra}
    optional |= {"ideomotor_widgets"}
    wrong = {
        name: text
        for name, (missing, text) in failed.items()
        if missing not in blocked or name.partition(".")[0] not in optional or name.endswith(".plugin")
    }
    assert not wrong


def test_the_console_script_and_the_module_are_the_command_line(environment, tmp_path):
    script = environment.run("ideomotor", "--version", cwd=tmp_path)
    module = environment.run("python", "-m", "ideomotor", "--version", cwd=tmp_path)
    assert script.stdout == module.stdout == f"ideomotor {ideomotor.__version__}\n"
    listed = environment.run("ideomotor", "plugins", "--json", cwd=tmp_path)
    found = {p["name"]: p for p in json.loads(listed.stdout)}
    ours = PYPROJECT["project"]["entry-points"]["ideomotor.plugins"]
    assert {name: found[name]["status"] for name in ours} == dict.fromkeys(ours, "active")


def test_the_notebooks_are_found_where_the_wheel_is_installed(environment, tmp_path):
    code = "from ideomotor.cli._lab import copy_notebooks; from pathlib import Path; print(len(copy_notebooks(Path('nb'))[0]))"
    done = environment.run("python", "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        int(done.stdout)
        == len(list((ROOT / "notebooks").glob("*.ipynb")))
        == len(list((tmp_path / "nb").glob("*.ipynb")))
    )
