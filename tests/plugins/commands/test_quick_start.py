"""How many programs a short command compiles or reads from the cache: each takes 10 to 20 ms of every start.

In a process of their own, since a program is counted once in a process.
"""

import json
import subprocess
import sys

import pytest

from ideomotor_encoder_decoder import example_pictures

COUNT = """
import json, sys
from jax import monitoring

programs = []
def count(event, seconds, **about):
    if event == "/jax/core/compile/backend_compile_duration":
        programs.append(event)
monitoring.register_event_duration_secs_listener(count)
"""
COMMAND = (
    COUNT
    + """
from ideomotor.cli import command
command.main(sys.argv[1:], standalone_mode=False)
print(json.dumps(len(programs)))
"""
)
LOAD = (
    COUNT
    + """
from importlib.resources import files
import ideomotor
found = {}
for package in ("ideomotor_encoder_decoder", "ideomotor_rnn", "ideomotor_trajectory_network"):
    for folder in (files(package) / "checkpoints").iterdir():
        programs.clear()
        ideomotor.load(folder)
        found[folder.name] = len(programs)
print(json.dumps(found))
"""
)


def counted(code, *arguments):
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name, most", [("digits", 13), ("reach", 14)])
def test_a_short_command_needs_few_programs(tmp_path, name, most):
    """102 and 107 before constructors and pictures stopped to compute number by number."""
    given = ["--input", str(example_pictures()[0])] if name == "digits" else []
    assert counted(COMMAND, "run", name, *given, "--out", str(tmp_path / "out")) <= most


def test_loading_compiles_nothing_but_scalars():
    """What is left are constants that a network's random weights are scaled by, converted once in a process."""
    found = counted(LOAD)
    assert {"digits", "reach", "circle", "optimal-reach"} <= set(found)
    assert max(found.values()) <= 2
