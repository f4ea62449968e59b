"""The documentation site is built without a warning, is whole, and takes nothing from the network."""

import importlib
import inspect
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import ideomotor

ROOT = Path(__file__).resolve().parents[2]
for module in ("sphinx", "myst_nb", "furo", "latex2mathml", "mujoco", "ipywidgets"):
    extra = {"mujoco": "mujoco", "ipywidgets": "widgets"}.get(module, "docs")
    pytest.importorskip(module, reason=f"{module} is not installed (pip install ideomotor[{extra}])")
# Where each part of a page comes from.
_LOADED = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}


class Links(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self, text: str):
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        self.ids.add(found.get("id", ""))
        if tag in _LOADED and found.get(_LOADED[tag]):
            self.loaded.append(found[_LOADED[tag]])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])


@pytest.fixture(scope="session")
def site(once):
    def make(folder: Path) -> None:
        command = [
            *(sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"),
            *("-d", str(folder / "doctrees"), "-c", "docs", ".", str(folder / "html")),
        ]
        env = os.environ | {"JAX_PLATFORMS": "cpu"}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-3000:]

    return once("site", make) / "html"


@pytest.fixture(scope="module")
def pages(site):
    return {
        path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")
    }


def test_there_is_a_page_for_all_there_is(pages):
    for name in ("perception", "planner", "primitive", "plant"):
        assert f"docs/interfaces/{name}.html" in pages
    for plugin in [
        *(p.name.replace("-", "_") for p in ideomotor.plugins() if p.distribution == "ideomotor"),
        "widgets",
    ]:
        assert f"docs/plugins/{plugin}.html" in pages and f"docs/api/{plugin}.html" in pages
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{notebook.stem}.html" in pages
        assert f"gallery-{notebook.stem}.png" in pages["docs/notebooks.html"]
    assert "docs/write_a_plugin.html" in pages and "CHANGELOG.html" in pages
    assert "docs/index.html" in pages["index.html"]


@pytest.mark.parametrize("kind", ["perception", "planner", "primitive", "plant"])
def test_the_page_of_an_interface_lists_what_is_registered(pages, kind):
    for component in ideomotor.components(kind):
        assert component.name in pages[f"docs/interfaces/{kind}.html"]


@pytest.mark.parametrize(
    "package", ["ideomotor", "ideomotor_dmp", "ideomotor_arm", "ideomotor_rnn", "ideomotor_widgets"]
)
def test_every_public_name_is_in_the_reference(site, package):
    from sphinx.util.inventory import InventoryFile

    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", os.path.join)
    known = {name for kind, found in inventory.items() if kind.startswith("py:") for name in found}
    module = importlib.import_module(package)
    names = [n for n in dir(module) if not n.startswith("_") and not inspect.ismodule(getattr(module, n))]
    ours = [
        n for n in names if getattr(getattr(module, n), "__module__", package).partition(".")[0] == package
    ]
    assert ours and not {f"{package}.{name}" for name in ours} - known


def test_signatures_are_as_in_the_source(pages):
    text = re.sub(r"<[^>]+>", "", pages["docs/api/dmp.html"])
    assert "Float[Array" in text and "PRNGKey" in text
    for noise in ("jaxlib._jax", "jaxtyping.", "&lt;class", "&lt;function", "NoneType"):
        assert not any(
            noise in re.sub(r"<[^>]+>", "", page) for name, page in pages.items() if "/api/" in name
        ), noise


def test_nothing_is_loaded_from_elsewhere(pages):
    for name, text in pages.items():
        outside = [
            url
            for url in Links(text).loaded
            if urlsplit(url).scheme not in ("", "data") or url.startswith("//")
        ]
        assert not outside, (name, outside)


def test_style_sheets_load_nothing_from_elsewhere(site):
    for path in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", path.read_text(encoding="utf-8")), path


def test_links_inside_lead_somewhere(site, pages):
    parsed = {name: Links(text) for name, text in pages.items()}
    for name, page in parsed.items():
        for link in [*page.links, *page.loaded]:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (site / name).parent / unquote(url.path) if url.path else site / name
            target = Path(os.path.normpath(target))
            assert target.exists(), (name, link)
            if url.fragment and target.suffix == ".html":
                assert unquote(url.fragment) in parsed[target.relative_to(site).as_posix()].ids, (name, link)


def test_equations_are_drawn_by_the_browser(pages):
    page = pages["docs/plugins/dmp.html"]
    source = (ROOT / "docs/plugins/dmp.md").read_text(encoding="utf-8")
    formulas = re.findall(r"\$\$.+?\$\$|\$[^$]+\$", source, re.DOTALL)
    assert page.count("<math") == len(formulas) > 0 and "$$" not in page and "\\frac" not in page


def test_outputs_of_notebooks_are_shown(pages):
    for name, text in pages.items():
        if name.startswith("notebooks/"):
            assert text.count("<img") >= 2 and "cell_output" in text, name
