"""Recordings that people really have, opened with the numbers that the formats' own libraries give for the raw files.

Counted once with numpy.genfromtxt, sqlite3, mcap, rosbags' plain reader, pyarrow, h5py, scipy.io and, for AMC, lines of text.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from ideomotor import ReadOptions, read_recordings


class Wild(NamedTuple):
    """How many recordings, their samples in all, and of some channels: width, rate (Hz), unit."""

    recordings: int
    channels: int  # of the first recording
    samples: int  # of the first channel below
    seconds: float | None  # in all; None where the file has no times
    some: dict[str, tuple[int, float, str]]
    says: tuple[str, ...] = ()


_FRANKA = {
    "joint": (7, 1, ""),
    "force": (3, 1, ""),
    "current_pos": (3, 1, ""),
    "goal_orientation": (4, 1, ""),
}
_NO_TIME = ("has no column that is called like a time",)
_COUNTED = ("its samples are counted",)
_WILD = {
    "csv/franka_trial1.csv": Wild(1, 7, 5699, None, _FRANKA, _NO_TIME),
    "csv/franka_trial2.csv": Wild(1, 7, 5572, None, _FRANKA, _NO_TIME),
    "csv/franka_trial3.csv": Wild(1, 7, 5843, None, _FRANKA, _NO_TIME),
    "csv/kawasaki_joint_states.csv": Wild(1, 1, 14438, 901.820427936, {"joint": (6, 50, "")}),
    "csv/ur_rtde.csv": Wild(
        1, 31, 10, 0.072, {"actual_q": (6, 125, ""), "actual_TCP_force": (6, 125, ""), "actual_execution_time": (1, 125, "")}
    ),
    "bags/fake_joint_state.bag": Wild(
        1, 3, 2725, 2.723541822, {"/fake_joints_state/position": (6, 1000, "rad"), "/fake_joints_state/effort": (6, 1000, "N m")}
    ),
    "bags/rosbag2_test": Wild(
        1, 22, 1565, 62.560475315,
        {"/pose": (7, 25, "m"), "/imu/angular_velocity": (3, 25, "rad/s"), "/battery/voltage": (1, 25, "V")},
        ("no messages on /parameter_events, /rosout",),
    ),
    "bags/all_types_sqlite3": Wild(1, 252, 2, None, {"/test/geometry_msgs/wrench": (6, 0.1064, "N")}),
    "bags/crab_gait.bag": Wild(
        1, 5, 4285, 12.980605418, {"/load_cell_data/data": (120, 512, ""), "/servo/position_data": (2, 1735, "")}
    ),
    "lerobot/v20_gr00t": Wild(
        5, 7, 2096, 104.55, {"observation.state": (44, 20, ""), "action": (44, 20, ""), "next.done": (1, 20, "")},
        ("camera observation.images.egoview of episode 0 is left out: absent",),
    ),
    "lerobot/v21_g1": Wild(
        60, 2, 22042, 732.73, {"observation.state": (26, 30, ""), "action": (26, 30, "")},
        ("declares 100 episodes with 35965 frames and holds 60 with 22042", "episode 0 is left out: absent"),
    ),
    "lerobot/v30_open50": Wild(
        25, 2, 10902, 362.57, {"state": (34, 30, ""), "actions": (34, 30, "")},
        ("declares 50 episodes with 20814 frames and holds 25 with 10902", "camera image of episode 0 is left out"),
    ),
    "lerobot/v30_so101": Wild(
        4, 2, 1492, 49.6, {"observation.state": (6, 30, ""), "action": (6, 30, "")}, ("camera observation.images.front",)
    ),
    "hdf5/isaaclab_stack.hdf5": Wild(
        10, 30, 2163, None, {"actions": (7, 1, ""), "obs/eef_pos": (3, 1, "m"), "obs/joint_pos": (9, 1, "")}, _COUNTED
    ),
    "hdf5/robosuite_BaxterLift.hdf5": Wild(2, 1, 3568, None, {"states": (52, 1, "")}, _COUNTED),
    "hdf5/robosuite_SawyerLift.hdf5": Wild(2, 5, 1895, None, {"joint_velocities": (7, 1, "")}, ("left_dpos is empty",)),
    "hdf5/robosuite_SawyerStack.hdf5": Wild(2, 5, 2426, None, {"joint_velocities": (7, 1, "")}, ("left_dquat is empty",)),
    "force/wiping_rim.mat": Wild(6, 4, 10920, 118.2, {"X": (13, 103.1, ""), "J": (7, 103.1, "")}),
    "force/peeling_two_arms.mat": Wild(2, 2, 21153, None, {"Data_noObj": (26, 1, ""), "True_states_noObj": (1, 1, "")}, _COUNTED),
    "force/peeling_labels.mat": Wild(3, 1, 33386, None, {"True_states": (1, 1, "")}, _COUNTED),
    **{
        f"pen/{letter}.mat": Wild(count, 3, 200 * count, None, {"pos": (2, 1, ""), "vel": (2, 1, ""), "acc": (2, 1, "")}, _COUNTED)
        for letter, count in zip("ABCDEFGHIJKLM", (10, 12, 14, 14, 15, 14, 13, 13, 13, 14, 11, 15, 12), strict=True)
    },
    **{
        f"mocap/{subject}/{subject}_{i:02d}.amc": Wild(
            1, 3, count, (count - 1) / 120,
            {"joints": (56, 120, "deg"), "root.position": (3, 120, "0.0564444444 m"), "root.rotation": (3, 120, "deg")},
            ("does not say its rate; 120 Hz",),
        )
        for subject, counts in {
            "01": (2751, 4346, 4510, 4298, 4376, 5133, 4839, 2610, 4242, 3266, 4654, 4109, 3385, 2338),
            "02": (343, 298, 173, 483, 1854, 2235, 2251, 1500, 1033, 2645),
        }.items()
        for i, count in enumerate(counts, 1)
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def wild(shared_data):
    folder = shared_data / "wild"
    if not folder.is_dir():
        pytest.skip("the recordings of others are not here")
    for library in ("rosbags", "h5py", "av", "pyarrow"):
        pytest.importorskip(library)
    return folder


def _quick(name: str) -> bool:
    return not name.startswith("mocap/01") or name.endswith("_14.amc")


@pytest.mark.parametrize(
    "name", [n if _quick(n) else pytest.param(n, marks=pytest.mark.thorough) for n in _WILD]
)
def test_what_people_have_opens_with_the_right_numbers(wild, name):
    wanted = _WILD[name]
    found = list(read_recordings(wild / name))
    assert len(found) == wanted.recordings and len(found[0]) == wanted.channels
    for channel, (width, rate, unit) in wanted.some.items():
        one = found[0][channel]
        assert (one.values[0].size, one.unit) == (width, unit)
        assert one.rate == pytest.approx(rate, rel=0.01)
    first = next(iter(wanted.some))
    assert sum(len(item[first]) for item in found) == wanted.samples
    if name != "bags/all_types_sqlite3":
        assert found[0].timed == (wanted.seconds is not None)
    if wanted.seconds is not None:
        # stamps of messages may differ by milliseconds from the times of the recording
        assert sum(item.duration for item in found) == pytest.approx(wanted.seconds, abs=0.05)
    told = " ".join(found[0].warnings)
    assert bool(told) == bool(wanted.says)
    for sentence in wanted.says:
        assert sentence in told


def test_every_file_is_in_the_table(wild):
    known = {"csv", "mat", "hdf5", "amc", "bag", "db3", "mcap", "parquet"}
    files = {p for p in wild.rglob("*") if p.is_file() and p.suffix.lstrip(".") in known}
    missing = [str(p) for p in files if not any(p == wild / n or wild / n in p.parents for n in _WILD)]
    assert not missing


def test_values_are_those_of_the_files(wild):
    """One number of each kind of file, as the format's library gives it."""
    table = np.genfromtxt(wild / "csv/franka_trial1.csv", delimiter=",", names=True)
    [franka] = read_recordings(wild / "csv/franka_trial1.csv", ReadOptions(rate=20.0))
    np.testing.assert_array_equal(franka["force"].values[:, 2], table["force_z"])
    np.testing.assert_array_equal(franka["current_orientation"].values[:, 3], table["current_orientation_z"])
    assert franka.duration == pytest.approx(5698 / 20)
    import h5py
    import pyarrow.parquet as parquet
    from scipy.io import loadmat

    data = parquet.read_table(wild / "lerobot/v30_so101/data/chunk-000/file-000.parquet")
    rows = [r for r in data.to_pylist() if r["episode_index"] == 2]
    third = list(read_recordings(wild / "lerobot/v30_so101"))[2]
    np.testing.assert_array_equal(third["action"].values, np.array([r["action"] for r in rows], np.float32))
    with h5py.File(wild / "hdf5/isaaclab_stack.hdf5") as file:
        numbers = np.asarray(file["data/demo_16/obs/joint_pos"])
    [stack] = [r for r in read_recordings(wild / "hdf5/isaaclab_stack.hdf5") if r.name == "demo_16"]
    np.testing.assert_array_equal(stack["obs/joint_pos"].values, numbers)
    rim = loadmat(wild / "force/wiping_rim.mat")["proc_data"].ravel()[1]["X"][0, 0]
    np.testing.assert_array_equal(list(read_recordings(wild / "force/wiping_rim.mat"))[1]["X"].values, rim.T)
    [walk] = read_recordings(wild / "mocap/02/02_03.amc")
    lines = Path(wild / "mocap/02/02_03.amc").read_text().splitlines()
    knees = [float(line.split()[1]) for line in lines if line.startswith("ltibia ")]
    np.testing.assert_array_equal(walk["joints"].values[:, walk["joints"].names.index("ltibia.rx")], knees)


def test_videos_of_others_are_decoded(wild):
    av = pytest.importorskip("av")
    for name, number in (("v20_gr00t", 0), ("v21_g1", 1)):  # H.264, AV1
        item = list(
            read_recordings(
                wild / "lerobot" / name,
                ReadOptions(channels=("observation.images.ego_view", "observation.images.cam_high")),
            )
        )[number]
        (camera,) = item
        (path,) = (wild / "lerobot" / name).glob(f"videos/*/{camera.name}/episode_{number:06d}.mp4")
        with av.open(str(path)) as container:
            wanted = [
                f.to_ndarray(format="rgb24")
                for f, _ in zip(container.decode(video=0), range(41), strict=False)
            ]
        np.testing.assert_array_equal(camera.values[40], wanted[40])
        np.testing.assert_array_equal(np.asarray(camera.values[5:8]), wanted[5:8])
