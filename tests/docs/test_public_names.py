"""How many public names there are to learn, and whether each says what it is."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("sphinx", reason="sphinx is not installed (pip install ideomotor[docs])")
pytest.importorskip("mujoco", reason="mujoco is not installed (pip install ideomotor[mujoco])")
pytest.importorskip("ipywidgets", reason="ipywidgets is not installed (pip install ideomotor[widgets])")
MOST = 280  # the goal is 200; a name that is added takes the place of one that nobody needs


@pytest.fixture(scope="module")
def public():
    """The names that docs/api lists, as `package.name`, with what they are."""
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    try:
        listing = importlib.import_module("public_names")
    finally:
        sys.path.pop(0)
    found = {}
    for page in sorted((ROOT / "docs" / "api").glob("*.md")):
        for name in re.findall(r"\{public\} (\S+)", page.read_text(encoding="utf-8")):
            package = importlib.import_module(name)
            found |= {f"{name}.{n}": getattr(package, n) for n in listing._names(package)}
    return found


def test_there_are_few(public):
    assert 150 < len(public) <= MOST


def test_functions_describe_their_arrays_and_what_is_not_typed(public):
    """Arrays, and arguments of no or any type, are in the docstring: shape and unit do not follow from a type."""
    missing = []
    for name, function in public.items():
        if not inspect.isfunction(function):
            continue
        text = inspect.getdoc(function) or ""
        for argument in inspect.signature(function).parameters.values():
            kind = str(argument.annotation)
            open_ended = (
                argument.annotation is argument.empty or kind in ("Any", "typing.Any") or "ndarray" in kind
            )
            starred = argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
            if open_ended and not starred and not re.search(rf"\b{argument.name}\b", text):
                missing.append(f"{name}({argument.name})")
    assert not missing


def test_all_are_described(public):
    kinds = (type, type(importlib.import_module))
    assert not [
        name for name, thing in public.items() if isinstance(thing, kinds) and not inspect.getdoc(thing)
    ]
