"""The run folder that all studies and training commands share: which runs are resumed, and where folders may be."""

import json
import os
import stat
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from ideomotor.cli import command
from ideomotor.errors import IdeomotorError
from ideomotor_studies import reproduce
from ideomotor_studies.kit import Run, options
from ideomotor_studies.kit.report import Comparison

OTHERS = {
    "berniker2015": [{"constants": "literal"}],
    "denisa2015": [{"data": "file"}],
    "huh2009": [{"shipped": True}],
    "pahic2018": [{"data": "file"}, {"characters": "file"}],
    "veres2017": [],
}


class StoppedError(Exception):
    """In place of the first stage's work."""


@pytest.mark.parametrize("paper", OTHERS)
def test_a_study_is_resumed_with_the_same_configuration_only(paper, tmp_path, monkeypatch):
    pytest.importorskip("mujoco")
    (tmp_path / "file").write_bytes(b"other data")
    (tmp_path / "same").write_bytes(b"other data")
    opened = Run.open

    def stop(self):
        opened(self)
        raise StoppedError

    monkeypatch.setattr(Run, "open", stop)
    out = tmp_path / "out"

    def run(**given):
        with pytest.raises(StoppedError):
            reproduce(paper, out, preset="tiny", **given)

    run()
    before = (out / "config.json").read_text()
    for other in ({"preset": "cpu"}, {"seed": 1}, *OTHERS[paper]):
        other = {key: tmp_path / "file" if value == "file" else value for key, value in other.items()}
        ((key, _),) = other.items()
        with pytest.raises(IdeomotorError, match=f"different run: its {key} is"):
            reproduce(paper, out, **{"preset": "tiny", **other}, resume=True)
    for rest in OTHERS:
        if rest != paper:
            with pytest.raises(IdeomotorError, match=f"its study is {paper}, not {rest}"):
                reproduce(rest, out, preset="tiny", resume=True)
    assert (out / "config.json").read_text() == before and os.listdir(out) == ["config.json"]
    run(resume=True)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["reach", "--seed", "1"], "seed"),
        (["reach", "--preset", "cpu"], "preset"),
        (["reach", "--objective", "mean"], "objective"),
        (["circle"], "study"),
        (["trajectory-network"], "study"),
    ],
)
def test_a_training_is_resumed_with_the_same_configuration_only(words, key, tmp_path):
    config = {"preset": "tiny", "seed": 0, "objective": "risk:1", "method": "adam"}
    Run("reach", tmp_path, config).open()
    preset = [] if "--preset" in words else ["--preset", "tiny"]
    result = CliRunner().invoke(command, ["train", *words, *preset, "--out", str(tmp_path), "--resume"])
    assert result.exit_code != 0 and f"different run: its {key} is" in result.output
    assert os.listdir(tmp_path) == ["config.json"]


class Sizes(NamedTuple):
    count: int


@options.study("small", {"tiny": Sizes(1), "cpu": Sizes(2)}, "nothing")
def small(run, sizes, *, seed):
    """Two stages, a file and a figure."""

    class Figure:
        def savefig(self, path, dpi):
            path.write_bytes(b"png")

    run.stage("first", lambda: {"value": 1.0 + seed})
    run.stage("second", lambda: {"value": 2.0})
    run.figure("picture", Figure())
    run.finish(Comparison(), "# Small\n")


@pytest.mark.parametrize("where", ["new", "empty", ".", "linked"])
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_run_is_written_wherever_its_folder_is(where, mask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "elsewhere", "here"):
        (tmp_path / name).mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    if where == ".":
        monkeypatch.chdir(tmp_path / "here")
    before = os.umask(mask)
    try:
        run = small.reproduce(where, preset="tiny")
        again = small.reproduce(where, preset="tiny", resume=True)
    finally:
        os.umask(before)
    assert run.results == again.results
    names = {"config.json", "figures", "metrics.jsonl", "results.json", "stages", "table.md"}
    assert set(os.listdir(where)) == names
    assert os.path.islink(tmp_path / "linked") and json.loads((run.folder / "results.json").read_text())
    for path in (run.folder / "results.json", run.folder / "metrics.jsonl"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
