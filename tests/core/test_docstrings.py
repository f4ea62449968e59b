"""What is public is described: by its own docstring, or by that of the method it overrides."""

import ast
import importlib
import inspect
from collections.abc import Iterator

from .test_imports import OURS, SOURCES, at, name_of, trees


def public_methods() -> Iterator[tuple[type, str, object]]:
    """The public methods and properties that our public classes define themselves."""
    for path in SOURCES:
        if path.name == "__main__.py":
            continue
        try:
            module = importlib.import_module(name_of(path))
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in OURS:
                raise  # only a missing extra may hide a module
            continue
        for name, cls in vars(module).items():
            if inspect.isclass(cls) and cls.__module__ == module.__name__ and not name.startswith("_"):
                for key, member in vars(cls).items():
                    function = member.__func__ if isinstance(member, staticmethod | classmethod) else member
                    if not key.startswith("_") and (
                        inspect.isfunction(function) or isinstance(function, property)
                    ):
                        yield cls, key, member


def test_every_public_method_is_described():
    missing = [
        f"{cls.__module__}.{cls.__qualname__}.{name}"
        for cls, name, member in public_methods()
        if not inspect.getdoc(getattr(cls, name))
    ]
    assert not missing


def test_a_method_without_words_of_its_own_has_those_of_its_interface():
    """What the documentation shows: `inspect.getdoc` looks for them."""
    from ideomotor.interfaces import AbstractPlant
    from ideomotor_arm import TwoLinkArm

    assert TwoLinkArm.step.__doc__ and inspect.getdoc(TwoLinkArm.default_command)
    from ideomotor._host import HostPlant  # an adapter, whose methods are described by the interface

    assert HostPlant.default_command.__doc__ is None
    assert inspect.getdoc(HostPlant.default_command) == inspect.getdoc(AbstractPlant.default_command)


def test_no_docstring_only_points_elsewhere():
    wrong = []
    for path, tree in trees():
        for node in ast.walk(tree):
            described = isinstance(node, ast.FunctionDef | ast.ClassDef)
            if described and (ast.get_docstring(node) or "").startswith("See `"):
                wrong.append(at(path, node.lineno))
    assert not wrong
