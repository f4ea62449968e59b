"""Every notebook runs from top to bottom, and what is stored in it is what it prints."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path):
    # In a process of its own: a kernel's sockets and threads outlive a test.
    out = tmp_path / path.name
    command = [sys.executable, "-m", "jupyter", "execute", f"--output={out}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = [cell for cell in nbformat.read(out, 4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_reads_well_without_a_kernel(path):
    """Outputs are stored, none of them an error, and no path of anybody's machine is in them."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    kinds = [output.output_type for cell in cells for output in cell.outputs]
    assert kinds and "error" not in kinds
    text = path.read_text()
    assert "image/png" in text
    assert "/home/" not in text and "site-packages" not in text
