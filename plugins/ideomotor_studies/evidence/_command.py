"""`ideomotor evidence`: every claim, its command, its age; or one of them, measured again."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from ideomotor.errors import IdeomotorError

from ..kit import options
from ..kit.run import RESULTS
from ._claims import FOLDER, Claim, claim, claims


def measure(found: Claim, data: Path | None = None, folder: Path = FOLDER) -> Claim:
    """Run the command of a claim and write its file again.

    Raises an `IdeomotorError` if the command fails or needs `data` that are not given.
    """
    if found.data and data is None:
        raise IdeomotorError(f"{found.name} is measured on {found.data}; give it with --data.")
    words = [str(data) if word.startswith("FILE") else word for word in shlex.split(found.command)]
    if words[0] == "ideomotor":
        words[:1] = [sys.executable, "-m", "ideomotor"]
    elif words[0] == "python":
        words[0] = sys.executable
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "results.json"
        if {"reproduce", "train"} & set(words[:4]):
            run = Path(place) / "run"
            file = run / ("results.json" if "reproduce" in words[:4] else "metrics.jsonl")
            words += ["--out", str(run)]
        done = subprocess.run(words, env={**os.environ, RESULTS: str(file)})
        asserted = not any("at" in measure for measure in found.measures.values())
        if done.returncode or not (asserted or file.exists()):
            raise IdeomotorError(f"{found.name}: `{found.command}` failed; its file is left as it was.")
        new = found.again({} if asserted else _stages(file))
    new.write(folder)
    return new


def _stages(file: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        return json.loads(text)["stages"]
    return {line.pop("stage"): line for line in map(json.loads, text.splitlines())}


@click.command()
@click.option("--run", "name", metavar="NAME", help="Measure this claim again and write its file.")
@options.path("--data", help="The data of a claim that is measured on your copy of a public set.")
def evidence(name: str | None, data: Path | None) -> None:
    """List every claim of the README and of the documentation: its figure, its age and its command.

    A claim is "current" if the code of the packages that it speaks of has not changed since it was measured.
    """
    if name is not None:
        new = measure(claim(name), data)
        click.echo(f"{new.name}: {new.text()}\nRender the tables again with: python docs/tables.py")
        return
    for one in claims().values():
        changed = one.changed()
        state = "current" if not changed else f"older than {', '.join(changed)}"
        click.echo(f"{one.name}  ({one.days} days, {state})")
        what = f"{one.topic}; {one.what}" if one.what else one.topic
        click.echo(f"    {what}: {one.text()}" + (f"  [{one.theirs}]" if one.theirs else ""))
        click.echo(f"    {one.command}")
