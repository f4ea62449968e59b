"""`ideomotor lab`: what it copies, what it keeps, what it starts."""

import json
import signal
import subprocess
import sys

import nbformat
import pytest
from click.testing import CliRunner

from ideomotor.cli import _lab, command


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def started(monkeypatch):
    """Commands that would have been started, each ending at once with status 0."""
    found = []

    class Server:
        def __init__(self, command, env):
            found.append(command)
            path = command[3]
            if path.endswith(".ipynb"):  # as it was at that moment
                self.notebook = found.append(nbformat.read(path, 4))

        def wait(self):
            return 0

    monkeypatch.setattr(_lab.subprocess, "Popen", Server)
    monkeypatch.setattr(_lab, "_needs", lambda module, name: None)
    return found


def run(*arguments):
    return CliRunner().invoke(command, ["lab", *arguments])


def test_the_notebooks_are_found_in_the_repository():
    names = {path.name for path in _lab.notebooks_folder().glob("*.ipynb")}
    assert {"00_tour.ipynb", "07_write_a_plugin.ipynb"} <= names


def test_in_an_installed_package_they_are_inside_of_it(here, monkeypatch):
    folder = here / "site" / "ideomotor" / "notebooks"
    folder.mkdir(parents=True)
    (folder / "00_tour.ipynb").write_text("{}")
    monkeypatch.setattr(_lab, "__file__", str(folder.parent / "cli" / "_lab.py"))
    assert _lab.notebooks_folder() == folder


def test_without_notebooks_it_says_so(here, monkeypatch):
    monkeypatch.setattr(_lab, "__file__", str(here / "a" / "ideomotor" / "cli" / "_lab.py"))
    with pytest.raises(_lab.IdeomotorError, match="install ideomotor again"):
        _lab.notebooks_folder()


def test_all_are_copied_as_they_are(here):
    copied, kept = _lab.copy_notebooks(here / "mine")
    assert not kept and len(copied) == len(list(_lab.notebooks_folder().glob("*.ipynb")))
    for name in copied:
        assert (here / "mine" / name).read_bytes() == (_lab.notebooks_folder() / name).read_bytes()
    assert _lab.copy_notebooks(here / "mine") == ([], [])


def test_an_edited_notebook_is_kept_and_a_deleted_one_comes_back(here):
    _lab.copy_notebooks(here)
    (here / "00_tour.ipynb").write_text("mine")
    (here / "07_write_a_plugin.ipynb").unlink()
    assert _lab.copy_notebooks(here) == (["07_write_a_plugin.ipynb"], ["00_tour.ipynb"])
    assert (here / "00_tour.ipynb").read_text() == "mine"


def test_a_newer_version_replaces_what_was_not_edited(here, monkeypatch):
    package = here / "package"
    package.mkdir()
    monkeypatch.setattr(_lab, "notebooks_folder", lambda: package)
    for name in ("a.ipynb", "b.ipynb"):
        (package / name).write_text("old")
    _lab.copy_notebooks(here / "mine")
    (here / "mine" / "b.ipynb").write_text("edited")
    for name in ("a.ipynb", "b.ipynb"):
        (package / name).write_text("new")
    assert _lab.copy_notebooks(here / "mine") == (["a.ipynb"], ["b.ipynb"])
    assert (here / "mine" / "a.ipynb").read_text() == "new"
    assert (here / "mine" / "b.ipynb").read_text() == "edited"


@pytest.mark.parametrize("text", [None, "not JSON", "[1, 2]", '{"00_tour.ipynb": 3}'])
def test_somebody_elses_file_of_that_name_is_kept(here, text):
    """Also where the list of what was copied is damaged or lost."""
    (here / "00_tour.ipynb").write_text("not ours")
    if text is not None:
        (here / ".ideomotor.json").write_text(text)
    _, kept = _lab.copy_notebooks(here)
    assert kept == ["00_tour.ipynb"] and (here / "00_tour.ipynb").read_text() == "not ours"


def test_a_file_in_place_of_the_folder_is_said(here, started):
    (here / "mine").write_text("")
    result = run("mine")
    assert result.exit_code == 1 and "mine cannot be a folder" in result.stderr
    assert not started


def test_it_starts_jupyterlab_on_the_folder(started):
    result = run("mine", "--port", "9000", "--no-browser")
    assert result.exit_code == 0, result.output
    assert (
        f"{len(list(_lab.notebooks_folder().glob('*.ipynb')))} notebooks copied into mine." in result.output
    )
    (command,) = started
    assert command[:4] == [sys.executable, "-m", "jupyterlab", "mine"]
    assert "--ServerApp.port=9000" in command and "--no-browser" in command
    assert "--ServerApp.kernel_websocket_connection_class=ideomotor.jupyter.PromptConnection" in command


def test_messages_of_a_kernel_do_not_wait_for_acknowledgements(monkeypatch):
    """Nagle's algorithm is off for the socket, before the first message."""
    channels = pytest.importorskip("jupyter_server.services.kernels.connection.channels")
    from ideomotor.jupyter import PromptConnection

    said = []
    monkeypatch.setattr(
        channels.ZMQChannelsWebsocketConnection,
        "connect",
        lambda self: said.append("connected") or "channels",
    )
    socket = channels.KernelWebsocketHandler.__new__(channels.KernelWebsocketHandler)
    socket.set_nodelay = lambda on: said.append(f"no delay: {on}")
    connection = PromptConnection.__new__(PromptConnection)
    connection.websocket_handler = socket
    assert connection.connect() == "channels" and said == ["no delay: True", "connected"]


def test_the_default_folder(here, started):
    assert run().exit_code == 0
    assert (here / "ideomotor-notebooks" / "00_tour.ipynb").is_file()
    assert "--no-browser" not in started[0]


def test_an_app_is_a_notebook_of_one_cell(here, started):
    pytest.importorskip("ipywidgets")
    result = run("--app", "PrimitiveEditor", "--port", "9001")
    assert result.exit_code == 0, result.output
    command, notebook = started
    assert command[1:3] == ["-m", "voila"] and "--port=9001" in command
    assert "--Voila.kernel_websocket_connection_class=ideomotor.jupyter.PromptConnection" in command
    (cell,) = notebook.cells
    assert cell.source.endswith("ideomotor_widgets.PrimitiveEditor()")
    assert not list(here.iterdir()), "the folder of the app is a temporary one"


def test_apps_are_the_widgets_that_need_no_arguments():
    pytest.importorskip("ipywidgets")
    known = _lab.apps()
    assert {"PipelineExplorer", "PrimitiveEditor", "DrawDigit", "ControlPlayground"} <= set(known)
    assert not {"MovementPlayer", "TrainingMonitor", "AbstractView", "Canvas"} & set(known)


def test_an_unknown_app_gets_a_hint(started):
    pytest.importorskip("ipywidgets")
    result = run("--app", "PipelineExplorr")
    assert result.exit_code == 1 and "Did you mean 'PipelineExplorer'" in result.stderr
    assert not started


@pytest.mark.parametrize("arguments, module", [((), "jupyterlab"), (("--app", "PrimitiveEditor"), "voila")])
def test_what_is_missing_is_named_with_its_extra(here, monkeypatch, arguments, module):
    pytest.importorskip("ipywidgets")
    real = _lab.importlib.util.find_spec
    monkeypatch.setattr(_lab.importlib.util, "find_spec", lambda name: None if name == module else real(name))
    result = run(*arguments)
    assert result.exit_code == 1 and "pip install 'ideomotor[lab]'" in result.stderr
    assert not list(here.iterdir()), "nothing is copied"


def test_widgets_without_ipywidgets_say_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "ideomotor_widgets", None)
    monkeypatch.setattr(_lab.importlib.util, "find_spec", lambda name: object())
    result = run("--app", "PrimitiveEditor")
    assert result.exit_code == 1 and "pip install 'ideomotor[lab]'" in result.stderr


def test_a_port_out_of_range_is_refused():
    assert run("--port", "70000").exit_code == 2


def test_ctrl_c_is_left_to_the_server(monkeypatch):
    """Jupyter asks back; we wait for what it says."""
    answers = iter([KeyboardInterrupt, KeyboardInterrupt, 7])

    class Server:
        def __init__(self, command, env):
            pass

        def wait(self):
            answer = next(answers)
            if answer is KeyboardInterrupt:
                raise answer
            return answer

    monkeypatch.setattr(_lab.subprocess, "Popen", Server)
    assert _lab._serve("jupyterlab", _lab.Path("x"), None, False) == 7


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_the_server_ends_with_us(tmp_path):
    """Also when `ideomotor lab` is killed, by a service manager or a container."""
    code = (
        "import sys, subprocess; from ideomotor.cli import _lab; real = subprocess.Popen\n"
        "sleep = [sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(60)']\n"
        "_lab.subprocess.Popen = lambda command, env: real(sleep)\n"
        "from pathlib import Path; sys.exit(100 + _lab._serve('voila', Path('x'), None, True))"
    )
    ours = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert ours.stdout is not None and ours.stdout.readline() == "1\n"
    ours.terminate()
    assert ours.wait(30) == 100 - signal.SIGTERM
    assert ours.stdout.read() == ""  # nobody holds the pipe any more
    ours.stdout.close()


def test_the_module_imports_nothing_heavy():
    code = "import ideomotor.cli._lab, sys; print(sorted({'jax', 'numpy', 'IPython', 'ipywidgets'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_app_notebook_is_valid():
    nbformat.validate(nbformat.from_dict(json.loads(_lab.app_notebook("DrawDigit"))))
