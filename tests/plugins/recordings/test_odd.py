"""Tables and bags as they come: each is read with the right values, or refused in one sentence that names the fix."""

import numpy as np
import pytest

from ideomotor import ReadOptions, read_recordings
from ideomotor.errors import DataError

T = np.array([0.0, 0.1, 0.2, 0.3])
X = np.array([1.5, 2.5, -3.5, 4.25])
NS = [1_740_157_761_107_442_718 + 10**8 * i for i in range(4)]


def rows(header, *columns, sep=",", end="\n"):
    return header + end + "".join(sep.join(map(str, row)) + end for row in zip(*columns, strict=True))


def comma(values):
    return [str(v).replace(".", ",") for v in values]


def epoch(ns):
    return f"{ns // 10**9}.{ns % 10**9:09d}"


# Text or bytes, options, what is found: {channel: values of its first column}, or a part of the sentence.
TABLES = {
    "MATLAB's header": (rows("% t x", T, X, sep=" "), {}, {"x": X}),
    "no space after #": (rows("#t,x", T, X), {}, {"x": X}),
    "remarks, then a header": ("# by hand\n# 2024\n" + rows("# t x", T, X, sep="\t"), {}, {"x": X}),
    "rostopic echo -p": (rows("%time,field.data", NS, X), {}, {"field.data": X}),
    "three spaces": (rows("t   x", T, X, sep="   "), {}, {"x": X}),
    "semicolons and decimal commas": (rows("Zeit;x", comma(T), comma(X), sep=";"), {}, {"x": X}),
    "quoted decimal commas": (rows('"t","x"', *([f'"{v}"' for v in comma(c)] for c in (T, X))), {}, {"x": X}),
    "a spreadsheet's sep line": ("sep=;\n" + rows("t;x", T, X, sep=";"), {}, {"x": X}),
    "UTF-16 little-endian": (rows("t,x", T, X).encode("utf-16"), {}, {"x": X}),
    "UTF-16 without a mark": (rows("t,x", T, X).encode("utf-16-le"), {}, {"x": X}),
    "UTF-16 big-endian without a mark": (rows("t,x", T, X).encode("utf-16-be"), {}, {"x": X}),
    "UTF-8 with a mark": (rows("t,x", T, X).encode("utf-8-sig"), {}, {"x": X}),
    "Latin-1": (rows("t,Größe", T, X).encode("latin-1"), {}, {"Größe": X}),
    "old line ends": (rows("t,x", T, X, end="\r"), {}, {"x": X}),
    "an index without a name": (rows(",t,x", range(4), T, X), {}, {"x": X}),
    "Unnamed: 0": (rows("Unnamed: 0,t,x", range(4), T, X), {}, {"x": X}),
    "time last": (rows("x,y,Time", X, -X, T), {}, {"position": X}),
    "time in the middle": (rows("x,elapsed time,y", X, T, -X), {}, {"position": X}),
    "a row of units": (rows("time,x\ns,mm", T, X), {}, {"x": X}),
    "units in brackets": (rows("time [ms],x (mm)", 1000 * T, X), {}, {"x": X}),
    "ms in the name": (rows("timestamp_ms,x", 1000 * T, X), {}, {"x": X}),
    "time (sec)": (rows("Time (sec),x", T, X), {}, {"x": X}),
    "ns of a clock": (rows("timestamp,x", NS, X), {}, {"x": X}),
    "s of a clock": (rows("stamp,x", map(epoch, NS), X), {}, {"x": X}),
    "header.stamp": (
        rows("header.stamp.secs,header.stamp.nsecs,x", [n // 10**9 for n in NS], [n % 10**9 for n in NS], X), {}, {"x": X},
    ),
    "sec, nanosec": (rows("sec,nanosec,x", [n // 10**9 for n in NS], [n % 10**9 for n in NS], X), {}, {"x": X}),
    "dates with a zone": (rows("time,x", [f"2024-08-07T11:43:13.{i}+02:00" for i in range(4)], X), {}, {"x": X}),
    "two clocks": (rows("timestamp,receive_time,x", T, T + 5, X), {}, {"x": X, "receive_time": T + 5}),
    "x, y, z, w": (rows("t,qx,qy,qz,qw", T, 0 * T, 0 * T, 0 * T, 1 + 0 * T), {}, {"q": 1 + 0 * T}),
    "orientation.w last": (
        rows("t," + ",".join(f"pose.orientation.{a}" for a in "xyzw"), T, 0 * T, 0 * T, 0 * T, 1 + 0 * T), {},
        {"pose.orientation": 1 + 0 * T},
    ),
    "words beside numbers": (rows("t,mode,x", T, ["idle", "go", "go", "idle"], X), {}, {"x": X, "mode": ["idle", "go", "go", "idle"]}),
    "flags": (rows("t,ok,x", T, ["True", "False", "True", "True"], X), {}, {"ok": [True, False, True, True]}),
    "empty cells": (rows("t,x,y", T, ["1", "", "3", "4"], X), {}, {"position": [1, np.nan, 3, 4]}),
    "NA and null": (rows("t,f", T, ["1", "NA", "null", "4"]), {}, {"f": [1, np.nan, np.nan, 4]}),
    "a delimiter at the end": (rows("t,x,", T, X, [""] * 4), {}, {"x": X}),
    "blank lines": ("\n\n" + rows("t,x", T, X).replace("\n", "\n\n"), {}, {"x": X}),
    "a preamble": ("Recorded by X\nStation 7\n" + rows("t,x", T, X), {}, {"x": X}),
    "two lines of header": (rows(",arm,arm\ntime,x,y", T, X, -X), {"time": "time"}, {"arm": X}),
    "simulated time starts again": (rows("t,x", [0, 0.1, 0, 0.1], X), {}, {"x": X}),
    "one row": ("t,x\n0,1\n", {}, {"x": [1]}),
    "only numbers": (rows("0 9", T + 0.1, X, sep=" "), {}, {"2": [9, *X]}),
    "only numbers and a rate": (rows("9 9", X, X, sep=" "), {"rate": 10.0}, {"values": [9, *X]}),
    "a rate in place of times": (rows("t,x", NS, X), {"rate": 10.0}, {"x": X, "t": NS}),
    "joints and no time": (rows("joint_0,joint_1", X, -X), {}, "has no column that is called like a time"),
    "the column of times is named": (rows("when,x", T, X), {"time": "when"}, {"x": X}),
    "a column that is not there": (rows("t,x", T, X), {"time": "tim"}, "has no column 'tim'"),
    "milliseconds that say nothing": (rows("t,x", 100 * np.arange(4), X), {}, "look like ms; say the unit"),
    "large counts": (rows("t,ticks", T, NS), {}, {"ticks": NS}),
    "a word in a column of numbers": (rows("t,x", T, ["1", "2", "oops", "4"]), {}, r"line 4, column 2 \(x\): 'oops' is not a number"),
    "a short row": ("t,x,y\n0,1,2\n1,2\n2,3,4\n", {}, "line 3, has 2 columns"),
    "a header only": ("t,x\n", {}, "a header and no rows"),
    "remarks only": ("# a\n# b\n", {}, "has no rows"),
    "nothing": ("", {}, "has no rows"),
    "bytes": (bytes(range(256)) * 4, {}, "is not a text file|cannot be split|no time|not a number|one column"),
    "JSON": ('[{"t": 0, "x": 1},\n {"t": 1, "x": 2}]\n', {}, "is JSON or HTML and not a table"),
    "a web page": ("<html>\n<body>0,1\n2,3\n</html>\n", {}, "is JSON or HTML and not a table"),
    "a time that is no number": (rows("t,x", ["a", "b", "c", "d"], X), {}, "'a' of sample 1 is not a number or a date"),
}  # fmt: skip


@pytest.mark.parametrize("text, options, wanted", TABLES.values(), ids=TABLES)
def test_odd_tables(tmp_path, text, options, wanted):
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        [found] = read_recordings(path, ReadOptions(**options))
        told = " ".join(found.warnings)
    except DataError as error:
        found, told = None, str(error)
        assert "\n" not in told and isinstance(wanted, str), told
    if isinstance(wanted, str):
        import re

        assert re.search(wanted, told), told
        return
    for name, values in wanted.items():
        column = found[name].values if found[name].values.ndim == 1 else found[name].values[:, 0]
        np.testing.assert_array_equal(column, values)
    if (
        len(found[name]) == 4
        and "again" not in str(text)
        and not found.metadata.get("clocks")
        and found[name].ts[2] != 0
    ):
        np.testing.assert_allclose(found[name].ts - found[name].ts[0], T, atol=1e-7)


def test_units_stay_with_their_columns(tmp_path):
    (tmp_path / "a.csv").write_text(rows("t [ms],x [mm],f [N],q1 [deg],q2 [deg]", 1000 * T, X, X, X, X))
    [found] = read_recordings(tmp_path / "a.csv")
    assert [(c.name, c.unit, c.scale) for c in found] == [
        ("x", "mm", 1e-3),
        ("f", "N", 1.0),
        ("q", "deg", np.pi / 180),
    ]
    assert found["q"].role == "joint-position" and found["q"].names == ("q1", "q2")


# ---- bags

START = 1_700_000_000_123_456_789
STEP = 10**7


@pytest.fixture
def bag(tmp_path):
    """Write messages `(topic, type, fields, recorded in ns)`; `fields`: a function of the type store."""
    pytest.importorskip("rosbags")
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    types = get_typestore(Stores.ROS2_HUMBLE)
    types.register(get_types_from_msg("float64 load\nint32[2] raw\nstring state\n", "mine/msg/Cell"))

    def write(messages, storage="MCAP", compression=None):
        writer = Writer(tmp_path / "bag", version=9, storage_plugin=getattr(StoragePlugin, storage))
        if compression:
            writer.set_compression(getattr(CompressionMode, compression), CompressionFormat.ZSTD)
        with writer:
            connections = {}
            for topic, kind, fields, recorded in messages:
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=types)
                writer.write(
                    connections[topic],
                    recorded,
                    types.serialize_cdr(types.types[kind](*fields(types.types)), kind),
                )
        return tmp_path / "bag"

    return write


def header(types, stamp, frame=""):
    return types["std_msgs/msg/Header"](
        types["builtin_interfaces/msg/Time"](stamp // 10**9, stamp % 10**9), frame
    )


def joints(i, names, position, *, stamp=None, velocity=(), topic="/joints", recorded=None):
    def fields(types):
        when = START + i * STEP if stamp is None else stamp
        return header(types, when), list(names), *(np.array(v, float) for v in (position, velocity, ()))

    return topic, "sensor_msgs/msg/JointState", fields, START + i * STEP if recorded is None else recorded


def pose(i, topic="/pose"):
    def fields(types):
        place, turn = (
            types["geometry_msgs/msg/Point"](i, 2.0, 3.0),
            types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.6, 0.8),
        )
        return header(types, START + i * STEP, "base"), types["geometry_msgs/msg/Pose"](place, turn)

    return topic, "geometry_msgs/msg/PoseStamped", fields, START + i * STEP


def force(i):
    def fields(types):
        vector = types["geometry_msgs/msg/Vector3"]
        return header(types, START + i * STEP, "ft"), types["geometry_msgs/msg/Wrench"](
            vector(1.0, 2.0, float(i)), vector(4.0, 5.0, 6.0)
        )

    return "/ft", "geometry_msgs/msg/WrenchStamped", fields, START + i * STEP


def cell(i):
    return "/cell", "mine/msg/Cell", lambda _: (0.5 * i, np.array([i, -i], np.int32), "ok"), START + i * STEP


def shuffled(i):
    order = ["a", "b"] if i % 2 else ["b", "a"]
    return joints(i, order, [{"a": 1.0, "b": 2.0}[name] for name in order])


N = range(6)
BAGS = {
    "a gripper speaks first": ([joints(i, n, p) for i in N for n, p in ((["finger"], [9.0]), (["a", "b"], [i, -i]))],
                               {"/joints/position": (N, ("a", "b")), "/joints/position/finger": ([9] * 6, ("finger",))}),
    "orders change": ([shuffled(i) for i in N], {"/joints/position": ([2.0] * 6, ("b", "a"))}),
    "two publishers": ([joints(i, n, [i]) for i in N for n in (["left"], ["right"])],
                       {"/joints/position": (N, ("left",)), "/joints/position/right": (N, ("right",))}),
    "velocities only": ([joints(i, ["a"], [], velocity=[i]) for i in N], {"/joints/velocity": (N, ("a",))}),
    "joints without names": ([joints(i, [], [i, 1]) for i in N], {"/joints/position": (N, ("0", "1"))}),
    "stamps of zero": ([joints(i, ["a"], [i], stamp=0) for i in N], {"/joints/position": (N, ("a",))}),
    "stamps that repeat": ([joints(i, ["a"], [i], stamp=START + i // 2) for i in N], "stamps of messages repeat or go back"),
    "simulated time starts again": ([joints(i, ["a"], [i], stamp=(1 + i % 3) * STEP) for i in N],
                                    "stamps of messages repeat or go back"),
    "stamps of another clock": ([joints(i, ["a"], [i], stamp=(1 + i) * STEP) for i in N], "before the recording; they are moved"),
    "poses": ([pose(i) for i in N], {"/pose": (N, ("position.x", "position.y", "position.z", "orientation.w"))}),
    "forces and joints": ([m for i in N for m in (force(i), joints(i, ["a"], [i]))],
                          {"/ft": ([1.0] * 6, ("force.x",)), "/joints/position": (N, ("a",))}),
    "a type of one's own": ([cell(i) for i in N],
                            {"/cell/load": (0.5 * np.arange(6), ()), "/cell/raw": (N, ()), "/cell/state": (["ok"] * 6, ())}),
}  # fmt: skip


@pytest.mark.parametrize("messages, wanted", BAGS.values(), ids=BAGS)
def test_odd_bags(bag, messages, wanted):
    [found] = read_recordings(bag(messages))
    told = " ".join(found.warnings)
    if isinstance(wanted, str):
        assert wanted in told
        wanted = {"/joints/position": (N, ("a",))}
    else:
        assert not told
    for name, (values, names) in wanted.items():
        column = found[name].values if found[name].values.ndim == 1 else found[name].values[:, 0]
        np.testing.assert_array_equal(column, list(values))
        assert found[name].names[: len(names)] == names
        np.testing.assert_allclose(found[name].ts, 0.01 * np.arange(len(column)), atol=1e-12)
    assert found.start == START


def test_a_pose_is_w_first_and_has_its_frame(bag):
    [found] = read_recordings(bag([pose(i) for i in N]))
    assert found["/pose"].values[1].tolist() == [1, 2, 3, 0.8, 0, 0, 0.6]
    assert (found["/pose"].role, found["/pose"].unit, found["/pose"].frame) == ("pose", "m", "base")


@pytest.mark.parametrize(
    "storage, compression", [("MCAP", None), ("MCAP", "STORAGE"), ("SQLITE3", "FILE"), ("SQLITE3", "MESSAGE")]
)
def test_compressed_bags_and_folders_as_they_are_moved_about(bag, tmp_path, storage, compression):
    path = bag([joints(i, ["a"], [i]) for i in N], storage, compression)
    places = [path]
    if compression != "FILE":
        alone = next(p for p in path.iterdir() if p.suffix in (".db3", ".mcap"))
        places.append(alone) if compression != "MESSAGE" else None
    for place in places:
        [found] = read_recordings(place)
        assert found["/joints/position"].values[:, 0].tolist() == list(N)
    if compression in (None, "STORAGE"):
        moved = path.rename(tmp_path / "run 7 ä.bag")
        (moved / "metadata.yaml").unlink()
        [found] = read_recordings(moved)
        assert len(found["/joints/position"]) == 6


def test_types_without_a_definition_do_not_hide_the_others(bag, tmp_path):
    """As rosbag2 kept them in SQLite: the name of the type, and not what it means."""
    import sqlite3

    path = bag([m for i in N for m in (cell(i), joints(i, ["a"], [i]))], "SQLITE3")
    file = next(path.glob("*.db3"))
    with sqlite3.connect(file) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type='table'")]
        if "message_definitions" in tables:
            database.execute("delete from message_definitions where topic_type like 'mine/%'")
    database.close()
    [found] = read_recordings(file)
    assert found["/joints/position"].values[:, 0].tolist() == list(N)
    assert any("messages of /cell (mine/msg/Cell) cannot be read" in warning for warning in found.warnings)


def test_a_topic_can_be_chosen_and_a_wrong_one_is_told(bag):
    path = bag([m for i in N for m in (force(i), joints(i, ["a"], [i]))])
    [found] = read_recordings(path, ReadOptions(channels=("/ft",)))
    assert list(found.channels) == ["/ft"]
    with pytest.raises(DataError, match="has no topic '/fd'. Did you mean '/ft'"):
        list(read_recordings(path, ReadOptions(channels=("/fd",))))
