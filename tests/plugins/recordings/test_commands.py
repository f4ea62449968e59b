"""`ideomotor recording …`, and planted faults: each is found, and what is sound is not accused."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from ideomotor import Channel, Recording, read_recordings, write_recordings
from ideomotor.cli import command
from ideomotor_recordings import examine, problems

TS = np.arange(300) / 50
RNG = np.random.default_rng(0)


def moving(seed=0, ts=TS):
    phases = np.random.default_rng(seed).uniform(0, 6, 3)
    return 0.5 * np.sin(2 * ts[:, None] + phases) + 0.01 * ts[:, None]


def episode(i, values=None, ts=TS, **more):
    values = moving(i, ts) if values is None else values
    force = np.sin(3 * ts + i) + 0.01 * np.random.default_rng(i).normal(size=len(ts))
    channels = [Channel("arm", ts, values, "joint-position", "rad"), Channel("force", ts, force, unit="N")]
    return Recording(f"e{i}", channels, **more)


def run(*arguments, code=0):
    result = CliRunner().invoke(command, ["recording", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def with_values(change):
    values = moving(5)
    change(values)
    return episode(5, values)


def spoilt_clock(change):
    ts = TS.copy()
    change(ts)
    return episode(5, moving(5), ts)


PLANTED = {
    "nan": (with_values(lambda v: v.__setitem__((slice(10, 14), 1), np.nan)), "'arm' has 4 samples that are not finite"),
    "jump": (with_values(lambda v: v.__setitem__(slice(150, None), v[150:] + 2.0)), "'arm' jumps 1 times"),
    "frozen": (episode(5, np.ones((300, 3))), "'arm' never changes"),
    "saturated": (with_values(lambda v: np.clip(v, -0.3, 0.3, out=v)), "'arm' is at the end of its range in"),
    "gap": (spoilt_clock(lambda t: t.__setitem__(slice(100, None), t[100:] + 1.5)), "gaps in time, the longest of 1.52 s"),
    "clock goes back": (spoilt_clock(lambda t: t.__setitem__(slice(100, None), t[100:] - 1.0)), "clock that goes back 1 times"),
    "short": (episode(5, ts=TS[:20]), "lasts 0.38 s, and the others 5.98 s"),
    "copy": (episode(0).replace(name="copy"), "is the same as e0"),
    "channel missing": (episode(5).replace(channels=[episode(5)["arm"]]), "channel 'force' is missing"),
    "nothing moves": (episode(5, 0.2 + np.zeros((300, 3))).replace(name="still"), "'arm' never changes"),
    "empty": (episode(5).replace(channels=[episode(5)["arm"], Channel("force", [], np.zeros(0))]), "'force' has no samples"),
    "said by the reader": (episode(5, warnings=("a video is absent.",)), "a video is absent"),
}  # fmt: skip


@pytest.mark.parametrize("bad, wanted", PLANTED.values(), ids=PLANTED)
def test_planted_faults_are_found_and_the_others_are_not_accused(bad, wanted):
    *sound, (_, told) = problems([*(episode(i) for i in range(4)), bad])
    assert not any(found for _, found in sound)
    assert any(wanted in sentence for sentence in told), told


def test_angles_at_the_end_of_a_turn_and_signs_of_quaternions_are_no_jumps():
    wrapped = np.angle(np.exp(1j * (2 + TS)))[:, None]
    turning = np.stack([np.cos(TS), 0 * TS, 0 * TS, np.sin(TS)], axis=1) * np.where(TS < 3, 1, -1)[:, None]
    item = Recording(
        "r", [Channel("a", TS, wrapped, "joint-position", "rad"), Channel("q", TS, turning, "orientation")]
    )
    assert [channel.jumps for channel in examine(item).channels] == [0, 0]
    assert examine(Recording("r", [Channel("a", TS, wrapped)])).channels[0].jumps == 1


def test_idle_time_at_start_and_end():
    still = np.clip(TS - 1.0, 0, 3.0)
    report = examine(Recording("r", [Channel("arm", TS, still[:, None], "joint-position", "rad")]))
    assert report.idle_start == pytest.approx(1.0, abs=0.15) and report.idle_end == pytest.approx(
        1.98, abs=0.15
    )


@pytest.fixture
def folder(tmp_path):
    write_recordings([episode(i) for i in range(3)], tmp_path / "set.npz")
    write_recordings(episode(3), tmp_path / "more" / "one.csv")
    (tmp_path / "more" / "notes.md").write_text("3 things, to do 4\n1 2 3\n")
    return tmp_path


def test_info_lists_every_recording_of_a_folder(folder):
    told = run("info", folder)
    assert "set.npz  (npz)  3 recordings, 17.94 s" in told and "one.csv  (csv)  5.98 s" in told
    assert "arm      joint-position  rad   3      900      50" in told and "notes.md" not in told
    rows = json.loads(run("info", folder, "--json"))
    assert [row["format"] for row in rows] == ["csv", "npz"] and rows[1]["recordings"][2]["channels"][0][
        "samples"
    ] == 300
    assert "There is no file" in run("info", folder / "gone", code=1)
    (folder / "bad.csv").write_text("t,x\n0,1\n1,2,3\n")
    assert "cannot be read" in run("info", folder)  # and the others are listed


def test_convert_says_what_is_lost_and_replaces_nothing_unasked(folder):
    out = folder / "out"
    assert "3 recordings written" in run("convert", folder / "set.npz", out, "--to", "csv")
    assert sorted(path.name for path in out.iterdir()) == ["e0.csv", "e1.csv", "e2.csv"]
    again = {item.name: item for path in out.iterdir() for item in read_recordings(path)}
    np.testing.assert_array_equal(again["e1"]["arm"].values, moving(1))
    assert "is not empty; choose another, or overwrite it" in run(
        "convert", folder / "set.npz", out, "--to", "csv", code=1
    )
    run("convert", folder / "set.npz", out, "--to", "csv", "--overwrite", "--resample", "10")
    [half] = read_recordings(out / "e0.csv")
    assert half["arm"].rate == pytest.approx(10)
    assert "holds one; give a folder" in run("convert", folder / "set.npz", folder / "x.csv", code=1)
    assert "end it in" in run("convert", folder / "set.npz", folder / "x.docx", code=1)
    pictures = Recording(
        "p", [Channel("cam", TS[:2], np.zeros((2, 4, 4, 3), np.uint8), "image"), episode(0)["arm"]]
    )
    write_recordings(pictures, folder / "p.npz")
    assert "channel 'cam' is left out: a table holds no pictures" in run(
        "convert", folder / "p.npz", folder / "p.csv"
    )
    assert "is what is read" in run("convert", folder / "p.npz", folder / "p.npz", "--overwrite", code=1)


def test_view_draws_all_channels(folder):
    out = folder / "picture.png"
    assert "Drawn in" in run("view", folder / "set.npz", "--number", "2", "--out", out)
    assert out.read_bytes()[:4] == b"\x89PNG"
    assert "has no recording number 7" in run(
        "view", folder / "set.npz", "--number", "7", "--out", folder / "b.png", code=1
    )
    assert "choose another, or overwrite it" in run("view", folder / "set.npz", "--out", out, code=1)


def test_check_ends_with_status_1_where_something_is_bad(folder):
    assert "0 of 3 recordings have problems" in run("check", folder / "set.npz")
    write_recordings([*(episode(i) for i in range(3)), PLANTED["nan"][0]], folder / "bad.npz")
    told = run("check", folder / "bad.npz", code=1)
    assert "bad.npz, e5\n  channel 'arm' has 4 samples" in told and "1 of 4 recordings" in told
    rows = json.loads(run("check", folder / "bad.npz", "--json", code=1))
    assert [bool(row["problems"]) for row in rows] == [False, False, False, True]


@pytest.mark.parametrize("name", ["r.csv", "r.lerobot"])
def test_every_run_can_be_recorded(tmp_path, monkeypatch, name):
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(
        "primitive: {use: dmp, dof: 2}\nplant: {use: servo, plant: {use: two-link-arm}}\n"
    )
    arguments = ["run", "p.yaml", "--duration", "0.3", "--samples", "31", "--record", name]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    [item] = read_recordings(name)
    table = np.genfromtxt("p-movement/trajectory.csv", delimiter=",", names=True, deletechars="")
    assert {"us", "ys.hand", "xs.plant.angle"} <= set(item.channels) and item["us"].role == "action"
    np.testing.assert_allclose(item["ys.hand"].values[:, 1], table["ys.hand[1]"], rtol=1e-6)
    np.testing.assert_allclose(item["us"].ts, table["ts"], atol=1e-6)
    refused = CliRunner().invoke(command, [*arguments[:-1], "r.docx", "--overwrite"])
    assert refused.exit_code == 1 and "no format that is written" in refused.output
