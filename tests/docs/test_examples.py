"""The examples in docstrings and on the pages of the site do what they say."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

from ideomotor.registry import reset

ROOT = Path(__file__).resolve().parents[2]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = sorted(
    ".".join(path.relative_to(ROOT / folder).with_suffix("").parts).removesuffix(".__init__")
    for folder in ("core", "plugins", "widgets")
    for path in (ROOT / folder).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
PAGES = sorted(
    path for path in (ROOT / "docs").rglob("*.md") if re.search(r"^>>> ", path.read_text("utf-8"), re.M)
)
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def own_registry():
    """What an example registers is forgotten after it."""
    old = reset()
    yield
    reset(old)


def run(test: doctest.DocTest) -> doctest.TestResults:
    told: list[str] = []
    results = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=told.append)
    assert not results.failed, "".join(told)
    return results


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    module = importlib.import_module(name)
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert tests, f"{name} has `>>>` that doctest does not find"
    for test in tests:
        run(test)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_pages(path):
    """All blocks of a page share their names, as in one session."""
    text = path.read_text(encoding="utf-8")
    blocks = [block for block in _BLOCK.findall(text) if block.startswith(">>> ")]
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, path.stem, str(path), 0)
    assert run(test).attempted == len(re.findall(r"^>>> ", text, re.MULTILINE))


def test_the_core_and_the_pages_have_examples():
    assert {"ideomotor._rollout", "ideomotor._quantity", "ideomotor.registry"} <= set(MODULES)
    assert {"perception", "planner", "primitive", "plant", "pipeline", "write_a_plugin"} <= {
        p.stem for p in PAGES
    }


def test_a_wrong_example_fails():
    """The runner above would see it."""
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", "wrong", 0)
    with pytest.raises(AssertionError, match="Expected"):
        run(test)
