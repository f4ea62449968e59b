"""Who may import whom, and what nobody may use; read from the source, so that no path is missed."""

import ast
import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import equinox as eqx
import pytest

import ideomotor

ROOT = Path(__file__).resolve().parents[2]
CORE, WIDGETS, STUDIES, COMMANDS = "ideomotor", "ideomotor_widgets", "ideomotor_studies", "ideomotor_commands"
PLUGINS = sorted(p.name for p in (ROOT / "plugins").iterdir() if p.is_dir() and any(p.rglob("*.py")))
OURS = {CORE, WIDGETS, *PLUGINS}
SOURCES = sorted(p for folder in ("core", "plugins", "widgets") for p in (ROOT / folder).rglob("*.py"))
UNSAFE_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def name_of(path: Path) -> str:
    """The module name of a source file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts[1:]).removesuffix(".__init__")


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[1]


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        yield path, ast.parse(path.read_text())


def imports(tree: ast.AST, module: str = "", *, is_package: bool = False) -> Iterator[tuple[str, int]]:
    """The full dotted names a source imports, names from modules included, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, *filter(None, [base])])
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def all_imports() -> Iterator[tuple[Path, str, int]]:
    for path, tree in trees():
        for name, line in imports(tree, name_of(path), is_package=path.name == "__init__.py"):
            yield path, name, line


def is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def at(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_there_is_something_to_read():
    assert len(SOURCES) > 30 and {"ideomotor_arm", "ideomotor_dmp"} <= set(PLUGINS)
    names = {name for _, name, _ in all_imports()}
    assert "ideomotor.errors.PluginError" in names and "ideomotor.spec.Component" in names


def test_the_core_imports_nothing_of_ours_and_plugins_and_widgets_import_the_core_only():
    """Studies may also use the public names of plug-ins, and commands those of plug-ins and studies; no arrow points back."""
    wrong = []
    for path, name, line in all_imports():
        package, root = package_of(path), name.partition(".")[0]
        allowed = {package} if package == CORE else {package, CORE}
        if package == STUDIES:
            allowed |= set(PLUGINS) - {COMMANDS}
        if package == COMMANDS:
            allowed |= set(PLUGINS)
        if root in OURS - allowed:
            wrong.append(f"{at(path, line)} imports {name}")
    assert not wrong


def test_what_is_imported_from_another_package_of_ours_is_public():
    """Commands may also use what studies keep to themselves: nobody else lies above either."""
    wrong = [
        f"{at(path, line)} imports {name}"
        for path, name, line in all_imports()
        if (root := name.partition(".")[0]) in OURS - {package_of(path)}
        and is_private(name)
        and (package_of(path), root) != (COMMANDS, STUDIES)
    ]
    assert not wrong


def test_papers_stand_on_the_kit_and_not_on_each_other():
    wrong = []
    for path, name, line in all_imports():
        parts = name_of(path).split(".")
        inside = parts[0] == STUDIES and len(parts) > 2 and name.startswith(f"{STUDIES}.")
        if inside and name.split(".")[1] not in ("kit", parts[1]):
            wrong.append(f"{at(path, line)} imports {name}")
    assert not wrong


def test_notebooks_use_public_names_only():
    wrong = []
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] != "code":
                continue
            lines = "".join(cell["source"]).splitlines()
            code = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)
            for name, line in imports(ast.parse(code)):
                if name.partition(".")[0] in OURS and is_private(name):
                    wrong.append(f"{path.name}, line {line} of a cell, imports {name}")
    assert not wrong


def test_core_has_no_import_circle():
    """Imports inside functions and under TYPE_CHECKING count: they are how circles hide."""
    modules = {name_of(path): path for path in SOURCES if package_of(path) == CORE}
    arrows: dict[str, set[str]] = {name: set() for name in modules}
    for path, name, _ in all_imports():
        if package_of(path) == CORE and (target := module_of(name, modules)) not in (None, name_of(path)):
            arrows[name_of(path)].add(target)
    assert "ideomotor._trajectory" in arrows["ideomotor._rollout"]
    assert circle(arrows) == []


def module_of(name: str, modules) -> str | None:
    """The module in which an imported name lies."""
    if name in modules:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in modules else None


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring, and those that lead to one."""
    left = {name: set(targets) for name, targets in arrows.items()}
    while free := [name for name, targets in left.items() if not targets & set(left)]:
        for name in free:
            del left[name]
    return sorted(left)


def test_a_circle_is_seen():
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["a", "b", "c"]


# What plug-ins and widgets may ask of things that are no components: arrays, parameters, errors, what others made.
DATA = {"dtype", "shape", "__array__", "tau", "prior", "ts", "ys", "xs", "faces", "max", "spec"}
ERRORS = {"message", "sqlite_errorname", "problem", "problem_mark", "key", "idx"}


def probed(node: ast.AST) -> str | None:
    """The public name, no constant's, for which `hasattr` or `getattr` asks, if it is written out."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("hasattr", "getattr")
    ):
        thing, name = node.args[:2]
        while isinstance(thing, ast.Attribute):
            thing = thing.value
        own = isinstance(thing, ast.Name) and thing.id == "self"
        if (
            not own
            and isinstance(name, ast.Constant)
            and str(name.value).islower()
            and str(name.value)[0] != "_"
        ):
            return str(name.value)
    return None


def test_capabilities_are_asked_for_by_their_protocols_and_adapters_left_alone():
    wrong = []
    for path, tree in trees():
        for node in ast.walk(tree) if package_of(path) != CORE else ():
            if (name := probed(node)) is not None and name not in DATA | ERRORS:
                wrong.append(
                    f"{at(path, node.lineno)} probes for {name}; use a protocol of ideomotor.capabilities"
                )
            if isinstance(node, ast.Attribute) and node.attr == "component":
                wrong.append(f"{at(path, node.lineno)} uses .component; adapters pass on what they hold")
    assert not wrong


def test_a_probe_is_seen():
    calls = [
        n
        for n in ast.walk(
            ast.parse("hasattr(plant, 'at'); getattr(x, '_own', 1); getattr(x, name); hasattr(self, 'x')")
        )
    ]
    assert [found for node in calls if (found := probed(node))] == ["at"]


def test_a_declaration_imports_nothing_heavy():
    light = {"ideomotor.spec.Component", "ideomotor.spec.hookimpl"}
    for path, tree in trees():
        if path.name == "plugin.py" and package_of(path) in PLUGINS:
            assert {name for name, _ in imports(tree, name_of(path))} <= light, path


def test_the_public_face_of_a_plugin_only_passes_names_on():
    for path, tree in trees():
        if path.name != "__init__.py" or package_of(path) == CORE:
            continue
        body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
        for node in body:
            passes_on = isinstance(node, ast.ImportFrom) and node.level > 0
            assert passes_on, f"{at(path, node.lineno)} holds more than `from ._x import Y as Y`"
            same = all(alias.asname == alias.name for alias in node.names)
            assert same, f"{at(path, node.lineno)}: write `from … import Y as Y`"


def test_no_loose_modules_lie_on_the_path():
    loose = [p for folder in ("core", "plugins", "widgets") for p in (ROOT / folder).glob("*.py")]
    assert not loose


def test_nobody_uses_pyplot_pickle_eval_or_unsafe_yaml():
    wrong = []
    for path, name, line in all_imports():
        root = name.partition(".")[0]
        if "pyplot" in name.split(".") or name.startswith("pylab") or root in UNSAFE_MODULES:
            wrong.append(f"{at(path, line)} imports {name}")
    for path, tree in trees():
        for node in ast.walk(tree):
            if (found := unsafe(node)) is not None:
                wrong.append(f"{at(path, node.lineno)} uses {found}")
    assert not wrong


def unsafe(node: ast.AST) -> str | None:
    """What is unsafe about a node of the syntax tree."""
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "yaml"
    if named and node.attr in ("load", "load_all", "unsafe_load", "full_load"):
        return f"yaml.{node.attr}"
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
            return node.func.id
        for keyword in node.keywords:
            allowed = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            if keyword.arg == "allow_pickle" and not allowed:
                return "allow_pickle"
    return None


@pytest.mark.parametrize(
    "code, found",
    [
        ("yaml.load(text)", "yaml.load"),
        ("eval('1')", "eval"),
        ("np.load(f, allow_pickle=True)", "allow_pickle"),
        ("np.load(f, allow_pickle=False); yaml.safe_load(t); model.eval()", None),
    ],
)
def test_unsafe_code_is_seen(code, found):
    assert next((u for node in ast.walk(ast.parse(code)) if (u := unsafe(node))), None) == found


def test_equinox_modules_are_not_in_files_with_postponed_annotations():
    for path, tree in trees():
        names = {name for name, _ in imports(tree, name_of(path))}
        assert "__future__.annotations" not in names, path


LIGHT = """
import sys
{code}
heavy = sorted({{"jax", "numpy", "equinox", "diffrax", "scipy", "matplotlib"}} & set(sys.modules))
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "code",
    [
        "import ideomotor",
        "import ideomotor.spec, ideomotor.errors",
        "import ideomotor; ideomotor.plugins(); ideomotor.components()",
        "import ideomotor.cli",
    ],
)
def test_importing_and_listing_is_light(code):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT.format(code=code)],
        capture_output=True,
        text=True,
        env={**os.environ, "IDEOMOTOR_STRICT": "1"},
    )
    assert done.returncode == 0, done.stderr


def test_every_name_of_the_stub_is_there_and_lazy_names_are_those_of_the_stub():
    tree = ast.parse((Path(ideomotor.__file__).parent / "__init__.pyi").read_text())
    names = [alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert None not in names, "write `from ._x import Y as Y` in the stub"
    for name in names:
        assert getattr(ideomotor, name) is not None
    assert set(names) == set(ideomotor.__all__)


def test_registry_is_the_function_whatever_was_imported_before():
    """`ideomotor.registry` is both a module and a function in it."""
    importlib.import_module("ideomotor.registry")
    assert callable(ideomotor.registry)
    assert isinstance(ideomotor.registry(), ideomotor.Registry)


def modules_of(cls: type) -> Iterator[type]:
    for sub in cls.__subclasses__():
        yield sub
        yield from modules_of(sub)


def is_abstract(cls: type) -> bool:
    """Whether something is left to be filled in: a method, or a field."""
    variables = (*getattr(cls, "__abstractvars__", ()), *getattr(cls, "__abstractclassvars__", ()))
    return inspect.isabstract(cls) or bool(variables)


def faults(cls: type) -> Iterator[str]:
    """What is wrong with a class by the rule that a class is abstract or final."""
    named = cls.__name__.lstrip("_").startswith("Abstract")
    if named and not is_abstract(cls):
        yield f"{cls.__qualname__} is called abstract and is not"
    if is_abstract(cls) and not named:
        yield f"{cls.__qualname__} is abstract and not called so"
    for base in cls.__bases__:
        if issubclass(base, eqx.Module) and base is not eqx.Module and not is_abstract(base):
            yield f"{cls.__qualname__} derives from {base.__qualname__}, which is not abstract; wrap it"


def test_classes_are_abstract_or_final():
    for path in SOURCES:
        try:
            importlib.import_module(name_of(path)) if path.name != "__main__.py" else None
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in OURS:
                raise  # only a missing extra may hide a module
    ours = {c for c in modules_of(eqx.Module) if c.__module__.partition(".")[0] in OURS}
    assert len(ours) > 20
    found = sorted(fault for cls in ours for fault in faults(cls))
    assert not found


def test_a_class_derived_from_a_concrete_one_is_seen():
    from ideomotor_arm import TwoLinkArm

    class LongerArm(TwoLinkArm):
        pass

    assert "LongerArm derives from TwoLinkArm" in "".join(faults(LongerArm))
