"""`ideomotor plugins` takes at most twice the time of importing pluggy and click; whole processes are measured."""

import os
import statistics
import subprocess
import sys

import pytest

pytestmark = pytest.mark.benchmark_suite

REPEATS = 21


def test_listing_plugins_is_as_quick_as_its_imports(tmp_path):
    """Processor time of whole processes, measured in turns; the medians are compared.

    With compiled bytecode, as it is after an installation, whatever the environment says about writing it.
    """
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    variables["PYTHONPYCACHEPREFIX"] = str(tmp_path)

    def seconds(*arguments: str) -> float:
        start = os.times()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=variables)
        end = os.times()
        return end.children_user + end.children_system - start.children_user - start.children_system

    programs = (("-c", "import pluggy, click"), ("-m", "ideomotor", "plugins"))
    for program in programs:
        seconds(*program)
    measured = [[seconds(*program) for program in programs] for _ in range(REPEATS)]
    imports, listing = (statistics.median(column) for column in zip(*measured, strict=True))
    print(f"import pluggy, click: {imports * 1e3:.0f} ms; ideomotor plugins: {listing * 1e3:.0f} ms")
    assert listing <= 2 * imports
