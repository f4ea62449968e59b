"""A JupyterLab, a Chromium, and a page that fails its test on any trouble."""

import contextlib

import pytest

from ._lab import Tab, find_browser, jupyter


@pytest.fixture(scope="session")
def chromium():
    path = find_browser()
    if path is None:
        pytest.skip(
            "no Chromium was found; install one, or give its path in the environment variable CHROMIUM"
        )
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed (pip install jupyterlab)")
    from ._lab import BROWSER_FLAGS

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield browser
        with contextlib.suppress(Exception):
            browser.close()


@pytest.fixture(scope="session")
def lab(chromium, tmp_path_factory):
    with jupyter(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture
def tab(chromium, lab):
    """A fresh page; the test fails on a JavaScript error, an exception in the kernel, a request that leaves."""
    tab = Tab(chromium, *lab)
    yield tab
    tab.context.close()
    assert not tab.problems, tab.problems
