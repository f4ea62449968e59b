"""`ideomotor db …` as a user types it."""

import json
import socket

import numpy as np
import pytest
from click.testing import CliRunner

from ideomotor.cli import command

GOAL = [0.4, 0.1, 0.3]


def text_of(i, n=50):
    s = np.linspace(0, 1, n)[:, None]
    ys = np.array([0.1 * i, 0.0, 0.0]) + s * (np.array(GOAL) - np.array([0.1 * i, 0.0, 0.0]))
    ys[:, 2:] += 0.1 * np.sin(np.pi * s)
    rows = np.column_stack([np.linspace(0, 2, n), ys])
    return "time,x,y,z\n" + "\n".join(",".join(map(repr, row)) for row in rows.tolist()) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IDEOMOTOR_DATABASE", raising=False)
    for i in range(3):
        (tmp_path / f"reach{i}.csv").write_text(text_of(i))
    return tmp_path


def run(*arguments, code=0, env=None):
    result = CliRunner().invoke(command, ["db", *map(str, arguments)], env=env)
    assert result.exit_code == code, result.output
    return result.output


FILES = [f"reach{i}.csv" for i in range(3)]


def test_from_files_to_a_movement(folder):
    output = run("ingest", *FILES, "-d", "moves.db", "--threshold", "0.02")
    assert "3 new demonstration(s) in moves.db, 3 in all." in output
    assert "MovementTree(" in output and "TransitionGraph(" in output
    output = run("stats", "-d", "moves.db")
    assert "3, 150 samples, 3 coordinates (cartesian)" in output and "up to date" in output
    assert "threshold 0.02" in output
    ends = ("--start", "0.1,0,0", "--goal", ",".join(map(str, GOAL)))
    for search in ("flat", "hierarchical"):
        output = run(
            "query", "-d", "moves.db", *ends, "--search", search, "--out", "m.npz", "--picture", "m.png"
        )
        assert "A movement of " in output
        with np.load("m.npz") as movement:
            np.testing.assert_allclose(movement["ys"][[0, -1]], [[0.1, 0, 0], GOAL], atol=1e-9)
            assert np.all(np.diff(movement["ts"]) > 0)
    assert (folder / "m.png").read_bytes().startswith(b"\x89PNG")
    assert "Written to out/" in run("export", "out", "-d", "moves.db", "--format", "npz")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "demonstrations.npz",
        "graph.npz",
        "tree.npz",
    ]
    # Back from the export, in another database: the same tree.
    run("ingest", "out/demonstrations.npz", "-d", "copy.db", "--threshold", "0.02", "--graph", "memory")
    a, b = (json.loads(run("stats", "-d", d, "--json")) for d in ("moves.db", "copy.db"))
    assert a["tree"] == b["tree"] and a["settings"] == b["settings"]
    assert b["graph"]["state"] == "not there" and not (folder / "copy.db.graph").exists()


def test_rebuild_gives_the_same_and_with_other_settings_another_tree(folder):
    first = run("ingest", *FILES, "-d", "moves.db").splitlines()[1:]
    assert run("rebuild", "-d", "moves.db").splitlines() == first
    assert run("rebuild", "-d", "moves.db", "--threshold", "0.1").splitlines() != first
    assert json.loads(run("stats", "-d", "moves.db", "--json"))["settings"]["threshold"] == 0.1


def test_ingest_goes_on_after_a_failure(folder):
    (folder / "bad.csv").write_text("t,x,y,z\n0,1,2,3\n1,2,3,nan\n")
    output = run("ingest", FILES[0], "bad.csv", FILES[1], "-d", "moves.db", code=1)
    assert "bad.csv, line 3, column 4 (z): nan is not a finite number;" in output
    assert "The 1 file(s) before bad.csv are kept." in output
    output = run("ingest", *FILES, "-d", "moves.db", code=1)
    assert "'reach0' is in moves.db already" in output
    output = run("ingest", *FILES, "-d", "moves.db", "--skip-duplicates", "--no-build")
    assert "2 new demonstration(s) in moves.db, 3 in all." in output
    assert json.loads(run("stats", "-d", "moves.db", "--json"))["tree"] is None


def test_wrong_units_are_warned_of_without_a_traceback(folder):
    (folder / "mm.csv").write_text("t,x\n0,100\n1,400\n")
    output = run("ingest", "mm.csv", "-d", "mm.db", "--no-build")
    assert output.startswith("Warning: Demonstration 'mm' reaches 400; this looks like millimetres")
    assert ".py" not in output


def test_the_database_may_be_named_in_the_environment(folder):
    run("ingest", *FILES, "--no-build", env={"IDEOMOTOR_DATABASE": "mine.db"})
    assert (folder / "mine.db").exists()


@pytest.mark.parametrize(
    "arguments, code, wanted",
    [
        (
            ["query", "-d", "moves.db", "--start", "0,0,0", "--goal", "9,9,9"],
            1,
            "The goal is 15.* m from the nearest",
        ),
        (
            ["query", "-d", "moves.db", "--start", "0,0", "--goal", "0,0"],
            1,
            "The start must be 3 finite numbers",
        ),
        (
            ["query", "-d", "moves.db", "--start", "0,0,a", "--goal", "0,0,0"],
            2,
            "'0,0,a' is not a list of numbers",
        ),
        (
            ["query", "-d", "moves.db", "--start", "0,0,0", "--goal", "0,0,0", "--out", "a.csv"],
            2,
            "end in .npz",
        ),
        (["query", "-d", "no.db", "--start", "0,0,0", "--goal", "0,0,0"], 1, "no.db is not there"),
        (["rebuild", "-d", "moves.db", "--clustering", "k-maens"], 1, "Did you mean 'k-means'"),
        (["rebuild", "-d", "moves.db", "--threshold", "-1"], 1, "threshold = -1"),
        (["stats", "-d", "moves.db", "--graph", "http://x"], 1, "is not a Bolt server"),
        (["ingest", "reach9.csv", "-d", "moves.db"], 1, "There is no file reach9.csv"),
        (["stats"], 2, "Missing option '--database'"),
    ],
)
def test_what_is_wrong_is_one_sentence(folder, arguments, code, wanted):
    run("ingest", *FILES, "-d", "moves.db", "--no-build", "--graph", "memory")
    output = run(*arguments, code=code, env={"IDEOMOTOR_DATABASE": None})
    errors = [line for line in output.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and "Traceback" not in output
    import re

    assert re.search(wanted, output), output


def test_a_server_that_is_down_and_its_password(folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"bolt://127.0.0.1:{port}"
    output = run(
        "ingest",
        *FILES,
        "-d",
        "moves.db",
        "--graph",
        url,
        code=1,
        env={"IDEOMOTOR_BOLT_PASSWORD": "hush-hush"},
    )
    assert f"The graph server {url} cannot be reached" in output and "hush-hush" not in output
    assert json.loads(run("stats", "-d", "moves.db", "--json"))["demonstrations"] == 3  # they are safe
