"""`ideomotor lab`: the notebooks in JupyterLab, or one widget as an app."""

import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from ..errors import IdeomotorError, UnknownNameError, did_you_mean

_COPIED = ".ideomotor.json"  # in the folder: what was put there, by its hash
# Voilà's page without the style sheets that it asks of a server elsewhere; it has the same icons itself.
_PAGE = """{%- extends "lab/index.html.j2" -%}
{%- block notebook_css -%}
{{ super() | replace('rel="stylesheet" href="https://', 'rel="elsewhere" href="https://') }}
{%- endblock notebook_css -%}
"""
_MISSING = "{0} is not installed: pip install 'ideomotor[lab]'"


@click.command()
@click.argument("folder", default="ideomotor-notebooks")
@click.option("--port", type=click.IntRange(1, 65535), help="Server port. [default: Jupyter's]")
@click.option("--no-browser", is_flag=True, help="Only start the server; it prints the address.")
@click.option("--app", metavar="WIDGET", help="Show one widget as an app instead, such as PipelineExplorer.")
def lab(folder: str, port: int | None, no_browser: bool, app: str | None) -> None:
    """Open the notebooks in JupyterLab.

    They are copied into FOLDER (by default ./ideomotor-notebooks). What you have changed there stays as it is.
    """
    if app is None:
        _needs("jupyterlab", "JupyterLab")
        copied, kept = copy_notebooks(Path(folder))
        click.echo(
            f"{len(copied)} notebooks copied into {folder}" + (f", {len(kept)} kept." if kept else ".")
        )
        raise click.exceptions.Exit(_serve("jupyterlab", Path(folder), port, no_browser))
    _needs("ideomotor_widgets", "ideomotor_widgets")
    _needs("voila", "Voilà")
    with tempfile.TemporaryDirectory(prefix="ideomotor-app-") as temporary:
        notebook = Path(temporary) / f"{_check_app(app)}.ipynb"
        notebook.write_text(app_notebook(app), encoding="utf-8")
        template = Path(temporary) / "voila" / "templates" / "ideomotor"
        template.mkdir(parents=True)
        (template / "conf.json").write_text('{"base_template": "lab"}', encoding="utf-8")
        (template / "index.html.j2").write_text(_PAGE, encoding="utf-8")
        paths = os.pathsep.join(filter(None, (temporary, os.environ.get("JUPYTER_PATH"))))
        raise click.exceptions.Exit(_serve("voila", notebook, port, no_browser, JUPYTER_PATH=paths))


def notebooks_folder() -> Path:
    """Where the notebooks are: inside of the installed package, or in the repository that is installed editable."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "notebooks", package.parents[1] / "notebooks"):
        if (folder / "00_tour.ipynb").is_file():
            return folder
    raise IdeomotorError(f"The notebooks are not in {package}; install ideomotor again.")


def copy_notebooks(folder: Path) -> tuple[list[str], list[str]]:
    """Copy notebooks that are missing in `folder` or unchanged since they were copied; returns (copied, kept), by name.

    A notebook that was changed since, or put there by somebody else, is kept.
    """
    from .. import _files

    _files.make_folder(folder)
    known, copied, kept = _read(folder / _COPIED), [], []
    for source in sorted(notebooks_folder().glob("*.ipynb")):
        target, data = folder / source.name, source.read_bytes()
        new = hashlib.sha256(data).hexdigest()
        old = hashlib.sha256(target.read_bytes()).hexdigest() if target.exists() else None
        if old not in (None, new, known.get(source.name)):
            kept.append(source.name)
            continue
        if old != new:
            _files.write_bytes(target, data)
            copied.append(source.name)
        known[source.name] = new
    _files.write_json(folder / _COPIED, known)
    return copied, kept


def app_notebook(widget: str) -> str:
    """A notebook whose only cell shows a widget."""
    cell = {
        "cell_type": "code", "id": "app", "metadata": {}, "execution_count": None, "outputs": [],
        "source": f"import ideomotor_widgets\n\nideomotor_widgets.{widget}()",
    }  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook)


def apps() -> list[str]:
    """The widgets that can be shown without arguments."""
    import inspect

    found = vars(
        importlib.import_module("ideomotor_widgets")
    ).items()  # a package beside the core, if it is there
    return sorted(n for n, c in found if isinstance(c, type) and not _required(inspect.signature(c)))


def _required(signature) -> list[str]:
    plain = [p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [p.name for p in plain if p.default is p.empty]


def _check_app(name: str) -> str:
    known = apps()
    if name not in known:
        raise UnknownNameError(
            f"There is no app {name!r}; known are {', '.join(known)}.{did_you_mean(name, known)}"
        )
    return name


def _needs(module: str, name: str) -> None:
    """Raise if a module is not installed, or (our widgets) lacks what it imports."""
    try:
        found = importlib.util.find_spec(module) is not None
        if found and module == "ideomotor_widgets":
            importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise IdeomotorError(_MISSING.format(error.name)) from error
    if not found:
        raise IdeomotorError(_MISSING.format(name))


def _read(path: Path) -> dict[str, str]:
    """What was copied before; a file that cannot be understood says nothing, so that all is kept."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _serve(module: str, path: Path, port: int | None, no_browser: bool, **environment: str) -> int:
    """Run a Jupyter server until it ends; Ctrl-C goes to it, and it asks back."""
    command = [sys.executable, "-m", module, str(path)]
    if module == "voila":
        command.append("--template=ideomotor")
    kind = "Voila" if module == "voila" else "ServerApp"
    command.append(f"--{kind}.kernel_websocket_connection_class=ideomotor.jupyter.PromptConnection")
    if port is not None:
        command += [f"--port={port}"] if module == "voila" else [f"--ServerApp.port={port}"]
    if no_browser:
        command.append("--no-browser")
    if module == "jupyterlab" and getattr(os, "geteuid", lambda: 1)() == 0:
        command.append("--allow-root")  # in a container; the server listens on this machine only
    server = subprocess.Popen(command, env=os.environ | environment)
    before = signal.signal(signal.SIGTERM, lambda *_: server.terminate())  # it is not to outlive us
    try:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return server.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
