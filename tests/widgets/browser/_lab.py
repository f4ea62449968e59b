"""A JupyterLab server and a page in a real browser, for the tests beside it."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
]
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    # Cells outside of the window would not be in the page.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


def find_browser() -> str | None:
    """The path of a Chromium: the environment variable CHROMIUM, or one of the usual names."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def jupyter(home: Path) -> Iterator[tuple[str, Path]]:
    """A JupyterLab on this machine only, without a token, all its folders under `home`: (URL, its root folder)."""
    root = home / "root"
    root.mkdir(parents=True)
    settings = home / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(SETTINGS))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.root_dir={root}"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True"),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
        # As `ideomotor lab` does.
        "--ServerApp.kernel_websocket_connection_class=ideomotor.jupyter.PromptConnection",
    ]
    folders = {f"JUPYTER_{name.upper()}_DIR": str(home / name) for name in ("config", "data", "runtime")}
    env = os.environ | folders | {"IPYTHONDIR": str(home / "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    url, log = f"http://127.0.0.1:{port}", home / "log.txt"
    with log.open("wb") as out:
        server = subprocess.Popen(command, env=env, stdout=out, stderr=out, start_new_session=True)
        try:
            deadline = time.monotonic() + 120
            while True:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{url}/api/status", timeout=2).close()
                    break
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"JupyterLab did not come up:\n{log.read_text()[-3000:]}")
                time.sleep(0.1)
            yield url, root
        finally:
            server.terminate()  # the server ends its kernels itself
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


class Tab:
    """A page of a notebook. `problems` holds each JavaScript error, exception in the kernel and request that leaves.

    A Python exception in a widget's callback is shown nowhere in JupyterLab, so the messages of the kernel are read.
    """

    def __init__(self, browser, url: str, root: Path):
        self.url, self.root = url, root
        self.context = browser.new_context(viewport={"width": 1240, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.problems: list[str] = []
        self.sent: list[int] = []  # bytes of each message from a widget
        self.received: list[int] = []
        self.page.on("pageerror", lambda error: self.problems.append(f"JavaScript error: {error}"))
        self.page.on("console", self._console)
        self.page.on("request", lambda request: self._leaving(request.url))
        self.page.on("websocket", self._socket)

    def _console(self, message) -> None:
        if message.type == "error" and "anywidget" in message.text.lower():
            self.problems.append(f"JavaScript error: {message.text}")

    def _leaving(self, url: str) -> None:
        if url.startswith(("http:", "https:", "ws:", "wss:")) and "//127.0.0.1:" not in url:
            self.problems.append(f"left the machine: {url}")

    def _socket(self, socket) -> None:
        self._leaving(socket.url)
        socket.on("framereceived", self._received)
        socket.on("framesent", self._sent)

    def _sent(self, data: str | bytes) -> None:
        raw = data.encode() if isinstance(data, str) else data
        if b"comm_msg" in raw:
            self.sent.append(len(raw))

    def _received(self, data: str | bytes) -> None:
        raw = data.encode() if isinstance(data, str) else data
        self.received.append(len(raw))
        if re.search(rb'"msg_type": ?"error"', raw):
            name, value = (re.search(rb'"%s": ?"(.*?)"' % key, raw) for key in (b"ename", b"evalue"))
            self.problems.append(f"in the kernel: {name and name[1]!r} {value and value[1]!r}")

    def open(self, name: str, *cells: str) -> None:
        """Write a notebook, open it alone, run all cells, wait for the kernel."""
        import nbformat

        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(
            nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel}), self.root / name
        )
        self.page.goto(f"{self.url}/doc/tree/{name}?reset")
        self.run_all()

    def run_all(self) -> None:
        """Run all cells; a cell that fails is a problem."""
        ready = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.isReady === true"
        self.page.wait_for_function(ready, timeout=90_000)
        self.page.evaluate(
            """async () => {
                const app = window.jupyterapp;
                await app.restored;
                await app.shell.currentWidget.context.ready;
                await app.commands.execute('notebook:run-all-cells');
            }"""
        )
        self.settle()

    def settle(self, still: float = 1.0, timeout: float = 180) -> None:
        """Wait until all cells have run and the notebook has kept its height: what moves cannot be clicked on."""
        size, since, deadline = None, time.monotonic(), time.monotonic() + timeout
        while time.monotonic() < deadline:
            now = self.page.evaluate(
                """() => [...document.querySelectorAll('.jp-Notebook .jp-Cell')].map(cell =>
                    [cell.offsetHeight, cell.querySelector('.jp-InputPrompt')?.textContent.includes('*')])"""
            )
            if now != size or any(busy for _, busy in now):
                size, since = now, time.monotonic()
            elif time.monotonic() - since > still:
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"The notebook did not come to rest within {timeout} s.")

    def command(self, name: str, **arguments) -> None:
        """A command of JupyterLab."""
        self.page.evaluate("([name, a]) => window.jupyterapp.commands.execute(name, a)", [name, arguments])

    def save_and_reload(self) -> None:
        """Save the notebook and load the page again: what is drawn from synced state comes back."""
        self.command("docmanager:save")
        self.page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
        self.page.reload()

    def box(self, locator) -> dict[str, float]:
        locator.scroll_into_view_if_needed()
        box = locator.bounding_box()
        assert box is not None
        return box

    def stroke(self, locator, points, steps: int = 4) -> None:
        """Press, move and lift the mouse through points, fractions of the width and height of an element."""
        box = self.box(locator)
        path = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in points]
        self.page.mouse.move(*path[0])
        self.page.mouse.down()
        for x, y in path[1:]:
            self.page.mouse.move(x, y, steps=steps)
        self.page.mouse.up()

    def drag(self, locator, dx: float, dy: float = 0, steps: int = 10) -> None:
        """Drag the middle of an element by pixels."""
        box = self.box(locator)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=steps)
        self.page.mouse.up()

    def picture(self, locator) -> str:
        """What an image or a canvas shows; unlike a screenshot also while the page round it still moves."""
        return locator.evaluate("e => e.toDataURL ? e.toDataURL() : e.src")

    def changed(self, locator, before: str, timeout: float = 30) -> str:
        """A picture of an element once it differs from `before`: one that has not changed yet proves nothing."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            now = self.picture(locator)
            if now != before:
                return now
            time.sleep(0.1)
        raise AssertionError(f"{locator} did not change within {timeout} s.")

    def python(self, code: str) -> str:
        """What a line of Python prints in the notebook's kernel."""
        return self.page.evaluate(
            """async code => {
                const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const future = kernel.requestExecute({ code, silent: false, store_history: false });
                let text = "";
                future.onIOPub = m => { text += m.content.text ?? m.content.evalue ?? ""; };
                await future.done;
                return text;
            }""",
            code,
        ).strip()

    def wait_python(self, condition: str, timeout: float = 120) -> None:
        """Wait until an expression holds in the kernel."""
        deadline, seen = time.monotonic() + timeout, ""
        while time.monotonic() < deadline:
            seen = self.python(f"print(bool({condition}))")
            if seen == "True":
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(f"{condition} did not hold within {timeout} s; the kernel said {seen!r}.")
