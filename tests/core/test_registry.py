"""One plug-in's fault stays its own: everything that can be wrong with one is listed with its reason."""

import importlib.metadata
import itertools
import sys
import textwrap

import pytest

import ideomotor
from ideomotor.errors import ConfigError, PluginError, UnknownNameError
from ideomotor.registry import Registry, missing_extra, reset

GOOD = """
    from ideomotor.spec import Component, hookimpl

    @hookimpl
    def ideomotor_components():
        return [Component({kind!r}, {name!r}, {factory!r}, "a summary", extra={extra!r})]
"""
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """Every test has its own registry, and no environment from outside."""
    monkeypatch.delenv("IDEOMOTOR_PLUGINS", raising=False)
    monkeypatch.delenv("IDEOMOTOR_STRICT", raising=False)
    old = reset()
    yield
    reset(old)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with one plug-in on the path, as pip would: a module and a dist-info folder."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(name, code, *, requires=(), module=None, entry=None):
        module = module or f"stranger{next(_numbers)}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.2"]
        lines += [f"Requires-Dist: {r}" for r in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "entry_points.txt").write_text(f"[ideomotor.plugins]\n{name} = {module}{entry or ''}\n")
        importlib.invalidate_caches()
        return module

    def undo():
        for module in [m for m in sys.modules if m.startswith("stranger")]:
            del sys.modules[module]

    yield put
    undo()


def good(name="thing", *, kind="part", factory="collections:OrderedDict", extra=None):
    return textwrap.dedent(GOOD).format(kind=kind, name=name, factory=factory, extra=extra)


def status(registry, name):
    (found,) = [p for p in registry.plugins if p.name == name]
    return found.status, found.reason


def test_our_own_plugins_are_found_like_any_other_and_are_active():
    ours = [p for p in Registry().plugins if p.distribution == "ideomotor"]
    assert {p.name for p in ours} >= {"arm", "dmp"}
    assert all(p.status == "active" for p in ours), [(p.name, p.reason) for p in ours]


def test_a_strangers_plugin_is_active_and_its_component_is_made(install):
    install("cheer", good())
    registry = Registry()
    assert status(registry, "cheer") == ("active", "")
    assert registry.get("thing").kind == "part"
    assert registry.source("thing").distribution == "cheer" and registry.source("thing").version == "1.2"
    assert registry.make("thing", a=1) == {"a": 1}


def test_an_entry_point_may_name_an_object_in_a_module(install):
    code = """
        from ideomotor.spec import Component, hookimpl

        class Announcement:
            @staticmethod
            @hookimpl
            def ideomotor_components():
                return [Component("part", "thing", "collections:OrderedDict", "a summary")]
    """
    install("cheer", code, entry=":Announcement")
    registry = Registry()
    assert status(registry, "cheer") == ("active", "") and registry.get("thing")


def test_listing_does_not_import_the_package_around_the_declaration(tmp_path, install):
    install("heavy", "", module="stranger_heavy", entry=".plugin")
    (tmp_path / "stranger_heavy.py").unlink()
    package = tmp_path / "stranger_heavy"
    package.mkdir()
    (package / "__init__.py").write_text("LOADED = True\nclass Thing:\n    pass\n")
    (package / "plugin.py").write_text(good(factory="stranger_heavy:Thing"))
    registry = Registry()
    assert status(registry, "heavy") == ("active", "")
    assert not [m for m in sys.modules if m.startswith("stranger_heavy")]
    assert type(registry.make("thing")).__name__ == "Thing"
    assert sys.modules["stranger_heavy"].LOADED
    # Imported as usual afterwards, the declaration is a normal submodule.
    assert importlib.import_module("stranger_heavy.plugin") is sys.modules["stranger_heavy"].plugin


def test_a_declaration_may_import_from_its_package(tmp_path, install):
    install("relative", "", module="stranger_relative", entry=".plugin")
    (tmp_path / "stranger_relative.py").unlink()
    package = tmp_path / "stranger_relative"
    package.mkdir()
    (package / "__init__.py").write_text("SUMMARY = 'said once'\n")
    code = good().replace('"a summary"', "SUMMARY")
    (package / "plugin.py").write_text("from . import SUMMARY\n" + code)
    registry = Registry()
    assert status(registry, "relative") == ("active", "")
    assert registry.get("thing").summary == "said once"


def test_the_environment_chooses_plugins(install, monkeypatch):
    install("cheer", good("thing"))
    install("gloom", good("cloud"))
    monkeypatch.setenv("IDEOMOTOR_PLUGINS", "cheer")
    registry = Registry()
    assert status(registry, "cheer")[0] == "active"
    assert status(registry, "gloom") == ("disabled", "not named in IDEOMOTOR_PLUGINS")
    assert [c.name for c in registry.components()] == ["thing"]
    monkeypatch.setenv("IDEOMOTOR_PLUGINS", "")
    assert {p.status for p in Registry().plugins} == {"disabled"}
    monkeypatch.setenv("IDEOMOTOR_PLUGINS", "cheeer,gloom")
    with pytest.warns(
        UserWarning, match="names 'cheeer', which is not an installed plug-in. Did you mean 'cheer'?"
    ):
        assert status(Registry(), "gloom")[0] == "active"


def test_an_extra_is_missing_only_if_something_of_it_is(install):
    requires = [
        "numpy",
        'numpy>=1; extra == "there"',
        'no-such-package>=1; extra == "gone"',
        'both[there]; extra == "nested"',
        'both[gone]; extra == "deep"',
    ]
    install("both", good(), requires=requires)
    found = {e: missing_extra("both", e) for e in (None, "there", "gone", "nested", "deep", "unknown")}
    assert {e for e, missing in found.items() if missing} == {"gone", "deep"}
    assert not missing_extra("not-even-installed", "gone")


def test_a_wrong_argument_of_make_gets_a_hint():
    with pytest.raises(ConfigError, match="'dmp' takes no argument 'baiss'. Did you mean 'basis'?"):
        ideomotor.make("dmp", baiss=3)


BROKEN = {
    "import error": (
        "import a_module_that_is_not_there",
        "ModuleNotFoundError",
        "a_module_that_is_not_there",
    ),
    "syntax error": ("def f(:", "SyntaxError", ""),
    "system exit": ("raise SystemExit('bye')", "SystemExit", "bye"),
    "no hook": ("x = 1", "It has no function 'ideomotor_components'", "@hookimpl"),
    "unmarked hook": ("def ideomotor_components():\n    return []", "It has no function", "@hookimpl"),
    "misspelt hook": (
        good().replace("ideomotor_components", "ideomotor_component"),
        "unknown hook 'ideomotor_component'",
        "Did you mean 'ideomotor_components'?",
    ),
    "hook raises": (
        good().replace("return", "raise RuntimeError('no hands')  #"),
        "RuntimeError",
        "no hands",
    ),
    "hook exits": (good().replace("return", "raise SystemExit(3)  #"), "SystemExit", "3"),
    "hook gives nothing": (good().replace("return", "pass  #"), "must return a list of Component", "None"),
    "hook gives rubbish": (good().replace("return", "return ['dmp']  #"), "must return a list", "['dmp']"),
    "hook wants arguments": (good().replace("components()", "components(x)"), "ideomotor_components", "x"),
    "bad name": (good("Thing"), "Component name 'Thing'", "two-link-arm"),
    "bad kind": (good(kind="plan"), "kind 'plan' is not one of", "planner"),
    "bad factory": (good(factory="nowhere"), "'nowhere' must look like 'module:attribute'", ""),
    "one name twice": (good().replace("extra=None)]", ")] * 2"), "offers the name 'thing' twice", ""),
    "hides a command": (good("describe", kind="command"), "would hide `ideomotor describe`", "run, train"),
    "hides a group": (good("run", kind="command"), "would hide `ideomotor run`", ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_listed_with_its_reason_and_stops_nobody(install, case):
    code, *words = BROKEN[case]
    install("aaa-bad", code)
    install("cheer", good("other"))
    registry = Registry()
    state, reason = status(registry, "aaa-bad")
    assert state == "broken"
    assert all(word in reason for word in words), reason
    assert "\n" not in reason
    assert status(registry, "cheer") == ("active", "")
    assert "thing" not in [c.name for c in registry.components()]


@pytest.mark.parametrize("case", ["import error", "hook raises", "misspelt hook", "system exit"])
def test_strict_mode_raises_what_went_wrong(install, monkeypatch, case):
    install("aaa-bad", BROKEN[case][0])
    monkeypatch.setenv("IDEOMOTOR_STRICT", "1")
    expected = (ModuleNotFoundError, RuntimeError, PluginError, SystemExit)
    with pytest.raises(expected):
        Registry()


def test_an_interruption_while_loading_is_not_swallowed(install):
    install("aaa-bad", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Registry()


@pytest.mark.parametrize(
    "requirement, admitted",
    [
        ("ideomotor>=0.1,<0.2", True),
        ("Ideomotor ~= 0.1.0", True),
        ("ideomotor", True),
        ("ideomotor[mujoco]>=0.1", True),
        ("ideomotor>=99", False),
        ("ideomotor<0.1", False),
        ("ideomotor>=99; extra == 'test'", True),
        ("ideomotor>=99; python_version < '3'", True),
        ("ideomotor-other>=99", True),
        ("numpy>=99", True),
    ],
)
def test_a_plugin_for_another_core_is_incompatible_and_not_imported(install, requirement, admitted):
    module = install("old", good(), requires=[requirement])
    registry = Registry()
    state, reason = status(registry, "old")
    assert state == ("active" if admitted else "incompatible")
    if not admitted:
        assert ideomotor.__version__ in reason
        assert reason.endswith("update ideomotor" if ">=" in requirement else "update old")
        assert module not in sys.modules


def test_of_two_that_want_one_name_the_second_is_broken_and_both_are_named(install):
    install("first", good("thing"))
    install("second", good("thing"))
    registry = Registry()
    assert status(registry, "first") == ("active", "")
    state, reason = status(registry, "second")
    assert state == "broken"
    for word in ("'thing'", "'first'", "'second'", "IDEOMOTOR_PLUGINS"):
        assert word in reason


def test_a_stranger_cannot_take_a_name_of_ours(install):
    install("aaa", good("dmp"))  # alphabetically before ours
    registry = Registry()
    assert status(registry, "aaa")[0] == "broken" and "'dmp'" in status(registry, "aaa")[1]
    assert registry.source("dmp").distribution == "ideomotor"


def test_a_command_cannot_be_a_group_of_commands(install):
    install("first", good("grid", kind="command"))
    install("second", good("grid search", kind="command"))
    registry = Registry()
    state, reason = status(registry, "second")
    assert state == "broken"
    for word in ("'grid search'", "'grid'", "'first'"):
        assert word in reason


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(UnknownNameError, match="No component is called 'dmpp'. Did you mean 'dmp'?"):
        ideomotor.make("dmpp")
    with pytest.raises(UnknownNameError, match="'dmp' is a primitive, and a plant is needed here"):
        ideomotor.registry().get("dmp", "plant")
    with pytest.raises(UnknownNameError, match="no kind 'plnt'. Did you mean 'plant'?"):
        ideomotor.components("plnt")


def test_an_unknown_name_tells_of_plugins_that_are_down(install):
    install("aaa-bad", "import a_module_that_is_not_there")
    with pytest.raises(UnknownNameError, match="'aaa-bad' is broken: .*a_module_that_is_not_there"):
        Registry().get("zzzzzz")


def test_a_missing_extra_says_what_to_install(install):
    install("cheer", good(kind="plant", factory="a_module_that_is_not_there:Plant", extra="mujoco"))
    registry = Registry()
    assert registry.get("thing").extra == "mujoco"
    with pytest.raises(
        PluginError, match=r"plant 'thing' needs 'a_module_that_is_not_there'.*pip install cheer\[mujoco\]"
    ):
        registry.make("thing")


def test_a_factory_that_is_not_there_names_the_plugin(install):
    install("cheer", good("one", factory="a_module_that_is_not_there:Plant"))
    install("gloom", good("two", factory="collections:Plant"))
    install("numeric", good("three", factory="math:pi"))
    registry = Registry()
    with pytest.raises(PluginError, match="part 'one' of plug-in 'cheer' cannot be imported"):
        registry.make("one")
    with pytest.raises(PluginError, match="part 'two' of plug-in 'gloom' .* collections has no 'Plant'"):
        registry.make("two")
    with pytest.raises(
        PluginError, match="part 'three' of plug-in 'numeric' .* is a float and neither a class"
    ):
        registry.make("three")


def test_a_class_from_a_notebook_is_registered_and_replaced_when_its_cell_runs_again():
    def cell(value):
        class Thing:
            """What it is.

            More of it.
            """

            number = value

        ideomotor.register("part", "my-thing", Thing)
        return Thing

    first = cell(1)
    assert type(ideomotor.make("my-thing")) is first
    assert ideomotor.registry().get("my-thing").summary == "What it is."
    second = cell(2)
    assert ideomotor.make("my-thing").number == 2
    assert ideomotor.registry().name_of(second) == "my-thing"
    assert ideomotor.registry().name_of(first) is None


def test_a_class_from_a_notebook_cannot_take_a_name_that_is_taken():
    with pytest.raises(PluginError, match="'dmp' is taken by plug-in 'dmp' of ideomotor"):
        ideomotor.register("part", "dmp", dict)


def test_name_of_finds_a_class_that_was_never_made():
    from ideomotor_arm import TwoLinkArm

    assert ideomotor.registry().name_of(TwoLinkArm) == "two-link-arm"
    assert ideomotor.registry().name_of(dict) is None


def test_a_hook_of_a_later_core_may_be_marked_as_optional(install):
    code = good() + textwrap.dedent("""
        @hookimpl(optionalhook=True)
        def ideomotor_of_the_future():
            return []
    """)
    install("cheer", code)
    assert status(Registry(), "cheer") == ("active", "")
