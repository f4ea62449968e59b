"""Recordings: what contradicts itself is refused, stretches are cut, and values in between are right."""

import numpy as np
import pytest

from ideomotor import Channel, Frames, Recording, Trajectory, read_recordings, register, write_recordings
from ideomotor.errors import DataError

TS = np.array([0.0, 0.1, 0.2, 0.4])


def about_z(angles):
    angles = np.asarray(angles, float)
    return np.stack([np.cos(angles / 2), 0 * angles, 0 * angles, np.sin(angles / 2)], axis=1)


@pytest.mark.parametrize(
    "fields, wanted",
    [
        (("a", TS, np.zeros(3)), "one time per sample"),
        (("", TS, np.zeros(4)), "needs a name"),
        (("a", [0, np.nan], np.zeros(2)), r"ts\[1\] is not a finite time"),
        (("a", TS, np.zeros(4), "jiont-position"), "Did you mean 'joint-position'"),
        (("a", TS, np.zeros((4, 3)), "pose"), "has 3 numbers per sample; a pose has 7"),
        (("a", TS, np.zeros((4, 2)), "", "", ("x",)), "1 names for 2 numbers"),
        (("a", TS, np.array([print] * 4)), "holds object values"),
    ],
)
def test_channels_that_contradict_themselves(fields, wanted):
    with pytest.raises(DataError, match=wanted):
        Channel(*fields)


def test_channels_are_read_only_and_unique():
    channel = Channel("a", TS, np.zeros(4))
    with pytest.raises(ValueError, match="read-only"):
        channel.values[0] = 1
    with pytest.raises(DataError, match="two channels 'a'"):
        Recording("r", [channel, channel])
    with pytest.raises(DataError, match="Did you mean 'arm'"):
        Recording("r", [Channel("arm", TS, np.zeros(4))])["amr"]


def test_orientations_turn_evenly_and_angles_cross_the_end_of_a_turn():
    turning = Channel("q", TS, about_z([0, 1, 2, 4]) * [[1], [-1], [1], [1]], "orientation")
    np.testing.assert_allclose(
        np.abs(turning.at([0.05, 0.3]).values @ about_z([0.5, 3]).T).diagonal(), 1, atol=1e-12
    )
    poses = Channel("p", TS, np.hstack([np.outer(TS, [1, 2, 3]), about_z(10 * TS)]), "pose")
    np.testing.assert_allclose(poses.at([0.15]).values[0], [0.15, 0.3, 0.45, *about_z([1.5])[0]], atol=1e-12)
    wrapped = np.array([170.0, 179.0, -172.0, -154.0])
    angle = Channel("a", TS, wrapped[:, None], "joint-position", "deg")
    assert angle.at([0.15]).values[0, 0] == pytest.approx(183.5)
    assert Channel("v", TS, wrapped, unit="deg").at([0.15]).values[0] == pytest.approx(
        3.5
    )  # no angle of a joint


def test_labels_hold_and_samples_come_back_exactly():
    values = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    channel = Channel("x", TS, values)
    np.testing.assert_array_equal(channel.at(TS[[1, 3]]).values, values[[1, 3]])
    assert channel.at([0.05]).values.dtype == np.float32
    assert Channel("n", TS, [0, 1, 2, 3]).at([0.39]).values.tolist() == [2]
    assert Channel("w", TS, ["a", "b", "c", "d"], "text").at([0.15]).values.tolist() == ["b"]
    assert Channel("twice", [0, 0, 1], [5.0, 1.0, 2.0]).at([0.5]).values.tolist() == [1.5]
    with pytest.raises(DataError, match="goes back at 0.2 s"):
        Channel("back", [0, 0.2, 0.1], np.zeros(3)).at([0.1])
    with pytest.raises(DataError, match="Times from 0 to 9 s are not all within channel 'x'"):
        channel.at([0, 9])


def test_channels_of_different_clocks_become_one_trajectory():
    slow = Channel("slow", [0.1, 1.1], [1.0, 2.0])
    fast = Channel("fast", np.arange(20) / 10, np.arange(20.0)[:, None])
    recording = Recording("r", [slow, fast, Channel("say", [0.0], ["go"], "text")])
    movement = recording.trajectory(rate=5.0)
    np.testing.assert_allclose(movement.ts, 0.1 + np.arange(6) / 5)
    np.testing.assert_allclose(movement.ys["slow"], 1 + np.arange(6) / 5)
    np.testing.assert_allclose(recording.trajectory("fast", ts=[0.25]).ys, [[2.5]])
    cut = recording[0.5:1.2]
    assert cut["slow"].ts.tolist() == [1.1] and len(cut["fast"]) == 7 and cut.start == recording.start
    with pytest.raises(DataError, match="has no times, only samples"):
        Recording("r", [slow], timed=False).trajectory()


def test_a_movement_survives_being_a_recording():
    ts = np.linspace(0, 1, 5)
    movement = Trajectory(ts, {"hand": np.ones((5, 2))}, np.zeros(5), {"arm": {"q": ts}})
    again = Recording.from_trajectory(movement).trajectory()
    np.testing.assert_array_equal(again.ys["hand"], movement.ys["hand"])
    np.testing.assert_array_equal(again.xs["arm"]["q"], ts)
    np.testing.assert_array_equal(again.us, movement.us)


def test_pictures_are_decoded_when_they_are_asked_for():
    asked = []

    def read(index):
        asked.append(index.tolist())
        return np.stack([np.full((2, 3), i, np.uint8) for i in index])

    channel = Channel("camera", TS, Frames(read, 4, (2, 3)), "image")
    assert channel.values.shape == (4, 2, 3) and not asked
    assert Recording("r", [channel])[0.1:0.3]["camera"].values[1][0, 0] == 2
    assert np.asarray(channel.values[[0, 3]])[:, 0, 0].tolist() == [0, 3]
    assert asked == [[2], [0, 3]]


def test_a_strangers_format_is_found_by_content(tmp_path):
    from ideomotor import AbstractFormat

    class PlainFormat(AbstractFormat):
        suffixes = (".plain",)

        def sniff(self, path, head):
            return float(head.startswith(b"PLAIN"))

        def read(self, path, options):
            values = np.loadtxt(path, skiprows=1)
            yield Recording(path.stem, [Channel("x", values[:, 0], values[:, 1])])

        def write(self, recordings, path):
            for item in recordings:
                np.savetxt(path, np.stack([item["x"].ts, item["x"].values], 1), header="PLAIN", comments="")
            return ["names are lost"]

    register("format", "plain-test", PlainFormat, "x over time")
    item = Recording("r", [Channel("x", TS, 2 * TS)])
    assert write_recordings(item, tmp_path / "a.plain") == ["names are lost"]
    (tmp_path / "a.plain").rename(tmp_path / "b.csv")
    [found] = read_recordings(tmp_path / "b.csv")
    np.testing.assert_array_equal(found["x"].values, 2 * TS)
    with pytest.raises(DataError, match="would hold several recordings"):
        write_recordings([item, item], tmp_path / "c.plain")
    write_recordings([item, item], tmp_path / "many", format="plain-test")
    assert sorted(p.name for p in (tmp_path / "many").iterdir()) == ["r-2.plain", "r.plain"]
    with pytest.raises(DataError, match="has no channel"):
        write_recordings([Recording("empty", [])], tmp_path / "d.plain")
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]  # nothing half-written
