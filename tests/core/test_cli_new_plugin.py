"""`ideomotor new-plugin`; that what it writes works when installed is shown in test_strangers."""

import ast
import tomllib

import pytest
from click.testing import CliRunner

from ideomotor.cli import command
from ideomotor.registry import reset

KINDS = ("primitive", "plant", "robot", "perception", "planner")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IDEOMOTOR_PLUGINS", raising=False)
    old = reset()
    yield tmp_path
    reset(old)


def run(*arguments):
    return CliRunner().invoke(command, ["new-plugin", *arguments])


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_at_most_six_files_that_are_sound(here, kind):
    result = run("cart-pole", "--kind", kind)
    assert result.exit_code == 0, result.output
    folder = here / "ideomotor-cart-pole"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) <= 6
    for path in files:
        text = path.read_text()
        assert "$" not in text and text.endswith("\n")
        assert max(map(len, text.splitlines())) <= 110
        if path.suffix == ".py":
            ast.parse(text)
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["dependencies"] == ["ideomotor>=0.1,<0.2"]
    assert project["project"]["entry-points"]["ideomotor.plugins"] == {
        "cart-pole": "ideomotor_cart_pole.plugin"
    }
    for name in ("_cart_pole.py", "plugin.py", "__init__.py"):
        assert (folder / "src" / "ideomotor_cart_pole" / name).is_file()


@pytest.mark.parametrize("kind", KINDS[1:])  # the primitive's run in test_strangers, installed
def test_its_example_passes_its_own_tests(here, kind, monkeypatch):
    """The package imported from its folder, registered as its declaration says, its tests called as functions."""
    import importlib
    import sys

    import ideomotor

    name = f"example-{kind}"
    module = f"ideomotor_example_{kind}"
    assert run(name, "--kind", kind).exit_code == 0
    folder = here / f"ideomotor-{name}"
    monkeypatch.syspath_prepend(str(folder / "src"))
    monkeypatch.syspath_prepend(str(folder / "tests"))
    try:
        (record,) = importlib.import_module(f"{module}.plugin").ideomotor_components()
        ideomotor.register(record.kind, record.name, record.factory, record.summary)
        tests = importlib.import_module(f"test_example_{kind}")
        found = [f for n, f in vars(tests).items() if n.startswith("test_")]
        assert len(found) == (3 if kind == "robot" else 2)
        for test in found:
            test()
    finally:
        for loaded in [m for m in sys.modules if m.startswith((module, f"test_example_{kind}"))]:
            del sys.modules[loaded]


def test_it_prints_three_commands_to_go_on_with():
    lines = [line.strip() for line in run("cart-pole").output.splitlines() if line.startswith("  ")]
    assert lines == ["cd ideomotor-cart-pole", 'pip install -e ".[test]"', "pytest"]


def test_the_prefix_may_be_given(here):
    assert run("ideomotor-cart-pole").exit_code == 0
    assert (here / "ideomotor-cart-pole").is_dir()


@pytest.mark.parametrize(
    "name, cls", [("array", "ArrayPrimitive"), ("none", "NonePrimitive"), ("x2-y", "X2Y")]
)
def test_class_names_do_not_hide_others(here, name, cls):
    assert run(name).exit_code == 0
    module = name.replace("-", "_")
    text = (here / f"ideomotor-{name}" / "src" / f"ideomotor_{module}" / f"_{module}.py").read_text()
    assert f"class {cls}(" in text
    ast.parse(text)


@pytest.mark.parametrize(
    "name, says",
    [
        ("CartPole", "such as 'cart-pole'"),
        ("cart_pole", "such as 'cart-pole'"),
        ("2cart", "such as 'cart'"),
        ("cart--pole", "such as 'cart-pole'"),
        ("../cart", "such as 'cart'"),
        ("", "such as 'cart-pole'"),
        ("dmp", "taken by plug-in 'dmp'"),
        ("encoder-decoder", "taken by plug-in 'encoder-decoder'"),
        ("two-link-arm", "taken by a plant of plug-in 'arm'"),
        ("widgets", "module ideomotor_widgets is installed"),
        ("run", "is a command of ideomotor"),
    ],
)
def test_a_bad_or_taken_name_is_refused(here, name, says):
    result = run("--", name)
    assert result.exit_code == 1 and says in result.stderr, result.output
    assert not any(here.iterdir())


def test_a_distribution_that_pypi_would_take_for_the_same_is_seen(here, monkeypatch):
    info = here / "site" / "Ideomotor.Cart_Pole-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Ideomotor.Cart_Pole\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ideomotor.plugins]\nwagon = nowhere\n")
    monkeypatch.syspath_prepend(str(here / "site"))
    assert "taken by plug-in 'wagon' of Ideomotor.Cart_Pole 1" in run("cart-pole").stderr


def test_an_existing_folder_is_refused(here):
    (here / "ideomotor-cart-pole").mkdir()
    result = run("cart-pole")
    assert result.exit_code == 1 and "exists" in result.stderr
    assert not any((here / "ideomotor-cart-pole").iterdir())


def test_an_unknown_kind_is_refused():
    result = run("cart-pole", "--kind", "plan")
    assert result.exit_code == 2 and "'planner'" in result.stderr
