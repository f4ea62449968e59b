"""`ideomotor lab`: what it copies, what it keeps, what it starts.

The servers are stand-ins, two packages in front of the real ones: they write down how they were started.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from ideomotor.cli import command

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SERVER = """
import json, os, pathlib, sys
notebook = pathlib.Path(sys.argv[1])
text = notebook.read_text() if notebook.is_file() else None
started = {"module": __spec__.parent, "arguments": sys.argv[1:], "notebook": text}
pathlib.Path(os.environ["STARTED"]).write_text(json.dumps(started))
"""
STUBBORN = """
import signal, sys, time
asked = []
def ask(*_):
    asked.append(1)
    print("asked", flush=True)
    if len(asked) == 3:
        sys.exit(7)
signal.signal(signal.SIGINT, ask)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Puts a server in the place of JupyterLab and Voilà."""

    def put(code):
        for name in ("jupyterlab", "voila"):
            package = tmp_path / "servers" / name
            package.mkdir(parents=True, exist_ok=True)
            (package / "__init__.py").write_text("")
            (package / "__main__.py").write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path / "servers"))
        path = os.pathsep.join(filter(None, (str(tmp_path / "servers"), os.environ.get("PYTHONPATH"))))
        monkeypatch.setenv("PYTHONPATH", path)

    return put


@pytest.fixture
def started(tmp_path, monkeypatch, serve):
    """How the server was started, or None."""
    serve(SERVER)
    monkeypatch.setenv("STARTED", str(tmp_path / "started.json"))
    return lambda: (
        json.loads((tmp_path / "started.json").read_text()) if (tmp_path / "started.json").exists() else None
    )


def run(*arguments):
    return CliRunner().invoke(command, ["lab", *arguments])


def test_all_are_copied_as_they_are_once(here, started):
    names = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
    assert {"00_tour.ipynb", "07_write_a_plugin.ipynb"} <= set(names)
    assert f"{len(names)} notebooks copied into mine." in run("mine").output
    assert sorted(path.name for path in (here / "mine").glob("*.ipynb")) == names
    for name in names:
        assert (here / "mine" / name).read_bytes() == (NOTEBOOKS / name).read_bytes()
    assert "0 notebooks copied into mine." in run("mine").output


def test_an_edited_notebook_is_kept_and_a_deleted_one_comes_back(here, started):
    run("mine")
    (here / "mine" / "00_tour.ipynb").write_text("mine")
    (here / "mine" / "07_write_a_plugin.ipynb").unlink()
    assert "1 notebooks copied into mine, 1 kept." in run("mine").output
    assert (here / "mine" / "00_tour.ipynb").read_text() == "mine"
    assert (here / "mine" / "07_write_a_plugin.ipynb").is_file()


def test_a_newer_version_replaces_what_was_not_edited(tmp_path, here, started, monkeypatch):
    package = tmp_path / "ideomotor" / "notebooks"
    package.mkdir(parents=True)
    # As if the module lay in an installed package, which has the notebooks inside.
    monkeypatch.setattr("ideomotor.cli._lab.__file__", str(package.parent / "cli" / "_lab.py"))
    for name in ("00_tour.ipynb", "b.ipynb"):
        (package / name).write_text("old")
    run("mine")
    (here / "mine" / "b.ipynb").write_text("edited")
    for name in ("00_tour.ipynb", "b.ipynb"):
        (package / name).write_text("new")
    assert "1 notebooks copied into mine, 1 kept." in run("mine").output
    assert (here / "mine" / "00_tour.ipynb").read_text() == "new"
    assert (here / "mine" / "b.ipynb").read_text() == "edited"
    (package / "00_tour.ipynb").unlink()
    assert "install ideomotor again" in run("mine").stderr


@pytest.mark.parametrize("text", [None, "not JSON", "[1, 2]", '{"00_tour.ipynb": 3}'])
def test_somebody_elses_file_of_that_name_is_kept(here, started, text):
    """Also where the list of what was copied is damaged or lost."""
    (here / "00_tour.ipynb").write_text("not ours")
    if text is not None:
        (here / ".ideomotor.json").write_text(text)
    assert "1 kept." in run(".").output
    assert (here / "00_tour.ipynb").read_text() == "not ours"


def test_a_file_in_place_of_the_folder_is_said(here, started):
    (here / "mine").write_text("")
    result = run("mine")
    assert result.exit_code == 1 and "mine cannot be a folder" in result.stderr
    assert started() is None


def test_it_starts_jupyterlab_on_the_folder(here, started):
    assert run("mine", "--port", "9000", "--no-browser").exit_code == 0
    found = started()
    assert found["module"] == "jupyterlab" and found["arguments"][0] == "mine"
    assert "--ServerApp.port=9000" in found["arguments"] and "--no-browser" in found["arguments"]
    connection = "--ServerApp.kernel_websocket_connection_class=ideomotor.jupyter.PromptConnection"
    assert connection in found["arguments"]


def test_the_default_folder(here, started):
    assert run().exit_code == 0
    assert (here / "ideomotor-notebooks" / "00_tour.ipynb").is_file()
    assert "--no-browser" not in started()["arguments"]


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


def test_an_app_is_a_valid_notebook_of_one_cell(here, started):
    pytest.importorskip("ipywidgets")
    result = run("--app", "PrimitiveEditor", "--port", "9001")
    assert result.exit_code == 0, result.output
    found = started()
    assert found["module"] == "voila" and "--port=9001" in found["arguments"]
    assert (
        "--Voila.kernel_websocket_connection_class=ideomotor.jupyter.PromptConnection" in found["arguments"]
    )
    notebook = nbformat.reads(found["notebook"], 4)
    nbformat.validate(notebook)
    (cell,) = notebook.cells
    assert cell.source.endswith("ideomotor_widgets.PrimitiveEditor()")
    assert not list(here.iterdir()), "the folder of the app is a temporary one"


def test_apps_are_the_widgets_that_need_no_arguments(started):
    pytest.importorskip("ipywidgets")
    result = run("--app", "PipelineExplorr")
    assert result.exit_code == 1 and "Did you mean 'PipelineExplorer'" in result.stderr
    known = result.stderr.partition("known are ")[2].partition(".")[0].split(", ")
    assert {"PipelineExplorer", "PrimitiveEditor", "DrawDigit", "ControlPlayground"} <= set(known)
    assert not {"MovementPlayer", "TrainingMonitor", "AbstractView", "Canvas"} & set(known)
    assert started() is None


@pytest.mark.parametrize("arguments, module", [((), "jupyterlab"), (("--app", "PrimitiveEditor"), "voila")])
def test_what_is_missing_is_named_with_its_extra(here, monkeypatch, arguments, module):
    pytest.importorskip("ipywidgets")
    find = sys.modules["importlib.util"].find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == module else find(name))
    result = run(*arguments)
    assert result.exit_code == 1 and "pip install 'ideomotor[lab]'" in result.stderr
    assert not list(here.iterdir()), "nothing is copied"


def test_widgets_without_ipywidgets_say_so(monkeypatch, started):
    monkeypatch.setitem(sys.modules, "ideomotor_widgets", None)
    result = run("--app", "PrimitiveEditor")
    assert result.exit_code == 1 and "pip install 'ideomotor[lab]'" in result.stderr


def test_a_port_out_of_range_is_refused():
    assert run("--port", "70000").exit_code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("how, ends", [("interrupted", 7), ("terminated", -signal.SIGTERM)])
def test_the_server_answers_ctrl_c_and_ends_with_us(here, serve, how, ends):
    """Jupyter asks back at Ctrl-C. A service manager or a container that ends us ends the server."""
    serve(STUBBORN)
    # Ctrl-C is ignored in what a shell starts in the background, such as these tests.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from ideomotor.cli import main; main(['lab', 'mine'])"
    ours = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert ours.stdout is not None
    while ours.stdout.readline() != "ready\n":
        pass
    for _ in range(3 if how == "interrupted" else 0):
        os.killpg(ours.pid, signal.SIGINT)  # a terminal sends it to both
        assert ours.stdout.readline() == "asked\n"
    if how == "terminated":
        ours.terminate()
    assert ours.wait(30) == ends % 256
    assert ours.stdout.read() == ""  # nobody holds the pipe any more
    ours.stdout.close()


def test_the_module_imports_nothing_heavy(here, serve):
    code = (
        "import sys; from ideomotor.cli import command; command.main(['lab', 'mine'], standalone_mode=False);"
        "print(sorted({'jax', 'numpy', 'IPython', 'ipywidgets'} & set(sys.modules)))"
    )
    serve("")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
