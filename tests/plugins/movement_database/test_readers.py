"""CSV, NPZ and recordings: what a file says is read, and what is wrong in it is said with the place."""

import io
import os
import sys
import zipfile
from pathlib import Path

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


N = 30
T = 0.01 * np.arange(N)
X, Y = 0.3 + 0.2 * np.sin(9 * T), 0.1 + T
NS = [1_557_000_000_000_000_000 + 10_000_000 * i for i in range(N)]


def table(header, *columns, sep=",", end=""):
    return header + "".join(sep.join(map(str, row)) + end + "\n" for row in zip(*columns, strict=True))


def comma(values):
    return [str(v).replace(".", ",") for v in values]


GOOD = {
    "time_ns": table("time_ns,x,y\n", NS, X, Y),
    "timestamp in ns by its size": table("timestamp,x,y\n", NS, X, Y),
    "rostopic echo -p": table("%time,field.x,field.y\n", NS, X, Y),
    "stamps in us": table("stamp,x,y\n", [n // 1000 for n in NS], X, Y),
    "stamps in ms": table("Timestamp,x,y\n", [n // 10**6 for n in NS], X, Y),
    "seconds of a clock": table("time,x,y\n", [f"{n // 10**9}.{n % 10**9:09d}" for n in NS], X, Y),
    "time_ms": table("time_ms,x,y\n", 10 * np.arange(N), X, Y),
    "time [ms]": table("time [ms],x,y\n", 10 * np.arange(N), X, Y),
    "t(us)": table("t(us),x,y\n", 10_000 * np.arange(N), X, Y),
    "elapsed time": table("x,y,elapsed_time\n", X, Y, T),
    "t[s]": table("t[s],x[m],y[m]\n", T, X, Y),
    "millimetres": table("t[s],x [mm],y (cm)\n", T, 1000 * X, 100 * Y),
    "secs and nsecs": table("secs,nsecs,x,y\n", [n // 10**9 for n in NS], [n % 10**9 for n in NS], X, Y),
    "header.stamp": table(
        "header.stamp.sec,header.stamp.nanosec,x,y\n", [n // 10**9 for n in NS], [n % 10**9 for n in NS], X, Y
    ),
    "pandas": table(",time,x,y\n", range(N), T, X, Y),
    "unnamed": table("Unnamed: 0,time,x,y\n", range(N), T, X, Y),
    "seq and stamp": table("seq,stamp,x,y\n", range(7, 7 + N), NS, X, Y),
    "last": table("x,y,timestamp_s\n", X, Y, T),
    "savetxt": table("# x y t\n", X, Y, T, sep=" "),
    "savetxt with commas": table("# t,x,y\n", T, X, Y),
    "aligned": table("   t    x   y\n", T, X, Y, sep="   "),
    "tabs": table("t\tx\ty\n", T, X, Y, sep="\t"),
    "German": table("Zeit [s];x [m];y [m]\n", comma(T), comma(X), comma(Y), sep=";"),
    "German, no header": table("", comma(T), comma(X), comma(Y), sep=";"),
    "trailing comma": table("time,x,y,\n", T, X, Y, end=","),
    "a row of units": table("time,x,y\ns,m,m\n", T, X, Y),
    "units in milliseconds": table("time,x,y\nms,mm,mm\n", 10 * np.arange(N), 1000 * X, 1000 * Y),
    "quoted": table('"time","x","y"\n', T, X, Y),
    "dates": table("time,x,y\n", [f"2024-08-07T11:43:{13 + t:09.6f}Z" for t in T], X, Y),
    "dates without a zone": table("time,x,y\n", [f"2024-08-07 11:43:{13 + t:06.3f}" for t in T], X, Y),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_as_recorders_write_them(tmp_path, text, encoding):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding=encoding)
    [found] = read_demonstrations(path)
    np.testing.assert_allclose(found.ts - found.ts[0], T, atol=2e-6)
    np.testing.assert_allclose(found.ys, np.column_stack([X, Y]), rtol=1e-12)
    [found] = read_demonstrations(path, rate=50.0) if "header" in text or "t" in text[:8].lower() else [found]
    assert found.dof == 2  # the times are no coordinates, also where they are not used


def test_quaternions_are_put_in_order_by_their_names(tmp_path):
    c, s, o = np.cos(T / 2), np.sin(T / 2), 0 * T
    for header, q in (
        ("qx,qy,qz,qw", (o, o, s, c)),
        ("qw,qx,qy,qz", (c, o, o, s)),
        ("o_z,o_w,o_x,o_y", (s, c, o, o)),
    ):
        path = write(tmp_path, table(f"t,x,y,z,{header}\n", T, X, Y, Y, *q))
        [found] = read_demonstrations(path)
        assert found.space == "pose"
        np.testing.assert_allclose(found.ys, np.column_stack([X, Y, Y, c, o, o, s]), atol=1e-12)
    path = write(tmp_path, table("t,a,b,c,d,e,f,g\n", T, X, Y, Y, o, o, s, c))
    with pytest.raises(
        DataError, match="do not say the order of the quaternion; call its columns qw, qx, qy and qz"
    ):
        read_demonstrations(path, space="pose")


def test_joints_are_known_by_names_or_units_and_degrees_are_converted(tmp_path):
    [found] = read_demonstrations(
        write(tmp_path, table("t,q1 [deg],q2 [deg]\n", T, np.degrees(X), np.degrees(Y)))
    )
    assert found.space == "joint"
    np.testing.assert_allclose(found.ys, np.column_stack([X, Y]), rtol=1e-12)
    [found] = read_demonstrations(write(tmp_path, table("t,joint_0,joint_1\n", T, X, Y)))
    assert found.space == "joint" and found.dof == 2


def test_a_table_without_a_time_column_keeps_all_its_joints(tmp_path):
    path = write(tmp_path, table("joint_0,joint_1\n", X, Y))
    with pytest.raises(DataError, match="it has joint_0, joint_1. Say which one it is .* --rate"):
        read_demonstrations(path)
    assert read_demonstrations(path, rate=100.0)[0].dof == 2
    assert read_demonstrations(path, time="joint_1")[0].dof == 1


def test_the_unit_of_implausible_times_is_asked_for_and_the_advice_works(tmp_path):
    path = write(tmp_path, table("time,x,y\n", 10 * np.arange(N), X, Y))
    with pytest.raises(DataError, match=r"look like ms; say the unit: time_unit='ms' \(--time-unit ms\)"):
        read_demonstrations(path)
    np.testing.assert_allclose(read_demonstrations(path, time_unit="ms")[0].ts, T, atol=1e-12)
    np.testing.assert_allclose(read_demonstrations(path, time_unit="s")[0].ts, 1000 * T, atol=1e-9)


def test_integer_stamps_in_an_npz_are_exact(tmp_path):
    ys = np.column_stack([X, Y])
    for name, ts in {"ns": np.array(NS), "dates": np.array(NS).astype("datetime64[ns]")}.items():
        np.savez(tmp_path / f"{name}.npz", ts=ts, ys=ys)
        [found] = read_demonstrations(tmp_path / f"{name}.npz")
        np.testing.assert_array_equal(found.ts, (np.array(NS) - NS[0]) / 1e9)


BAD = {
    "text": ("t,x,note\n0,1,a\n1,2,b\n", "note of sample 1: 'a' is not a number; .* choose the columns"),
    "empty cell": ("t,x\n0,1\n1,\n", r"line 3, column 2 \(x\) is empty"),
    "infinite": ("t,x\n0,1\n1,inf\n", "inf is not a finite number; repair it"),
    "infinite time": ("t,x\n0,1\ninf,1\n", "time that is not finite"),
    "times of words": ("t,x\nnow,1\nthen,2\n", "'now' of sample 1 is not a number or a date"),
    "back in time": ("t,x\n0,1\n2,1\n1,3\n", "times must increase"),
    "header only": ("t,x\n", "a header and no rows"),
    "short row": ("t,x,y\n0,1,2\n1,2\n", "line 3, has 2 columns"),
    "quoted lines": ('t,x\n0,"1\n2"\n', "quoted cell|has 1 columns"),
    "two of a name": ("t,x,x\n0,1,2\n1,2,3\n", None),
    "null bytes": ("t,x\n0,1\0\n", "is not a text file"),
    "spoilt first line": ("# ideomotor {not json\nt,x\n0,1\n1,2\n", "line 1, is not what Ideomotor writes"),
    "deep first line": ("# ideomotor " + "[" * 100_000 + "\nt,x\n0,1\n1,2\n", "line 1, is not what Ideomotor writes"),
    "halves of stamps": ("secs,nsecs,x\n1.5,0,1\n2.5,0,2\n", "must be whole numbers"),
    "huge integers": ("t,x\n" + "9" * 400 + ",1\n" + "9" * 401 + ",2\n", "not finite|not a number"),
    "one number": ("7\n", "one column"),
    "only comments": ("# a\n% b\n", "has no rows"),
    "only delimiters": (",,,\n,,,\n", "a.csv|bad.csv"),
    "minutes": ("t,x\n0,1\n60,2\n120,3\n", "look like ms"),
}  # fmt: skip


@pytest.mark.parametrize("text, wanted", BAD.values(), ids=BAD)
def test_tables_that_cannot_be_read_get_one_sentence(tmp_path, text, wanted):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    if wanted is None:
        assert read_demonstrations(path)[0].dof == 2
        with pytest.raises(DataError, match="several columns 'x'"):
            read_demonstrations(path, columns=("x",))
        return
    with pytest.raises(DataError, match=wanted) as caught:
        read_demonstrations(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".mcap", ".db3", ".bag"])
def test_rubbish_of_any_kind_is_one_sentence(tmp_path, suffix):
    """40 files of random bytes, and of the first bytes of a real format followed by rubbish, for each suffix."""
    rng = np.random.default_rng(0)
    heads = (
        b"",
        b"PK\x03\x04",
        b"#ROSBAG V2.0\n",
        b"\x89MCAP0\r\n",
        b"SQLite format 3\0",
        b"\x93NUMPY\x01\0",
        b"\xff\xfe",
        b"t,x\n",
    )
    for i in range(40):
        path = tmp_path / f"{i}{suffix}"
        path.write_bytes(heads[i % len(heads)] + rng.bytes(int(rng.integers(0, 3000))))
        with pytest.raises(DataError) as caught:
            read_demonstrations(path)
        assert "\n" not in str(caught.value)


def test_a_zip_bomb_is_refused_before_it_is_unpacked_and_a_spoilt_member_is_said(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f8", "fortran_order": False, "shape": (2**24, 1)}
        )
        with file.open("ys.npy", "w") as member:
            member.write(header.getvalue())
            for _ in range(128):
                member.write(bytes(2**20))
    with pytest.raises(DataError, match=r"ys would be 0.1 GB of 0.1 MB; it is not read"):
        read_demonstrations(path, rate=1.0)
    np.savez_compressed(path, ys=np.random.default_rng(0).random((500, 2)), ts=np.arange(500.0))
    data = bytearray(path.read_bytes())
    data[2000:2040] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(DataError, match="is not an NPZ file of plain arrays") as caught:
        read_demonstrations(path)
    assert "\n" not in str(caught.value)


def test_only_what_is_needed_of_an_npz_is_read(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, ys=YS, objects=np.array([print], object), allow_pickle=True)
    assert read_demonstrations(path, rate=1.0)[0].dof == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_a_file_name_that_is_not_utf8(tmp_path):
    for name in (b"r\xe9ach.csv", b"r\xe9ach.npz"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        if path.suffix == ".csv":
            path.write_text(GOOD["t[s]"])
        else:
            np.savez(path, ys=YS, ts=[0.0, 1.0, 2.0])
        [found] = read_demonstrations(path)
        found.name.encode()
        path.write_bytes(b"")
        with pytest.raises(DataError) as caught:
            read_demonstrations(path)
        str(caught.value).encode()


@pytest.mark.parametrize(
    "text, options, wanted",
    [
        ("", {}, "has no rows"),
        ("t,x\n0,1\n1,one\n", {}, r"line 3, column 2 \(x\): 'one' is not a number"),
        ("t,x\n0,1\n1,nan\n", {}, r"line 3, column 2 \(x\): nan is not a finite number"),
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
    names = ["pick", "pick-1", "pick"]
    np.savez(path, ys=np.arange(12.0).reshape(6, 2), offsets=[0, 2, 4, 6], names=names)
    assert [found.name for found in read_demonstrations(path, rate=1.0)] == ["pick-2", "pick-1", "pick-3"]


class Counted(str):
    """A text that counts how often one of its kind is compared with another."""

    compared = 0

    def __eq__(self, other):
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_numbering_names_is_linear():
    """800 demonstrations of one name took as many comparisons as their square, 640,000."""
    from ideomotor_recordings._npz import _numbered  # what numbers them

    Counted.compared = 0
    assert len(set(_numbered([Counted("".join(["pi", "ck"])) for _ in range(800)]))) == 800
    assert Counted.compared < 20 * 800


@pytest.mark.parametrize(
    "arrays, options, wanted",
    [
        ({"x": YS}, {}, "has no times"),
        ({"x": YS[0, 0]}, {}, "has no arrays that lead with time; it has x"),
        ({"ys": YS}, {}, "has no times"),
        ({"ys": YS[0, 0]}, {"rate": 1.0}, r"ys has shape \(\)"),
        ({"ys": YS, "ts": [0.0, 1.0]}, {}, r"ts has shape \(2,\), and ys has 3 samples"),
        ({"ys": YS.astype(str)}, {"rate": 1.0}, "must be numbers"),
        ({"ys": YS, "offsets": [0, 2]}, {"rate": 1.0}, "from 0 up to the number of samples, 3"),
        ({"ys": YS, "offsets": [0, 1, 3]}, {"rate": 1.0}, r"has 1 sample\(s\)"),
        ({"ys": YS, "offsets": [0, 3], "name": ["a", "b"]}, {"rate": 1.0}, "1 demonstrations and 2 names"),
        ({"ys": YS}, {"rate": 1.0, "columns": ("2",)}, "has the columns 0 to 1"),
        ({"ys": YS, "metadata": ["[1]"]}, {"rate": 1.0}, "metadata must be JSON objects"),
        ({"ys": np.array([[0.0], [np.inf]])}, {"rate": 1.0}, "ys of sample 2: 'inf' is not a finite number"),
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
    with pytest.raises(DataError, match="is not an NPZ file of plain arrays"):
        read_demonstrations(path)
    path.write_bytes(b"PK rubbish")
    with pytest.raises(DataError, match="is not an NPZ file of plain arrays"):
        read_demonstrations(path)


def test_files_that_are_not_there_or_not_known(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        read_demonstrations(tmp_path / "no.csv")
    with pytest.raises(
        DataError,
        match="a.xls ends in .xls and has the content of no format of recordings; they are read from .amc",
    ):
        read_demonstrations(write(tmp_path, "", "a.xls"))
    with pytest.raises(DataError, match="The folder .* is no recording"):
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
        assert (found.name, found.space, found.metadata["joints"]) == ("bag", "joint", "a b finger")
        np.testing.assert_array_equal(
            found.ts, [0, 0.01, 0.02]
        )  # exact: 64-bit floats hold no stamps of today in ns
        np.testing.assert_array_equal(found.ys, np.column_stack([YS, [9, 9, 9]]))
    [found] = read_demonstrations(path, columns=("b",))
    np.testing.assert_array_equal(found.ys, YS[:, 1:])


def test_no_arm_is_dropped_because_a_gripper_spoke_first(record_bag):
    """All name sets of a topic are collected: the arm's times, the gripper interpolated at them."""
    gripper = [("/arm", s - 5 * 10**6, s - 5 * 10**6, ["finger"], [i]) for i, (_, s, *_) in enumerate(ARM)]
    [found] = read_demonstrations(record_bag(sorted(ARM + gripper, key=lambda message: message[2])))
    assert found.metadata["joints"] == "a b finger"
    np.testing.assert_allclose(found.ys, np.column_stack([YS, [0.5, 1.5, 2.0]]), atol=1e-12)
    np.testing.assert_allclose(found.ts, [0, 0.01, 0.02], atol=1e-12)


def test_two_publishers_of_one_topic_and_changing_orders(record_bag):
    messages = []
    for i, (_, stamp, recorded, _, (a, b)) in enumerate(ARM):
        one, two = (("a", a), ("b", b)) if i % 2 else (("b", b), ("a", a))
        messages += [
            ("/arm", stamp, recorded, [one[0]], [one[1]]),
            ("/arm", stamp, recorded + 1, [two[0]], [two[1]]),
        ]
        messages.append(("/both", stamp, recorded + 2, [one[0], two[0]], [one[1], two[1]]))
    bag = record_bag(messages)
    for topic in ("/arm", "/both"):
        [found] = read_demonstrations(bag, topic=topic, columns=("a", "b"))
        np.testing.assert_allclose(found.ys, YS, atol=1e-12)


@pytest.mark.parametrize("stamps", [(0, 0, 1), (0, 2, 1), (5, 0, 1)])
def test_stamps_that_repeat_or_go_back_are_replaced_by_the_times_of_the_recording(record_bag, stamps):
    messages = [("/arm", START + s * 10**9, r, j, p) for s, (_, _, r, j, p) in zip(stamps, ARM, strict=True)]
    bag = record_bag(messages)
    with pytest.warns(UserWarning, match="stamps of messages repeat or go back"):
        [found] = read_demonstrations(bag)
    np.testing.assert_allclose(found.ts, [0, 0.01, 0.02], atol=1e-12)
    np.testing.assert_array_equal(found.ys, YS)


@pytest.mark.parametrize("storage", ["SQLITE3", "MCAP"])
def test_a_folder_without_metadata_or_called_bag_is_read(record_bag, tmp_path, storage):
    folder = record_bag(ARM, storage)
    renamed = folder.rename(tmp_path / "arm.bag")
    [found] = read_demonstrations(renamed)
    np.testing.assert_array_equal(found.ys, YS)
    (renamed / "metadata.yaml").unlink()
    [found] = read_demonstrations(renamed)
    np.testing.assert_array_equal(found.ys, YS)


def test_parts_that_are_never_reported_together_are_said(record_bag):
    late = [("/arm", s + 10**10, r + 10**10, ["finger"], [1]) for _, s, r, *_ in ARM]
    with pytest.raises(DataError, match="a b are not reported at the time of finger; choose joints"):
        read_demonstrations(record_bag(ARM + late))


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
    with pytest.raises(DataError, match="no topic '/othr'. Did you mean '/other'"):
        read_demonstrations(path, topic="/othr")
    with pytest.raises(DataError, match="no message on /arm has positions of elbow; there are those of a, b"):
        read_demonstrations(path, topic="/arm", columns=("elbow",))
    mcap = next(path.glob("*.mcap"))
    mcap.write_bytes(mcap.read_bytes()[:200])
    for place in (mcap, path):
        with pytest.raises(DataError, match="cannot be read as a recording") as caught:
            read_demonstrations(place)
        assert "\n" not in str(caught.value)


def test_a_recording_of_something_else(record_bag):
    with pytest.raises(DataError, match="holds no joint states, poses or positions; it holds /chatter"):
        read_demonstrations(record_bag([("/chatter", 0, START, None, None)]))
