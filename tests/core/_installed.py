"""Wheels, and environments that hold nothing of the source tree."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_BUILD = """
import os, sys
from hatchling.build import build_sdist, build_wheel
out = os.path.abspath(sys.argv[1])
for folder in sys.argv[3:]:
    os.chdir(folder)
    print((build_wheel if sys.argv[2] == "wheel" else build_sdist)(out))
"""


def build(out: Path, *folders: Path, what: str = "wheel") -> list[Path]:
    """Build the packages in `folders` with their own backend, offline; returns the files."""
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling")
    out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", _BUILD, out, what, *folders]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [out / name for name in done.stdout.split()]


class Environment:
    """A fresh virtual environment: wheels are installed into it, and third-party packages are those running here.

    The packages of the running environment come behind its own on the path, and their `.pth` files are not read, so an
    editable install of this project is not seen: `ideomotor` can only come from the wheel.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        if not (folder / "pyvenv.cfg").exists():
            venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(folder)
        self.bin = folder / ("Scripts" if os.name == "nt" else "bin")
        self.site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
        paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (self.site / "zz_running_environment.pth").write_text("\n".join(sorted(paths)) + "\n")

    def install(self, *wheels: Path) -> None:
        """Install wheels without looking at their dependencies."""
        arguments = ["install", "--no-deps", "--no-index", *wheels]
        if shutil.which("uv"):
            command = ["uv", "pip", *arguments[:1], "--python", self.bin / "python", *arguments[1:]]
        else:
            command = [sys.executable, "-m", "pip", "--python", self.bin / "python", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def run(self, program: str, *arguments, cwd: Path, **variables: str) -> subprocess.CompletedProcess:
        """Run a program of the environment; its programs share what JAX compiles."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "IDEOMOTOR", "PYTEST"))}
        clean |= {"IDEOMOTOR_CACHE": str(self.folder / "cache"), **variables}
        return subprocess.run(
            [self.bin / program, *map(str, arguments)], cwd=cwd, env=clean, capture_output=True, text=True
        )
