"""Run notebooks and store what they show: `python docs/store_notebooks.py [NAME ...]`, by default all of them.

What is stored is the same on every machine as far as it can be: no times, no widget state (a widget is stored as its
picture), no messages of progress bars. A notebook in which something is raised or warned about is left as it was.
"""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbclient
import nbformat

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
os.environ["IDEOMOTOR_WIDGETS"] = "wait"  # a cell ends when its widget has its picture
LIVE = "application/vnd.jupyter.widget-view+json"
ADDRESS = re.compile(r"(<[^<>]*?) at 0x[0-9a-f]+")


def run(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run it in a folder; raises for an exception, and for anything written to the error stream."""
    settings = {"kernel_name": "python3", "timeout": 600, "resources": {"metadata": {"path": str(folder)}}}
    plain = {"store_widget_state": False, "record_timing": False, "coalesce_streams": True}
    nbclient.NotebookClient(notebook, **plain, **settings).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                raise RuntimeError(f"Written to the error stream by\n{cell.source}\n\n{output.text}")


def clean(notebook: nbformat.NotebookNode) -> None:
    """Keep what another machine would show, too."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data and LIVE in data:
                del data[LIVE]
            if LIVE in data or "image/png" in data:
                data["text/plain"] = "<a widget>" if LIVE in data else "<a picture>"
            elif "text/plain" in data:
                data["text/plain"] = ADDRESS.sub(r"\1", data["text/plain"])
            output.get("metadata", {}).clear()
            output.pop("transient", None)


def main(names: list[str]) -> None:
    """Run and store the named notebooks."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        notebook = nbformat.read(path, 4)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            run(notebook, Path(folder))
        clean(notebook)
        nbformat.validate(notebook)
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
