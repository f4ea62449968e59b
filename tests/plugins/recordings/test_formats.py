"""Every format: what it can hold comes back bit for bit, through any other, and what it cannot hold is said."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ideomotor import Channel, Frames, ReadOptions, Recording, read_recordings, write_recordings
from ideomotor.errors import DataError

RNG = np.random.default_rng(0)
UNEVEN = np.sort(RNG.integers(0, 5 * 10**9, 40)) / 1e9
EVEN = np.arange(40) / 50
FILES = {"csv": "a.csv", "npz": "a.npz", "hdf5": "a.hdf5", "matlab": "a.mat", "rosbag1": "a.bag", "mcap": "a.mcap",
         "rosbag2": "a", "lerobot": "a", "lerobot-v21": "a"}  # fmt: skip
LIBRARIES = {
    "hdf5": "h5py",
    "rosbag1": "rosbags",
    "mcap": "rosbags",
    "rosbag2": "rosbags",
    "lerobot": "av",
    "lerobot-v21": "av",
    "c3d": "ezc3d",
}


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def recording(ts, *, clocks=True):
    n, half = len(ts), ts[::2] if clocks else ts
    turns = unit(RNG.normal(size=(n, 4)))
    names = ("shoulder", "elbow", "wrist")
    channels = [
        Channel("arm/position", ts, RNG.normal(size=(n, 3)), "joint-position", "rad", names, "base"),
        Channel("arm/velocity", ts, RNG.normal(size=(n, 3)), "joint-velocity", "rad/s", names, "base"),
        Channel("hand", ts, np.hstack([RNG.normal(size=(n, 3)), turns]), "pose", "m", frame="world"),
        Channel("turn", ts, turns, "orientation"),
        Channel("marker", ts, RNG.normal(size=(n, 3)), "position", "mm"),
        Channel("touch", half, RNG.normal(size=(len(half), 6)), "wrench", "N"),
        Channel("push", ts, RNG.normal(size=(n, 3)), "force", "N"),
        Channel("twist", ts, RNG.normal(size=(n, 6)), "twist", "m/s"),
        Channel("skin", half, RNG.normal(size=(len(half), 2, 2)).astype(np.float32)),
        Channel("us", ts, RNG.normal(size=(n, 2)), "action"),
        Channel("count", ts, RNG.integers(-9, 9, n)),
        Channel("flag", ts, ts > 1, "event"),
        Channel("lost", ts, np.where(ts > 2, np.nan, ts), unit="V"),
        Channel("level", ts, RNG.integers(0, 255, n).astype(np.uint8)),
        Channel("say", half, np.array([f'{i}, "ü"\n' for i in range(len(half))]), "text"),
    ]
    start = 1_700_000_000_123_456_789
    return Recording("reach", channels, start, {"robot": "LWR4+", "task": "lift"})


SOURCE = {True: recording(UNEVEN), False: recording(EVEN, clocks=False)}


def write(item, folder, kind):
    """Write in a format and read it again: what was said, and what came back."""
    pytest.importorskip(LIBRARIES.get(kind, "numpy"))
    path = folder / FILES[kind]
    shutil.rmtree(path, ignore_errors=True)
    told = write_recordings(item, path, format=kind, overwrite=True)
    [found] = read_recordings(path)
    assert not found.warnings
    return told, found


def assert_same(found, wanted, told, exact=True):
    for channel in wanted:
        if channel.name not in found.channels:
            assert any(repr(channel.name) in sentence for sentence in told), (channel.name, told)
            continue
        other = found[channel.name]
        values = np.asarray(other.values)
        assert values.dtype == channel.values.dtype
        np.testing.assert_array_equal(values, channel.values, strict=True, err_msg=channel.name)
        if exact:
            np.testing.assert_array_equal(other.ts, channel.ts)
        else:
            np.testing.assert_allclose(other.ts, channel.ts, atol=1e-6)
        for field in ("role", "unit", "names", "frame"):
            assert getattr(other, field) == getattr(channel, field)


@pytest.mark.parametrize("kind", FILES)
def test_every_channel_survives_every_format(tmp_path, kind):
    """And so every pair of formats: what comes out of one is, to the bit, what went in."""
    even = kind.startswith("lerobot")
    source = SOURCE[not even]
    told, found = write(source, tmp_path, kind)
    assert_same(found, source, told, exact=not even)
    assert (found.start, found.name, dict(found.metadata)) == (
        source.start,
        source.name,
        dict(source.metadata),
    )
    assert told == (["times are kept as frame numbers over the rate, in 32 bits."] if even else [])


def test_a_recording_goes_through_all_formats_one_after_the_other(tmp_path):
    found = SOURCE[False]
    for kind in FILES:
        (tmp_path / kind).mkdir()
        told, found = write(found, tmp_path / kind, kind)
    assert_same(found, SOURCE[False], [], exact=False)


def test_channels_of_other_clocks_are_said_and_resampling_is_the_fix(tmp_path):
    pytest.importorskip("av")
    source = SOURCE[True].replace(channels=[c for c in SOURCE[True] if c.name != "say"])
    told = write_recordings(source, tmp_path / "a", format="lerobot")
    assert any("channel 'touch' is left out: its times are not those of" in sentence for sentence in told)
    assert any("--resample HZ" in sentence for sentence in told)
    again = source.resampled(rate=20.0)
    told = write_recordings(again, tmp_path / "b", format="lerobot")
    assert not any("left out" in sentence for sentence in told)
    [found] = read_recordings(tmp_path / "b")
    assert set(found.channels) == set(source.channels)


def pictures(n, shape=(36, 48, 3)):
    ramp = (np.linspace(0, 255, shape[1])[None, :, None] * np.ones((shape[0], 1, 3))).astype(np.uint8)
    return np.stack([np.roll(ramp, i, axis=1) for i in range(n)])


@pytest.mark.parametrize("kind", ["npz", "hdf5", "rosbag1", "rosbag2", "mcap"])
def test_pictures_come_back_and_are_decoded_late(tmp_path, kind):
    ts = np.arange(12) / 10
    source = Recording(
        "r",
        [
            Channel("cam", ts, pictures(12), "image"),
            Channel("depth", ts, RNG.random((12, 5, 4)).astype(np.float32), "image"),
        ],
    )
    told, found = write(source, tmp_path, kind)
    assert not told
    if kind != "npz":
        assert isinstance(found["cam"].values, Frames)
        np.testing.assert_array_equal(found["cam"].values[7], source["cam"].values[7])
    for name in ("cam", "depth"):
        np.testing.assert_array_equal(np.asarray(found[name].values), source[name].values)


@pytest.mark.parametrize("kind", ["lerobot", "lerobot-v21"])
def test_videos_are_said_to_be_compressed_and_are_close(tmp_path, kind):
    pytest.importorskip("av")
    source = [episode(i, "cam") for i in range(2)]
    told = write_recordings(source, tmp_path / "a", format=kind)
    assert "pictures of 'cam' are compressed (H.264, 4:2:0)." in told
    for found in read_recordings(tmp_path / "a"):
        error = np.asarray(found["cam"].values).astype(float) - pictures(40)
        assert 10 * np.log10(255**2 / np.mean(error**2)) > 40  # dB
        np.testing.assert_array_equal(found["cam"].values[[30, 3]][1], found["cam"].values[3])


def episode(i, *cameras):
    values = [Channel("q", EVEN, RNG.random((40, 2)), "joint-position")]
    videos = [Channel(camera, EVEN, pictures(40), "image") for camera in cameras]
    return Recording(f"e{i}", values + videos, metadata={"task": f"task {i % 2}"})


def set_with_video(folder, kind="lerobot-v21"):
    pytest.importorskip("av")
    items = [episode(i, "cam", "cam2") for i in range(4)]
    write_recordings(items, folder / "set", format=kind)
    return folder / "set"


def test_damaged_lerobot_sets_give_what_is_there_and_say_what_is_missing(tmp_path):
    path = set_with_video(tmp_path)
    next(path.glob("videos/**/observation.images.cam/episode_000001.mp4")).unlink()
    next(path.glob("videos/**/observation.images.cam/episode_000002.mp4")).write_bytes(b"no video")
    next(path.glob("data/**/episode_000003.parquet")).write_bytes(b"PAR1 rubbish")
    info = json.loads((path / "meta/info.json").read_text())
    info["features"]["observation.gone"] = {"dtype": "float32", "shape": [2], "names": None}
    (path / "meta/info.json").write_text(json.dumps(info))
    (path / "meta/ideomotor.json").unlink()
    lines = (path / "meta/episodes.jsonl").read_text().replace('"length": 40', '"length": 41', 1)
    (path / "meta/episodes.jsonl").write_text(lines)
    zero, one, two = read_recordings(path)
    told = " ".join(zero.warnings)
    assert "episode_000003.parquet is damaged and left out" in told
    assert "declares 4 episodes with 160 frames and holds 3 with 120" in told
    assert "episode 0 has 40 rows, and the index says 41" in told
    assert "observation.gone is declared, and episode 0 has no column of it" in told
    assert "cam of episode 1 is left out: absent" in " ".join(one.warnings)
    assert "episode_000002.mp4 is damaged" in " ".join(two.warnings)
    assert (
        set(two.channels) == {"observation.state", "observation.images.cam2"}
        and two.metadata["task"] == "task 0"
    )


def test_two_cameras_of_different_lengths(tmp_path):
    from ideomotor_recordings import _video

    path = set_with_video(tmp_path, "lerobot")
    _video.write(next(path.glob("videos/observation.images.cam/**/file-000.mp4")), pictures(33), 50.0)
    first = next(iter(read_recordings(path)))
    assert len(first["cam"]) == 33 and len(first["cam2"]) == 40
    assert any("has 33 pictures for the 40 rows of episode 0" in warning for warning in first.warnings)


BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Chest
  {
    OFFSET 0 5 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 5 0
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.025
1 2 3 4 5 6 7 8 9
1.5 2 3 4 5 6 7 8 9.25
0 0 0 0 0 0 0 0 0
"""
AMC = "#!OML:ASF x\n:FULLY-SPECIFIED\n:DEGREES\n1\nroot 1 2 3 4 5 6\nleg 7 8\n2\nroot 1 2 3 4 5 6.5\nleg 7 8.25\n"
ASF = """:units
  length 0.45
:root
  order TX TY TZ RX RY RZ
:bonedata
  begin
    name leg
    dof rx rz
  end
"""
MOT = (
    "Coordinates\nversion=1\nnRows=2\nnColumns=3\ninDegrees=yes\nendheader\n"
    "time\tknee_angle_r\tpelvis_tx\n0\t10\t0.5\n0.01\t11\t0.6\n"
)


def test_bvh_and_amc(tmp_path):
    (tmp_path / "a.bvh").write_text(BVH)
    [found] = read_recordings(tmp_path / "a.bvh")
    assert found["joints"].names == ("Chest.Zrotation", "Chest.Xrotation", "Chest.Yrotation")
    assert found["root.position"].values[1].tolist() == [1.5, 2, 3] and found["joints"].unit == "deg"
    assert found["joints"].rate == pytest.approx(40) and found["joints"].values[1, 2] == 9.25
    write_recordings(found, tmp_path / "a.mcap") if pytest.importorskip("rosbags") else None
    [through] = read_recordings(tmp_path / "a.mcap")
    assert write_recordings(through, tmp_path / "b.bvh") == []
    [again] = read_recordings(tmp_path / "b.bvh")
    assert_same(again, found, [])
    (tmp_path / "01_01.amc").write_text(AMC)
    [bare] = read_recordings(tmp_path / "01_01.amc")
    assert any("no skeleton" in warning for warning in bare.warnings)
    (tmp_path / "01.asf").write_text(ASF)
    [found] = read_recordings(tmp_path / "01_01.amc", ReadOptions(rate=60.0))
    assert found["joints"].names == ("leg.rx", "leg.rz") and found["joints"].values[1].tolist() == [7, 8.25]
    assert found["root.position"].scale == pytest.approx(0.0254 / 0.45) and found[
        "joints"
    ].rate == pytest.approx(60)
    told = write_recordings(found, tmp_path / "01_02.amc")
    assert told == ["the skeleton (.asf) is a file of its own and is not written."]
    [again] = read_recordings(tmp_path / "01_02.amc", ReadOptions(rate=60.0))
    assert_same(again, found, [])
    with pytest.raises(DataError, match="reach has no skeleton, without which BVH holds nothing"):
        write_recordings(SOURCE[True], tmp_path / "c.bvh")


def test_opensim(tmp_path):
    (tmp_path / "a.mot").write_text(MOT)
    [found] = read_recordings(tmp_path / "a.mot")
    assert list(found.channels) == ["knee_angle_r", "pelvis_tx"] and found["pelvis_tx"].ts.tolist() == [
        0,
        0.01,
    ]
    assert any("inDegrees=yes" in warning for warning in found.warnings)
    assert write_recordings(found, tmp_path / "b.sto") == ["roles, units and types are not kept."]
    [again] = read_recordings(tmp_path / "b.sto")
    np.testing.assert_array_equal(again["knee_angle_r"].values, [10, 11])


def test_c3d(tmp_path):
    pytest.importorskip("ezc3d")
    ts = np.arange(20) / 100
    markers = [
        Channel(name, ts, RNG.normal(size=(20, 3)).astype(np.float32), "position", "mm")
        for name in ("LASI", "RASI")
    ]
    emg = Channel("emg", np.arange(200) / 1000, RNG.normal(size=200).astype(np.float32), unit="V")
    told = write_recordings(
        Recording("m", [*markers, emg, Channel("say", [0.0], ["go"], "text")]), tmp_path / "a.c3d"
    )
    assert any("channel 'say' is left out" in sentence for sentence in told)
    [found] = read_recordings(tmp_path / "a.c3d")
    for channel in (*markers, emg):
        np.testing.assert_array_equal(found[channel.name].values, channel.values)  # 32 bits are 32 bits
        np.testing.assert_allclose(found[channel.name].ts, channel.ts, atol=1e-12)
        assert found[channel.name].unit == channel.unit


def test_hdf5_of_others(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"] = json.dumps({"env_name": "Lift", "env_kwargs": {"control_freq": 20}})
        for i in (0, 10, 2):
            demo = data.create_group(f"demo_{i}")
            demo["actions"] = np.full((5, 7), i)
            demo["obs/robot0_eef_quat"] = np.tile([0.0, 0, 0, 1], (5, 1))  # x, y, z, w
            demo["obs/agentview_image"] = np.zeros((5, 8, 8, 3), np.uint8)
            demo["left_dpos"] = np.zeros((5, 0))
    found = list(read_recordings(tmp_path / "a.hdf5"))
    assert [item.name for item in found] == ["demo_0", "demo_2", "demo_10"]
    assert found[2]["actions"].rate == pytest.approx(20) and found[2]["actions"].values[0, 0] == 10
    assert found[0]["obs/robot0_eef_quat"].values[0].tolist() == [1, 0, 0, 0]
    assert any("left_dpos is empty" in warning for warning in found[0].warnings)
    with h5py.File(tmp_path / "aloha.hdf5", "w") as file:  # one episode in the root
        file["observations/qpos"] = np.zeros((4, 14))
        file["action"] = np.zeros((4, 14))
    [one] = read_recordings(tmp_path / "aloha.hdf5", ReadOptions(rate=50.0))
    assert one["observations/qpos"].role == "joint-position" and one["action"].ts[-1] == 3 / 50


def test_matlab_of_others(tmp_path):
    from scipy.io import savemat

    cell = np.empty((1, 2), object)
    for i in range(2):
        cell[0, i] = {
            "name": f"demo {i}",
            "dt": 0.5,
            "X": np.arange(12.0).reshape(3, 4) + i,
            "J": np.zeros((7, 4)),
        }
    savemat(tmp_path / "a.mat", {"data": cell})
    one, two = read_recordings(tmp_path / "a.mat")
    assert (one.name, two.name) == ("demo 0", "demo 1") and two["X"].values[1].tolist() == [2, 6, 10]
    assert one["J"].ts.tolist() == [0, 0.5, 1, 1.5] and one["J"].values.shape == (4, 7)
    savemat(tmp_path / "b.mat", {"t": np.arange(5.0), "x": np.zeros((5, 2))})
    assert next(iter(read_recordings(tmp_path / "b.mat")))["x"].ts[-1] == 4


@pytest.mark.parametrize("kind", ["csv", "npz", "hdf5", "mcap", "matlab", "lerobot"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, kind, monkeypatch):
    pytest.importorskip(LIBRARIES.get(kind, "numpy"))
    path = tmp_path / FILES[kind]

    def items():
        yield SOURCE[False]
        raise OSError(28, "No space left on device")

    if kind in (
        "csv",
        "mcap",
    ):  # one recording for each file: the second is asked for before anything is written
        path = tmp_path / "many"
    with pytest.raises(DataError, match="No space left on device"):
        write_recordings(items(), path, format=kind)
    assert list(tmp_path.iterdir()) == []


def test_files_are_known_by_content_and_not_by_name(tmp_path):
    write_recordings(SOURCE[True], tmp_path / "a.npz")
    (tmp_path / "a.npz").rename(tmp_path / "a.csv")
    [found] = read_recordings(tmp_path / "a.csv")
    assert_same(found, SOURCE[True], [])
    (tmp_path / "walk.txt").write_text(BVH)
    assert "joints" in next(iter(read_recordings(tmp_path / "walk.txt"))).channels
    buffer = io.StringIO()
    buffer.write("t,x\n0,1\n1,2\n")
    (tmp_path / "noname").write_text(buffer.getvalue())
    assert next(iter(read_recordings(tmp_path / "noname")))["x"].values.tolist() == [1, 2]


def test_two_names_never_become_one_file(tmp_path):
    items = [SOURCE[True].replace(name=name) for name in ("a/b", "a_b", "A_b", "..", "")]
    write_recordings(items, tmp_path / "out", format="csv")
    assert len(list((tmp_path / "out").glob("*.csv"))) == 5
    back = {item.name for path in Path(tmp_path / "out").iterdir() for item in read_recordings(path)}
    assert back == {"a/b", "a_b", "A_b", "..", ""}
