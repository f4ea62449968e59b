"""Every notebook runs from top to bottom without a word on the error stream, and what is stored in it reads well."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NAMES = ("00_tour", "01_image_to_movement", "02_grasp_imagery", "03_movement_database", "04_trajectory_function",
         "05_recurrent_controller", "06_assemble_your_own", "07_write_a_plugin")  # fmt: skip
# What a notebook needs beyond the base installation and the widgets, as `module: extra`.
NEEDS = {
    "01_image_to_movement": {"mujoco": "mujoco"},
    "02_grasp_imagery": {"mujoco": "mujoco"},
    "03_movement_database": {"mujoco": "mujoco", "sklearn": "database", "ladybug": "database"},
    "06_assemble_your_own": {"sklearn": "database"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"
LARGEST = 1_500_000  # bytes
# MuJoCo's own remark about models that are put into one another; it is about saving them as XML, which nobody does.
HARMLESS = re.compile(r"WARNING: Attaching a spec with an empty prefix may prevent .*\n+")

_EXECUTE = """
import sys
import nbclient, nbformat
source, out = sys.argv[1:]
notebook = nbformat.read(source, 4)
client = nbclient.NotebookClient(notebook, kernel_name="python3", timeout=550, store_widget_state=False)
try:
    client.execute(cwd=".")
finally:
    nbformat.write(notebook, out)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Of the kernels: compiled programs are kept on disk between notebooks, and a widget's cell waits for its picture.

    Each worker of pytest has a folder of its own for them: JAX does not write them in one go.
    """
    settings = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "IDEOMOTOR_WIDGETS": "wait"}
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        settings["JAX_COMPILATION_CACHE_DIR"] = str(tmp_path_factory.mktemp("jax"))
    return {**os.environ, **settings, "PYTHONWARNINGS": "default"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, environment):
    for module, extra in NEEDS.get(path.stem, {}).items():
        if find_spec(module) is None:
            pytest.skip(f"{path.name} needs {module}: pip install ideomotor[{extra}]")
    # In a process of its own: a kernel's sockets and threads outlive a test.
    out = tmp_path / path.name
    command = [sys.executable, "-c", _EXECUTE, str(path), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = [cell for cell in nbformat.read(out, 4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    said = [
        HARMLESS.sub("", output.text)
        for cell in cells
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert not "".join(said)


def test_the_notebooks_are_those_that_the_tour_and_the_site_name():
    assert tuple(path.stem for path in NOTEBOOKS) == NAMES
    tour = (FOLDER / "00_tour.ipynb").read_text(encoding="utf-8")
    assert all(f"({name}.ipynb)" in tour for name in NAMES[1:])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_reads_well_without_a_kernel(path):
    """All cells have been run in order; pictures stand where widgets are; no error, no warning, nothing of one machine."""
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) >= 2
    assert not [o for o in outputs if WIDGET in o.get("data", {})], "a widget is stored as its picture"
    assert path.stat().st_size <= LARGEST
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    text = json.dumps(
        [{key: o.get("data", {}).get(key) for key in ("text/plain", "text/html")} for o in outputs]
    )
    text += "".join(o.get("text", "") for o in outputs)
    assert not re.search(r"/(home|root|tmp|usr|work|Users)/|site-packages|at 0x[0-9a-f]{6}|[A-Z]:\\", text)
    assert not [cell for cell in cells if "execution" in cell.metadata], "no times"
