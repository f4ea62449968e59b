"""`ideomotor lab --app WIDGET` shows a widget in a browser, through Voilà."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium):
    pytest.importorskip("voila", reason="Voilà is not installed (pip install ideomotor[lab])")
    context = chromium.new_context(viewport={"width": 1240, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture
def url(tmp_path):
    """Where the app is served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "ideomotor",
        "lab",
        "--app",
        "PrimitiveEditor",
        "--no-browser",
        f"--port={port}",
    ]
    folders = {f"JUPYTER_{name.upper()}_DIR": str(tmp_path / name) for name in ("config", "data", "runtime")}
    env = os.environ | folders | {"IPYTHONDIR": str(tmp_path / "ipython")}
    with (tmp_path / "log.txt").open("wb") as log:
        server = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=log, stderr=log)
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    with contextlib.suppress(
                        urllib.error.HTTPError
                    ):  # an answer, if only that there is no such thing
                        urllib.request.urlopen(f"http://127.0.0.1:{port}/nothing", timeout=5).close()
                    break
                assert server.poll() is None, (tmp_path / "log.txt").read_text()[-2000:]
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(30)


def test_an_app_is_shown_and_lives(page, url):
    problems, left = [], []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda r: left.append(r.url) if r.url.startswith("http") and "//127.0.0.1:" not in r.url else None,
    )
    page.set_default_timeout(180_000)
    page.goto(url)
    page.wait_for_selector(".ido-view canvas")
    picture = page.locator(".ido-view img").first
    picture.wait_for()
    before = picture.get_attribute("src")
    bars = page.locator(".ido-view canvas").nth(1)  # the weights: a drag changes the movement and its picture
    box = bars.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 10, steps=5)
    page.mouse.up()
    page.wait_for_function("old => document.querySelector('.ido-view img').src !== old", arg=before)
    assert not problems
    assert not left
