"""CSV, NPZ and recordings: what a file says is read, and what is wrong in it is said with the place."""

import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_movement_database import read_demonstrations

YS = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])


def write(folder, text, name="reach.csv"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "time,x,y\n0,0.1,0.2\n0.5,0.3,0.4\n1,0.5,0.6\n",
        "# by hand\n0,0.1,0.2\n0.5,0.3,0.4\n\n1,0.5,0.6\n",
        "x;t;y\n0.1;0;0.2\n0.3;0.5;0.4\n0.5;1;0.6\n",
        "0 0.1  0.2\n0.5 0.3 0.4\n1 0.5 0.6",
        "\ufeffTime\tx\ty\r\n0\t0.1\t0.2\r\n0.5\t0.3\t0.4\r\n1\t0.5\t0.6\r\n",
    ],
)
def test_tables(tmp_path, text):
    [found] = read_demonstrations(write(tmp_path, text))
    assert (found.name, found.space) == ("reach", "cartesian")
    np.testing.assert_array_equal(found.ts, [0, 0.5, 1])
    np.testing.assert_array_equal(found.ys, YS)


def test_tables_without_times_and_with_chosen_columns(tmp_path):
    path = write(tmp_path, "x,y,force\n0.1,0.2,9\n0.3,0.4,9\n0.5,0.6,9\n")
    [found] = read_demonstrations(path, rate=4.0, columns=("y", "x"), space="joint")
    np.testing.assert_array_equal(found.ts, [0, 0.25, 0.5])
    np.testing.assert_array_equal(found.ys, YS[:, ::-1])
    assert found.space == "joint"


@pytest.mark.parametrize(
    "text, options, wanted",
    [
        ("", {}, "has no rows"),
        ("t,x\n0,1\n1,one\n", {}, r"line 3, column 2: 'one' is not a number"),
        ("t,x\n0,1\n1,nan\n", {}, r"line 3, column 2: nan is not a finite number"),
        ("t,x\n0,1\n# ok\n1,1,2\n", {}, "line 4, has 3 columns, and the first row has 2"),
        ("t,x\n0,1\n0,2\n", {}, r"times must increase, and ts\[1\] = 0 follows ts\[0\] = 0"),
        ("t,x\n0,1\n", {}, r"has 1 sample\(s\); a movement has at least two"),
        ("t\n0\n1\n", {}, "has one column"),
        ("t,force\n0,1\n1,2\n", {"columns": ("forse",)}, "no column 'forse'. Did you mean 'force'"),
        ("t,x\n0,1\n1,2\n", {"rate": -1.0}, "rate = -1.0"),
    ],
)
def test_what_is_wrong_in_a_table(tmp_path, text, options, wanted):
    with pytest.raises(DataError, match=wanted) as caught:
        read_demonstrations(write(tmp_path, text), **options)
    assert "\n" not in str(caught.value)


def test_millimetres_are_warned_of(tmp_path):
    with pytest.warns(UserWarning, match="'reach' reaches 400; this looks like millimetres"):
        read_demonstrations(write(tmp_path, "t,x\n0,100\n1,400\n"))


def test_npz_of_one_and_of_many(tmp_path):
    one, many = tmp_path / "one.npz", tmp_path / "many.npz"
    np.savez(one, ts=[0.0, 0.5, 1.0], ys=YS)
    [found] = read_demonstrations(one, space="joint")
    assert (found.name, found.space) == ("one", "joint")
    np.testing.assert_array_equal(found.ys, YS)
    data = np.vstack([YS, YS[::-1]]).astype(np.float32)
    np.savez(many, data=data, offsets=np.array([0, 3, 6], np.int32), name=np.array(["forth", "back"]))
    first, second = read_demonstrations(many, rate=2.0, columns=("1",))
    assert (first.name, second.name) == ("forth", "back")
    np.testing.assert_array_equal(second.ts, [0, 0.5, 1])
    np.testing.assert_array_equal(second.ys, YS[::-1, 1:].astype(np.float32))


def test_names_that_repeat_in_an_npz_are_numbered(tmp_path):
    path = tmp_path / "many.npz"
    np.savez(path, ys=np.arange(12.0).reshape(6, 2), offsets=[0, 2, 4, 6], names=["pick", "place", "pick"])
    assert [found.name for found in read_demonstrations(path, rate=1.0)] == ["pick-1", "place", "pick-2"]


@pytest.mark.parametrize(
    "arrays, options, wanted",
    [
        ({"x": YS}, {}, r"has no array ys \(or data\) of shape \(time, dof\); it has x"),
        ({"ys": YS}, {}, "has no times"),
        ({"ys": YS[0]}, {"rate": 1.0}, r"ys has shape \(2,\)"),
        ({"ys": YS, "ts": [0.0, 1.0]}, {}, r"ts has shape \(2,\), and ys has 3 samples"),
        ({"ys": YS.astype(str)}, {"rate": 1.0}, "must be numbers"),
        ({"ys": YS, "offsets": [0, 2]}, {"rate": 1.0}, "from 0 up to the number of samples, 3"),
        ({"ys": YS, "offsets": [0, 1, 3]}, {"rate": 1.0}, r"has 1 sample\(s\)"),
        ({"ys": YS, "offsets": [0, 3], "name": ["a", "b"]}, {"rate": 1.0}, "1 demonstrations and 2 names"),
        ({"ys": YS}, {"rate": 1.0, "columns": ("2",)}, "has the columns 0 to 1"),
        ({"ys": YS, "metadata": ["[1]"]}, {"rate": 1.0}, "metadata must be JSON objects"),
        ({"ys": np.array([[0.0], [np.inf]])}, {"rate": 1.0}, r"ys\[1, 0\] is not a finite number"),
    ],
)
def test_what_is_wrong_in_an_npz(tmp_path, arrays, options, wanted):
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=wanted):
        read_demonstrations(path, **options)


def test_objects_in_an_npz_are_never_unpickled(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, ys=np.array([print, print], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="is no NPZ file of plain arrays"):
        read_demonstrations(path)
    path.write_bytes(b"PK rubbish")
    with pytest.raises(DataError, match="is no NPZ file of plain arrays"):
        read_demonstrations(path)


def test_files_that_are_not_there_or_not_known(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        read_demonstrations(tmp_path / "no.csv")
    with pytest.raises(DataError, match="a.xls ends in .xls; demonstrations are read from .csv"):
        read_demonstrations(write(tmp_path, "", "a.xls"))
    with pytest.raises(DataError, match="folder without metadata.yaml"):
        read_demonstrations(tmp_path)


@pytest.fixture
def record_bag(tmp_path):
    """Write a rosbag2 with messages `(topic, stamp in ns, recorded in ns, joints, positions)`."""
    pytest.importorskip("rosbags")
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    def write(messages, storage="MCAP"):
        types = get_typestore(Stores.ROS2_HUMBLE)
        joint_state, header = types.types["sensor_msgs/msg/JointState"], types.types["std_msgs/msg/Header"]
        time, text = types.types["builtin_interfaces/msg/Time"], types.types["std_msgs/msg/String"]
        path = tmp_path / "bag"
        with Writer(path, version=9, storage_plugin=getattr(StoragePlugin, storage)) as writer:
            connections = {}
            for topic, stamp, recorded, joints, positions in messages:
                kind = text if joints is None else joint_state
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind.__msgtype__, typestore=types)
                if joints is None:
                    message = text("hello")
                else:
                    none = np.zeros(0)
                    when = header(time(stamp // 10**9, stamp % 10**9), "")
                    message = joint_state(when, joints, np.array(positions, float), none, none)
                writer.write(connections[topic], recorded, types.serialize_cdr(message, kind.__msgtype__))
        return path

    return write


START = 1_700_000_000_123_456_789
ARM = [("/arm", START + i * 10**7, START + i * 10**7 + 3000, ["a", "b"], YS[i]) for i in range(3)]
GRIPPER = [
    ("/arm", START + i * 10**7 + 5 * 10**6, START + i * 10**7 + 5 * 10**6, ["finger"], [9]) for i in range(3)
]


@pytest.mark.parametrize("storage", ["SQLITE3", "MCAP"])
def test_recordings(record_bag, storage):
    path = record_bag(sorted(ARM + GRIPPER, key=lambda message: message[2]), storage)
    alone = next(file for file in path.iterdir() if file.suffix in (".db3", ".mcap"))
    for place in (path, alone):
        [found] = read_demonstrations(place)
        assert (found.name, found.space, found.metadata["joints"]) == ("bag", "joint", "a b")
        np.testing.assert_array_equal(
            found.ts, [0, 0.01, 0.02]
        )  # exact: 64-bit floats hold no stamps of today in ns
        np.testing.assert_array_equal(found.ys, YS)
    [found] = read_demonstrations(path, columns=("b",))
    np.testing.assert_array_equal(found.ys, YS[:, 1:])


def test_recordings_without_stamps_have_the_times_of_the_recording(record_bag):
    [found] = read_demonstrations(
        record_bag([(t, 0, r + 10**6 * i, j, p) for i, (t, _, r, j, p) in enumerate(ARM)])
    )
    np.testing.assert_allclose(found.ts, [0, 0.011, 0.022], atol=1e-12)


def test_what_is_wrong_in_a_recording(record_bag, tmp_path):
    path = record_bag([*ARM, *[("/other", *rest) for _, *rest in ARM], ("/chatter", 0, START, None, None)])
    with pytest.raises(DataError, match="joint states on /arm, /other; choose one"):
        read_demonstrations(path)
    [found] = read_demonstrations(path, topic="/other")
    assert found.metadata["topic"] == "/other"
    with pytest.raises(DataError, match="no joint states on '/othr'. Did you mean '/other'"):
        read_demonstrations(path, topic="/othr")
    with pytest.raises(DataError, match="no message on /arm has positions of elbow"):
        read_demonstrations(path, topic="/arm", columns=("elbow",))
    mcap = next(path.glob("*.mcap"))
    mcap.write_bytes(mcap.read_bytes()[:200])
    for place in (mcap, path):
        with pytest.raises(DataError, match="cannot be read as a recording") as caught:
            read_demonstrations(place)
        assert "\n" not in str(caught.value)


def test_a_recording_of_something_else(record_bag):
    with pytest.raises(DataError, match=r"holds no sensor_msgs/msg/JointState messages; it holds /chatter"):
        read_demonstrations(record_bag([("/chatter", 0, START, None, None)]))
